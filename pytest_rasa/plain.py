"""The world of a bare Rasa project: its trained model and its own custom actions, no gateway, no store, no clock."""

from __future__ import annotations

import importlib.util
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_rasa.coverage.exercised import Exercised
from pytest_rasa.coverage.turns import button_action, from_turn
from pytest_rasa.engine.actions import ActionServer
from pytest_rasa.engine.client import EngineTurn, RasaClient
from pytest_rasa.engine.process import Assistant
from pytest_rasa.world import Button, CaseInfo, Message, Project, Reply, Turn, WorldError

if TYPE_CHECKING:
    import pytest

FAULTS = {"actions": ("down", "up"), "rasa": ("restart",)}
"""``faults:`` of a bare project. ``rasa: restart``: Rasa is killed and started again; it remembers its conversations."""
_DEFAULT_ACTIONS = "actions"
_PERSON = "user"
_MODELS = "models"


def project(config: pytest.Config) -> Project:
    """The project in pytest's root folder, where nobody says anything else."""
    return Project(config.rootpath, {"plain": world}, faults=FAULTS)


def world(config: pytest.Config) -> PlainWorld:
    """The world that the ini options ``rasa_model``, ``rasa_python`` and ``rasa_actions`` describe. Raises WorldError."""
    return PlainWorld(assistant(config), find_actions(config.rootpath, config.getini("rasa_actions")))


def assistant(config: pytest.Config) -> Assistant:
    """What ``rasa_model`` and ``rasa_python`` name, relative to pytest's root folder. Raises WorldError without a model."""
    root = config.rootpath
    model = find_model(root / (config.getini("rasa_model") or _MODELS))
    return Assistant(root, model, root / (config.getini("rasa_python") or sys.executable))


def find_model(path: Path) -> Path:
    """``path`` or, for a folder, the newest model in it. Raises WorldError when there is none."""
    models = sorted(path.glob("*.tar.gz"), key=lambda model: model.stat().st_mtime) if path.is_dir() else [path]
    if not models or not models[-1].is_file():
        raise WorldError(f"there is no trained model at {path}: run `rasa train`, or set the ini option rasa_model")
    return models[-1]


def find_actions(root: Path, package: str | None) -> str | None:
    """The package of the custom actions, importable from ``root``; None where the project has none. Raises WorldError."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    name = package or _DEFAULT_ACTIONS
    if (root / name).is_dir() or (root / f"{name}.py").is_file() or (package and _exists(name)):
        return name
    if package:
        raise WorldError(f"there is no package {package!r} in {root}; set the ini option rasa_actions")
    return None


class PlainWorld:
    """See ``pytest_rasa.world.World``. Texts go straight to Rasa, a button sends its payload."""

    def __init__(self, of: Assistant, actions: str | None) -> None:
        """``actions``: package of the custom actions. Raises WorldError when Rasa does not start or the model is out of date."""
        self._actions = ActionServer(actions)
        self._rasa = RasaClient(of, self._actions)
        try:
            self._rasa.start()
            unknown = self._rasa.about["unknown_rules"]
            if unknown:
                raise WorldError(f"the model is older than these rules, train it again: {', '.join(unknown)}")
        except WorldError:
            self._rasa.close()
            raise

    def open(self, case: CaseInfo) -> PlainStage:
        """A conversation that begins with the slots of the case's fixtures. Raises WorldError."""
        self._actions.reset(case.stubs)
        if not self._rasa.alive:
            self._rasa.start()
        self._rasa.forget()
        self._rasa.set_initial_slots(_slots(case.fixtures))
        return PlainStage(self._rasa, self._actions)

    def close(self) -> None:
        """Stop Rasa."""
        self._rasa.close()


