"""How a request ends: the seller, the deadline, or the parcel. Exactly one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from recourse.cancellations import service as cancellations
from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound, RecourseError
from recourse.core.outbox import BUYER_NOTICE, Outbox
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.fulfilment import service as fulfilment
from recourse.orders.models import Order
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds
from recourse.sellers.models import SellerPolicy
from tests.unit.world import BALANCE, BUYER, CARD, NOW, SELLER, World

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)


def notices(world: World) -> list[str]:
    with world.reading() as session:
        rows = session.scalars(select(Outbox).where(Outbox.topic == BUYER_NOTICE).order_by(Outbox.created_at))
        return [row.payload["kind"] for row in rows]


def due(world: World) -> list[str]:
    with world.reading() as session:
        return list(cancellations.due(session, world.now))


# --- the seller


def test_approval_cancels_the_order_and_grants_the_refund(world: World) -> None:
    number = world.order(coupon=500, ways=(CARD, BALANCE), shares=(1200,))
    request_id = world.ask(number)
    world.now += timedelta(hours=5)
    world.approve(request_id)
    order = world.see(number)
    assert (order.state, order.close_reason, order.cancelled_at) == ("cancelled", "buyer_cancelled", world.now)
    assert [coupon.state for coupon in order.coupons] == ["converted_to_balance"]
    with world.reading() as session:
        request = cancellations.get(session, request_id)
    assert (request.state, request.decided_by, request.decided_at) == ("approved", "seller", world.now)
    assert notices(world) == ["request_approved"]


def test_a_coupon_may_stay_used_where_the_policy_says_so(world: World) -> None:
    number = world.order(coupon=500, coupon_on_refund="none")
    world.approve(world.ask(number))
    assert [coupon.state for coupon in world.see(number).coupons] == ["used"]


def test_rejection_keeps_the_order_and_its_reason(world: World) -> None:
    number = world.order()
    request_id = world.ask(number)
    world.reject(request_id, "  Made to order.  ")
    with world.reading() as session:
        request = cancellations.get(session, request_id)
        verdict = cancellations.can_cancel(session, BUYER, number, world.now)
    assert (request.state, request.reject_reason, request.proof_tracking) == ("rejected", "Made to order.", None)
    assert world.see(number).state == "to_ship"
    assert verdict.request == request
    assert notices(world) == ["request_rejected"]


def test_one_order_of_a_shared_checkout_leaves_the_other_alone(world: World) -> None:
    first, second = world.order("awaiting_payment"), world.order("awaiting_payment")
    with world.transaction() as session:
        rows = [session.scalars(select(Order).where(Order.number == number)).one() for number in (first, second)]
        rows[1].group_id = rows[0].group_id
        shop.pay(session, rows, [Given(*CARD, 5000)], world.now)
    before = world.see(second)
    world.approve(world.ask(first))
    assert world.see(second) == before
    with world.reading() as session:
        refund = refunds.of_orders(session, [world.see(first).id], world.now.date())[world.see(first).id]
    assert [leg.amount.amount_minor for leg in refund.legs] == [2500]


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("reason", "tracking", "shipped_at", "problem"),
    [
        ("", None, None, "needs a reason"),
        ("   ", "PW1", None, "needs a reason"),
        ("x" * 501, None, None, "at most 500 characters"),
        ("Already shipped", None, NOW - HOUR, "tracking number and the date of shipment as proof"),
        ("ALREADY SHIPPED", "  ", NOW - HOUR, "tracking number and the date of shipment as proof"),
        ("Already shipped", "PW1", None, "tracking number and the date of shipment as proof"),
        ("Already shipped", "PW1", NOW + SECOND, "is in the future"),
        ("Already shipped", "PW1", NOW - 4 * HOUR, "before the order"),
        ("Already shipped", "PW1", (NOW - HOUR).replace(tzinfo=None), "needs its zone"),
        ("Already shipped", "X" * 41, NOW - HOUR, "at most 40 characters"),
    ],
)
def test_a_rejection_says_why_and_proves_it(
    world: World, reason: str, tracking: str | None, shipped_at: datetime | None, problem: str
) -> None:
    request_id = world.ask(world.order())
    with pytest.raises(InvalidInput, match=problem):
        world.reject(request_id, reason, tracking, shipped_at)
    assert world.request_state(request_id) == "pending_seller"


def test_shipped_this_very_second_is_not_the_future(world: World) -> None:
    request_id = world.ask(world.order())
    world.reject(request_id, "Already shipped", "PW1", world.now)
    assert world.request_state(request_id) == "rejected"


def test_already_shipped_with_its_proof_is_a_rejection(world: World) -> None:
    request_id = world.ask(world.order())
    shipped_at = NOW - timedelta(hours=1)
    world.reject(request_id, "Already shipped", " PW123 ", shipped_at)
    request = world.request(request_id)
    assert (request.proof_tracking, request.proof_shipped_at) == ("PW123", shipped_at)


@pytest.mark.parametrize("first", ["approve", "reject"])
@pytest.mark.parametrize("second", ["approve", "reject"])
def test_a_decision_is_final(world: World, first: str, second: str) -> None:
    request_id = world.ask(world.order())
    getattr(world, first)(request_id)
    state = world.request_state(request_id)
    with pytest.raises(Conflict, match=f"is {state}; there is nothing left to decide"):
        getattr(world, second)(request_id)
    assert len(notices(world)) == 1


def test_a_seller_cannot_refund_an_order_that_is_on_hold(world: World) -> None:
    number = world.order()
    request_id = world.ask(number)
    world.set_order(number, frozen=True, frozen_reason="payment_check")
    with pytest.raises(NotAllowed, match="on hold"):
        world.approve(request_id)
    assert world.request_state(request_id) == "pending_seller"


@pytest.mark.parametrize("decide", ["approve", "reject"])
def test_an_unknown_request_is_not_found(world: World, decide: str) -> None:
    with pytest.raises(NotFound):
        getattr(world, decide)("nothing")


# --- the deadline


@pytest.mark.parametrize("decide", ["approve", "reject"])
@pytest.mark.parametrize(("late", "allowed"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
def test_the_seller_has_until_the_last_second(world: World, decide: str, late: timedelta, allowed: bool) -> None:
    request_id = world.ask(world.order())
    world.now += DAY + late
    if allowed:
        getattr(world, decide)(request_id)
        assert world.settle(request_id) is None
        return
    with pytest.raises(Conflict, match="the time to answer ended at"):
        getattr(world, decide)(request_id)
    assert world.settle(request_id) == "approved"


@pytest.mark.parametrize(("late", "is_due"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
def test_a_request_is_due_from_its_deadline_on(world: World, late: timedelta, is_due: bool) -> None:
    request_id = world.ask(world.order())
    world.now += DAY + late
    assert (due(world) == [request_id]) is is_due
    assert (world.settle(request_id) is not None) is is_due


def test_silence_approves_and_refunds(world: World) -> None:
    number = world.order(coupon=500)
    request_id = world.ask(number)
    world.now += DAY
    assert world.settle(request_id) == "approved"
    with world.reading() as session:
        request = cancellations.get(session, request_id)
    assert request.decided_by == "system_timeout"
    assert world.see(number).state == "cancelled"
    assert notices(world) == ["request_approved"]


def test_silence_rejects_where_the_policy_says_so(world: World) -> None:
    number = world.order(on_silence="reject")
    request_id = world.ask(number)
    world.now += DAY
    assert world.settle(request_id) == "expired"
    assert world.see(number).state == "to_ship"
    assert notices(world) == ["request_expired"]


def test_silence_never_refunds_what_is_on_hold(world: World) -> None:
    number = world.order()
    request_id = world.ask(number)
    world.set_order(number, frozen=True, frozen_reason="payment_check")
    world.now += DAY
    assert world.settle(request_id) == "expired"
    assert world.see(number).state == "to_ship"


def test_settling_twice_changes_nothing(world: World) -> None:
    number = world.order()
    request_id = world.ask(number)
    world.now += DAY
    assert world.settle(request_id) == "approved"
    version = world.see(number).version
    assert world.settle(request_id) is None
    assert world.see(number).version == version
    assert notices(world) == ["request_approved"]
    assert due(world) == []


def test_hours_are_the_sellers_at_checkout(world: World) -> None:
    """A policy that changes later moves no deadline (invariant 15)."""
    request_id = world.ask(world.order(response_hours=48))
    with world.transaction() as session:
        for policy in session.scalars(select(SellerPolicy)):
            policy.response_hours = 1
    world.now += timedelta(hours=48) - SECOND
    assert world.settle(request_id) is None
    world.now += SECOND
    assert world.settle(request_id) == "approved"


def test_the_longest_overdue_comes_first(world: World) -> None:
    slow, quick = world.ask(world.order(response_hours=30)), world.ask(world.order(response_hours=2))
    never = world.ask(world.order(response_hours=300))
    world.now += timedelta(hours=40)
    assert due(world) == [quick, slow]
    with world.reading() as session:
        assert cancellations.due(session, world.now, limit=1) == [quick]
    assert world.request_state(never) == "pending_seller"


# --- the parcel


def test_shipping_ends_an_open_request(world: World) -> None:
    number = world.order()
    request_id = world.ask(number)
    world.ship(number, " PW777 ")
    with world.reading() as session:
        request = cancellations.get(session, request_id)
    assert (request.state, request.decided_by, request.proof_tracking) == ("superseded", "system", "PW777")
    assert world.see(number).state == "shipped"
    assert notices(world) == ["request_superseded"]
    world.now += DAY
    assert world.settle(request_id) is None


def test_a_blocked_parcel_may_not_leave_while_a_request_is_open(world: World) -> None:
    number = world.order(ship_while_pending="block")
    request_id = world.ask(number)
    with pytest.raises(NotAllowed, match=f"answer it first .{request_id}"):
        world.ship(number)
    world.reject(request_id)
    world.ship(number)
    assert world.see(number).state == "shipped"


def test_shipping_after_the_deadline_comes_too_late(world: World) -> None:
    """The buyer was promised that silence cancels; the timer is only a little behind (invariant 16)."""
    number = world.order()
    request_id = world.ask(number)
    world.now += DAY
    with pytest.raises(Conflict, match="do not ship it"):
        world.ship(number)
    assert world.settle(request_id) == "approved"
    assert world.see(number).state == "cancelled"


def test_where_silence_means_no_the_parcel_may_leave_after_the_deadline(world: World) -> None:
    number = world.order(on_silence="reject")
    request_id = world.ask(number)
    world.now += DAY
    world.ship(number)
    assert world.request_state(request_id) == "superseded"


def test_shipping_without_a_request_tells_nobody(world: World) -> None:
    number = world.order()
    world.ship(number)
    assert notices(world) == []


@pytest.mark.parametrize(
    ("carrier", "tracking"), [("", "PW1"), ("Parcelway", " "), ("Parcelway", "X" * 41), ("C" * 41, "PW1")]
)
def test_a_parcel_has_a_carrier_and_a_tracking_number(world: World, carrier: str, tracking: str) -> None:
    number = world.order()
    with pytest.raises(InvalidInput), world.transaction() as session:
        fulfilment.seller_ships(session, number, carrier, tracking, NOW, SELLER)
    assert world.see(number).state == "to_ship"


@pytest.mark.parametrize("state", ["awaiting_payment", "payment_review", "shipped", "cancelled"])
def test_what_is_not_waiting_to_be_shipped_is_not_shipped(world: World, state: str) -> None:
    number = world.order(state)
    with pytest.raises(NotAllowed):
        world.ship(number)


# --- reading


def test_requests_are_read_in_their_order_and_an_open_one_is_the_latest(world: World) -> None:
    number, other = world.order(), world.order()
    first = world.ask(number)
    world.reject(first)
    second = world.ask(number)  # in the same moment: no clock between them
    ids = [world.see(each).id for each in (number, other)]
    with world.reading() as session:
        assert cancellations.latest_of(session, ids)[ids[0]].id == second
        assert ids[1] not in cancellations.latest_of(session, ids)
        assert {request.id for request in cancellations.all_of(session, ids[0])} == {first, second}


# --- at the same time


def race(*acts: Callable[[], object]) -> list[object]:
    """Run all at once; a refusal is a result like any other."""
    start, results = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        start.wait()
        try:
            results.append(act())
        except RecourseError as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("round_", range(3))
def test_seller_parcel_and_seller_again_race_to_one_end(world: World, round_: int) -> None:
    number = world.order(coupon=300, items=(Item("MUG", "Mug", 900, qty=3),))
    request_id = world.ask(number)
    results = race(lambda: world.approve(request_id), lambda: world.ship(number), lambda: world.reject(request_id))
    order: OrderView = world.see(number)
    state = world.request_state(request_id)
    assert len(results) == 3
    assert (state, order.state) in {
        ("approved", "cancelled"),
        ("superseded", "shipped"),
        ("rejected", "to_ship"),
        ("rejected", "shipped"),
    }
    assert len(notices(world)) == 1


@pytest.mark.parametrize("round_", range(2))
def test_timers_and_a_late_parcel_race_to_one_end(world: World, round_: int) -> None:
    number = world.order()
    request_id = world.ask(number)
    world.now += DAY
    results = race(*[lambda: world.settle(request_id)] * 3, lambda: world.ship(number))
    assert [each for each in results if isinstance(each, str)] == ["approved"]
    assert world.see(number).state == "cancelled"
    assert notices(world) == ["request_approved"]
