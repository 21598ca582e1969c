"""Changes to Rasa 3.6.21 at run time: ``install()``, called when the lock store of endpoints.yml is loaded.

Each change replaces one function, and only when that function still has the source it had when the change was written.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import rasa
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.shared.exceptions import RasaException

from engine.action_server import reliable_run


class RasaHasChanged(RasaException):
    """A function that is to be replaced is not the one that the replacement was written for."""


class Patch(NamedTuple):
    """One method to replace: ``replacement(stock)`` gives the new one."""

    owner: type
    method: str
    sha256: str  # of the source of the stock method
    replacement: Callable[[Callable[..., Any]], Callable[..., Any]]


def validate_action_result(self: RemoteAction, result: Any) -> bool:
    """Check an action server's answer against Rasa's schema; returns True or raises jsonschema's ValidationError.

    Rasa builds and checks the validator of this constant schema anew for each answer, which is nearly half of a turn's
    CPU time.
    """
    error = best_match(_answer_validator().iter_errors(result))
    if error is None:
        return True
    raise ValidationError(f"{error.message}. The action server's answer is not valid.", path=error.path)


@lru_cache(maxsize=1)
def _answer_validator() -> Validator:
    schema = RemoteAction.action_response_format_spec()
    validator = validator_for(schema)
    validator.check_schema(schema)
    return validator(schema)


PATCHES = (
    Patch(
        RemoteAction,
        "_validate_action_result",
        "f8cdb4be6812396167ced74161b2ccd65c5ea676ad86d7d359d8c322d9d8dc42",
        lambda stock: validate_action_result,
    ),
    Patch(
        RemoteAction,
        "run",
        "ccabf6f1160d527a157fad5bd285ce69e8221b1bcad23f8a61499b4360a1c17e",
        reliable_run,
    ),
)

_installed: set[tuple[type, str]] = set()


def install() -> None:
    """Install every patch that is not installed yet; raises RasaHasChanged before anything is changed."""
    missing = [patch for patch in PATCHES if (patch.owner, patch.method) not in _installed]
    for patch in missing:
        check(patch)
    for patch in missing:
        setattr(patch.owner, patch.method, patch.replacement(getattr(patch.owner, patch.method)))
        _installed.add((patch.owner, patch.method))


def check(patch: Patch) -> None:
    """Raise RasaHasChanged unless the patched method has the source that the patch was written for."""
    stock = getattr(patch.owner, patch.method, None)
    if stock is None or source_digest(stock) != patch.sha256:
        raise RasaHasChanged(
            f"{patch.owner.__name__}.{patch.method} of Rasa {rasa.__version__} is not the function that engine/patches.py "
            f"was written for (Rasa 3.6.21). Install the locked version (scripts/bootstrap), or compare the two and adapt "
            f"engine/patches.py."
        )


def source_digest(function: Callable[..., Any]) -> str:
    """Return the SHA-256 of a function's source text, as hexadecimal digits."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