class PlainStage:
    """See ``pytest_rasa.world.Stage``. There is one person."""

    speakers: Sequence[str] = (_PERSON,)

    def __init__(self, rasa: RasaClient, actions: ActionServer) -> None:
        self.exercised = Exercised()
        self._rasa, self._actions = rasa, actions
        self._sender = uuid.uuid4().hex
        self._latest: EngineTurn | None = None
        self._line = PlainLine(self)

    def fill(self, text: str) -> str:
        """Nothing has another name here."""
        return text

    def mask(self, text: str) -> str:
        """Nothing differs from run to run."""
        return text

    def line(self, speaker: str) -> PlainLine:
        """The only one."""
        return self._line

    def send(self, text: str, times: int) -> Reply:
        """Send ``text`` to Rasa, ``times`` at once, and count what that exercised. Raises WorldError."""
        with ThreadPoolExecutor(times) as threads:
            turns = list(threads.map(self._rasa.send, [self._sender] * times, [text] * times))
        self._latest = turns[-1]
        if self._actions.problems:
            raise WorldError(self._actions.problems[0])
        for turn in turns:
            from_turn(self.exercised, turn.events, turn.rules, turn.calls)
        return Reply(tuple(_message(element) for turn in turns for element in turn.messages))

    def turn(self, speaker: str) -> Turn:
        """What Rasa made of the latest message."""
        slots = {name: value for name, value in self._rasa.tracker(self._sender)["slots"].items() if value is not None}
        events = self._latest.events if self._latest else ()
        intent = events[0]["parse_data"]["intent"]["name"] if events else None
        return Turn(intent, slots, events)

    def do(self, verb: str, value: Any, speaker: str) -> str:
        """There are no steps of its own."""
        raise WorldError(f"a bare Rasa project has no step {verb!r}")

    def advance(self, to: timedelta | datetime) -> None:
        """Rasa has the machine's clock."""
        raise WorldError("a bare Rasa project has no clock that could be set")

    def fault(self, name: str, value: str) -> None:
        """One of ``FAULTS``."""
        if value not in FAULTS.get(name, ()):
            raise WorldError(f"a bare Rasa project has no fault {name}: {value}")
        if name == "actions":
            self._actions.down = value == "down"
        else:
            self._rasa.restart()

    def now(self) -> datetime:
        """The machine's time."""
        return datetime.now(UTC)

    def database(self) -> None:
        """There is none."""

    def close(self) -> None:
        """The next case clears up."""


class PlainLine:
    """See ``pytest_rasa.world.Line``."""

    def __init__(self, stage: PlainStage) -> None:
        self._stage = stage

    def say(self, text: str, times: int = 1) -> Reply:
        """Send the text."""
        return self._stage.send(text, times)

    def say_all(self, texts: Sequence[str]) -> Reply:
        """Rasa takes one message of a conversation after the other."""
        raise WorldError("a bare Rasa project answers each message before the next; write them as steps of their own")

    def press(self, button: Button, times: int = 1) -> Reply:
        """Send the button's payload."""
        return self._stage.send(button.payload, times)

    def pushed(self, seconds: float) -> Reply:
        """Nothing comes by itself."""
        raise WorldError("a bare Rasa project pushes nothing: every message is an answer")

    def reconnect(self) -> None:
        """There is no connection."""
        raise WorldError("a bare Rasa project has no connection that could be lost")

    def close(self) -> None:
        """There is nothing to hang up."""


def _exists(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # of a parent
        return False


def _slots(fixtures: Mapping[str, Any]) -> dict[str, Any]:
    """The slots of all fixtures; a later one wins."""
    return {name: value for slots in fixtures.values() for one in slots for name, value in one.items()}


def _message(element: Mapping[str, Any]) -> Message:
    """What a person sees of an element of Rasa's REST channel."""
    shown = element.get("text") or element.get("image") or element.get("attachment")
    if not shown and element.get("custom"):
        shown = json.dumps(element["custom"])
    return Message(shown or "", tuple(_button(button) for button in element.get("buttons") or ()))


def _button(button: Mapping[str, Any]) -> Button:
    payload = button.get("payload") or button["title"]
    return Button(button["title"], payload, button_action(payload))
