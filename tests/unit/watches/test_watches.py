"""Stock watches: told once, called off, one at a time for a product."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from recourse.core.errors import InvalidInput, NotAllowed, NotFound
from recourse.core.outbox import Outbox
from recourse.core.transitions import log_of
from recourse.watches import service as watches
from recourse.watches.models import StockWatch
from recourse.watches.service import WatchView
from tests.unit.world import BUYER, OTHER, World


def ask(world: World, buyer: str = BUYER, sku: str = "MUG") -> WatchView:
    with world.transaction() as session:
        return watches.watch(session, buyer, sku, "Stoneware mug", world.now)


def back(world: World, sku: str = "MUG") -> int:
    with world.transaction() as session:
        return watches.stock_back(session, sku, world.now)


def state(world: World, watch_id: str) -> str:
    with world.reading() as session:
        return watches.get(session, watch_id).state


def test_everybody_who_watches_is_told_once(world: World) -> None:
    first, second, other_product = ask(world), ask(world, OTHER), ask(world, sku="BOWL")
    assert back(world) == 2
    assert back(world) == 0
    assert [state(world, each.id) for each in (first, second, other_product)] == ["notified", "notified", "active"]
    with world.reading() as session:
        told = session.scalars(select(Outbox)).all()
        moves = [(row.from_state, row.to_state, row.actor_type) for row in log_of(session, first.id)]
    assert sorted((row.customer_id, row.payload["watch_id"]) for row in told) == [
        (BUYER, first.id),
        (OTHER, second.id),
    ]
    assert {row.payload["kind"] for row in told} == {"back_in_stock"}
    assert moves == [(None, "active", "buyer"), ("active", "notified", "system")]


def test_asking_again_while_a_watch_is_active_changes_nothing(world: World) -> None:
    assert ask(world) == ask(world)
    with world.reading() as session:
        assert len(watches.mine(session, BUYER)) == 1


def test_after_the_notice_one_may_ask_again(world: World) -> None:
    first = ask(world)
    back(world)
    second = ask(world)
    assert second.id != first.id
    assert back(world) == 1


def test_called_off_is_not_told(world: World) -> None:
    asked = ask(world)
    for _ in range(2):
        with world.transaction() as session:
            assert watches.unwatch(session, BUYER, asked.id, world.now).state == "cancelled"
    assert back(world) == 0
    with world.reading() as session:
        assert watches.mine(session, BUYER) == []
        assert len(log_of(session, asked.id)) == 2


def test_a_notice_that_went_out_cannot_be_called_off(world: World) -> None:
    asked = ask(world)
    back(world)
    with world.transaction() as session, pytest.raises(NotAllowed, match="told already"):
        watches.unwatch(session, BUYER, asked.id, world.now)


def test_somebody_elses_watch_is_a_missing_one(world: World) -> None:
    asked = ask(world)
    with world.transaction() as session:
        with pytest.raises(NotFound) as foreign:
            watches.unwatch(session, OTHER, asked.id, world.now)
        with pytest.raises(NotFound) as missing:
            watches.unwatch(session, OTHER, "nothing", world.now)
    assert str(foreign.value).replace(asked.id, "") == str(missing.value).replace("nothing", "")
    assert state(world, asked.id) == "active"


def test_mine_are_the_active_ones_oldest_first(world: World) -> None:
    first = ask(world, sku="A")
    world.now += timedelta(minutes=1)
    second = ask(world, sku="B")
    ask(world, OTHER, "C")
    with world.reading() as session:
        assert [each.id for each in watches.mine(session, BUYER)] == [first.id, second.id]


@pytest.mark.parametrize(("sku", "title"), [("", "Mug"), ("  ", "Mug"), ("X" * 41, "Mug"), ("MUG", " ")])
def test_a_product_must_have_a_name(world: World, sku: str, title: str) -> None:
    with world.transaction() as session, pytest.raises(InvalidInput):
        watches.watch(session, BUYER, sku, title, world.now)


def test_two_tabs_at_once_make_one_watch(world: World) -> None:
    found: list[str] = []
    barrier = threading.Barrier(4)

    def tab() -> None:
        barrier.wait()
        found.append(ask(world).id)

    tabs = [threading.Thread(target=tab) for _ in range(4)]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    with world.reading() as session:
        assert len(session.scalars(select(StockWatch)).all()) == 1
