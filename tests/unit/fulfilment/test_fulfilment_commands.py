"""``recourse seller``, ``carrier`` and ``sweep`` from the command line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import Result
from typer.testing import CliRunner

from recourse import worker
from recourse.cli import sellers
from recourse.cli.main import app
from recourse.core.clock import SystemClock
from recourse.core.errors import Conflict, InvalidInput, NotFound
from recourse.demo.shop import Item
from tests.unit.fulfilment.conftest import Floor
from tests.unit.world import World

TWO = (Item("MUG", "Stoneware mug", 2500, 3), Item("POT", "Tea pot", 4000))


@pytest.fixture(autouse=True)
def on_this_store(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on the store of ``world``, today."""
    for module in (worker, sellers):
        monkeypatch.setattr(module, "transaction", world.transaction)
    monkeypatch.setattr(worker, "reading", world.reading)
    world.now = SystemClock().now()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_a_seller_approves_and_rejects(world: World) -> None:
    yes, no = world.order(), world.order()
    first, second = world.ask(yes), world.ask(no)
    assert run("seller", "approve", yes).stdout == f"request {first}: approved\n"
    assert run("seller", "reject", no, "--reason", "Made to order").stdout == f"request {second}: rejected\n"


def test_already_shipped_needs_its_proof(world: World) -> None:
    number = world.order()
    request = world.ask(number)
    words = ("seller", "reject", number, "--reason", "already shipped", "--tracking", "PX1")
    assert isinstance(run(*words).exception, InvalidInput)
    left = (world.now - timedelta(hours=1)).isoformat()
    assert run(*words, "--shipped-on", left).stdout == f"request {request}: rejected\n"


def test_an_order_is_shipped_with_a_number_of_its_own(world: World) -> None:
    number = world.order()
    digits = number.removeprefix("RC-").replace("-", "")
    assert run("seller", "ship", number.lower()).stdout == f"order {number}: shipped, tracking PX{digits}\n"


def test_an_order_is_shipped_in_parts(world: World) -> None:
    number = world.order(items=TWO)
    digits = number.removeprefix("RC-").replace("-", "")
    done = run("seller", "ship", number, "--line", "MUG=2", "--line", "2", "--tracking", "T1")
    assert done.stdout == f"order {number}: partially_shipped, tracking T1\n"
    assert [line.unsent for line in world.see(number).lines] == [1, 0]
    for wrong in ("CUP=1", "MUG=x", "9", "MUG=5", "MUG=0"):
        assert isinstance(run("seller", "ship", number, "--line", wrong).exception, InvalidInput), wrong
    assert run("seller", "ship", number, "--line", "1=1").stdout == f"order {number}: shipped, tracking PX{digits}-2\n"


def test_a_seller_cancels(world: World, floor: Floor) -> None:
    number = world.order()
    assert isinstance(run("seller", "cancel", number).exception, InvalidInput)
    assert run("seller", "cancel", number, "--reason", "out of stock").stdout == f"order {number}: cancelled\n"
    assert floor.money_back(number) == 2500


def test_a_carrier_reports(world: World) -> None:
    number = world.order()
    run("seller", "ship", number, "--tracking", "T1")
    assert run("carrier", "report", "T1", "delivered", "--text", "Signed").stdout == f"order {number}: delivered\n"
    assert isinstance(run("carrier", "report", "T2", "delivered").exception, NotFound)


def test_a_sweep_names_what_it_settled(world: World) -> None:
    number, other = world.order(), world.order("awaiting_payment")
    request = world.ask(number)
    assert run("sweep").stdout == "0 settled\n"
    later = (world.now + timedelta(days=4)).isoformat()
    assert run("sweep", "--at", later).stdout.splitlines() == [
        f"request {request}: approved",
        f"order {world.see(other).id}: cancelled",
        "2 settled",
    ]
    assert isinstance(run("seller", "approve", request).exception, Conflict)
