"""What a project gives to the plugin: the worlds in which conversations are played, and its own kinds of steps.

The plugin itself knows files, people, messages, buttons, slots, rows and time. What a seller or a carrier is, how a buyer signs
in, and how the assistant is started is the project's business: it implements the protocols of this page and hands them over in
the hook ``pytest_rasa_project`` of its ``conftest.py``. A bare Rasa project needs none of it: ``pytest_rasa.plain`` plays its
files against the trained model and its own actions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from pytest_rasa.coverage.exercised import Exercised

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Engine, MetaData
    from sqlalchemy.sql import ColumnElement, FromClause


class WorldError(Exception):
    """Something that a step asks for is not possible in this world, or went wrong outside the conversation. The message is shown
    at the step's line, so it says what there is instead."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a message: what is on it, and what pressing it sends.

    ``action``: what it does where that is known, for the coverage: the payload's intent and the names of its entities, for
    example ``/choose_reason{reason}``.
    """

    title: str
    payload: str
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message that somebody got from the assistant."""

    text: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """All that somebody got between two of his own messages."""

    messages: tuple[Message, ...] = ()

    @property
    def text(self) -> str:
        """All messages in one text."""
        return "\n".join(message.text for message in self.messages)

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The buttons of all messages."""
        return tuple(button for message in self.messages for button in message.buttons)

    def __add__(self, more: Reply) -> Reply:
        return Reply((*self.messages, *more.messages))


@dataclass(frozen=True, slots=True)
class Turn:
    """What the engine made of somebody's latest message.

    ``intent``: its name, None before the first message. ``slots``: all slots as they are now, those that were never set missing.
    ``events``: Rasa's events (as in its HTTP API) from the message on.
    """

    intent: str | None = None
    slots: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()

    @property
    def actions(self) -> list[str]:
        """Names of the actions that ran."""
        return [str(event["name"]) for event in self.events if event.get("event") == "action"]


class Line(Protocol):
    """How one person talks to the assistant."""

    def say(self, text: str, times: int = 1) -> Reply:
        """Write ``text`` and wait for the whole answer; with ``times`` > 1 the same message arrives that often at once."""
        ...

    def say_all(self, texts: Sequence[str]) -> Reply:
        """Write several messages one right after the other, and wait for the answers to all of them.

        Raises WorldError on a channel on which a message waits for the answer to the one before.
        """
        ...

    def press(self, button: Button, times: int = 1) -> Reply:
        """Press a button and wait for the whole answer."""
        ...

    def pushed(self, seconds: float) -> Reply:
        """What comes by itself: the next messages, as soon as they are there; empty when none came within ``seconds``.

        Raises WorldError on a channel that brings nothing without a question.
        """
        ...

    def reconnect(self) -> None:
        """Lose the connection and come back."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


@dataclass(frozen=True, slots=True)
class Database:
    """The store behind the assistant, for ``database:`` steps.

    ``owned(table, name, speaker)`` limits ``table`` to the rows of the thing called ``name`` in the test (``order: headphones``),
    or, for None, to all rows of the person who speaks. Raises WorldError where that is not possible.
    ``of``: the key under which a test names the thing, for example ``order``.
    """

    engine: Engine
    metadata: MetaData
    owned: Callable[[FromClause, str | None, str], ColumnElement[bool]]
    of: str = "order"
    currency: Callable[[FromClause, Mapping[str, Any]], str | None] | None = None
    """The currency of a row's amounts, for expectations like ``EUR 105.99``; None where a row has none."""


class Stage(Protocol):
    """One case under way, in a world of its own. ``speakers``: names of the people who can speak, the first one begins."""

    speakers: Sequence[str]
    exercised: Exercised
    """What the case made the assistant do, as far as the world can see it; the plugin adds buttons itself."""

    def fill(self, text: str) -> str:
        """``text`` with the names of the case's things replaced by what they are called in this world."""
        ...

    def mask(self, text: str) -> str:
        """``text`` without what differs from run to run (numbers, dates), for transcripts that are compared."""
        ...

    def line(self, speaker: str) -> Line:
        """The line of a speaker, opened when it is first asked for."""
        ...

    def turn(self, speaker: str) -> Turn:
        """What the engine made of the speaker's latest message."""
        ...

    def do(self, verb: str, value: Any, speaker: str) -> str:
        """Carry out one of the project's own steps; returns what the transcript says of it. Raises WorldError."""
        ...

    def advance(self, to: timedelta | datetime) -> None:
        """Let time pass: by so much, or until that moment (aware); then let due deadlines take effect. Raises WorldError."""
        ...

    def fault(self, name: str, value: str) -> None:
        """Let something break, or work again. Raises WorldError for a fault that this world cannot cause."""
        ...

    def now(self) -> datetime:
        """The present of this world (aware, UTC)."""
        ...

    def database(self) -> Database | None:
        """The store; None when the assistant has none."""
        ...

    def close(self) -> None:
        """The case is over."""
        ...


@dataclass(frozen=True, slots=True)
class CaseInfo:
    """What a world must know of a case. ``fixtures``: name -> the checked fixture (the project's own model, or a list of slots).

    ``options``: the project's own options of the case, an instance of ``Project.options``. ``stubs``: action name ->
    ``{"events": [...], "responses": [...]}``; where there are any, every custom action that is called must be among them.
    """

    id: str
    fixtures: Mapping[str, Any]
    options: Any = None
    stubs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class World(Protocol):
    """The assistant, started once for all cases of a pytest process."""

    def open(self, case: CaseInfo) -> Stage:
        """A stage for one case, with data of its own. Raises WorldError."""
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...


@dataclass(frozen=True, slots=True)
class Project:
    """What the plugin must know of a project.

    ``root``: folder of ``domain.yml``, ``config.yml`` and ``data``. ``worlds``: name -> how to start it; the first is used unless
    ``--over`` names another. ``fixture``: shape of a fixture that is a mapping (Rasa Pro's lists of slots are always possible).
    ``options``: further keys of a test case. ``steps``: the project's own steps, key -> shape of what stands behind it.
    ``faults``: name -> the values that a ``faults:`` step may give.
    """

    root: Path
    worlds: Mapping[str, Callable[[pytest.Config], World]]
    fixture: type[BaseModel] | None = None
    options: type[BaseModel] | None = None
    steps: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
