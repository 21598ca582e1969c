"""Cancelling a part of an order: what may be chosen, what becomes of the rest, and what parcels do to a choice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recourse.cancellations import service as cancellations
from recourse.core.errors import Conflict, InvalidInput, NotAllowed
from recourse.core.transitions import log_of
from recourse.demo.shop import Item
from recourse.orders.rules import OrderView
from tests.unit.world import CARD, MUG, NOW, TRAY, World

THREE_MUGS = Item("MUG", "Stoneware mug, moss green", 1000, qty=3)
BOTH = (THREE_MUGS, TRAY)
DAY = timedelta(hours=24)


def counts(order: OrderView) -> dict[str, tuple[int, int, int]]:
    """Sku -> (sent, cancelled, refunded)."""
    return {line.sku: (line.qty_shipped, line.qty_cancelled, line.qty_refunded) for line in order.lines}


def test_some_pieces_are_cancelled_and_the_order_goes_on(world: World) -> None:
    number = world.order(items=BOTH)
    before = world.see(number).version
    request_id = world.ask(number, pieces=world.lines(number, MUG=2))
    request = world.request(request_id)
    assert (request.scope, request.kind) == ("lines", "request")
    assert dict(request.pieces) == world.lines(number, MUG=2)
    world.approve(request_id)
    order = world.see(number)
    assert (order.state, order.cancelled_at) == ("to_ship", None)
    assert counts(order) == {"MUG": (0, 2, 2), "TRAY": (0, 0, 0)}
    assert order.version > before, "a quote made before is void"
    (refund,) = world.refunds(number)
    assert (refund.cause_type, refund.cause_id, refund.legs_total.amount_minor) == ("cancellation", request_id, 2000)


def test_the_last_part_cancels_the_order(world: World) -> None:
    number = world.order(items=BOTH)
    world.approve(world.ask(number, pieces=world.lines(number, MUG=3)))
    world.now += timedelta(minutes=1)
    rest = world.ask(number)
    assert world.request(rest).scope == "lines"
    world.approve(rest)
    order = world.see(number)
    assert (order.state, order.close_reason, order.cancelled_at) == ("cancelled", "buyer_cancelled", world.now)
    assert [refund.legs_total.amount_minor for refund in world.refunds(number)] == [3000, 1500]


def test_the_rest_of_a_partly_sent_order_leaves_it_shipped(world: World) -> None:
    number = world.order("partially_shipped", items=BOTH)
    request_id = world.ask(number)
    assert dict(world.request(request_id).pieces) == world.lines(number, TRAY=1)
    world.approve(request_id)
    order = world.see(number)
    assert (order.state, order.cancelled_at) == ("shipped", None)
    assert order.shipped_at == order.parcels[-1].shipped_at
    assert order.protect_until is not None
    assert counts(order) == {"MUG": (3, 0, 0), "TRAY": (0, 1, 1)}
    with world.reading() as session:
        moves = [(row.to_state, row.actor_type) for row in log_of(session, order.id)]
    assert moves[-1] == ("shipped", "system")


def test_silence_cancels_the_unsent_rest_too(world: World) -> None:
    number = world.order("partially_shipped", items=BOTH)
    request_id = world.ask(number)
    world.now += DAY
    assert world.settle(request_id) == "approved"
    assert world.see(number).state == "shipped"


def test_a_choice_of_everything_is_the_whole_order(world: World) -> None:
    number = world.order(items=BOTH, partial_cancel=False)
    offered = world.offer(number, pieces=world.lines(number, MUG=3, TRAY=1))
    assert offered.terms.scope == "all"
    assert offered.terms.fingerprint(1) == world.offer(number).terms.fingerprint(1)


@pytest.mark.parametrize("qty", [0, -1, 4, True, 1.5, "1"])
def test_only_pieces_that_are_there_can_be_chosen(world: World, qty: int) -> None:
    number = world.order(items=BOTH)
    with pytest.raises(InvalidInput, match="at most 3 pieces"):
        world.quote(number, pieces=world.lines(number, MUG=qty))


def test_a_choice_is_of_this_order_and_not_empty(world: World) -> None:
    number, other = world.order(items=BOTH), world.order()
    with pytest.raises(InvalidInput, match="at least one item"):
        world.quote(number, pieces={})
    with pytest.raises(InvalidInput, match="has no line"):
        world.quote(number, pieces=world.lines(other, MUG=1))
    sent = world.order("partially_shipped", items=BOTH)
    with pytest.raises(InvalidInput, match="at most 0 pieces"):
        world.quote(sent, pieces=world.lines(sent, MUG=1))


@pytest.mark.parametrize(
    ("state", "policy", "problem"),
    [
        ("awaiting_payment", {}, "not paid yet"),
        ("payment_review", {}, "not paid yet"),
        ("to_ship", {"partial_cancel": False}, "only as a whole"),
        ("shipped", {"after_shipment": "ask_seller"}, "called back as a whole"),
    ],
)
def test_some_orders_are_cancelled_as_a_whole_or_not_at_all(
    world: World, state: str, policy: dict[str, object], problem: str
) -> None:
    number = world.order(state, items=BOTH, **policy)
    with pytest.raises(NotAllowed, match=problem):
        world.quote(number, pieces=world.lines(number, TRAY=1))


def test_a_reason_of_a_quote_is_in_the_catalogue(world: World) -> None:
    with pytest.raises(InvalidInput, match="is not a reason"):
        world.offer(world.order(), reason="cannot_pay")


@pytest.mark.parametrize(
    ("rule", "kept", "back"), [("never", 400, 3000), ("unsent_only", 0, 3400), ("always", 0, 3400)]
)
def test_shipping_of_a_part_comes_back_as_the_policy_says(world: World, rule: str, kept: int, back: int) -> None:
    number = world.order(items=BOTH, shipping=600, refund_shipping=rule)
    terms = world.offer(number, pieces=world.lines(number, MUG=3)).terms
    assert (terms.shipping_kept, terms.refund.legs_total) == (kept, back)
    world.approve(world.ask(number, pieces=world.lines(number, MUG=3)))
    assert world.offer(number).terms.refund.legs_total == 1700, "of the rest nothing is kept: nothing was ever sent"
    whole = world.order(items=BOTH, shipping=600, refund_shipping=rule)
    assert world.offer(whole).terms.refund.legs_total == 5100


# --- the deal changed


def test_what_changed_is_said(world: World) -> None:
    number = world.order(items=BOTH)
    shown = world.quote(number, pieces=world.lines(number, MUG=3))
    world.ship(number, pieces=world.lines(number, MUG=1))
    done = world.submit(shown)
    assert (done.outcome, done.changed) == ("requote", ("order_changed", "lines", "amount"))
    assert done.quote is not None
    assert done.quote.terms.pieces == world.lines(number, MUG=2)
    assert world.submit(done.quote.id).outcome == "requested"


def test_a_quote_that_is_only_old_says_so(world: World) -> None:
    shown = world.quote(world.order())
    world.now += timedelta(minutes=30)
    done = world.submit(shown)
    assert (done.outcome, done.changed) == ("requote", ("expired",))


def test_dates_that_move_at_midnight_are_shown_again(world: World) -> None:
    world.now = NOW.replace(hour=23, minute=50)
    shown = world.quote(world.order())
    world.now += timedelta(minutes=15)
    done = world.submit(shown)
    assert (done.outcome, done.changed) == ("requote", ("deadline",))


def test_a_choice_that_is_gone_is_refused_and_not_replaced(world: World) -> None:
    number = world.order(items=BOTH)
    shown = world.quote(number, pieces=world.lines(number, MUG=3))
    world.ship(number, pieces=world.lines(number, MUG=3))
    done = world.submit(shown)
    assert (done.outcome, done.verdict.rule.why) == ("refused", "selection_gone")
    assert world.see(number).state == "partially_shipped"


def test_another_item_that_left_is_another_order_version(world: World) -> None:
    number = world.order(items=BOTH)
    shown = world.quote(number, pieces=world.lines(number, TRAY=1))
    world.ship(number, pieces=world.lines(number, MUG=3))
    assert world.submit(shown).changed == ("order_changed",)


# --- parcels


def test_a_parcel_ends_a_request_only_for_what_it_takes(world: World) -> None:
    number = world.order(items=BOTH)
    request_id = world.ask(number, pieces=world.lines(number, MUG=2))
    world.ship(number, "PW-1", pieces=world.lines(number, TRAY=1))
    assert world.request_state(request_id) == "pending_seller"
    world.ship(number, "PW-2", pieces=world.lines(number, MUG=1))
    assert world.request_state(request_id) == "pending_seller", "two mugs are still there"
    world.approve(request_id)
    order = world.see(number)
    assert order.state == "shipped"
    assert counts(order) == {"MUG": (1, 2, 2), "TRAY": (1, 0, 0)}


def test_a_parcel_that_takes_what_was_asked_for_ends_the_request(world: World) -> None:
    number = world.order(items=BOTH)
    request_id = world.ask(number, pieces=world.lines(number, MUG=2))
    world.ship(number, "PW-2", pieces=world.lines(number, MUG=2))
    request = world.request(request_id)
    assert (request.state, request.proof_tracking, request.proof_shipped_at) == ("superseded", "PW-2", world.now)


def test_a_block_holds_only_what_was_asked_for(world: World) -> None:
    number = world.order(items=BOTH, ship_while_pending="block")
    request_id = world.ask(number, pieces=world.lines(number, MUG=3))
    world.ship(number, "PW-1", pieces=world.lines(number, TRAY=1))
    with pytest.raises(NotAllowed, match=f"answer it first .{request_id}"):
        world.ship(number, "PW-2", pieces=world.lines(number, MUG=1))


def test_late_parcels_leave_only_with_what_silence_did_not_approve(world: World) -> None:
    number = world.order(items=BOTH)
    request_id = world.ask(number, pieces=world.lines(number, MUG=3))
    world.now += DAY
    with pytest.raises(Conflict, match="do not ship it"):
        world.ship(number, "PW-2", pieces=world.lines(number, MUG=1))
    world.ship(number, "PW-1", pieces=world.lines(number, TRAY=1))
    assert world.settle(request_id) == "approved"
    assert world.see(number).state == "shipped"


def test_what_ends_otherwise_ends_the_request(world: World) -> None:
    number = world.order(items=(MUG,))
    request_id = world.ask(number)
    with world.transaction() as session:
        order = world.see(number)
        ended = cancellations.end_open_request(session, order, "order on hold", world.now)
        assert ended is not None
        assert cancellations.end_open_request(session, order, "again", world.now) is None
    assert (ended.id, ended.state, ended.proof_tracking) == (request_id, "superseded", None)


def test_requests_are_counted_when_they_have_ended(world: World) -> None:
    number = world.order(max_requests_per_order=2, ways=(CARD,))
    ids = [world.see(number).id]

    def made() -> int:
        with world.reading() as session:
            return cancellations.requests_made(session, ids).get(ids[0], 0)

    assert made() == 0
    world.reject(world.ask(number))
    assert made() == 1
    last = world.ask(number)
    assert made() == 1, "an open one does not count"
    world.withdraw(last)
    assert made() == 2
    with pytest.raises(NotAllowed, match="too_many_requests"):
        world.quote(number)
