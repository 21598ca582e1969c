"""From the quote to the submit: once, as shown, and only while it still holds."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from recourse.cancellations import service as cancellations
from recourse.cancellations.models import CancellationRequest, QuoteRow
from recourse.cancellations.service import Submitted
from recourse.core.db import new_id
from recourse.core.errors import IdempotencyMismatch, InvalidInput, NotAllowed, NotFound
from recourse.demo import shop
from recourse.demo.shop import Given, Item
from recourse.orders import service as orders
from recourse.orders.models import Order, Payment
from tests.unit.world import BALANCE, BUYER, CARD, NOW, OTHER, SELLER, World


def requests_in(world: World) -> int:
    with world.reading() as session:
        return session.scalar(select(func.count()).select_from(CancellationRequest)) or 0


def payment_states(world: World) -> list[str]:
    with world.reading() as session:
        return list(session.scalars(select(Payment.state).order_by(Payment.tender_rank)))


# --- the verdict and the quote


@pytest.mark.parametrize("state", ["shipped", "delivered", "completed", "cancelled", "closed"])
def test_there_is_no_quote_where_the_verdict_is_no(world: World, state: str) -> None:
    number = world.order(state)
    with pytest.raises(NotAllowed, match="cannot be cancelled"):
        world.quote(number)
    with world.reading() as session:
        verdict = cancellations.can_cancel(session, BUYER, number, NOW)
    assert verdict.rule.kind == "no"
    assert verdict.order.number == number


def test_another_buyers_order_has_no_verdict_and_no_quote(world: World) -> None:
    number = world.order(buyer=OTHER)
    with world.reading() as session, pytest.raises(NotFound):
        cancellations.can_cancel(session, BUYER, number, NOW)
    with pytest.raises(NotFound):
        world.quote(number)


def test_a_quote_is_stored_as_it_was_shown(world: World) -> None:
    number = world.order(coupon=500, ways=(CARD, BALANCE), shares=(1200,))
    quote_id = world.quote(number)
    with world.reading() as session:
        row = session.get_one(QuoteRow, quote_id)
    assert row.order_version == world.see(number).version
    assert row.expires_at == NOW + timedelta(minutes=30)
    assert row.terms["respond_by"] == "2026-11-25T12:00:00+00:00"
    assert row.terms["on_silence"] == "approve"
    assert [(leg["instrument"], leg["amount"]) for leg in row.terms["refund"]["legs"]] == [
        ("Visa ending 4242", 1200),
        ("your shop balance", 800),
    ]
    assert (row.terms["refund"]["coupon_credit"], row.terms["refund"]["fee"]) == (500, 0)


# --- the submit


def test_an_unpaid_order_is_cancelled_at_once(world: World) -> None:
    number = world.order("awaiting_payment", coupon=500)
    done = world.cancel(number)
    order = world.see(number)
    assert done.outcome == "cancelled"
    assert done.request is not None
    assert (done.request.state, done.request.decided_by, done.request.respond_by) == (
        "approved",
        "system_instant",
        None,
    )
    assert (order.state, order.cancelled_at, order.close_reason) == ("cancelled", NOW, "buyer_cancelled")
    assert [coupon.state for coupon in order.coupons] == ["released"]


def test_a_transfer_that_is_on_its_way_is_called_off(world: World) -> None:
    number = world.order("awaiting_payment")
    with world.transaction() as session:
        row = session.scalars(select(Order).where(Order.number == number)).one()
        shop.transfer(session, [row], [Given("bank", "bank account ending 3307", 2500)], NOW)
    assert world.cancel(number).outcome == "cancelled"
    assert payment_states(world) == ["voided"]


def test_an_order_under_review_is_cancelled_at_once_and_the_money_is_let_go(world: World) -> None:
    number = world.order("payment_review", coupon=500, ways=(CARD, BALANCE), shares=(1200,))
    done = world.cancel(number)
    assert done.outcome == "cancelled"
    assert world.see(number).state == "cancelled"
    assert payment_states(world) == ["voided", "voided"]


def test_a_paid_order_is_a_request_and_not_a_cancellation(world: World) -> None:
    number = world.order()
    done = world.submit(world.quote(number), reason="too_late", note="  It was meant for\0 Christmas. ")
    assert done.outcome == "requested"
    assert done.request is not None
    assert (done.request.state, done.request.respond_by) == ("pending_seller", NOW + timedelta(hours=24))
    assert (done.request.reason_code, done.request.note) == ("too_late", "It was meant for Christmas.")
    assert done.verdict.rule.why == "already_requested"
    assert world.see(number).state == "to_ship"


def test_a_long_note_is_cut(world: World) -> None:
    done = world.submit(world.quote(world.order()), note="x" * 3000)
    assert done.request is not None
    assert done.request.note == "x" * 500


@pytest.mark.parametrize(
    ("state", "reason"), [("to_ship", "cannot_pay"), ("awaiting_payment", "too_late"), ("to_ship", "")]
)
def test_a_reason_from_another_list_is_refused(world: World, state: str, reason: str) -> None:
    quote_id = world.quote(world.order(state))
    with pytest.raises(InvalidInput, match="is not a reason for an order"):
        world.submit(quote_id, reason=reason)
    assert requests_in(world) == 0


def test_lines_are_marked_as_cancelled_once_the_order_is(world: World) -> None:
    number = world.order("awaiting_payment", items=(Item("MUG", "Mug", 900, qty=3), Item("TRAY", "Tray", 1500)))
    world.cancel(number)
    with world.reading() as session:
        row = session.scalars(select(Order).where(Order.number == number)).one()
        assert [line.qty_cancelled for line in row.lines] == [3, 1]


# --- twice


def test_the_same_submit_twice_has_one_effect_and_one_answer(world: World) -> None:
    number = world.order()
    quote_id = world.quote(number)
    first = world.submit(quote_id, key="k")
    world.now += timedelta(hours=1)
    second = world.submit(quote_id, key="k")
    assert second.outcome == first.outcome == "requested"
    assert second.request == first.request
    assert requests_in(world) == 1


def test_a_repeated_submit_answers_with_what_became_of_it(world: World) -> None:
    quote_id = world.quote(world.order())
    first = world.submit(quote_id, key="k")
    assert first.request is not None
    world.approve(first.request.id)
    again = world.submit(quote_id, key="k")
    assert again.outcome == "requested"
    assert again.request is not None
    assert again.request.state == "approved"
    assert again.verdict.order.state == "cancelled"


@pytest.mark.parametrize("change", [{"reason": "other"}, {"note": "another"}])
def test_the_same_key_with_other_parameters_does_nothing(world: World, change: dict[str, str]) -> None:
    quote_id = world.quote(world.order())
    world.submit(quote_id, key="k")
    with pytest.raises(IdempotencyMismatch):
        world.submit(quote_id, key="k", **change)  # type: ignore[arg-type]
    assert requests_in(world) == 1


def test_the_same_key_with_another_quote_does_nothing(world: World) -> None:
    first, second = world.order(), world.order()
    world.submit(world.quote(first), key="k")
    with pytest.raises(IdempotencyMismatch):
        world.submit(world.quote(second), key="k")
    assert world.see(second).state == "to_ship"


def test_a_second_submit_with_another_key_finds_the_open_request(world: World) -> None:
    quote_id = world.quote(world.order())
    first = world.submit(quote_id)
    second = world.submit(quote_id)
    assert second.outcome == "already_requested"
    assert second.request == first.request


def test_a_rejected_buyer_may_ask_again(world: World) -> None:
    number = world.order()
    world.reject(world.ask(number))
    world.now += timedelta(minutes=1)
    again = world.cancel(number)
    assert again.outcome == "requested"
    assert requests_in(world) == 2


# --- the deal changed


def ship(world: World, number: str) -> None:
    world.ship(number)


def freeze(world: World, number: str) -> None:
    world.set_order(number, frozen=True, frozen_reason="payment_check")


def sell_out(world: World, number: str) -> None:
    with world.transaction() as session:
        order = orders.get_by_number(session, number)
        orders.move(session, order.id, "cancelled", SELLER, world.now, "out of stock", cancelled_at=world.now)
        orders.cancel_pieces(session, order.id, order.unsent)


@pytest.mark.parametrize(("event", "why"), [(ship, "shipped"), (freeze, "frozen"), (sell_out, "already_cancelled")])
def test_an_order_that_left_in_between_is_refused_with_the_reason(world: World, event: object, why: str) -> None:
    number = world.order()
    quote_id = world.quote(number)
    event(world, number)  # type: ignore[operator]
    done = world.submit(quote_id)
    assert (done.outcome, done.verdict.rule.why) == ("refused", why)
    assert done.request is None
    assert requests_in(world) == 0


def test_an_old_yes_does_not_stand_for_a_new_deal(world: World) -> None:
    """Unpaid when shown, paid when submitted: it would now be a request with a refund."""
    number = world.order("awaiting_payment")
    old = world.quote(number)
    with world.transaction() as session:
        row = session.scalars(select(Order).where(Order.number == number)).one()
        shop.pay(session, [row], [Given(*CARD, 2500)], NOW)
    done = world.submit(old)
    assert done.outcome == "requote"
    assert done.quote is not None
    assert done.quote.terms.kind == "request"
    assert requests_in(world) == 0
    assert world.submit(done.quote.id).outcome == "requested"
    assert world.submit(old).outcome == "already_requested"


@pytest.mark.parametrize(("minutes", "outcome"), [(29.99, "requested"), (30, "requote"), (60 * 24, "requote")])
def test_a_quote_lasts_half_an_hour(world: World, minutes: float, outcome: str) -> None:
    quote_id = world.quote(world.order())
    world.now += timedelta(minutes=minutes)
    done = world.submit(quote_id)
    assert done.outcome == outcome
    if done.quote is not None:
        assert world.submit(done.quote.id).outcome == "requested"


def test_the_deadline_runs_from_the_submit_and_not_from_the_quote(world: World) -> None:
    quote_id = world.quote(world.order())
    world.now += timedelta(minutes=20)
    done = world.submit(quote_id)
    assert done.request is not None
    assert done.request.respond_by == NOW + timedelta(hours=24, minutes=20)


def test_another_buyers_quote_does_not_exist(world: World) -> None:
    number = world.order(buyer=OTHER)
    theirs = world.quote(number, OTHER)
    messages = []
    for quote_id in (theirs, new_id()):
        with pytest.raises(NotFound) as caught:
            world.submit(quote_id)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert world.see(number).state == "to_ship"


# --- at the same time


def at_once(world: World, submits: list[tuple[str, str]]) -> list[Submitted]:
    """Submit all (quote, key) pairs from threads that start together."""
    start, done = threading.Barrier(len(submits)), []

    def run(quote_id: str, key: str) -> None:
        start.wait()
        done.append(world.submit(quote_id, key=key))

    threads = [threading.Thread(target=run, args=pair) for pair in submits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def test_two_conversations_that_race_make_one_request(world: World) -> None:
    number = world.order()
    done = at_once(world, [(world.quote(number), new_id()) for _ in range(4)])
    assert sorted(each.outcome for each in done) == ["already_requested"] * 3 + ["requested"]
    assert len({each.request.id for each in done if each.request}) == 1
    assert requests_in(world) == 1


def test_a_double_click_makes_one_request(world: World) -> None:
    quote_id = world.quote(world.order())
    done = at_once(world, [(quote_id, "same")] * 4)
    assert [each.outcome for each in done] == ["requested"] * 4
    assert len({each.request.id for each in done if each.request}) == 1
    assert requests_in(world) == 1


def test_racing_instant_cancellations_cancel_once(world: World) -> None:
    number = world.order("payment_review")
    done = at_once(world, [(world.quote(number), new_id()) for _ in range(3)])
    assert sorted(each.outcome for each in done) == ["cancelled", "refused", "refused"]
    assert {each.verdict.rule.why for each in done} == {"already_cancelled"}


@pytest.mark.parametrize("round_", range(3))
def test_one_key_that_races_for_two_orders_has_one_effect(world: World, round_: int) -> None:
    quotes = [world.quote(world.order()) for _ in range(3)]
    start, done = threading.Barrier(3), []

    def run(quote_id: str) -> None:
        start.wait()
        try:
            done.append(world.submit(quote_id, key="same").outcome)
        except IdempotencyMismatch:
            done.append("mismatch")

    threads = [threading.Thread(target=run, args=(quote_id,)) for quote_id in quotes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["mismatch", "mismatch", "requested"]
    assert requests_in(world) == 1


@pytest.mark.parametrize("key", ["", "k" * 129])
def test_a_key_fits_its_column(world: World, key: str) -> None:
    quote_id = world.quote(world.order())
    with world.transaction() as session, pytest.raises(InvalidInput, match="1 to 128 characters"):
        cancellations.submit_cancellation(session, BUYER, quote_id, "other", None, key, NOW)
