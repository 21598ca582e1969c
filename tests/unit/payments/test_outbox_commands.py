"""``recourse outbox`` from the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import Result
from typer.testing import CliRunner

from recourse.cli import outbox as commands
from recourse.cli.main import app
from recourse.core import outbox
from recourse.core.errors import InvalidInput, NotAllowed, NotFound
from tests.unit.payments.stubs import StubProvider, deliver
from tests.unit.refunds.scenes import leg, see
from tests.unit.world import World


@pytest.fixture(autouse=True)
def on_this_store(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on the store of ``world``."""
    monkeypatch.setattr(commands, "transaction", world.transaction)
    monkeypatch.setattr(commands, "reading", world.reading)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["outbox", *words])


def bury(world: World) -> str:
    """A dead letter; returns its id."""
    leg(world)
    with world.transaction() as session:
        (row,) = outbox.claim(session, ["refund_leg"], world.now)
        outbox.failed(session, row.id, "no answer", world.now, give_up=True)
        return row.id


def test_dead_letters_and_what_waits_are_listed(world: World) -> None:
    dead = bury(world)
    waiting = leg(world)
    rows = json.loads(run("list", "--json").stdout)
    assert [(row["state"], row["last_error"]) for row in rows] == [("dead", "no answer"), ("waiting", None)]
    assert rows[1]["payload"] == {"leg_id": waiting}
    assert [row["id"] for row in json.loads(run("list", "--dead", "--json").stdout)] == [dead]
    assert json.loads(run("list", "--topic", "payment_void", "--json").stdout) == []
    assert dead in run("list").stdout


@pytest.mark.parametrize("every", [False, True])
def test_a_dead_letter_is_tried_again(world: World, every: bool) -> None:
    dead = bury(world)
    assert run("retry", "--all" if every else dead).stdout.startswith("1 to be tried again")
    world.now = max(world.now, commands.SystemClock().now())
    assert deliver(world, StubProvider()) == 1
    assert isinstance(run("retry", dead).exception, NotAllowed)
    assert run("retry", "--all").stdout.startswith("0 to be")


def test_a_row_must_be_named(world: World) -> None:
    assert isinstance(run("retry").exception, InvalidInput)
    assert isinstance(run("retry", "x", "--all").exception, InvalidInput)
    assert isinstance(run("retry", "x").exception, NotFound)


def test_an_alert_is_closed(world: World) -> None:
    with world.transaction() as session:
        outbox.alert_staff(session, "b-1", "refund_late", world.now, leg_id="x")
    (row,) = json.loads(run("list", "--topic", "staff_alert", "--json").stdout)
    assert run("close", row["id"]).stdout == "Closed.\n"
    assert json.loads(run("list", "--json").stdout) == []


def test_what_is_on_its_way_is_not_closed(world: World) -> None:
    leg_id = leg(world)
    (row,) = json.loads(run("list", "--json").stdout)
    assert isinstance(run("close", row["id"]).exception, NotAllowed)
    assert see(world, leg_id).state == "created"
