"""A project whose assistant is a few lines of Python: what the plugin itself does is seen without an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Column, DateTime, Engine, Integer, MetaData, String, Table, create_engine, insert, true
from sqlalchemy.pool import StaticPool

from pytest_rasa.coverage.exercised import Exercised
from pytest_rasa.world import Button, CaseInfo, Database, Message, Project, Reply, Turn, WorldError

METADATA = MetaData()
SALE = Table(
    "sale", METADATA, Column("id", Integer, primary_key=True), Column("amount", Integer), Column("currency", String),
    Column("buyer", String), Column("at", DateTime),
)  # fmt: skip


class Buyer(BaseModel):
    """A fixture."""

    model_config = ConfigDict(extra="forbid")
    likes: str = "tea"


class Options(BaseModel):
    """A project's own option of a case."""

    channel: Literal["rest", "socket"] = "rest"


class FakeLine:
    """Says what the fake assistant answers."""

    def __init__(self, stage: FakeStage, speaker: str) -> None:
        self._stage, self._speaker = stage, speaker
        self._waiting: list[Message] = []

    def say(self, text: str, times: int = 1) -> Reply:
        self._stage.heard = text
        if text == "buy":
            for _ in range(times):
                self._stage.sell(self._speaker)
            return Reply(
                (Message("Bought. Anything else?", (Button("Yes", "/yes", "/yes"), Button("No, thanks", "/no"))),)
            )
        if text == "later":
            self._waiting.append(Message("Here it is."))
            return Reply((Message("One moment."),))
        if text == "crash":
            raise WorldError("the assistant did not answer")
        return Reply((Message(f"Hello! You said {text}."),))

    def say_all(self, texts: Sequence[str]) -> Reply:
        return Reply(tuple(message for text in texts for message in self.say(text).messages))

    def press(self, button: Button, times: int = 1) -> Reply:
        return Reply((Message(f"Pressed {button.payload}."),))

    def pushed(self, seconds: float) -> Reply:
        came, self._waiting = Reply(tuple(self._waiting)), []
        return came

    def reconnect(self) -> None:
        self._stage.happened.append("reconnect")

    def close(self) -> None:
        pass


class FakeStage:
    """A case of the fake assistant."""

    def __init__(self, case: CaseInfo, engine: Engine) -> None:
        self.speakers = [name for name, fixture in case.fixtures.items() if isinstance(fixture, Buyer)] or ["user"]
        self.exercised = Exercised()
        self.happened: list[str] = []
        self.heard = ""
        self._case, self._engine = case, engine
        self._lines: dict[str, FakeLine] = {}
        self._ahead = timedelta()

    def sell(self, buyer: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(insert(SALE).values(amount=1050, currency="EUR", buyer=buyer, at=self.now()))

    def fill(self, text: str) -> str:
        return text.replace("{name}", "RC-1")

    def mask(self, text: str) -> str:
        return text.replace("RC-1", "{name}")

    def line(self, speaker: str) -> FakeLine:
        return self._lines.setdefault(speaker, FakeLine(self, speaker))

    def turn(self, speaker: str) -> Turn:
        events = [{"event": "action", "name": "action_sell"}, {"event": "slot", "name": "heard", "value": self.heard}]
        return Turn("inform", {"heard": self.heard, "empty": None}, events)

    def do(self, verb: str, value: Any, speaker: str) -> str:
        if value == "fail":
            raise WorldError("the seller can do nothing here")
        self.happened.append(f"{verb} {value}")
        return f"the seller: {value}"

    def advance(self, to: timedelta | datetime) -> None:
        self._ahead = self._ahead + to if isinstance(to, timedelta) else to - datetime.now(UTC)

    def fault(self, name: str, value: str) -> None:
        self.happened.append(f"{name} {value}")

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def database(self) -> Database:
        def owned(table: Table, name: str | None, speaker: str) -> Any:
            return true() if name is None else SALE.c.buyer == name

        def currency(table: Table, row: Mapping[str, Any]) -> str | None:
            return str(row["currency"])

        return Database(self._engine, METADATA, owned, "buyer_name", currency)

    def close(self) -> None:
        pass


class FakeWorld:
    """A fresh store for each case."""

    def open(self, case: CaseInfo) -> FakeStage:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        METADATA.create_all(engine)
        return FakeStage(case, engine)

    def close(self) -> None:
        pass


def broken(config: Any) -> FakeWorld:
    """A world that does not start."""
    raise WorldError("the assistant did not start: no model")


def project(root: Path) -> Project:
    """The fake project in ``root``."""
    return Project(
        root,
        {"inprocess": lambda config: FakeWorld(), "stack": lambda config: FakeWorld(), "broken": broken},
        fixture=Buyer,
        options=Options,
        steps={"seller": Literal["approve", "fail"]},
        faults={"actions": ("down", "up")},
    )
