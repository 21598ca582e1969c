"""One case under way: the same in both worlds, but for what ``Ground`` says."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from pytest_rasa.coverage.exercised import Exercised
from pytest_rasa.world import Button, CaseInfo, Database, Line, Reply, Turn, WorldError
from recourse import worker
from recourse_world import filling, store
from recourse_world.buttons import with_actions
from recourse_world.channels import Rest, Socket
from recourse_world.clockfile import ClockFile
from recourse_world.engine_events import latest_turn, newest_conversation
from recourse_world.errands import pay_into_balances
from recourse_world.fixtures import BuyerFixture, Options
from recourse_world.people import Cast, Person, enter
from recourse_world.steps.doing import carry_out
from recourse_world.steps.hands import Hands
from recourse_world.steps.provider_desk import ProviderDesk

_ROUNDS = 50
"""A deadline that brings the next one, and that one the next, ends somewhere."""


class Ground(Protocol):
    """What a case stands on. ``url``: the gateway. ``store``: the order store. ``desk``: the payment provider of this world."""

    url: str
    store: Engine
    clock: ClockFile
    desk: ProviderDesk

    def events(self, conversation: str) -> Sequence[Mapping[str, Any]]:
        """All events of a conversation, oldest first. Raises WorldError."""
        ...

    def heard(self, reply: Reply, exercised: Exercised) -> None:
        """A buyer got ``reply``: note what the assistant did for it."""
        ...

    def break_(self, name: str, value: str) -> None:
        """Cause one of the project's faults. Raises WorldError."""
        ...

    def erase_due(self, cast: Cast) -> None:
        """Let erasures that are due be carried out."""
        ...

    def cleared(self) -> None:
        """The case is over: mend what it broke."""
        ...


class CaseStage:
    """See ``pytest_rasa.world.Stage``."""

    def __init__(self, ground: Ground, case: CaseInfo) -> None:
        fixtures = {name: each for name, each in case.fixtures.items() if isinstance(each, BuyerFixture)}
        if len(fixtures) < len(case.fixtures):
            raise WorldError("a fixture of this project is a buyer ({like: ..., orders: [...]}), not a list of slots")
        if not fixtures:
            raise WorldError("a case needs a buyer: name a fixture")
        options = case.options if isinstance(case.options, Options) else Options()
        self._ground = ground
        self._cast = enter(ground.store, fixtures, ground.clock.now())
        self._channel, self._sender = options.channel, options.sender or f"test-{secrets.token_hex(6)}"
        self._lines: dict[str, _NotedLine] = {}
        self.speakers: Sequence[str] = tuple(self._cast.people)
        self._worker_away = False
        self.exercised = Exercised()

    def fill(self, text: str) -> str:
        """See ``filling.filled``."""
        return filling.filled(text, self._cast)

    def mask(self, text: str) -> str:
        """See ``filling.masked``."""
        return filling.masked(text, self._cast)

    def line(self, speaker: str) -> Line:
        """REST or the socket, as the case wants it."""
        if speaker not in self._lines:
            person = self._cast.people[speaker]
            self._lines[speaker] = _NotedLine(self._connect(person), self._noted)
        return self._lines[speaker]

    def turn(self, speaker: str) -> Turn:
        """Read from Rasa's tracker."""
        conversation = newest_conversation(self._ground.store, self._cast.people[speaker].id)
        return latest_turn(self._ground.events(conversation)) if conversation else Turn()

    def do(self, verb: str, value: Any, speaker: str) -> str:
        """What sellers, carriers and all the others do: ``recourse_world.steps``."""
        hands = Hands(self._ground.store, self.now, self._cast, self._cast.people[speaker], self._ground.desk)
        try:
            return carry_out(verb, value, hands)
        finally:
            self._errands()

    def advance(self, to: timedelta | datetime) -> None:
        """Move the clock of all processes, and let what is due then take effect, whoever does it."""
        self._ground.clock.move(to)
        if self._worker_away:
            return
        try:
            for _ in range(_ROUNDS):
                if not worker.settle_due(self.now()):
                    break
            self._ground.erase_due(self._cast)
        except OperationalError as error:
            raise WorldError("deadlines cannot take effect while the database is locked; free it first") from error
        self._errands()

    def fault(self, name: str, value: str) -> None:
        """See ``recourse_world.faults``."""
        self._ground.break_(name, value)
        if name == "worker":
            self._worker_away = value == "down"
            self.advance(timedelta())

    def now(self) -> datetime:
        """The present of all processes of this world."""
        return self._ground.clock.now()

    def database(self) -> Database:
        """The order store."""
        return store.database(self._ground.store, self._cast)

    def close(self) -> None:
        """Hang up, mend everything, and set the clock back."""
        for line in self._lines.values():
            line.close()
        self._ground.cleared()
        self._ground.clock.reset()

    def _noted(self, reply: Reply) -> Reply:
        """What came on a line, with what its buttons do; what the assistant did for it is counted."""
        self._ground.heard(reply, self.exercised)
        self._errands()
        return with_actions(reply, self._ground.store)

    def _errands(self) -> None:
        pay_into_balances(self._ground.store, [person.id for person in self._cast.people.values()], self.now())

    def _connect(self, person: Person) -> Line:
        if self._channel == "socket":
            return Socket(self._ground.url, person)
        return Rest(self._ground.url, person, self._sender)


class _NotedLine:
    """A line on which everything that comes is ``noted``."""

    def __init__(self, line: Line, noted: Callable[[Reply], Reply]) -> None:
        self._line, self._noted = line, noted

    def say(self, text: str, times: int = 1) -> Reply:
        return self._noted(self._line.say(text, times))

    def say_all(self, texts: Sequence[str]) -> Reply:
        return self._noted(self._line.say_all(texts))

    def press(self, button: Button, times: int = 1) -> Reply:
        return self._noted(self._line.press(button, times))

    def pushed(self, seconds: float) -> Reply:
        return self._noted(self._line.pushed(seconds))

    def reconnect(self) -> None:
        self._line.reconnect()

    def close(self) -> None:
        self._line.close()
