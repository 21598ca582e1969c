"""Custom actions in this process: the same JSON in and out as rasa-sdk's action server."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection, ActionMissingDomainException, ActionNotFoundException
from sanic.response import json as as_server

from pytest_rasa.engine.errors import EngineError

_log = logging.getLogger(__name__)
UNREACHABLE = 0
_NO_RETRY_WITH = 449  # what rasa-sdk answers when it wants the domain


@dataclass(frozen=True, slots=True)
class Call:
    """A custom action that was called, and the status of the answer."""

    sender: str
    action: str
    status: int


class ActionServer:
    """Runs custom actions.

    ``down``: nobody answers. ``stubs``: action name -> ``{"events": [...], "responses": [...]}``; where there are any, they answer
    instead of the real actions, and a call of an action that is not among them is noted in ``problems``. ``calls``: what was called.
    """

    def __init__(self, package: str | None) -> None:
        """Import the actions of ``package`` (None: there are none). Raises EngineError when that fails."""
        self._executor = ActionExecutor()
        if package is not None:
            self._register(package)
        self.down = False
        self.stubs: Mapping[str, Mapping[str, Any]] = {}
        self.calls: list[Call] = []
        self.problems: list[str] = []

    def reset(self, stubs: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """For the next case: up again, with these stubs, nothing called yet."""
        self.down, self.stubs, self.calls, self.problems = False, stubs or {}, [], []

    async def run(self, call: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON of the answer to ``call``; status 0 when nobody answers. May run several calls at once."""
        if self.down:
            return UNREACHABLE, None
        status, body = self._stubbed(call["next_action"]) if self.stubs else await self._run(call)
        self.calls.append(Call(str(call.get("sender_id")), call["next_action"], status))
        return status, body

    async def _run(self, call: dict[str, Any]) -> tuple[int, Any]:
        try:
            result = await self._executor.run(call)
            # Through the server's own encoder: what it cannot write down is an error there, too.
            return HTTPStatus.OK, json.loads(as_server(result.model_dump() if result else None).body or b"null")
        except ActionExecutionRejection as error:
            return HTTPStatus.BAD_REQUEST, {"error": error.message, "action_name": error.action_name}
        except ActionNotFoundException as error:
            _log.error(error)
            return HTTPStatus.NOT_FOUND, {"error": error.message, "action_name": error.action_name}
        except ActionMissingDomainException as error:
            return _NO_RETRY_WITH, {"error": error.message, "action_name": error.action_name}
        except Exception as error:
            _log.exception("The action %s failed", call["next_action"])
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)}

    def _stubbed(self, action: str) -> tuple[int, Any]:
        stub = self.stubs.get(action)
        if stub is None:
            return self._problem(
                f"the custom action {action!r} was called, but is not among stub_custom_actions ({', '.join(self.stubs)}); "
                f"a case with stubs needs one for every custom action that it calls"
            )
        body = {"events": stub.get("events") or [], "responses": stub.get("responses") or []}
        try:
            return HTTPStatus.OK, json.loads(json.dumps(body))
        except TypeError as error:  # YAML makes dates of what looks like one
            return self._problem(f"the stub of {action!r} has a value that is no JSON, put it in quotes: {error}")

    def _problem(self, text: str) -> tuple[int, Any]:
        self.problems.append(text)
        return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": text}

    def _register(self, package: str) -> None:
        try:
            self._executor.register_package(package)
        except SystemExit as ended:  # that is how rasa-sdk reports a failed import
            raise EngineError(f"The actions in {package!r} cannot be imported: {ended.__context__}") from None
        except Exception as error:
            raise EngineError(
                f"The actions in {package!r} cannot be imported: {type(error).__name__}: {error}"
            ) from error
