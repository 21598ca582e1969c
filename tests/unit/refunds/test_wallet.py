"""The platform balance: append-only, never negative, one line for each source."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from recourse.core.errors import InvalidInput, NotAllowed
from recourse.core.money import Money
from recourse.refunds import service as refunds
from recourse.refunds import wallet
from recourse.refunds.models import WalletEntry
from tests.unit.world import BUYER, OTHER, World


def add(world: World, amount: int, source: str, kind: str = "adjustment", currency: str = "EUR") -> bool:
    with world.transaction() as session:
        return wallet.add(session, BUYER, Money(amount, currency), kind, "case", source, world.now)


def balance(world: World, currency: str = "EUR", buyer: str = BUYER) -> int:
    with world.reading() as session:
        return refunds.balance(session, buyer, currency).amount_minor


def test_the_balance_is_the_sum_of_its_lines_by_currency(world: World) -> None:
    assert add(world, 500, "1")
    assert add(world, -200, "2", "spend")
    assert add(world, 70, "3", currency="JPY")
    assert (balance(world), balance(world, "JPY"), balance(world, "USD")) == (300, 70, 0)
    assert balance(world, buyer=OTHER) == 0


def test_a_source_has_one_line(world: World) -> None:
    assert add(world, 500, "1")
    assert not add(world, 500, "1")
    assert balance(world) == 500


def test_it_is_never_negative(world: World) -> None:
    add(world, 500, "1")
    with pytest.raises(NotAllowed, match="less than this"):
        add(world, -501, "2", "spend")
    assert add(world, -500, "2", "spend")
    assert balance(world) == 0


def test_two_spenders_at_once_cannot_both_have_the_last_cent(world: World) -> None:
    add(world, 500, "start")
    outcomes: list[bool] = []

    def spend(source: str) -> None:
        try:
            outcomes.append(add(world, -500, source, "spend"))
        except NotAllowed:
            outcomes.append(False)

    threads = [threading.Thread(target=spend, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, False, False, True]
    assert balance(world) == 0


@pytest.mark.parametrize(("amount", "kind"), [(0, "refund"), (5, "present")])
def test_a_line_needs_an_amount_and_a_kind(world: World, amount: int, kind: str) -> None:
    with pytest.raises(InvalidInput):
        add(world, amount, "1", kind)


def test_a_line_is_never_edited(world: World) -> None:
    add(world, 500, "1")
    with pytest.raises(AssertionError, match="never edited"), world.transaction() as session:
        session.scalars(select(WalletEntry)).one().amount = 600


def test_its_history_is_read_newest_first(world: World) -> None:
    add(world, 500, "1")
    world.now += timedelta(hours=1)
    add(world, -200, "2", "spend")
    with world.reading() as session:
        lines = refunds.wallet_history(session, BUYER, "EUR")
        assert [(line.kind, line.amount.amount_minor, line.source_id) for line in lines] == [
            ("spend", -200, "2"),
            ("adjustment", 500, "1"),
        ]
        assert refunds.wallet_history(session, OTHER) == []


def test_reserved_balance_is_let_go_once_for_each_part(world: World) -> None:
    payment, first, second = "p" * 32, "a" * 32, "b" * 32
    for order in (first, first, second):
        with world.transaction() as session:
            refunds.release_to_wallet(session, BUYER, payment, order, 300, "EUR", world.now)
    assert balance(world) == 600
    world.clear()
