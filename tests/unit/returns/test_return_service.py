"""Returns and withdrawals from the first word to the refund."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recourse.core.errors import Conflict, IdempotencyMismatch, InvalidInput, NotAllowed, NotFound, RecourseError
from recourse.core.transitions import log_of
from recourse.demo.shop import Item
from recourse.disputes import service as disputes
from recourse.returns import service as returns
from tests.unit.disputes.cases import Court
from tests.unit.world import BUYER, MUG, OTHER

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
CUPS = Item("CUP", "Cup", 1000, qty=3)
AROUND = [(-SECOND, False), (0 * SECOND, True), (SECOND, True)]
STATES = ("requested", "approved", "in_transit", "received", "declined", "cancelled", "expired", "refunded")


def cash(parcels, number: str) -> list[tuple[str, int]]:
    return [(each.cause_type, each.legs_total.amount_minor) for each in parcels.world.refunds(number)]


# --- asking the seller


def test_the_seller_is_asked_and_has_the_policys_hours(parcels):
    number = parcels.order(response_hours=48)
    asked = parcels.ask(number)
    assert (asked.kind, asked.state, asked.label_cost_by) == ("agreed", "requested", "buyer")
    assert asked.respond_by == parcels.world.now + 2 * DAY
    assert parcels.world.see(number).issue == "return"
    assert cash(parcels, number) == []


def test_a_free_return_is_approved_at_once(parcels):
    asked = parcels.ask(parcels.order(free_return=True))
    assert (asked.kind, asked.state, asked.respond_by, asked.label_cost_by) == ("free", "approved", None, "seller")
    assert asked.ship_back_by == parcels.world.now + 10 * DAY
    assert parcels.told() == []  # the buyer was there


def test_the_same_key_is_answered_again_and_asks_once(parcels):
    number = parcels.order()
    first = parcels.ask(number, key="k")
    assert parcels.ask(number, key="k") == first
    with pytest.raises(IdempotencyMismatch):
        parcels.ask(number, key="k", reason_code="damaged")
    with pytest.raises(NotAllowed, match="return_open"):
        parcels.ask(number)


@pytest.mark.parametrize("pieces", [{}, {"x": 1}, {"MUG": 0}, {"MUG": 2}, {"MUG": -1}, {"MUG": True}, {"MUG": 1.0}])
def test_only_pieces_that_the_buyer_has(parcels, pieces):
    number = parcels.order()
    ids = {line.sku: line.id for line in parcels.world.see(number).lines}
    asked = {ids.get(sku, sku): qty for sku, qty in pieces.items()}
    with pytest.raises(InvalidInput), parcels.world.transaction() as session:
        returns.request_return(session, BUYER, number, asked, "does_not_fit", None, "k", parcels.world.now)
    assert parcels.world.see(number).issue is None


def test_a_reason_of_the_catalogue_and_a_note_that_fits(parcels):
    number = parcels.order()
    with pytest.raises(InvalidInput, match="no reason for a return"):
        parcels.ask(number, reason_code="because")
    with pytest.raises(InvalidInput, match="500 characters"):
        parcels.ask(number, note="x" * 501)
    assert parcels.ask(number, note=" to\0o big ").note == "too big"


def test_what_has_not_arrived_cannot_go_back(parcels):
    with pytest.raises(NotAllowed, match="not_delivered"):
        parcels.ask(parcels.order("shipped"))
    with pytest.raises(NotAllowed, match="window_closed"):
        parcels.ask(parcels.order(ago=14 * DAY))


def test_a_foreign_return_is_a_missing_one(parcels):
    number = parcels.order()
    with pytest.raises(NotFound, match="no order"):
        parcels.ask(number, customer_id=OTHER)
    asked = parcels.ask(number)
    for call in (
        lambda: parcels.buyer("cancel", asked, buyer=OTHER),
        lambda: parcels.buyer("send_back", asked, buyer=OTHER),
        lambda: parcels.seller("approves", asked, seller="other"),
        lambda: parcels.seller("declines", asked, "No", seller="other"),
        lambda: parcels.seller("received", asked, seller="other"),
    ):
        with pytest.raises(NotFound) as found:
            call()
        assert str(found.value) == f"no return {asked.id}; look it up by its order"
    with parcels.world.reading() as session, pytest.raises(NotFound):
        returns.get_own(session, OTHER, asked.id)


# --- the answer


def test_an_approval_brings_instructions_and_a_deadline(parcels):
    asked = parcels.ask(parcels.order())
    approved = parcels.seller("approves", asked, "To: Acme, Dock 4")
    assert (approved.state, approved.instructions) == ("approved", "To: Acme, Dock 4")
    assert approved.ship_back_by == parcels.world.now + 10 * DAY
    assert parcels.told() == ["return_approved"]


def test_a_refusal_needs_a_reason_and_leaves_the_dispute_open(parcels):
    number = parcels.order()
    asked = parcels.ask(number)
    with pytest.raises(InvalidInput, match="reason is missing"):
        parcels.seller("declines", asked, " ")
    declined = parcels.seller("declines", asked, "It was worn")
    assert (declined.state, declined.decline_reason) == ("declined", "It was worn")
    assert parcels.told() == ["return_declined"]
    assert parcels.world.see(number).issue is None
    assert Court(parcels.world).open(number).state == "awaiting_seller"


@pytest.mark.parametrize(("late", "over"), AROUND)
def test_silence_approves(parcels, late, over):
    asked = parcels.ask(parcels.order())
    parcels.world.now = asked.respond_by + late
    if over:
        assert parcels.due() == [asked.id]
        for step in (("approves",), ("declines", "No")):
            with pytest.raises(Conflict, match="the deadline decides"):
                parcels.seller(step[0], asked, *step[1:])
        with pytest.raises(Conflict, match="the deadline decides"):
            parcels.buyer("cancel", asked)
        assert parcels.settle(asked.id).state == "approved"
        assert parcels.told() == ["return_approved"]
    else:
        assert parcels.due() == []
        parcels.seller("declines", asked, "No")
    assert parcels.settle(asked.id) is None


# --- the way back


def test_goods_that_the_seller_has_are_refunded(parcels):
    number = parcels.order(shipping=490)
    sent = parcels.in_state("in_transit", number)
    done = parcels.seller("received", sent)
    assert (done.state, done.received_at) == ("refunded", parcels.world.now)
    assert parcels.seller("received", sent) == done
    assert cash(parcels, number) == [("return", 2500)]
    order = parcels.world.see(number)
    assert (order.state, order.issue, order.lines[0].qty_returned) == ("closed", None, 1)
    assert parcels.told() == ["return_approved", "return_refunded"]


def test_a_part_that_comes_back_leaves_the_rest(parcels):
    number = parcels.order(items=(CUPS, MUG), free_return=True)
    line = next(line.id for line in parcels.world.see(number).lines if line.sku == "CUP")
    asked = parcels.ask(number, {line: 2})
    parcels.seller("received", parcels.buyer("send_back", asked))
    order = parcels.world.see(number)
    assert cash(parcels, number) == [("return", 2000)]
    assert (order.state, order.line(line).qty_returned, order.line(line).kept) == ("delivered", 2, 1)
    assert parcels.ask(number, {line: 1}).state == "approved"


@pytest.mark.parametrize(("late", "over"), AROUND)
def test_goods_that_are_not_sent_in_time_are_not_refunded(parcels, late, over):
    number = parcels.order()
    approved = parcels.in_state("approved", number)
    parcels.world.now = approved.ship_back_by + late
    if over:
        with pytest.raises(Conflict, match="the deadline decides"):
            parcels.buyer("send_back", approved)
        assert parcels.settle(approved.id).state == "expired"
        assert parcels.told()[-1] == "return_expired"
        assert parcels.world.see(number).issue is None
    else:
        assert parcels.settle(approved.id) is None
        parcels.buyer("send_back", approved)
    assert cash(parcels, number) == []


def test_sending_back_twice_is_sending_back_once(parcels):
    sent = parcels.in_state("in_transit")
    assert parcels.buyer("send_back", sent) == sent
    with pytest.raises(Conflict):
        parcels.buyer("send_back", sent, "Parcelway", "ANOTHER")
    with pytest.raises(InvalidInput, match="tracking number is missing"):
        parcels.buyer("send_back", sent, "Parcelway", "")


@pytest.mark.parametrize(("late", "over"), AROUND)
def test_goods_that_the_carrier_delivered_are_refunded_when_nobody_objects(parcels, late, over):
    number = parcels.order()
    sent = parcels.in_state("in_transit", number)
    assert parcels.scanned(tracking="UNKNOWN") == []
    assert parcels.scanned() == [sent.id]
    there = parcels.see(sent)
    assert (there.state, there.inspect_by) == ("received", parcels.world.now + 5 * DAY)
    parcels.world.now = there.inspect_by + late
    assert parcels.scanned() == []
    done = parcels.settle(sent.id)
    assert (done is not None) == over
    assert cash(parcels, number) == ([("return", 2500)] if over else [])
    assert parcels.settle(sent.id) is None


def test_cancelling_twice_is_cancelling_once(parcels):
    number = parcels.order()
    asked = parcels.ask(number)
    done = parcels.buyer("cancel", asked)
    assert parcels.buyer("cancel", asked) == done
    assert parcels.world.see(number).issue is None
    assert parcels.ask(number).state == "requested"


_STEPS = {
    "approves": {"requested"},
    "declines": {"requested"},
    "received": {"in_transit", "received", "refunded"},
    "cancel": {"requested", "approved", "cancelled"},
    "send_back": {"approved", "in_transit"},
}


@pytest.mark.parametrize("state", STATES)
def test_each_step_is_possible_in_its_states_only(parcels, state):
    for step, states in _STEPS.items():
        goods = parcels.in_state(state)
        side = parcels.buyer if step in ("cancel", "send_back") else parcels.seller
        args = ("No",) if step == "declines" else ()
        if state in states:
            side(step, goods, *args)
            continue
        before = parcels.see(goods)
        with pytest.raises(RecourseError):
            side(step, goods, *args)
        assert parcels.see(goods) == before


def test_every_move_is_in_the_log(parcels):
    done = parcels.in_state("refunded")
    with parcels.world.reading() as session:
        moves = [(row.from_state, row.to_state, row.actor_type) for row in log_of(session, done.id)]
    assert moves == [
        (None, "requested", "buyer"),
        ("requested", "approved", "seller"),
        ("approved", "in_transit", "buyer"),
        ("in_transit", "received", "seller"),
        ("received", "refunded", "system"),
    ]


# --- holds and other processes


def test_an_order_on_hold_is_not_refunded(parcels):
    number = parcels.order()
    sent = parcels.in_state("in_transit", number)
    parcels.world.set_order(number, frozen=True, frozen_reason="risk")
    assert parcels.seller("received", sent).state == "received"
    parcels.world.now += 9 * DAY
    assert parcels.due() == []
    assert parcels.settle(sent.id) is None
    parcels.world.set_order(number, frozen=False, frozen_reason=None)
    assert parcels.due() == [sent.id]
    parcels.settle(sent.id)
    assert cash(parcels, number) == [("return", 2500)]


def test_a_line_that_goes_back_is_not_disputed_but_another_may_be(parcels):
    number = parcels.order(items=(MUG, CUPS))
    court = Court(parcels.world)
    line = next(line.id for line in parcels.world.see(number).lines if line.sku == "MUG")
    asked = parcels.ask(number, {line: 1})
    with pytest.raises(NotAllowed, match="return_open"):
        court.open(number)
    other = court.open(number, "CUP")
    assert parcels.world.see(number).issue == "dispute"
    with parcels.world.reading() as session:
        assert disputes.issue_of(session, other.order_id) == "dispute"
    court.buyer("withdraw", other)
    assert parcels.world.see(number).issue == "return"
    parcels.buyer("cancel", asked)
    assert parcels.world.see(number).issue is None


def test_a_return_that_ends_leaves_the_order_to_the_dispute(parcels):
    number = parcels.order(items=(MUG, CUPS))
    line = next(line.id for line in parcels.world.see(number).lines if line.sku == "MUG")
    asked = parcels.ask(number, {line: 1})
    Court(parcels.world).open(number, "CUP")
    parcels.buyer("cancel", asked)
    assert parcels.world.see(number).issue == "dispute"


def test_a_disputed_order_is_not_returned(parcels):
    number = parcels.order()
    Court(parcels.world).open(number)
    with pytest.raises(NotAllowed, match="dispute_open"):
        parcels.ask(number)


# --- the right to withdraw


def test_a_withdrawal_needs_no_reason_and_no_consent(parcels):
    number = parcels.order(shipping=490)
    declared = parcels.declare(number)
    assert (declared.outcome, declared.why, declared.within) == ("return_opened", "in_time", True)
    assert number in declared.acknowledgement and "2026-11-24 12:00:00 UTC" in declared.acknowledgement
    with parcels.world.reading() as session:
        goods = returns.get(session, declared.return_id)
    assert (goods.kind, goods.state, goods.reason_code) == ("withdrawal", "approved", None)
    assert goods.ship_back_by == goods.refund_by == parcels.world.now + 14 * DAY
    assert goods.withdrawal_id == declared.id
    parcels.seller("received", parcels.buyer("send_back", goods))
    assert cash(parcels, number) == [("withdrawal", 2990)]
    assert parcels.world.see(number).state == "closed"


def test_the_same_declaration_twice_is_one(parcels):
    number = parcels.order()
    first = parcels.declare(number, key="k")
    assert parcels.declare(number, key="k") == first
    with pytest.raises(IdempotencyMismatch):
        parcels.declare(number, at=parcels.world.now - SECOND, key="k")
    again = parcels.declare(number)
    assert (again.return_id, again.outcome) == (first.return_id, "return_opened")
    with parcels.world.reading() as session:
        assert [each.id for each in returns.withdrawals_of(session, first.order_id)] == sorted([first.id, again.id])


@pytest.mark.parametrize(("late", "why"), [(-SECOND, "in_time"), (0 * SECOND, "too_late"), (SECOND, "too_late")])
def test_it_is_the_time_of_receipt_that_counts_however_late_it_is_handled(parcels, late, why):
    number = parcels.order()
    ends = parcels.declare(parcels.order()).deadline
    parcels.world.now = ends + 3 * DAY
    declared = parcels.declare(number, at=ends + late)
    assert (declared.why, declared.within, declared.deadline) == (why, why == "in_time", ends)
    assert declared.outcome == ("return_opened" if why == "in_time" else "refused")
    assert (parcels.world.see(number).issue == "return") == (why == "in_time")


def test_a_declaration_from_the_future_is_none(parcels):
    with pytest.raises(InvalidInput, match="future"):
        parcels.declare(parcels.order(), at=parcels.world.now + SECOND)


def test_before_shipment_it_is_a_cancellation(parcels):
    for state in ("awaiting_payment", "payment_review", "to_ship"):
        with pytest.raises(NotAllowed, match="cancel it instead"):
            parcels.declare(parcels.world.order(state))


def test_a_foreign_order_is_a_missing_order(parcels):
    with pytest.raises(NotFound, match="no order"):
        parcels.declare(parcels.order(), buyer=OTHER)
    declared = parcels.declare(parcels.order())
    with pytest.raises(NotFound), parcels.world.reading() as session:
        returns.withdrawal(session, OTHER, declared.id)


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (lambda p, n: p.person(is_consumer=False), "not_a_consumer"),
        (lambda p, n: p.person(country="US"), "other_law"),
        (lambda p, n: p.trader(False), "private_seller"),
        (lambda p, n: p.exempt(n, "MUG"), "exempt"),
    ],
)
def test_where_there_is_no_right_the_receipt_is_on_record_all_the_same(parcels, arrange, why):
    number = parcels.order()
    arrange(parcels, number)
    declared = parcels.declare(number)
    assert (declared.why, declared.outcome, declared.within) == (why, "refused", True)
    with parcels.world.reading() as session:
        assert returns.withdrawals_of(session, declared.order_id) == [declared]
    assert parcels.world.see(number).issue is None
    assert parcels.due() == []


def test_exempt_goods_are_left_out_of_the_rest(parcels):
    number = parcels.order(items=(MUG, CUPS))
    parcels.exempt(number, "MUG")
    assert [(each.title, each.qty) for each in parcels.declare(number).pieces] == [("Cup", 3)]


def test_a_parcel_on_its_way_can_be_withdrawn_from(parcels):
    number = parcels.order("shipped")
    declared = parcels.declare(number)
    assert (declared.deadline, declared.outcome) == (None, "return_opened")


@pytest.mark.parametrize(("late", "over"), AROUND)
def test_proof_of_sending_is_enough_after_fourteen_days(parcels, late, over):
    number = parcels.order()
    goods = parcels.withdrawn(number)
    parcels.world.now += 13 * DAY
    parcels.buyer("send_back", goods)
    parcels.world.now = goods.requested_at + 14 * DAY + late
    assert (goods.id in parcels.due()) == over
    done = parcels.settle(goods.id)
    assert (done is not None) == over
    assert cash(parcels, number) == ([("withdrawal", 2500)] if over else [])
    if over:
        assert parcels.world.see(number).lines[0].qty_returned == 1
        assert parcels.told() == ["return_refunded"]


def test_without_sending_nothing_is_refunded(parcels):
    number = parcels.order()
    goods = parcels.withdrawn(number)
    parcels.world.now += 14 * DAY
    assert parcels.settle(goods.id).state == "expired"
    assert cash(parcels, number) == []


def test_an_inspection_does_not_delay_the_laws_fourteen_days(parcels):
    goods = parcels.withdrawn(parcels.order())
    parcels.world.now += 12 * DAY
    parcels.buyer("send_back", goods)
    parcels.scanned()
    assert parcels.see(goods).inspect_by == goods.requested_at + 14 * DAY


def test_a_withdrawal_replaces_a_return_that_was_not_sent_yet(parcels):
    number = parcels.order()
    asked = parcels.ask(number)
    declared = parcels.declare(number)
    assert declared.outcome == "return_opened"
    assert parcels.see(asked).state == "cancelled"
    assert parcels.world.see(number).issue == "return"


def test_it_waits_for_a_return_that_is_on_its_way(parcels):
    number = parcels.order(items=(CUPS,), free_return=True)
    line = parcels.world.see(number).lines[0].id
    sent = parcels.buyer("send_back", parcels.ask(number, {line: 1}))
    declared = parcels.declare(number)
    assert (declared.outcome, declared.pieces[0].qty) == ("waiting", 3)
    assert parcels.due() == []
    parcels.seller("received", sent)
    assert parcels.due() == [declared.id]
    done = parcels.settle(declared.id)
    assert done.outcome == "return_opened"
    assert parcels.settle(declared.id) is None
    with parcels.world.reading() as session:
        assert [each.qty for each in returns.get(session, done.return_id).pieces] == [2]


def test_it_waits_for_a_dispute_and_goes_on_after_it(parcels):
    number = parcels.order()
    court = Court(parcels.world)
    dispute = court.open(number)
    declared = parcels.declare(number)
    assert declared.outcome == "waiting"
    parcels.world.now += DAY
    court.buyer("withdraw", dispute)
    assert parcels.due() == [declared.id]
    done = parcels.settle(declared.id)
    with parcels.world.reading() as session:
        goods = returns.get(session, done.return_id)
    assert goods.requested_at == declared.declared_at
    assert goods.refund_by == declared.declared_at + 14 * DAY
    assert goods.ship_back_by == parcels.world.now + 14 * DAY


def test_it_ends_when_the_other_process_gave_everything_back(parcels):
    number = parcels.order()
    court = Court(parcels.world)
    dispute = court.open(number, amount_minor=None, wanted="return_refund")
    declared = parcels.declare(number)
    court.seller("accepts", dispute)
    court.seller("received", court.buyer("send_back", dispute))
    assert parcels.due() == [declared.id]
    assert parcels.settle(declared.id).why == "nothing_left"
    assert parcels.due() == []


def test_an_order_on_hold_keeps_the_declaration(parcels):
    number = parcels.order()
    parcels.world.set_order(number, frozen=True, frozen_reason="risk")
    declared = parcels.declare(number)
    assert (declared.outcome, parcels.due()) == ("waiting", [])
    parcels.world.set_order(number, frozen=False, frozen_reason=None)
    assert parcels.settle(declared.id).outcome == "return_opened"


def test_views_of_an_order(parcels):
    number = parcels.order()
    first = parcels.in_state("declined", number)
    parcels.world.now += SECOND
    second = parcels.ask(number)
    with parcels.world.reading() as session:
        assert [each.id for each in returns.of_order(session, first.order_id)] == [first.id, second.id]
        assert returns.open_of(session, [first.order_id]) == {first.order_id: second}
        assert returns.open_pieces(session, first.order_id) == {second.pieces[0].line_id: 1}
        assert returns.can_return(session, BUYER, number, parcels.world.now).why == "return_open"
        order = parcels.world.see(number)
        found = returns.preview(session, order, {second.pieces[0].line_id: 1}, "withdrawal", None, parcels.world.now)
        assert found.paid_part == 2500
