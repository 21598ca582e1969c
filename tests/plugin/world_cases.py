"""A case of Recourse's worlds with short words for what the tests of the worlds do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from recourse_world.fixtures import BuyerFixture, Options
from recourse_world.steps.shapes import STEPS

from pytest_rasa.rows import span
from pytest_rasa.words import Responses
from pytest_rasa.world import CaseInfo, Reply, Stage, World, WorldError

ROOT = Path(__file__).parents[2]
ONE_UNSENT: dict[str, Any] = {"buyer": {"orders": [{"as": "headphones", "scenario": "paid_unsent"}]}}


class Played:
    """A case under way, with short words for what tests do."""

    def __init__(self, world: World, fixtures: dict[str, Any], options: dict[str, Any]) -> None:
        self.fixtures = {name: BuyerFixture.model_validate(each) for name, each in fixtures.items()}
        self.stage: Stage = world.open(CaseInfo("test", self.fixtures, Options.model_validate(options)))
        self.speaker = self.stage.speakers[0]
        self.reply = Reply()

    def say(self, text: str, times: int = 1) -> Reply:
        """The speaker writes."""
        self.reply = self.stage.line(self.speaker).say(self.stage.fill(text), times)
        return self.reply

    def press(self, title: str) -> Reply:
        """The speaker presses a button of the latest reply."""
        button = next(button for button in self.reply.buttons if button.title.startswith(title))
        self.reply = self.stage.line(self.speaker).press(button)
        return self.reply

    def ask_to_cancel(self, number: str = "my order") -> Reply:
        """From the first word to the request."""
        self.say(f"cancel {number}")
        self.press("Found it cheaper")
        return self.press("Yes, submit it")

    def do(self, **step: Any) -> str:
        """One of the project's own steps, or a ``clock`` or ``faults`` step."""
        ((verb, value),) = step.items()
        if verb == "clock":
            self.stage.advance(span(value))
            return ""
        if verb == "faults":
            for name, fault in value.items():
                self.stage.fault(name, fault)
            return ""
        return self.stage.do(verb, STEPS[verb].model_validate(value), self.speaker)

    def rows(self, table: str, order: str | None = None) -> list[dict[str, Any]]:
        """The rows of a table that belong to the speaker, or to an order."""
        database = self.stage.database()
        assert database is not None
        source = database.metadata.tables[table]
        with database.engine.connect() as connection:
            found = connection.execute(source.select().where(database.owned(source, order, self.speaker)))
            return [dict(row) for row in found.mappings()]

    def uttered(self, reply: Reply) -> set[str]:
        """Names of the responses that the messages can be."""
        return {name for message in reply.messages for name in _responses().recognised(message.text)}


def _responses() -> Responses:
    return Responses.of(ROOT)


@contextmanager
def refused(says: str) -> Iterator[None]:
    """A WorldError whose message has ``says``."""
    with pytest.raises(WorldError, match=says):
        yield
