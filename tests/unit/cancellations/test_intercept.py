"""Calling back a parcel: only where the policy lets the seller be asked, only with an explicit yes, and at its price."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recourse.core.errors import NotAllowed
from recourse.demo.shop import Item
from tests.unit.world import BALANCE, CARD, MUG, TRAY, World

DAY = timedelta(hours=24)
ASK = {"after_shipment": "ask_seller"}
FEE = {**ASK, "fee_kind": "percent", "fee_value": 1000, "clause": "Calling a parcel back costs ten per cent."}


def test_the_seller_says_yes_and_all_that_is_left_comes_back(world: World) -> None:
    number = world.order("shipped", items=(MUG, TRAY), coupon=400, ways=(CARD, BALANCE), shares=(2000,), **FEE)
    done = world.cancel(number)
    assert (done.outcome, done.request and done.request.kind) == ("requested", "intercept")
    assert world.see(number).state == "shipped"
    assert done.request is not None
    world.approve(done.request.id)
    order = world.see(number)
    assert (order.state, order.close_reason, order.cancelled_at) == ("closed", "intercepted", None)
    assert [(line.qty_cancelled, line.qty_returned, line.qty_refunded) for line in order.lines] == [(0, 0, 1)] * 2
    (refund,) = world.refunds(number)
    assert (refund.fee.amount_minor, refund.legs_total.amount_minor, refund.coupon_credit.amount_minor) == (
        400, 3200, 400,
    )  # fmt: skip


def test_a_part_that_was_cancelled_before_does_not_come_back_twice(world: World) -> None:
    number = world.order("partially_shipped", items=(Item("MUG", "Mug", 1000, qty=2), TRAY), **ASK)
    world.approve(world.ask(number))
    world.approve(world.ask(number))
    assert world.see(number).state == "closed"
    assert [refund.legs_total.amount_minor for refund in world.refunds(number)] == [1500, 2000]


def test_the_fee_is_shown_before_a_reason_and_waived_for_the_sellers_fault(world: World) -> None:
    number = world.order("shipped", **FEE)
    assert world.offer(number).terms.fee == 250
    assert world.offer(number, reason="no_longer_wanted").terms.fee == 250
    assert world.offer(number, reason="seller_asked").terms.fee == 0


def test_a_reason_that_changes_the_fee_is_another_deal(world: World) -> None:
    number = world.order("shipped", **FEE)
    shown = world.quote(number)
    done = world.submit(shown, reason="seller_asked")
    assert (done.outcome, done.changed) == ("requote", ("amount", "fee"))
    assert done.quote is not None
    assert (done.quote.terms.fee, done.quote.terms.refund.legs_total) == (0, 2500)
    again = world.submit(done.quote.id, reason="seller_asked")
    assert again.outcome == "requested"
    assert again.request is not None
    world.approve(again.request.id)
    (refund,) = world.refunds(number)
    assert (refund.fee.amount_minor, refund.legs_total.amount_minor) == (0, 2500)


@pytest.mark.parametrize(("rule", "back"), [("never", 2500), ("unsent_only", 2500), ("always", 3100)])
def test_shipping_that_was_used_stays_paid_unless_the_policy_says_always(world: World, rule: str, back: int) -> None:
    number = world.order("shipped", shipping=600, refund_shipping=rule, **ASK)
    assert world.offer(number).terms.refund.legs_total == back
    assert world.offer(number, reason="seller_asked").terms.refund.legs_total == 3100
    world.approve(world.ask(number))
    (refund,) = world.refunds(number)
    assert refund.legs_total.amount_minor == back


def test_a_fee_is_never_more_than_the_money(world: World) -> None:
    number = world.order("shipped", fee_kind="fixed", fee_value=99_999, clause="Dear.", **ASK)
    world.approve(world.ask(number))
    (refund,) = world.refunds(number)
    assert (refund.fee.amount_minor, refund.legs) == (2500, ())


@pytest.mark.parametrize("on_silence", ["approve", "reject"])
def test_silence_never_calls_back_what_was_sent(world: World, on_silence: str) -> None:
    number = world.order("shipped", on_silence=on_silence, **ASK)
    assert world.offer(number).terms.on_silence == "reject"
    request_id = world.ask(number)
    world.now += DAY
    assert world.settle(request_id) == "expired"
    assert world.see(number).state == "shipped"
    assert world.refunds(number) == []


def test_a_seller_who_cannot_get_it_back_needs_no_proof_that_it_was_sent(world: World) -> None:
    request_id = world.ask(world.order("shipped", **ASK))
    world.reject(request_id, "Shipped and out of our hands")
    assert world.request_state(request_id) == "rejected"


def test_what_has_arrived_is_not_called_back(world: World) -> None:
    number = world.order("shipped", **ASK)
    request_id = world.ask(number)
    world.set_order(number, state="delivered")
    with pytest.raises(NotAllowed, match="only a parcel that is on its way"):
        world.approve(request_id)
    world.set_order(number, state="shipped")


def test_the_platform_may_call_back_too(world: World) -> None:
    number = world.order("shipped", **ASK)
    world.platform(world.ask(number), approve=True)
    assert world.see(number).state == "closed"


def test_an_order_that_was_sent_after_the_summary_is_another_deal(world: World) -> None:
    number = world.order(**FEE)
    shown = world.quote(number)
    world.ship(number)
    done = world.submit(shown)
    assert done.outcome == "requote"
    assert {"order_changed", "kind", "amount", "fee"} <= set(done.changed)
    assert done.quote is not None
    assert done.quote.terms.kind == "intercept"


def test_a_choice_of_items_does_not_become_a_call_for_the_whole_parcel(world: World) -> None:
    number = world.order(items=(MUG, TRAY), **ASK)
    shown = world.quote(number, pieces=world.lines(number, TRAY=1))
    world.ship(number)
    done = world.submit(shown)
    assert (done.outcome, done.verdict.rule.why) == ("refused", "selection_gone")
