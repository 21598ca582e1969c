"""Explaining a refund against what the buyer expected, from the rows of an order."""

from __future__ import annotations

import pytest

from recourse.core.errors import NotFound
from recourse.core.money import Money
from recourse.demo.shop import Item
from recourse.refunds import service as refunds
from recourse.refunds.service import Explanation
from tests.unit.refunds.scenes import cancelled, say, send
from tests.unit.world import BALANCE, BUYER, CARD, OTHER, World

TWO = (Item("LAMP", "Desk lamp", 4999), Item("CUP", "Cup", 2500))


def explain(world: World, number: str, expected: int, currency: str = "EUR", buyer: str = BUYER) -> Explanation:
    with world.reading() as session:
        return refunds.explain(session, buyer, number, Money(expected, currency), world.now)


def lines(found: Explanation) -> dict[str, int]:
    assert found.difference.explained
    return {code: money.amount_minor for code, money in found.difference.lines}


def arrive(world: World, number: str) -> None:
    for refund in world.refunds(number):
        for leg in refund.legs:
            if leg.state == "created":
                send(world, leg.id)
                say(world, leg.id, "succeeded")


def test_a_coupon_came_back_to_the_balance(world: World) -> None:
    number = cancelled(world, items=TWO, coupon=1500)
    arrive(world, number)
    assert lines(explain(world, number, 5999)) == {}
    assert lines(explain(world, number, 7499)) == {"coupon_balance": 1500}


def test_a_part_was_paid_from_the_balance(world: World) -> None:
    number = cancelled(world, items=TWO, ways=(CARD, BALANCE), shares=(5000,))
    arrive(world, number)
    assert lines(explain(world, number, 7499)) == {"other_tender": 2499}
    assert lines(explain(world, number, 5000)) == {}


def test_only_a_part_was_cancelled(world: World) -> None:
    number = world.order(items=TWO)
    order = world.see(number)
    world.approve(world.ask(number, pieces={order.lines[0].id: 1}))
    arrive(world, number)
    assert lines(explain(world, number, 7499)) == {"not_refunded": 2500}


def test_it_is_still_on_the_way(world: World) -> None:
    number = cancelled(world)
    found = explain(world, number, 2500)
    assert lines(found) == {"on_the_way": 2500}
    assert found.difference.actual == Money(0, "EUR")


def test_the_buyer_chose_the_balance_after_the_card_failed(world: World) -> None:
    number = cancelled(world)
    (leg,) = world.refunds(number)[0].legs
    send(world, leg.id)
    say(world, leg.id, "failed", reason="expired_or_canceled_card")
    assert lines(explain(world, number, 2500)) == {"failed": 2500}
    with world.transaction() as session:
        refunds.choose_route(session, BUYER, leg.id, "balance", world.now)
    arrive(world, number)
    assert lines(explain(world, number, 2500)) == {"other_tender": 2500}


def test_what_has_no_explanation_goes_to_a_person(world: World) -> None:
    number = cancelled(world)
    arrive(world, number)
    found = explain(world, number, 3000).difference
    assert (found.explained, found.unexplained, found.lines) == (False, Money(500, "EUR"), ())


def test_another_currency_is_not_calculated_with(world: World) -> None:
    number = cancelled(world)
    arrive(world, number)
    found = explain(world, number, 2700, "USD").difference
    assert (found.explained, found.lines) == (False, (("other_currency", Money(2500, "EUR")),))


def test_a_foreign_order_is_a_missing_order(world: World) -> None:
    number = cancelled(world)
    with pytest.raises(NotFound) as foreign:
        explain(world, number, 2500, buyer=OTHER)
    with pytest.raises(NotFound) as missing:
        explain(world, "RC-1000-0009", 2500)
    assert str(foreign.value).replace(number, "") == str(missing.value).replace("RC-1000-0009", "")
