"""What the seller does: ships all or a part, or cancels by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.transitions import Actor
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.fulfilment import service as fulfilment
from recourse.orders.models import Order
from tests.unit.fulfilment.conftest import DAY, SECOND, Floor
from tests.unit.world import BALANCE, CARD, SELLER, World

TWO = (Item("MUG", "Stoneware mug", 2500, 2), Item("POT", "Tea pot", 4000))
NOT_SHIPPABLE = ("awaiting_payment", "payment_review", "shipped", "delivered", "completed", "cancelled", "closed")
NOT_CANCELLABLE = ("payment_review", "partially_shipped", "shipped", "delivered", "completed", "cancelled", "closed")


# --- shipping


def test_everything_is_shipped_at_once(world: World, floor: Floor) -> None:
    number = world.order(items=TWO)
    view = floor.ship(number)
    assert (view.state, view.shipped_at, view.unsent) == ("shipped", world.now, {})
    assert view.protect_until == world.now + timedelta(days=60)
    (parcel,) = view.parcels
    assert (parcel.tracking, parcel.state) == ("PW1", "in_transit")
    assert dict(parcel.pieces) == {line.id: line.qty for line in view.lines}


def test_an_order_is_shipped_in_parts(world: World, floor: Floor) -> None:
    number = world.order(items=TWO)
    first = floor.ship(number, "PW1", {0: 1})
    assert (first.state, first.shipped_at, first.protect_until) == ("partially_shipped", None, None)
    assert [line.unsent for line in first.lines] == [1, 1]
    second = floor.ship(number, "PW2", {1: 1})
    assert second.state == "partially_shipped"
    assert second.version > first.version, "a quote from before is void"
    world.now += DAY
    last = floor.ship(number, "PW3")
    assert (last.state, last.shipped_at, last.protect_until) == ("shipped", world.now, world.now + timedelta(days=60))
    assert [parcel.tracking for parcel in last.parcels] == ["PW1", "PW2", "PW3"]


def test_when_it_left_and_when_it_should_arrive_are_kept(world: World, floor: Floor) -> None:
    number = world.order()
    left, promised = world.now - timedelta(hours=1), world.now + timedelta(days=80)
    view = floor.ship(number, shipped_at=left, promised_by=promised)
    assert (view.shipped_at, view.protect_until) == (left, promised)
    assert (view.parcels[0].shipped_at, view.parcels[0].promised_by) == (left, promised)


@pytest.mark.parametrize("state", NOT_SHIPPABLE)
def test_only_an_order_that_waits_to_be_shipped_is_shipped(world: World, floor: Floor, state: str) -> None:
    number = world.order(state)
    with pytest.raises(NotAllowed, match=f"is {state}"):
        floor.ship(number, "PW9")
    assert world.see(number).state == state


@pytest.mark.parametrize("lines", [{}, {0: 0}, {0: -1}, {0: 3}, {0: 1, 1: 2}])
def test_no_piece_is_sent_that_is_not_there(world: World, floor: Floor, lines: dict[int, int]) -> None:
    number = world.order(items=TWO)
    with pytest.raises(InvalidInput):
        floor.ship(number, lines=lines)
    assert world.see(number).untouched


def test_a_line_of_another_order_is_refused(world: World) -> None:
    number, other = world.order(), world.see(world.order())
    with pytest.raises(InvalidInput, match="no such line"), world.transaction() as session:
        fulfilment.seller_ships(session, number, "P", "T", world.now, SELLER, {other.lines[0].id: 1})


@pytest.mark.parametrize(("carrier", "tracking"), [("", "X"), ("P", " "), ("P" * 41, "X"), ("P", "X" * 41)])
def test_a_parcel_has_a_carrier_and_a_number(world: World, carrier: str, tracking: str) -> None:
    number = world.order()
    with pytest.raises(InvalidInput), world.transaction() as session:
        fulfilment.seller_ships(session, number, carrier, tracking, world.now, SELLER)
    assert world.see(number).state == "to_ship"


@pytest.mark.parametrize("hours", [1, -4])
def test_it_cannot_have_left_in_the_future_or_before_it_was_paid(world: World, floor: Floor, hours: int) -> None:
    number = world.order()
    with pytest.raises(InvalidInput, match=r"future|before"):
        floor.ship(number, shipped_at=world.now + timedelta(hours=hours))
    with pytest.raises(InvalidInput, match="no time zone"):
        floor.ship(number, shipped_at=world.now.replace(tzinfo=None))


def test_the_same_parcel_reported_twice_is_refused(world: World, floor: Floor) -> None:
    number = world.order(items=TWO)
    floor.ship(number, lines={0: 1})
    with pytest.raises(Conflict, match="reported"):
        floor.ship(number, lines={0: 1})
    assert [line.qty_shipped for line in world.see(number).lines] == [1, 0]


def test_another_sellers_order_is_the_same_as_none(world: World, floor: Floor) -> None:
    number, rival = world.order(), floor.other_seller()
    errors = []
    for wanted in (number, "RC-9132-9363"):
        with pytest.raises(NotFound) as shipping, world.transaction() as session:
            fulfilment.seller_ships(session, wanted, "Parcelway", "PW1", world.now, rival)
        with pytest.raises(NotFound) as cancelling:
            floor.cancel(wanted, actor=rival)
        errors += [str(caught.value).replace(wanted, "X") for caught in (shipping, cancelling)]
    assert len(set(errors)) == 1
    assert world.see(number).state == "to_ship"


def test_an_operator_may_ship_for_the_seller(world: World, floor: Floor) -> None:
    assert floor.ship(world.order(), actor=Actor("seller", "cli")).state == "shipped"


def test_a_buyer_or_a_timer_cannot_ship(world: World, floor: Floor) -> None:
    number = world.order()
    for actor in (Actor("buyer", "b-1"), Actor("timer"), Actor("carrier")):
        with pytest.raises(NotAllowed):
            floor.ship(number, actor=actor)
    assert world.see(number).untouched


def test_an_order_on_hold_is_neither_shipped_nor_cancelled(world: World, floor: Floor) -> None:
    number = world.order()
    floor.hold(number)
    with pytest.raises(NotAllowed, match="on hold"):
        floor.ship(number)
    with pytest.raises(NotAllowed, match="on hold"):
        floor.cancel(number)


@pytest.mark.parametrize(("late", "fits"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
def test_the_seller_ships_before_the_deadline_and_the_timer_decides_from_it_on(
    world: World, floor: Floor, late: timedelta, fits: bool
) -> None:
    number = world.order()
    ship_by = world.see(number).ship_by
    assert ship_by is not None
    world.now = ship_by + late
    if fits:
        assert floor.settle(number) is None
        assert floor.ship(number).state == "shipped"
        return
    for act in (floor.ship, floor.cancel):
        with pytest.raises(Conflict, match="about to be cancelled"):
            act(number)
    moved = floor.settle(number)
    assert moved is not None
    assert moved.state == "cancelled"


# --- shipping while the buyer wants to cancel


def test_shipping_supersedes_an_open_request(world: World, floor: Floor) -> None:
    number = world.order()
    request = world.ask(number)
    floor.ship(number)
    assert world.request_state(request) == "superseded"
    assert floor.told() == {"request_superseded": 1}


def test_shipping_waits_for_the_answer_where_the_policy_blocks(world: World, floor: Floor) -> None:
    number = world.order(ship_while_pending="block")
    request = world.ask(number)
    with pytest.raises(NotAllowed, match="open cancellation request"):
        floor.ship(number)
    world.reject(request)
    assert floor.ship(number).state == "shipped"


def test_shipping_comes_too_late_once_silence_has_approved(world: World, floor: Floor) -> None:
    number = world.order()
    request = world.ask(number)
    world.now += DAY
    with pytest.raises(Conflict, match="do not ship"):
        floor.ship(number)
    assert world.settle(request) == "approved"


# --- the seller's own cancellation


def test_a_seller_that_cancels_gives_everything_back(world: World, floor: Floor) -> None:
    number = world.order(items=TWO, coupon=900, shipping=600, ways=(CARD, BALANCE), shares=(4000,))
    paid = world.see(number).total_paid
    view = floor.cancel(number, " out of stock ")
    assert (view.state, view.close_reason, view.cancelled_at) == ("cancelled", "seller_cancelled", world.now)
    assert view.unsent == {}
    assert floor.refunds(number) == [("seller_cancel", paid)]
    assert view.coupons[0].state == "converted_to_balance"
    assert [tender.returned for tender in view.tenders] == [tender.amount for tender in view.tenders]
    assert floor.told() == {"order_cancelled_by_seller": 1}
    assert floor.defects() == 1
    with pytest.raises(NotAllowed, match="is cancelled"):
        floor.cancel(number)
    assert floor.money_back(number) == paid
    assert floor.defects() == 1


def test_a_seller_that_cancels_ends_the_buyers_request(world: World, floor: Floor) -> None:
    number = world.order()
    request = world.ask(number)
    floor.cancel(number)
    assert world.request_state(request) == "superseded"
    assert floor.refunds(number) == [("seller_cancel", 2500)]


def test_the_deadline_to_answer_goes_before_the_sellers_own_cancellation(world: World, floor: Floor) -> None:
    number = world.order()
    request = world.ask(number)
    world.now += DAY
    with pytest.raises(Conflict, match="deadline decides"):
        floor.cancel(number)
    assert world.settle(request) == "approved"
    assert floor.refunds(number) == [("cancellation", 2500)]


def test_an_unpaid_order_is_cancelled_without_money_and_without_blame(world: World, floor: Floor) -> None:
    number = world.order("awaiting_payment", coupon=500)
    view = floor.cancel(number)
    assert (view.state, view.coupons[0].state) == ("cancelled", "released")
    assert floor.refunds(number) == []
    assert floor.defects() == 0
    assert floor.told() == {"order_cancelled_by_seller": 1}


def test_money_that_was_announced_is_let_go_with_an_unpaid_order(world: World, floor: Floor) -> None:
    number = world.order("awaiting_payment")
    with world.transaction() as session:
        order = session.get_one(Order, world.see(number).id)
        (payment,) = shop.transfer(session, [order], [Given(*CARD, shop.due(order))], world.now)
    view = floor.cancel(number)
    assert view.tenders[0].voided
    assert floor.sent("payment_void") == [], "the provider holds nothing yet"
    with world.reading() as session:
        assert session.get_one(type(payment), payment.id).state == "voided"


@pytest.mark.parametrize("state", NOT_CANCELLABLE)
def test_a_seller_cannot_cancel_what_has_left_or_is_checked(world: World, floor: Floor, state: str) -> None:
    number = world.order(state, items=TWO)
    with pytest.raises(NotAllowed, match=f"is {state}"):
        floor.cancel(number)
    assert world.see(number).state == state
    assert floor.defects() == 0


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_seller_must_say_why(world: World, floor: Floor, reason: str) -> None:
    number = world.order()
    with pytest.raises(InvalidInput, match="reason"):
        floor.cancel(number, reason)


def test_only_a_seller_cancels_this_way(world: World, floor: Floor) -> None:
    number = world.order("awaiting_payment")
    with pytest.raises(NotAllowed):
        floor.cancel(number, actor=Actor("carrier"))
    assert world.see(number).state == "awaiting_payment"


def test_cancelling_one_sellers_order_leaves_the_others_of_the_checkout_alone(world: World, floor: Floor) -> None:
    group = floor.group()
    first, second = world.next_number(), world.next_number()
    with world.transaction() as session:
        made = [
            shop.place(
                session, number=number, customer_id="b-1", seller_id="acme", policy=world._policy(session, {}),
                currency="EUR", items=TWO, at=world.now, group=group,
            )
            for number in (first, second)
        ]  # fmt: skip
        shop.pay(session, made, [Given(*CARD, sum(map(shop.due, made)))], world.now)
    untouched = world.see(second)
    floor.cancel(first)
    assert world.see(second) == untouched
    assert floor.money_back(first) == 9000
    assert floor.money_back(second) == 0
