"""Chargebacks: while a bank disputes a payment its orders are on hold, and the same money is never given twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from recourse.core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from recourse.core.money import Money
from recourse.core.transitions import Actor
from recourse.payments import chargebacks
from recourse.payments.chargebacks import ChargebackView
from recourse.payments.rules import CHARGEBACK_MACHINE, closing_path
from recourse.refunds import service as refunds
from tests.unit.payments.stubs import StubProvider, deliver
from tests.unit.refunds.scenes import alerts, cancelled, say, see, send
from tests.unit.world import BALANCE, BUYER, CARD, NOW, World

STAFF = Actor("platform", "a-1")
WEEK = timedelta(days=7)


def payment_of(world: World, number: str, place: int = 0) -> str:
    return world.see(number).tenders[place].payment_id


def open_one(
    world: World, number: str, amount: int = 2500, ref: str = "cb-1", place: int = 0, **values: Any
) -> ChargebackView:
    with world.transaction() as session:
        return chargebacks.opened(
            session, payment_of(world, number, place), ref, Money(amount, values.get("currency", "EUR")), "fraudulent",
            world.now + WEEK, world.now,
        )  # fmt: skip


def decide(world: World, outcome: str, ref: str = "cb-1") -> ChargebackView:
    with world.transaction() as session:
        return chargebacks.decided(session, ref, outcome, world.now)


def settle(world: World, chargeback_id: str) -> ChargebackView | None:
    with world.transaction() as session:
        return chargebacks.settle(session, chargeback_id, world.now)


def test_opening_one_puts_the_order_on_hold(world: World) -> None:
    number = world.order()
    made = open_one(world, number)
    order = world.see(number)
    assert (order.frozen, order.frozen_reason, order.issue) == (True, "chargeback", "chargeback")
    assert (made.state, made.due_by, made.order_ids) == ("needs_response", world.now + WEEK, (order.id,))
    assert alerts(world) == ["chargeback_opened"]
    assert open_one(world, number).id == made.id, "hearing of it twice changes nothing"


def test_no_refund_is_granted_or_sent_meanwhile(world: World) -> None:
    number, provider = cancelled(world), StubProvider()
    (leg,) = world.refunds(number)[0].legs
    open_one(world, number)
    assert deliver(world, provider) == 0
    assert see(world, leg.id).state == "created"
    assert provider.calls == []
    decide(world, "won")
    assert deliver(world, provider, timedelta(minutes=10)) == 1


def test_an_open_request_ends_and_none_is_approved_meanwhile(world: World) -> None:
    number = world.order()
    request = world.ask(number)
    open_one(world, number)
    assert world.request_state(request) == "superseded"
    assert world.refunds(number) == []


def test_a_reversed_refund_waits_for_the_banks_decision(world: World) -> None:
    number = cancelled(world)
    (leg,) = world.refunds(number)[0].legs
    send(world, leg.id)
    say(world, leg.id, "succeeded")
    open_one(world, number)
    world.now += timedelta(minutes=1)
    say(world, leg.id, "reversed")
    assert see(world, leg.id).replaced_by is None
    with pytest.raises(NotAllowed, match="on hold"), world.transaction() as session:
        refunds.choose_route(session, BUYER, leg.id, "again", world.now)
    world.now += timedelta(minutes=1)
    decide(world, "won")
    assert see(world, leg.id).replaced_by is not None


def test_a_won_one_gives_the_order_free(world: World) -> None:
    number = world.order("shipped")
    open_one(world, number)
    assert decide(world, "won").closed_at == world.now
    order = world.see(number)
    assert (order.state, order.frozen, order.issue) == ("shipped", False, None)
    assert decide(world, "won").state == "won"
    assert decide(world, "lost").state == "won", "what has ended has ended"


@pytest.mark.parametrize(
    ("state", "ended"),
    [("to_ship", "cancelled"), ("shipped", "closed"), ("delivered", "closed"), ("completed", "closed")],
)
def test_a_lost_one_ends_an_order_of_which_nothing_is_left(world: World, state: str, ended: str) -> None:
    number = world.order(state)
    open_one(world, number)
    decide(world, "lost")
    order = world.see(number)
    assert (order.state, order.close_reason, order.frozen, order.issue) == (ended, "chargeback_lost", False, None)
    assert (order.tenders[0].left, order.tenders[0].charged_back) == (0, 2500)
    assert world.refunds(number) == []


@pytest.mark.parametrize(("state", "amount"), [("partially_shipped", 4300), ("to_ship", 1000)])
def test_an_order_that_cannot_end_stays_on_hold_for_a_person(world: World, state: str, amount: int) -> None:
    number = world.order(state)
    amount = world.see(number).total_paid if state == "partially_shipped" else amount
    open_one(world, number, amount)
    decide(world, "lost")
    order = world.see(number)
    assert (order.state, order.frozen_reason, order.issue) == (state, "chargeback_lost", None)
    assert order.tenders[0].left == order.total_paid - amount
    assert alerts(world) == ["chargeback_opened", "order_without_money"]


def test_what_was_promised_and_not_sent_is_stopped(world: World) -> None:
    number, provider = cancelled(world), StubProvider()
    (leg,) = world.refunds(number)[0].legs
    open_one(world, number)
    decide(world, "lost")
    assert (see(world, leg.id).state, see(world, leg.id).failure_reason) == ("cancelled", "chargeback_lost")
    assert deliver(world, provider, timedelta(days=1)) == 1
    assert provider.refunds == {}
    with pytest.raises(NotAllowed, match="bank has paid"), world.transaction() as session:
        refunds.choose_route(session, BUYER, leg.id, "balance", world.now)
    assert alerts(world) == ["chargeback_opened"]


def test_a_failed_refund_is_not_sent_again_after_the_bank_has_paid(world: World) -> None:
    number = cancelled(world)
    (leg,) = world.refunds(number)[0].legs
    send(world, leg.id)
    say(world, leg.id, "failed", reason="expired_or_canceled_card")
    open_one(world, number)
    decide(world, "lost")
    with pytest.raises(NotAllowed, match="bank has paid"), world.transaction() as session:
        refunds.choose_route(session, BUYER, leg.id, "balance", world.now)


def test_money_that_was_refunded_before_is_lost_twice_and_staff_hear_of_it(world: World) -> None:
    number = cancelled(world)
    (leg,) = world.refunds(number)[0].legs
    send(world, leg.id)
    say(world, leg.id, "processing")
    open_one(world, number)
    decide(world, "lost")
    assert set(alerts(world)) == {"chargeback_opened", "refund_of_charged_back_money", "chargeback_paid_twice"}


def test_only_the_disputed_tender_is_gone(world: World) -> None:
    number = world.order(ways=(CARD, BALANCE), shares=(1500,))
    open_one(world, number, 1500)
    decide(world, "lost")
    assert [each.left for each in world.see(number).tenders] == [0, 1000]


def test_an_order_stays_on_hold_while_another_chargeback_is_open(world: World) -> None:
    number = world.order(ways=(CARD, ("paypal", "PayPal b@example.com")), shares=(1500,))
    open_one(world, number, 1500, "cb-1", 0)
    open_one(world, number, 1000, "cb-2", 1)
    decide(world, "won", "cb-1")
    assert world.see(number).issue == "chargeback"
    decide(world, "won", "cb-2")
    assert (world.see(number).issue, world.see(number).frozen) == (None, False)


@pytest.mark.parametrize(("off", "state"), [(-1, None), (0, "lost"), (1, "lost")])
def test_silence_loses_it_at_its_deadline(world: World, off: int, state: str | None) -> None:
    number = world.order()
    made = open_one(world, number)
    world.now = made.due_by + timedelta(seconds=off)
    with world.reading() as session:
        assert list(chargebacks.due(session, world.now)) == ([made.id] if state else [])
    done = settle(world, made.id)
    assert (done.state if done else None) == state
    assert settle(world, made.id) is None


def test_staff_answer_in_time_or_not_at_all(world: World) -> None:
    number = world.order()
    made = open_one(world, number)
    with world.transaction() as session:
        assert chargebacks.evidence_submitted(session, made.id, STAFF, world.now).state == "under_review"
    with world.transaction() as session:
        assert chargebacks.evidence_submitted(session, made.id, STAFF, world.now).state == "under_review"
    world.now = made.due_by
    assert settle(world, made.id) is None
    other = world.order()
    late = open_one(world, other, ref="cb-2")
    world.now = late.due_by
    with pytest.raises(Conflict, match="time to answer"), world.transaction() as session:
        chargebacks.evidence_submitted(session, late.id, STAFF, world.now)


def test_staff_may_accept_it(world: World) -> None:
    number = world.order()
    made = open_one(world, number)
    for _ in range(2):
        with world.transaction() as session:
            assert chargebacks.accept(session, made.id, STAFF, world.now).state == "lost"
    assert world.see(number).state == "cancelled"


def test_the_amount_must_be_of_the_payment(world: World) -> None:
    number = world.order()
    for values in ({"amount": 0}, {"currency": "USD"}):
        with pytest.raises(InvalidInput, match="more than zero"):
            open_one(world, number, **values)
    with pytest.raises(NotFound):
        decide(world, "won", "unknown")
    with pytest.raises(InvalidInput):
        decide(world, "drawn")


@pytest.mark.parametrize("state", ["needs_response", "under_review", "won", "lost"])
@pytest.mark.parametrize("outcome", ["won", "lost"])
@pytest.mark.parametrize("late", [False, True])
def test_every_way_to_the_end_is_in_the_machine(state: str, outcome: str, late: bool) -> None:
    path = closing_path(state, outcome, NOW, NOW + timedelta(seconds=0 if late else -1))
    for to, actor in path:
        assert actor in CHARGEBACK_MACHINE[(state, to)]
        state = to
    assert state in ("won", "lost")
