"""The quick world: gateway, actions and the worker's functions in this process on a fresh store for each case, and one Rasa process
that has loaded the model once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from pytest_rasa.coverage.exercised import Exercised
from pytest_rasa.coverage.turns import from_turn
from pytest_rasa.engine.actions import ActionServer
from pytest_rasa.engine.client import EngineTurn, RasaClient
from pytest_rasa.engine.process import Assistant
from pytest_rasa.engine.transport import RasaTransport
from pytest_rasa.world import CaseInfo, Reply, WorldError
from recourse.core.db import engine_for
from recourse.core.settings import PROJECT_ROOT, Settings
from recourse.gateway.app import create_app
from recourse.gateway.engine import Engine as RasaEngine
from recourse.gateway.limits import Limits, Rate
from recourse.gateway.server import server
from recourse.ops.errors import OperationsError
from recourse.ops.layout import Layout
from recourse.ops.model import ensure_model
from recourse.privacy import erase
from recourse_world.clockfile import ClockFile
from recourse_world.engine_faults import EngineFaults
from recourse_world.folders import own_folder
from recourse_world.locked import StoreLock
from recourse_world.logs import quiet_logs
from recourse_world.people import Cast
from recourse_world.serving import Serving
from recourse_world.settings_here import OwnSettings
from recourse_world.stage import CaseStage
from recourse_world.steps.provider_desk import ProviderDesk
from recourse_world.template import StoreTemplate
from recourse_world.words_said import WordsSaid

_LOOK_EVERY_S = 0.1
_NO_LIMIT = Rate(1_000_000, 1_000_000.0)
_ACTION_FAILED = "action_failed"


class InProcessWorld:
    """See ``pytest_rasa.world.World``; also the ground of its cases."""

    def __init__(self) -> None:
        with ExitStack() as opened:
            try:
                self._start(opened)
            except OperationsError as error:
                raise WorldError("\n".join([str(error), *error.log_tail.splitlines()])) from error
            self._opened = opened.pop_all()

    def _start(self, opened: ExitStack) -> None:
        """Start everything; ``opened`` is what must be closed again, in reverse."""
        model = ensure_model(Layout(PROJECT_ROOT, PROJECT_ROOT / "var"))
        memory = Path("/dev/shm")
        folder = own_folder(memory if memory.is_dir() else None)
        opened.callback(shutil.rmtree, folder, ignore_errors=True)
        env = {"RECOURSE_DATA": str(folder), "RECOURSE_CLOCK_FILE": str(folder / "clock")}
        self._settings = OwnSettings(env)
        config = self._settings.value
        self.clock = ClockFile(config.clock_file)
        self._settings.install()
        opened.callback(self._settings.remove)
        opened.enter_context(quiet_logs())
        self._words = opened.enter_context(closing(WordsSaid()))
        self.store: Engine = engine_for(config.database_url)
        opened.callback(self.store.dispose)
        self._template = opened.enter_context(closing(StoreTemplate(config.database_url, self.clock.now())))
        self._actions = ActionServer("actions")
        assistant = Assistant(PROJECT_ROOT, model, PROJECT_ROOT / ".venv-rasa" / "bin" / "python")
        self._rasa = opened.enter_context(closing(RasaClient(assistant, self._actions)))
        self._rasa.start()
        gateway = self._serve(config)
        opened.callback(gateway.stop)
        self.url = gateway.url
        self.desk = opened.enter_context(closing(ProviderDesk(self.store, self.url, self.clock, config)))
        self._faults, self._lock = EngineFaults(self._rasa), StoreLock(self.store)

    def open(self, case: CaseInfo) -> CaseStage:
        """A store as after the first start, with the people of the case."""
        self._settings.install()
        self._template.restore()
        self._actions.reset(case.stubs)
        self._words.forget()
        self._rasa.take_turns()
        return CaseStage(self, case)

    def close(self) -> None:
        """Stop the gateway and Rasa."""
        self._opened.close()

    def events(self, conversation: str) -> Sequence[Mapping[str, Any]]:
        """As Rasa's HTTP API shows them."""
        return list(self._rasa.tracker(conversation)["events"] or ())

    def heard(self, reply: Reply, exercised: Exercised) -> None:
        """What Rasa and the actions did since the last time, and which words of this process the buyer has read now."""
        if self._actions.problems:
            raise WorldError(self._actions.problems[0])
        for turn in self._rasa.take_turns():
            from_turn(exercised, _said(turn), turn.rules, turn.calls)
        for response in self._words.read_in(reply):
            exercised.add("response", response)

    def break_(self, name: str, value: str) -> None:
        """Faults of Rasa, the actions, the store and the provider."""
        match name:
            case "database":
                self._lock.set(value)
            case "provider":
                self.desk.set(value)
            case "worker":
                pass  # the stage does its work, or leaves it
            case _:
                self._faults.set(name, value)

    def erase_due(self, cast: Cast) -> None:
        """What the worker does every few seconds."""
        erase.deliver_due(self.clock.now(), _Trackers(self._rasa), self.store)

    def cleared(self) -> None:
        """Free the store, bring back what is down, forget what was said."""
        self._lock.set("free")
        self.desk.reset()
        self._faults.mend()
        self._rasa.forget()

    def _serve(self, config: Settings) -> Serving:
        app = create_app(
            config,
            engine=RasaEngine(config, transport=RasaTransport(self._rasa)),
            limits=Limits(_NO_LIMIT, _NO_LIMIT, _NO_LIMIT),
            watch_period_s=_LOOK_EVERY_S,
        )
        return Serving(server(app, config, 0), "the gateway")


class _Trackers:
    """Rasa's memory, as ``recourse.privacy.trackers.TrackerStore``."""

    def __init__(self, rasa: RasaClient) -> None:
        self._rasa = rasa

    def erase(self, conversation_id: str) -> None:
        self._rasa.forget(conversation_id)


def _said(turn: EngineTurn) -> Sequence[Mapping[str, Any]]:
    """The events of a turn; what a turn said that broke, the gateway has thrown away."""
    broke = any((message.get("custom") or {}).get("recourse") == _ACTION_FAILED for message in turn.messages)
    return [event for event in turn.events if not (broke and event.get("event") == "bot")]
