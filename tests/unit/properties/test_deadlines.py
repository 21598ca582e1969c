"""The table of deadlines: a second before it the human decides, from it on the timer, and exactly one of them (invariant 16).

The same on nights when clocks change, on leap days, at the turn of the year, and when a policy changes meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core.calendar import add_business_days
from recourse.core.db import new_id
from recourse.core.errors import RecourseError
from recourse.core.money import Money
from recourse.core.transitions import Actor
from recourse.customers.models import Customer
from recourse.disputes import service as disputes
from recourse.fulfilment import service as fulfilment
from recourse.messages import offers
from recourse.orders.deadlines import ship_deadline
from recourse.orders.rules import OrderView
from recourse.payments import chargebacks
from recourse.privacy import service as privacy
from recourse.refunds import legs
from recourse.refunds import service as refunds
from recourse.refunds.models import RefundLeg
from recourse.returns import service as returns
from recourse.returns.rules import withdrawal_deadline
from recourse.sellers.models import SellerPolicy
from recourse.sellers.rules import Policy
from recourse.worker import MACHINES
from tests.unit.world import BUYER, NOW, SELLER, World

SECOND = timedelta(seconds=1)
AGENT = Actor("platform", "agent-1")
Deed = Callable[[Session, datetime], Any]


@dataclass(frozen=True)
class Case:
    """Something with a deadline. ``human`` is what somebody may do before it; None where nobody but the timer decides."""

    machine: str
    id: str
    deadline: datetime
    human: Deed | None


def _request(world: World, human: str) -> Case:
    row = world.request(world.ask(world.order()))
    assert row.respond_by
    deeds: dict[str, Deed] = {
        "approve": lambda s, at: cancellations.seller_approves(s, row.id, at, SELLER),
        "reject": lambda s, at: cancellations.seller_rejects(s, row.id, "No", None, at, SELLER),
        "platform": lambda s, at: cancellations.platform_decides(s, row.id, True, "Yes", at, AGENT),
    }
    return Case("request", row.id, row.respond_by, deeds[human])


def _order(world: World, state: str, field: str, human: Callable[[OrderView], Deed] | None) -> Case:
    order = world.see(world.order(state))
    deadline = getattr(order, field)
    if deadline is None:
        deadline = world.now + timedelta(days=60)
        world.set_order(order.number, **{field: deadline})
        order = world.see(order.number)
    return Case("order", order.id, deadline, human(order) if human else None)


def _ships(order: OrderView) -> Deed:
    return lambda s, at: fulfilment.seller_ships(s, order.number, "Parcelway", "PW900", at, SELLER)


def _dispute(world: World, wanted: str = "partial") -> disputes.DisputeView:
    order = world.see(world.order("delivered", ago=timedelta(hours=1)))
    amount = 100 if wanted == "partial" else None
    with world.transaction() as session:
        return disputes.open_dispute(
            session, BUYER, order.number, order.lines[0].id, 1, "not_as_described", "damaged", wanted, amount, None,
            new_id(), world.now,
        )  # fmt: skip


def _dispute_answer(world: World) -> Case:
    row = _dispute(world)
    return Case(
        "dispute", row.id, row.respond_by, lambda s, at: disputes.seller_rejects(s, "acme", row.id, "No", at)
    )  # fmt: skip


def _dispute_talk(world: World) -> Case:
    row = _dispute(world)
    with world.transaction() as session:
        row = disputes.seller_rejects(session, "acme", row.id, "No", world.now)
    assert row.negotiate_by
    return Case(
        "dispute", row.id, row.negotiate_by,
        lambda s, at: disputes.buyer_counters(s, BUYER, row.id, "partial", 90, None, new_id(), at),
    )  # fmt: skip


def _dispute_return(world: World, sent: bool) -> Case:
    row = _dispute(world, "return_refund")
    with world.transaction() as session:
        proposal = row.events[0].id
        row = disputes.seller_accepts(session, "acme", row.id, proposal, world.now)
        if sent:
            disputes.send_back(session, BUYER, row.id, "Parcelway", "BACK1", world.now)
            disputes.carrier_received(session, "Parcelway", "BACK1", world.now)
            row = disputes.get(session, row.id)
    if sent:
        assert row.inspect_by
        return Case(
            "dispute", row.id, row.inspect_by, lambda s, at: disputes.seller_contests(s, "acme", row.id, "Empty", at)
        )
    assert row.ship_back_by
    return Case(
        "dispute", row.id, row.ship_back_by,
        lambda s, at: disputes.send_back(s, BUYER, row.id, "Parcelway", "BACK1", at),
    )  # fmt: skip


def _return(world: World, upto: str) -> Case:
    order = world.see(world.order("delivered", ago=timedelta(hours=1)))
    now = world.now
    with world.transaction() as session:
        row = returns.request_return(
            session, BUYER, order.number, {order.lines[0].id: 1}, "no_longer_wanted", None, new_id(), now
        )
        if upto == "answer":
            assert row.respond_by
            return Case(
                "return", row.id, row.respond_by, lambda s, at: returns.seller_declines(s, "acme", row.id, "No", at)
            )
        row = returns.seller_approves(session, "acme", row.id, None, now)
        if upto == "send":
            assert row.ship_back_by
            return Case(
                "return", row.id, row.ship_back_by,
                lambda s, at: returns.send_back(s, BUYER, row.id, "Parcelway", "BACK2", at),
            )  # fmt: skip
        returns.send_back(session, BUYER, row.id, "Parcelway", "BACK2", now)
        returns.carrier_received(session, "Parcelway", "BACK2", now)
        row = returns.get(session, row.id)
    assert row.inspect_by
    return Case("return", row.id, row.inspect_by, None)


def _offer(world: World) -> Case:
    with world.transaction() as session:
        row = offers.offer(session, "acme", world.order(), 100, "Keep it", world.now)
    return Case("offer", row.id, row.open_until, lambda s, at: offers.accept_offer(s, BUYER, row.id, at))


def _bank_details(world: World) -> Case:
    world.approve(world.ask(world.order(ways=(("bank", "Bank account"),))))
    deadline = world.now + timedelta(days=14)
    with world.transaction() as session:
        leg = session.scalars(select(RefundLeg)).one()
        legs.start_sending(session, leg.id, world.now)
        refunds.record_result(
            session, "requires_action", world.now, world.now, leg_id=leg.id, action_url="https://pay.example/x",
            action_by=deadline,
        )  # fmt: skip
        return Case(
            "refund_leg", leg.id, deadline, lambda s, at: refunds.give_bank_details(s, BUYER, leg.id, at)
        )  # fmt: skip


def _chargeback(world: World) -> Case:
    payment_id = world.see(world.order()).tenders[0].payment_id
    deadline = world.now + timedelta(days=7)
    with world.transaction() as session:
        row = chargebacks.opened(session, payment_id, "cb-1", Money(100, "EUR"), "fraud", deadline, world.now)
    return Case(
        "chargeback", row.id, deadline, lambda s, at: chargebacks.evidence_submitted(s, row.id, AGENT, at)
    )  # fmt: skip


def _erasure(world: World) -> Case:
    with world.transaction() as session:
        row = privacy.request_erasure(session, BUYER, world.now, new_id())
    assert row.verify_by
    return Case(
        "erasure", row.id, row.verify_by, lambda s, at: privacy.verify(s, BUYER, row.id, at - SECOND, at)
    )  # fmt: skip


CASES: dict[str, Callable[[World], Case]] = {
    "the seller approves": lambda w: _request(w, "approve"),
    "the seller rejects": lambda w: _request(w, "reject"),
    "the platform decides": lambda w: _request(w, "platform"),
    "payment": lambda w: _order(w, "awaiting_payment", "pay_by", None),
    "payment check": lambda w: _order(w, "payment_review", "review_by", None),
    "the seller ships": lambda w: _order(w, "to_ship", "ship_by", _ships),
    "the seller ships the rest": lambda w: _order(w, "partially_shipped", "ship_by", _ships),
    "protection of a sent order": lambda w: _order(w, "shipped", "protect_until", None),
    "protection of a delivered order": lambda w: _order(w, "delivered", "protect_until", None),
    "the seller answers a dispute": _dispute_answer,
    "negotiation": _dispute_talk,
    "goods of a dispute are sent back": lambda w: _dispute_return(w, sent=False),
    "goods of a dispute are looked at": lambda w: _dispute_return(w, sent=True),
    "the seller answers a return": lambda w: _return(w, "answer"),
    "the buyer sends back": lambda w: _return(w, "send"),
    "the seller looks at what came back": lambda w: _return(w, "look"),
    "an offer": _offer,
    "bank details": _bank_details,
    "a chargeback is answered": _chargeback,
    "an erasure is confirmed": _erasure,
}


def decide(world: World, case: Case, offset: timedelta) -> None:
    """Who decides ``offset`` after the deadline, and that it is exactly one."""
    at = case.deadline + offset
    machine = next(each for each in MACHINES if each.machine == case.machine)
    with world.reading() as session:
        assert (case.id in machine.due(session, at, 100)) is (offset >= timedelta(0))
    if offset < timedelta(0):
        with world.transaction() as session:
            assert machine.settle(session, case.id, at) is None
        if case.human:
            with world.transaction() as session:
                case.human(session, at)
        return
    if case.human:
        with pytest.raises(RecourseError), world.transaction() as session:
            case.human(session, at)
    with world.transaction() as session:
        assert machine.settle(session, case.id, at) is not None
    with world.transaction() as session:
        assert machine.settle(session, case.id, at) is None


@pytest.mark.parametrize("offset", [-SECOND, timedelta(0), SECOND], ids=["before", "at", "after"])
@pytest.mark.parametrize("name", CASES)
def test_one_decides(world: World, name: str, offset: timedelta) -> None:
    decide(world, CASES[name](world), offset)


MOMENTS = {
    "clocks go forward in Berlin": ("Europe/Berlin", datetime(2026, 3, 28, 12, 30, tzinfo=UTC)),
    "clocks go back in Berlin": ("Europe/Berlin", datetime(2026, 10, 24, 12, 30, tzinfo=UTC)),
    "clocks go forward in New York": ("America/New_York", datetime(2026, 3, 7, 20, tzinfo=UTC)),
    "clocks go back in New York": ("America/New_York", datetime(2026, 10, 31, 20, tzinfo=UTC)),
    "leap day": ("UTC", datetime(2028, 2, 28, 18, tzinfo=UTC)),
    "turn of the year": ("Asia/Tokyo", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_hours_are_elapsed_hours_on_any_day(world: World, name: str) -> None:
    """A day of 23 or 25 hours, or one that most years do not have, moves no deadline and no boundary."""
    zone, world.now = MOMENTS[name]
    with world.transaction() as session:
        session.execute(update(Customer).values(timezone=zone))
    for case in (_request(world, "approve"), _dispute_answer(world), _return(world, "answer"), _offer(world)):
        decide(world, case, -SECOND)
    for case in (_request(world, "approve"), _dispute_answer(world), _return(world, "answer"), _offer(world)):
        hours = {"request": 24, "dispute": 5 * 24, "return": 24, "offer": 72}[case.machine]
        assert case.deadline - world.now == timedelta(hours=hours)
        decide(world, case, timedelta(0))


def test_a_naive_day_would_be_an_hour_off() -> None:
    """Why local time is for display only: the same day later by the wall clock is not 24 hours later on these nights."""
    for name, hours in {"clocks go forward in Berlin": 23, "clocks go back in Berlin": 25}.items():
        zone, start = MOMENTS[name]
        local = start.astimezone(ZoneInfo(zone))
        assert (local + timedelta(days=1)).astimezone(UTC) - start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2026, 12, 21), 20, date(2027, 1, 20)),
        (date(2026, 12, 31), 1, date(2027, 1, 4)),
        (date(2028, 2, 28), 1, date(2028, 2, 29)),
        (date(2027, 3, 25), 1, date(2027, 3, 30)),
    ],
)
def test_business_days_skip_weekends_and_bank_holidays(start: date, days: int, end: date) -> None:
    assert add_business_days(start, days) == end


def test_the_time_to_ship_is_counted_in_business_days() -> None:
    paid = datetime(2026, 12, 21, 23, 59, 59, tzinfo=UTC)
    assert ship_deadline(paid, Policy(ship_deadline_bd=20)) == datetime(2027, 1, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("received", "zone", "country", "deadline"),
    [
        ("2026-03-15T12:00:00+00:00", "Europe/Berlin", "DE", "2026-03-30T22:00:00+00:00"),  # 29 March is a Sunday
        ("2026-10-11T12:00:00+00:00", "Europe/Berlin", "DE", "2026-10-26T23:00:00+00:00"),
        ("2028-02-15T12:00:00+00:00", "Europe/Berlin", "DE", "2028-02-29T23:00:00+00:00"),
        ("2026-12-11T12:00:00+00:00", "Europe/Paris", "FR", "2026-12-28T23:00:00+00:00"),  # 25 December, then a weekend
    ],
)
def test_the_right_to_withdraw_ends_with_a_day_at_the_buyers_place(
    received: str, zone: str, country: str, deadline: str
) -> None:
    assert withdrawal_deadline(datetime.fromisoformat(received), zone, country) == datetime.fromisoformat(deadline)


@pytest.mark.parametrize(("offset", "within"), [(-SECOND, True), (timedelta(0), False), (SECOND, False)])
@pytest.mark.parametrize("handled", [timedelta(0), timedelta(days=3)])
def test_a_withdrawal_counts_from_its_receipt(
    world: World, offset: timedelta, within: bool, handled: timedelta
) -> None:
    """However late it is handled (invariant 28)."""
    order = world.see(world.order("delivered"))
    assert order.delivered_at
    deadline = withdrawal_deadline(order.delivered_at, "UTC", "DE")
    with world.transaction() as session:
        done = returns.declare_withdrawal(
            session, BUYER, order.number, None, deadline + offset, deadline + offset + handled, new_id()
        )
    assert done.within is within


def test_a_quote_is_good_until_its_last_second(world: World) -> None:
    for offset, outcome in ((-SECOND, "requested"), (timedelta(0), "requote"), (SECOND, "requote")):
        world.now = NOW
        quote = world.quote(world.order())
        world.now = NOW + timedelta(minutes=30) + offset
        assert world.submit(quote).outcome == outcome


def test_a_policy_that_changes_moves_nothing_that_was_promised(world: World) -> None:
    """Deadlines and what silence means are those of the order's own policy (invariant 15)."""
    cases = [_request(world, "approve"), _dispute_answer(world), _return(world, "answer")]
    waiting = world.order()
    with world.transaction() as session:
        session.execute(
            update(SellerPolicy).values(
                response_hours=1, on_silence="reject", dispute_response_days=1, negotiation_days=1, ship_back_days=1
            )
        )
    for case in cases:
        decide(world, case, timedelta(0))
    with world.reading() as session:
        assert cancellations.get(session, cases[0].id).state == "approved"
    late = world.request(world.ask(waiting))
    assert late.respond_by == world.now + timedelta(hours=24), "a request made later, for an order placed before"
