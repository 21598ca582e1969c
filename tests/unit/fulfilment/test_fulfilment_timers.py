"""Payment that comes or not, the payment check, holds, and the deadline to ship."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core.errors import NotAllowed, NotFound, RecourseError
from recourse.core.transitions import Actor, change_state, log_of
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.fulfilment import service as fulfilment
from recourse.orders import service as orders
from recourse.orders import transit
from recourse.orders.models import Order, Payment
from recourse.orders.rules import ORDER_MACHINE, PAYMENT_MACHINE, STATES
from tests.unit.fulfilment.conftest import DAY, SECOND, Floor
from tests.unit.world import BALANCE, BUYER, CARD, SELLER, World

TWO = (Item("MUG", "Stoneware mug", 2500, 2), Item("POT", "Tea pot", 4000))
BOUNDARY = pytest.mark.parametrize(("late", "over"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])


def deadline(world: World, number: str, name: str) -> Any:
    at = getattr(world.see(number), name)
    assert at is not None
    return at


def capture(world: World, number: str, tenders: int = 9) -> None:
    """The provider takes the money of the first ``tenders`` payments of an order."""
    with world.transaction() as session:
        for tender in world.see(number).tenders[:tenders]:
            payment = session.get_one(Payment, tender.payment_id)
            for state in ("authorised", "captured"):
                if (payment.state, state) in PAYMENT_MACHINE:
                    taken = payment.authorised if state == "captured" else 0
                    change_state(session, payment, state, PAYMENT_MACHINE, Actor("psp"), world.now, captured=taken)


# --- payment


@BOUNDARY
def test_an_order_that_is_not_paid_in_time_ends(world: World, floor: Floor, late: timedelta, over: bool) -> None:
    number = world.order("awaiting_payment", coupon=500)
    world.now = deadline(world, number, "pay_by") + late
    assert floor.due() == ([number] if over else [])
    floor.settle(number)
    view = world.see(number)
    if not over:
        assert view.state == "awaiting_payment"
        return
    assert (view.state, view.close_reason, view.coupons[0].state) == ("cancelled", "not_paid", "released")
    assert floor.told() == {"order_unpaid_expired": 1}
    assert floor.refunds(number) == []
    assert floor.settle(number) is None
    assert floor.due() == []


def test_a_paid_order_has_a_deadline_to_ship(world: World, floor: Floor) -> None:
    number = world.order("payment_review", coupon=500, shipping=300, ship_deadline_bd=3)
    with pytest.raises(NotAllowed):
        floor.ship(number)
    assert floor.psp("review_passed", number).state == "payment_review", "the money is not taken yet"
    capture(world, number)
    view = floor.psp("review_passed", number)
    assert (view.state, view.paid_at) == ("to_ship", world.now)
    assert view.ship_by == fulfilment.rules.ship_deadline(world.now, view.policy)
    assert view.coupons[0].state == "used"
    world.now += DAY
    assert floor.psp("payment_captured", number) == view, "a repeated message changes nothing"


def test_an_order_waits_for_all_its_payments(world: World, floor: Floor) -> None:
    number = world.order("payment_review", ways=(CARD, BALANCE), shares=(1000,))
    capture(world, number, tenders=1)
    assert floor.psp("payment_captured", number).state == "payment_review"
    capture(world, number)
    assert floor.psp("payment_captured", number).state == "to_ship"


def test_a_transfer_that_arrives_pays_the_order(world: World, floor: Floor) -> None:
    number = world.order("awaiting_payment", items=TWO, shipping=500)
    with world.transaction() as session:
        order = session.get_one(Order, world.see(number).id)
        shop.transfer(session, [order], [Given("bank", "bank account", shop.due(order))], world.now)
    assert floor.psp("payment_captured", number).state == "awaiting_payment"
    capture(world, number)
    view = floor.psp("payment_captured", number)
    assert (view.state, view.total_paid) == ("to_ship", 9500)
    assert sum(line.paid_alloc for line in view.lines) == 9500


@pytest.mark.parametrize("ends", ["timer", "seller", "buyer"])
def test_money_that_came_for_an_order_that_was_never_paid_in_full_goes_back(
    world: World, floor: Floor, ends: str
) -> None:
    number = world.order("awaiting_payment", items=TWO, shipping=500, coupon=300)
    with world.transaction() as session:
        order = session.get_one(Order, world.see(number).id)
        given = [Given("card", "Visa ending 4242", 4000), Given("bank", "bank account", shop.due(order) - 4000)]
        shop.transfer(session, [order], given, world.now)
    capture(world, number, tenders=1)
    assert floor.psp("payment_captured", number).state == "awaiting_payment"
    if ends == "timer":
        world.now = deadline(world, number, "pay_by")
        floor.settle(number)
    elif ends == "seller":
        floor.cancel(number)
    else:
        assert world.cancel(number).outcome == "cancelled"
    view = world.see(number)
    assert view.state == "cancelled"
    assert floor.money_back(number) == 4000
    assert [(tender.returned, tender.voided) for tender in view.tenders] == [(4000, False), (0, True)]
    assert view.coupons[0].state == "released"


def test_money_does_not_revive_an_order_that_has_ended(world: World, floor: Floor) -> None:
    number = world.order("cancelled")
    assert floor.psp("payment_captured", number).state == "cancelled"
    assert floor.psp("review_failed", number).state == "cancelled"
    assert floor.psp("review_started", number).state == "cancelled"


@BOUNDARY
def test_a_payment_check_without_a_result_ends_the_order(
    world: World, floor: Floor, late: timedelta, over: bool
) -> None:
    number = world.order("payment_review", coupon=500, ways=(CARD, BALANCE), shares=(1500,))
    assert floor.wallet() == 0
    world.now = deadline(world, number, "review_by") + late
    assert floor.due() == ([number] if over else [])
    floor.settle(number)
    view = world.see(number)
    if not over:
        assert view.state == "payment_review"
        return
    assert (view.state, view.close_reason, view.coupons[0].state) == ("cancelled", "review_timeout", "released")
    assert all(tender.voided for tender in view.tenders)
    assert floor.wallet() == 500, "the reserved balance is back"
    assert [sent["order_id"] for sent in floor.sent("payment_void")] == [view.id], "the card's provider is told"
    assert [sent["kind"] for sent in floor.sent("staff_alert")] == ["review_timeout"]
    assert floor.told() == {"order_review_failed": 1}
    assert floor.money_back(number) == 0
    assert floor.settle(number) is None


def test_a_failed_payment_check_ends_the_order(world: World, floor: Floor) -> None:
    number = world.order("payment_review")
    view = floor.psp("review_failed", number)
    assert (view.state, view.close_reason) == ("cancelled", "review_failed")
    assert view.tenders[0].voided
    assert floor.told() == {"order_review_failed": 1}
    assert floor.sent("staff_alert") == []
    assert floor.psp("review_failed", number) == view


def test_the_check_of_a_payment_begins_once(world: World, floor: Floor) -> None:
    number = world.order("awaiting_payment")
    view = floor.psp("review_started", number)
    assert (view.state, view.review_by) == ("payment_review", world.now + DAY)
    world.now += timedelta(hours=1)
    assert floor.psp("review_started", number) == view


def test_a_failed_check_leaves_the_other_order_of_the_checkout_its_money(world: World, floor: Floor) -> None:
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
        shop.authorise(session, made, [Given(*CARD, sum(map(shop.due, made)))], world.now)
    untouched = world.see(second)
    floor.psp("review_failed", first)
    assert world.see(second) == untouched
    with world.reading() as session:
        payment = session.get_one(Payment, untouched.tenders[0].payment_id)
        assert (payment.state, payment.voided) == ("authorised", 9000)
    floor.psp("review_failed", second)
    with world.reading() as session:
        assert session.get_one(Payment, payment.id).state == "voided"
    assert len(floor.sent("payment_void")) == 2


# --- the deadline to ship


def test_an_order_that_is_not_shipped_in_time_is_refunded(world: World, floor: Floor) -> None:
    number = world.order(items=TWO, coupon=900, shipping=600)
    paid = world.see(number).total_paid
    world.now = deadline(world, number, "ship_by")
    assert floor.due() == [number]
    view = floor.settle(number)
    assert view is not None
    assert (view.state, view.close_reason, view.cancelled_at) == ("cancelled", "ship_timeout", world.now)
    assert floor.refunds(number) == [("ship_timeout", paid)]
    assert floor.defects() == 1
    assert floor.told() == {"order_not_shipped": 1}
    assert floor.settle(number) is None
    assert (floor.money_back(number), floor.defects()) == (paid, 1)


@BOUNDARY
def test_the_rest_of_an_order_is_refunded_when_it_is_not_shipped_in_time(
    world: World, floor: Floor, late: timedelta, over: bool
) -> None:
    number = world.order(items=TWO, shipping=900, refund_shipping="never")
    floor.ship(number, lines={0: 1})
    left = world.now
    world.now = deadline(world, number, "ship_by") + late
    floor.settle(number)
    view = world.see(number)
    if not over:
        assert view.state == "partially_shipped"
        return
    assert (view.state, view.shipped_at) == ("shipped", left)
    assert [(line.qty_shipped, line.qty_cancelled, line.qty_refunded) for line in view.lines] == [(1, 1, 1), (0, 1, 1)]
    share = sum(line.refunded for line in view.lines)
    assert share == 2500 + 4000 + 250 + 400, "with its shipping: it is the seller's fault"
    assert floor.refunds(number) == [("ship_timeout", share)]
    assert floor.told() == {"order_part_not_shipped": 1}
    assert view.protect_until == left + timedelta(days=60)
    assert floor.settle(number) is None
    assert log_of_order(world, number)[-1] == ("partially_shipped", "shipped", "timer")


def log_of_order(world: World, number: str) -> list[tuple[str | None, str, str]]:
    with world.reading() as session:
        return [(row.from_state, row.to_state, row.actor_type) for row in log_of(session, world.see(number).id)]


def test_when_the_rest_falls_away_an_order_that_has_arrived_is_delivered(world: World, floor: Floor) -> None:
    number = world.order(items=TWO)
    floor.ship(number, lines={0: 2})
    world.now += DAY
    floor.scan("delivered")
    arrived = world.now
    world.now = deadline(world, number, "ship_by")
    view = floor.settle(number)
    assert view is not None
    assert (view.state, view.delivered_at) == ("delivered", arrived)
    assert view.protect_until == arrived + timedelta(days=15)


def test_when_the_rest_falls_away_an_order_that_was_lost_is_refunded(world: World, floor: Floor) -> None:
    number = world.order(items=TWO)
    floor.ship(number, lines={0: 2})
    floor.scan("lost")
    world.now = deadline(world, number, "ship_by")
    view = floor.settle(number)
    assert view is not None
    assert view.state == "closed"
    assert floor.refunds(number) == [("carrier", 5000), ("ship_timeout", 4000)]


def test_no_timer_moves_an_order_on_hold(world: World, floor: Floor) -> None:
    numbers = [world.order(state, items=TWO) for state in ("awaiting_payment", "payment_review", "to_ship")]
    for number in numbers:
        floor.hold(number)
    world.now += timedelta(days=90)
    assert floor.due() == []
    assert [floor.settle(number) for number in numbers] == [None] * 3
    for number in numbers:
        floor.release(number)
    assert sorted(floor.due()) == sorted(numbers)


def test_a_request_ends_with_the_order(world: World, floor: Floor) -> None:
    number = world.order(response_hours=999)
    request = world.ask(number)
    world.now = deadline(world, number, "ship_by")
    floor.settle(number)
    assert world.request_state(request) == "superseded"
    assert floor.refunds(number) == [("ship_timeout", 2500)]
    assert world.settle(request) is None


@pytest.mark.parametrize("first_looks", ["request", "order"])
@pytest.mark.parametrize(
    ("answer_after", "state", "cause"),
    [
        (-SECOND, "approved", "cancellation"),
        (0 * SECOND, "approved", "cancellation"),
        (SECOND, "superseded", "ship_timeout"),
    ],
)
def test_of_two_deadlines_the_earlier_decides_however_late_the_timer_looks(
    world: World, floor: Floor, first_looks: str, answer_after: timedelta, state: str, cause: str
) -> None:
    number = world.order()
    ship_by = deadline(world, number, "ship_by")
    world.now = ship_by - DAY + answer_after
    request = world.ask(number)
    world.now = ship_by + DAY
    looks: list[Callable[[], Any]] = [lambda: world.settle(request), lambda: floor.settle(number)]
    for look in looks if first_looks == "request" else reversed(looks):
        look()
    assert world.request_state(request) == state
    assert floor.refunds(number) == [(cause, 2500)]
    assert floor.defects() == (1 if cause == "ship_timeout" else 0)


@pytest.mark.parametrize("silence", ["reject", "escalate"])
def test_a_request_that_silence_does_not_approve_leaves_the_order_to_its_deadline(
    world: World, floor: Floor, silence: str
) -> None:
    number = world.order(on_silence=silence)
    request = world.ask(number)
    world.now = deadline(world, number, "ship_by") + DAY
    floor.settle(number)
    assert world.request_state(request) == ("expired" if silence == "reject" else "superseded")
    assert floor.refunds(number) == [("ship_timeout", 2500)]


def test_a_request_for_a_part_is_approved_and_the_rest_is_not_shipped(world: World, floor: Floor) -> None:
    number = world.order(items=TWO)
    view = world.see(number)
    with world.transaction() as session:
        offered = cancellations.quote(session, BUYER, number, world.now, pieces={view.lines[1].id: 1})
        cancellations.submit_cancellation(
            session, BUYER, offered.id, "no_longer_wanted", None, "k", world.now, conversation_id=None
        )
    world.now = deadline(world, number, "ship_by")
    floor.settle(number)
    assert floor.refunds(number) == [("cancellation", 4000), ("ship_timeout", 5000)]
    assert world.see(number).state == "cancelled"


# --- on hold


def test_a_hold_ends_a_request_and_both_are_told_once(world: World, floor: Floor) -> None:
    number = world.order()
    request = world.ask(number)
    view = floor.hold(number)
    assert (view.frozen, view.frozen_reason) == (True, "chargeback")
    assert floor.hold(number) == view
    assert world.request_state(request) == "superseded"
    world.now += DAY
    assert not floor.release(number).frozen
    assert not floor.release(number).frozen
    world.now += DAY
    assert floor.hold(number).frozen, "it may be held again"
    assert floor.told() == {"request_superseded": 1, "order_on_hold": 2, "order_off_hold": 1}


def test_a_second_reason_is_no_second_notice(world: World, floor: Floor) -> None:
    number = world.order()
    floor.hold(number, "payment_check")
    assert floor.hold(number, "chargeback").frozen_reason == "chargeback"
    assert floor.told() == {"order_on_hold": 1}


def test_unknown_orders_are_missing(world: World) -> None:
    for step in (fulfilment.settle, fulfilment.payment_captured, fulfilment.unfreeze):
        with pytest.raises(NotFound), world.transaction() as session:
            step(session, "0" * 32, world.now)


# --- the machine


@pytest.mark.parametrize("to", STATES)
@pytest.mark.parametrize("state", STATES)
def test_the_table_of_moves_holds_for_every_actor(world: World, state: str, to: str) -> None:
    number = world.order(state, items=TWO)
    for actor in ("buyer", "seller", "system", "timer", "psp", "carrier", "platform", "worker", "agent"):
        allowed = actor in ORDER_MACHINE.get((state, to), frozenset())
        try:
            with world.transaction() as session:
                orders.move(session, world.see(number).id, to, Actor(actor), world.now)
                raise _Undone
        except _Undone:
            assert allowed, f"{actor} moved {state} to {to}"
        except NotAllowed:
            assert not allowed, f"{actor} may move {state} to {to}"


class _Undone(Exception):
    """Takes a move back, so that the next actor finds the order as it was."""


def test_due_orders_come_longest_overdue_first_and_in_pages(world: World, floor: Floor) -> None:
    unpaid = world.order("awaiting_payment", ago=timedelta(days=1))
    older = world.order("awaiting_payment", ago=timedelta(days=2))
    unsent = world.order(ago=timedelta(hours=2))
    world.now += timedelta(days=30)
    assert floor.due() == [older, unpaid, unsent]
    with world.reading() as session:
        assert len(fulfilment.due(session, world.now, limit=2)) == 2


# --- races


def test_the_seller_and_the_timer_meet(world: World, floor: Floor) -> None:
    """One of them wins each order, and the money follows."""
    numbers = [world.order() for _ in range(6)]
    by = [deadline(world, number, "ship_by") for number in numbers]
    start = threading.Barrier(3)
    lost: list[str] = []

    def act(work: Callable[[Any, str, Any], Any]) -> None:
        start.wait()
        for number, ship_by in zip(numbers, by, strict=True):
            try:
                with world.transaction() as session:
                    work(session, number, ship_by)
            except RecourseError as error:
                lost.append(error.code)

    def ships(session: Any, number: str, ship_by: Any) -> None:
        fulfilment.seller_ships(session, number, "Parcelway", f"T{number}", ship_by - SECOND, SELLER)

    def times_out(session: Any, number: str, ship_by: Any) -> None:
        order_id = orders.get_by_number(session, number).id
        fulfilment.settle(session, order_id, ship_by)

    threads = [threading.Thread(target=act, args=(work,)) for work in (ships, times_out, times_out)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(lost) <= {"not_allowed", "conflict"}
    for number in numbers:
        state = world.see(number).state
        assert state in ("shipped", "cancelled")
        assert floor.money_back(number) == (2500 if state == "cancelled" else 0)
    ended = sum(world.see(number).state == "cancelled" for number in numbers)
    assert floor.defects() == ended
    assert floor.told()["order_not_shipped"] == ended


def test_due_orders_are_found_by_an_index(world: World) -> None:
    with world.reading() as session:
        postgres = session.get_bind().dialect.name == "postgresql"
        if postgres:
            # An empty table is read faster without an index or by any index and a sort; what counts is that the one for this
            # deadline can be used, in its order.
            session.execute(text("SET enable_seqscan = off"))
            session.execute(text("SET enable_sort = off"))
        for column, query in transit.due_queries(world.now, 100):
            plan = explain(session, query)
            assert (f"ix_orders_{column}" if postgres else "USING INDEX ix_orders_") in plan, plan


def explain(session: Session, query: Any) -> str:
    sql = str(query.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
    prefix = "EXPLAIN QUERY PLAN " if session.get_bind().dialect.name == "sqlite" else "EXPLAIN "
    return "\n".join(str(tuple(row)) for row in session.execute(text(prefix + sql)))
