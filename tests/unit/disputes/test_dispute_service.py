"""Disputes from the first word to the last: who may do what, until when, and what comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recourse.core.errors import Conflict, IdempotencyMismatch, InvalidInput, NotAllowed, NotFound, RecourseError
from recourse.core.transitions import log_of
from recourse.demo.shop import Item
from recourse.disputes import rules
from recourse.disputes import service as disputes
from recourse.sellers import service as sellers
from tests.unit.disputes.cases import DAY, SECOND, Court
from tests.unit.world import BALANCE, BUYER, CARD, MUG, OTHER

CUPS = Item("CUP", "Cup", 1000, qty=3)
STATES = (
    "awaiting_seller",
    "negotiating",
    "platform_review",
    "awaiting_return",
    "return_in_transit",
    "resolved",
    "withdrawn",
)


def cash(court: Court, number: str) -> list[int]:
    return [each.legs_total.amount_minor for each in court.refunds(number)]


# --- opening


def test_opening_asks_the_seller_and_moves_no_money(court):
    number = court.order()
    opened = court.open(number)
    assert (opened.state, opened.amount.amount_minor, opened.outcome) == ("awaiting_seller", 1000, None)
    assert opened.respond_by == court.world.now + 5 * DAY
    assert opened.missing_evidence == ("item", "packaging")
    assert court.world.see(number).issue == "dispute"
    assert cash(court, number) == []
    assert court.told() == []


def test_the_deadline_is_the_one_of_the_orders_policy_and_stays(court):
    number = court.order(dispute_response_days=2)
    opened = court.open(number)
    assert opened.respond_by == court.world.now + 2 * DAY
    with court.world.transaction() as session:
        sellers.publish_policy(session, "acme", court.world.now, dispute_response_days=9)
    assert court.see(opened).respond_by == opened.respond_by


def test_the_same_key_is_answered_again_and_opens_once(court):
    number = court.order()
    first = court.open(number, key="k1")
    assert court.open(number, key="k1") == first
    court.buyer("withdraw", first)
    assert court.open(number, key="k1").id == first.id
    with pytest.raises(IdempotencyMismatch):
        court.open(number, key="k1", amount_minor=999)
    with court.world.reading() as session:
        assert len(disputes.of_order(session, first.order_id)) == 1


def test_one_open_dispute_a_line_but_another_line_may_have_its_own(court):
    number = court.order(items=(MUG, CUPS))
    court.open(number)
    with pytest.raises(NotAllowed, match="dispute_open"):
        court.open(number)
    court.world.now += SECOND
    other = court.open(number, "CUP")
    with court.world.reading() as session:
        assert [each.id for each in disputes.open_of(session, [other.order_id])[other.order_id]][1] == other.id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type_": "stolen"}, "no type of dispute"),
        ({"reason_code": "customs"}, "no reason for not_as_described"),
        ({"wanted": "full"}, "can ask for partial or return_refund"),
        ({"wanted": "none"}, "can ask for"),
        ({"qty": 0}, "1 to 1 pieces"),
        ({"qty": 2}, "1 to 1 pieces"),
        ({"qty": True}, "1 to 1 pieces"),
        ({"amount_minor": 0}, "from 1 to 2500"),
        ({"amount_minor": 2501}, "from 1 to 2500"),
        ({"amount_minor": None}, "from 1 to 2500"),
        ({"amount_minor": -1}, "from 1 to 2500"),
        ({"wanted": "return_refund", "amount_minor": 1}, "2500 minor units"),
        ({"description": "x" * 2001}, "at most 2000 characters"),
        ({"key": ""}, "idempotency key"),
    ],
)
def test_what_cannot_be_asked_for(court, changes, message):
    number = court.order()
    with pytest.raises(InvalidInput, match=message):
        court.open(number, **changes)
    assert court.world.see(number).issue is None


def test_a_claim_must_fit_its_window(court):
    number = court.order("shipped", ago=9 * DAY)
    with pytest.raises(NotAllowed, match="not_open_yet"):
        court.missing(number)
    court.world.now += DAY
    with pytest.raises(NotAllowed, match="not_open_yet"):
        court.open(number)  # it has not arrived, so nobody can say what it is like
    assert court.missing(number).amount.amount_minor == 2500


def test_unsent_orders_are_cancelled_not_disputed(court):
    number = court.world.order("to_ship")
    with pytest.raises(NotAllowed, match="not_sent"):
        court.open(number)


def test_an_order_on_hold_cannot_be_disputed(court):
    number = court.order()
    court.world.set_order(number, frozen=True, frozen_reason="risk")
    with pytest.raises(NotAllowed, match="frozen"):
        court.open(number)
    court.world.set_order(number, frozen=False, frozen_reason=None)


def test_nul_and_blanks_do_not_get_into_the_store(court):
    assert court.open(court.order(), description="  bro\0ken ").description == "broken"


# --- whose it is


def test_a_foreign_order_is_a_missing_order(court):
    number = court.order()
    with pytest.raises(NotFound) as foreign:
        court.open(number, customer_id=OTHER)
    missing = court.world.next_number()
    line = court.world.see(number).lines[0].id
    with pytest.raises(NotFound) as unknown, court.world.transaction() as session:
        disputes.can_dispute(session, OTHER, missing, line, court.world.now)
    assert str(foreign.value).replace(number, missing) == str(unknown.value)


@pytest.mark.parametrize(
    "step", [("withdraw",), ("escalate",), ("buyer_accepts", "x"), ("send_back",), ("add_message", "Hello")]
)
def test_a_foreign_dispute_is_a_missing_dispute(court, step):
    opened = court.open(court.order())
    with pytest.raises(NotFound) as foreign:
        court.buyer(*step[:1], opened, *step[1:], buyer=OTHER)
    assert str(foreign.value) == f"no dispute {opened.id}; look it up by its order"


def test_another_sellers_dispute_is_a_missing_dispute(court):
    opened = court.open(court.order())
    for call in (
        lambda s: disputes.seller_rejects(s, "other", opened.id, "No", court.world.now),
        lambda s: disputes.seller_accepts(s, "other", opened.id, opened.buyer_proposal.id, court.world.now),
        lambda s: disputes.of_seller(s, "other", opened.id),
        lambda s: disputes.get_own(s, OTHER, opened.id),
    ):
        with pytest.raises(NotFound, match="no dispute"), court.world.transaction() as session:
            call(session)


# --- the seller answers


def test_accepting_a_part_refunds_it_and_leaves_the_order(court):
    number = court.order()
    done = court.seller("accepts", court.open(number))
    assert (done.state, done.outcome, done.decided_by) == ("resolved", "partial", "seller")
    assert done.outcome_amount is not None and done.outcome_amount.amount_minor == 1000
    assert cash(court, number) == [1000]
    order = court.world.see(number)
    assert (order.state, order.issue) == ("delivered", None)
    assert court.told() == ["dispute_decided"]


def test_accepting_twice_changes_nothing(court):
    number = court.order()
    opened = court.open(number)
    first = court.seller("accepts", opened)
    assert court.seller("accepts", opened) == first
    assert cash(court, number) == [1000]


def test_not_received_brings_everything_back_with_the_shipping_and_closes_the_order(court):
    number = court.order("shipped", ago=11 * DAY, shipping=490, refund_shipping="never")
    court.seller("accepts", court.missing(number))
    assert cash(court, number) == [2990]
    assert court.world.see(number).state == "closed"


def test_a_part_that_is_all_the_money_closes_the_order_too(court):
    number = court.order()
    court.seller("accepts", court.open(number, amount_minor=2500))
    assert court.world.see(number).state == "closed"


def test_a_refund_goes_back_to_what_it_was_paid_with(court):
    number = court.order(ways=(BALANCE, CARD), shares=(500,))
    court.seller("accepts", court.open(number, amount_minor=1250))
    legs = {leg.method: leg.amount.amount_minor for leg in court.refunds(number)[0].legs}
    assert legs == {"balance": 250, "card": 1000}


def test_full_pieces_bring_their_coupon_value_to_the_balance(court):
    number = court.order("shipped", ago=11 * DAY, coupon=300)
    court.seller("accepts", court.missing(number))
    assert court.refunds(number)[0].coupon_credit.amount_minor == 300


def test_some_pieces_of_a_line(court):
    number = court.order("shipped", ago=11 * DAY, items=(CUPS,))
    line = court.world.see(number).lines[0].id
    first = court.missing(number, line_id=line, sku="CUP", qty=2)
    court.seller("accepts", first)
    assert cash(court, number) == [2000]
    court.world.now += SECOND
    rest = court.missing(number, sku="CUP", qty=1)
    court.seller("accepts", rest)
    assert cash(court, number) == [2000, 1000]
    assert court.world.see(number).state == "closed"


def test_what_was_decided_about_is_not_disputed_again(court):
    number = court.order()
    court.seller("accepts", court.open(number))
    with pytest.raises(NotAllowed, match="already_decided"):
        court.open(number)


def test_a_withdrawn_dispute_can_be_opened_again_inside_the_window(court):
    number = court.order()
    court.buyer("withdraw", court.open(number))
    assert court.world.see(number).issue is None
    assert court.open(number).state == "awaiting_seller"


@pytest.mark.parametrize(("late", "wins"), [(-SECOND, "seller"), (0 * SECOND, "timer"), (SECOND, "timer")])
def test_the_seller_decides_before_the_deadline_and_the_timer_from_it_on(court, late, wins):
    number = court.order()
    opened = court.open(number)
    court.world.now = opened.respond_by + late
    if wins == "seller":
        assert court.settle(opened) is None
        assert court.due() == []
        assert court.seller("accepts", opened).decided_by == "seller"
    else:
        for step in (("accepts",), ("rejects", "No"), ("counters", "partial", 1)):
            with pytest.raises(Conflict, match="the deadline decides"):
                court.seller(step[0], opened, *step[1:])
        with pytest.raises(Conflict, match="the deadline decides"):
            court.buyer("withdraw", opened)
        assert court.due() == [opened.id]
        done = court.settle(opened)
        assert done is not None and (done.decided_by, done.outcome) == ("system_timeout", "partial")
    assert court.settle(opened) is None
    assert court.due() == []
    assert cash(court, number) == [1000]


def test_silence_about_a_return_waits_for_the_goods(court):
    opened = court.back(court.order())
    court.world.now = opened.respond_by
    done = court.settle(opened)
    assert done is not None and (done.state, done.outcome) == ("awaiting_return", None)
    assert done.ship_back_by == court.world.now + 10 * DAY
    assert court.told() == ["dispute_return_agreed"]


def test_a_rejection_needs_a_reason_and_begins_the_negotiation(court):
    opened = court.open(court.order())
    with pytest.raises(InvalidInput, match="reason is missing"):
        court.seller("rejects", opened, "  ")
    talking = court.seller("rejects", opened, "It was fine")
    assert (talking.state, talking.negotiate_by) == ("negotiating", court.world.now + 7 * DAY)
    assert court.told() == ["dispute_countered"]
    with pytest.raises(Conflict, match="negotiating"):
        court.seller("rejects", opened, "Again")


# --- negotiation


def test_accepting_the_other_sides_newest_proposal_ends_it(court):
    number = court.order()
    opened = court.open(number)
    talking = court.seller("counters", opened, "partial", 300, "Three euros")
    assert talking.seller_proposal is not None and talking.seller_proposal.text == "Three euros"
    done = court.buyer("buyer_accepts", opened)
    assert (done.state, done.outcome, done.decided_by) == ("resolved", "partial", "buyer")
    assert cash(court, number) == [300]
    assert court.told() == ["dispute_countered"]  # the buyer knows what the buyer did
    assert court.buyer("buyer_accepts", opened, talking.seller_proposal.id) == done


def test_what_was_read_is_what_is_accepted(court):
    opened = court.open(court.order())
    first = court.seller("counters", opened, "partial", 900)
    court.seller("counters", opened, "partial", 100)
    assert first.seller_proposal is not None
    with pytest.raises(Conflict, match="read the dispute again"):
        court.buyer("buyer_accepts", opened, first.seller_proposal.id)
    court.buyer("buyer_counters", opened, "partial", 2000, None)
    with pytest.raises(Conflict, match="read the dispute again"):
        court.seller("accepts", opened, opened.buyer_proposal.id)


def test_the_buyers_new_proposal_replaces_the_old_one(court):
    number = court.order()
    opened = court.open(number)
    court.seller("rejects", opened, "No")
    talking = court.buyer("buyer_counters", opened, "partial", 600, "Meet me half-way")
    assert (talking.amount.amount_minor, talking.buyer_proposal.text) == (600, "Meet me half-way")
    court.seller("accepts", opened)
    assert cash(court, number) == [600]


def test_a_buyer_does_not_change_the_proposal_while_the_seller_has_it(court):
    opened = court.open(court.order())
    with pytest.raises(Conflict, match="awaiting_seller"):
        court.buyer("buyer_counters", opened, "partial", 2500, None)


def test_there_is_nothing_to_accept_after_a_bare_rejection(court):
    opened = court.in_state("negotiating")
    with pytest.raises(Conflict, match="not the seller's proposal"):
        court.buyer("buyer_accepts", opened)


def test_a_seller_may_offer_all_of_it_or_a_return(court):
    number = court.order()
    opened = court.open(number)
    court.seller("counters", opened, "return_refund")
    assert court.buyer("buyer_accepts", opened).state == "awaiting_return"
    other = court.order()
    second = court.open(other)
    court.seller("counters", second, "full")
    court.buyer("buyer_accepts", second)
    assert cash(court, other) == [2500]


@pytest.mark.parametrize(
    ("side", "wanted", "amount"),
    [("buyer", "full", None), ("buyer", "none", None), ("buyer", "partial", 0), ("seller", "partial", 2501),
     ("seller", "none", None)],
)  # fmt: skip
def test_proposals_that_make_no_sense(court, side, wanted, amount):
    opened = court.in_state("negotiating")
    with pytest.raises(InvalidInput):
        if side == "buyer":
            court.buyer("buyer_counters", opened, wanted, amount, None)
        else:
            court.seller("counters", opened, wanted, amount)


def test_what_never_came_cannot_be_sent_back(court):
    opened = court.missing(court.order("shipped", ago=11 * DAY))
    with pytest.raises(InvalidInput, match="can propose full, partial"):
        court.seller("counters", opened, "return_refund")


def test_a_counter_with_the_same_key_is_said_once(court):
    opened = court.open(court.order())
    for _ in range(2):
        with court.world.transaction() as session:
            done = disputes.seller_counters(session, "acme", opened.id, "partial", 5, None, "k", court.world.now)
    assert [each.kind for each in done.events] == ["opened", "proposal"]
    with pytest.raises(IdempotencyMismatch), court.world.transaction() as session:
        disputes.seller_counters(session, "acme", opened.id, "partial", 6, None, "k", court.world.now)


@pytest.mark.parametrize(("late", "allowed"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
def test_the_buyer_may_call_the_platform_after_half_the_time(court, late, allowed):
    talking = court.in_state("negotiating")
    assert talking.escalate_from == court.world.now + timedelta(days=3.5)
    court.world.now = talking.escalate_from + late
    if not allowed:
        with pytest.raises(NotAllowed, match="can be asked from"):
            court.buyer("escalate", talking)
        return
    review = court.buyer("escalate", talking)
    assert review.state == "platform_review"
    assert court.buyer("escalate", talking) == review
    assert "dispute_in_review" not in court.told()


@pytest.mark.parametrize(("late", "over"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
def test_a_negotiation_that_is_over_goes_to_the_platform(court, late, over):
    talking = court.in_state("negotiating")
    assert talking.negotiate_by is not None
    court.world.now = talking.negotiate_by + late
    done = court.settle(talking)
    assert (done is not None) == over
    if over:
        assert court.told()[-1] == "dispute_in_review"
        assert court.see(talking).state == "platform_review"
        assert court.settle(talking) is None


def test_a_message_is_added_once_to_an_open_dispute(court):
    opened = court.open(court.order())
    court.buyer("add_message", opened, "Here is more", "k")
    said = court.buyer("add_message", opened, "Here is more", "k")
    assert [each.text for each in said.events if each.kind == "message"] == ["Here is more"]
    court.buyer("withdraw", opened)
    with pytest.raises(Conflict, match="nothing can be added"):
        court.buyer("add_message", opened, "Too late")


# --- the platform


@pytest.mark.parametrize(
    ("outcome", "amount", "back"), [("full", None, [2500]), ("partial", 700, [700]), ("none", None, [])]
)
def test_the_platforms_verdict_binds(court, outcome, amount, back):
    number = court.order()
    done = court.decide(court.in_state("platform_review", number), outcome, amount)
    assert (done.state, done.outcome, done.decided_by) == ("resolved", outcome, "platform")
    assert cash(court, number) == back
    assert done.event(done.events[-1].id) == done.events[-1]
    assert (done.events[-1].kind, done.events[-1].text) == ("verdict", "As the photos show")
    assert court.told()[-1] == "dispute_decided"
    assert court.world.see(number).issue is None


def test_the_platform_may_want_the_goods_back_first(court):
    done = court.decide(court.in_state("platform_review"), "return_refund")
    assert done.state == "awaiting_return"


def test_verdicts_that_make_no_sense(court):
    review = court.in_state("platform_review")
    for outcome, amount in (("half", None), ("partial", None), ("partial", 0), ("partial", 2501), ("full", 1)):
        with pytest.raises(InvalidInput):
            court.decide(review, outcome, amount)
    with pytest.raises(InvalidInput, match="reason"):
        court.decide(review, "none", reason=" ")
    opened = court.missing(court.order("shipped", ago=11 * DAY))
    with pytest.raises(Conflict, match="awaiting_seller"):
        court.decide(opened, "full")
    court.world.now = opened.respond_by - 5 * DAY
    court.seller("rejects", opened, "No")
    court.world.now += 7 * DAY
    court.settle(opened)
    with pytest.raises(InvalidInput, match="nothing left to send back"):
        court.decide(opened, "return_refund")


# --- the goods go back


def test_goods_that_the_seller_has_are_refunded(court):
    number = court.order()
    sent = court.in_state("return_in_transit", number)
    done = court.seller("received", sent)
    assert (done.state, done.outcome, done.decided_by) == ("resolved", "return_refund", "seller")
    assert court.seller("received", sent) == done
    assert cash(court, number) == [2500]
    order = court.world.see(number)
    assert (order.state, order.lines[0].qty_returned) == ("closed", 1)


@pytest.mark.parametrize(("late", "over"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
def test_goods_that_are_not_sent_in_time_bring_nothing(court, late, over):
    number = court.order()
    agreed = court.in_state("awaiting_return", number)
    assert agreed.ship_back_by == court.world.now + 10 * DAY
    court.world.now = agreed.ship_back_by + late
    if not over:
        assert court.settle(agreed) is None
        assert court.buyer("send_back", agreed).state == "return_in_transit"
        return
    with pytest.raises(Conflict, match="the deadline decides"):
        court.buyer("send_back", agreed)
    done = court.settle(agreed)
    assert done is not None and (done.outcome, done.outcome_amount.amount_minor) == ("none", 0)
    assert cash(court, number) == []
    assert court.world.see(number).issue is None


def test_sending_back_twice_is_sending_back_once(court):
    sent = court.in_state("return_in_transit")
    assert court.buyer("send_back", sent) == court.see(sent)
    with pytest.raises(Conflict):
        court.buyer("send_back", sent, "Parcelway", "ANOTHER")
    for carrier, tracking in (("", "RT1"), ("Parcelway", " "), ("Parcelway", "x" * 41)):
        with pytest.raises(InvalidInput):
            court.buyer("send_back", sent, carrier, tracking)


@pytest.mark.parametrize(("late", "over"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
def test_nobody_objects_to_goods_that_the_carrier_delivered(court, late, over):
    number = court.order()
    sent = court.in_state("return_in_transit", number)
    assert court.scanned(tracking="UNKNOWN") == []
    assert court.scanned() == [sent.id]
    court.world.now += DAY
    assert court.scanned() == []  # told before: the deadline stays
    court.world.now = court.see(sent).inspect_by + late
    assert court.see(sent).inspect_by == sent.opened_at + rules.INSPECT_DAYS * DAY
    done = court.settle(sent)
    assert (done is not None) == over
    if over:
        assert (done.outcome, done.decided_by) == ("return_refund", "system_timeout")
        assert cash(court, number) == [2500]
        with pytest.raises(Conflict):
            court.seller("contests", sent, "An empty box")


def test_goods_that_no_carrier_reports_count_as_received_in_the_end(court):
    sent = court.in_state("return_in_transit")
    court.world.now += rules.TRANSIT_DAYS * DAY - SECOND
    assert court.due() == []
    court.world.now += SECOND
    assert court.due() == [sent.id]
    done = court.settle(sent)
    assert done is not None and done.outcome == "return_refund"


def test_the_seller_may_contest_what_came_back(court):
    number = court.order()
    sent = court.in_state("return_in_transit", number)
    with pytest.raises(InvalidInput, match="reason"):
        court.seller("contests", sent, "")
    review = court.seller("contests", sent, "An empty box")
    assert review.state == "platform_review"
    with pytest.raises(InvalidInput, match="nothing left to send back"):
        court.decide(review, "return_refund")
    court.decide(review, "partial", 500)
    assert cash(court, number) == [500]


# --- every step in every state


_STEPS = {
    "accepts": {"awaiting_seller", "negotiating"},
    "rejects": {"awaiting_seller"},
    "counters": {"awaiting_seller", "negotiating"},
    "received": {"return_in_transit"},
    "contests": {"return_in_transit"},
    "buyer_counters": {"negotiating"},
    "escalate": {"negotiating", "platform_review"},
    "withdraw": {"awaiting_seller", "negotiating", "platform_review", "withdrawn"},
    "send_back": {"awaiting_return", "return_in_transit"},
    "add_message": set(STATES) - {"resolved", "withdrawn"},
    "decide": {"platform_review"},
}
_ARGS = {
    "rejects": ("No",), "counters": ("partial", 5), "contests": ("No",), "buyer_counters": ("partial", 5),
    "add_message": ("Hi",),
}  # fmt: skip
_REPEATS = {("accepts", "resolved"), ("accepts", "awaiting_return"), ("accepts", "return_in_transit")}
"""A seller who accepted before may do so again."""


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("step", sorted(_STEPS))
def test_each_step_is_possible_in_its_states_only(court, step, state):
    there = court.in_state(state)
    if state == "negotiating":
        court.world.now += 4 * DAY
    before = court.see(there)

    def go():
        args = _ARGS.get(step, ())
        if step == "decide":
            return court.decide(there, "none")
        side = court.seller if step in ("accepts", "rejects", "counters", "received", "contests") else court.buyer
        return side(step, there, *args)

    if state in _STEPS[step] or (step, state) in _REPEATS:
        go()
        return
    with pytest.raises(RecourseError):
        go()
    assert court.see(there) == before


# --- holds, other processes, notices


def test_an_order_on_hold_is_not_refunded_by_anybody(court):
    number = court.order()
    opened = court.open(number)
    court.world.set_order(number, frozen=True, frozen_reason="chargeback")
    with pytest.raises(NotAllowed, match="on hold"):
        court.seller("accepts", opened)
    court.world.now = opened.respond_by + DAY
    assert court.due() == []
    assert court.settle(opened) is None
    assert cash(court, number) == []
    court.world.set_order(number, frozen=False, frozen_reason=None)
    assert court.due() == [opened.id]
    court.settle(opened)
    assert cash(court, number) == [1000]


def test_goods_may_be_sent_while_the_order_is_on_hold(court):
    number = court.order()
    agreed = court.in_state("awaiting_return", number)
    court.world.set_order(number, frozen=True, frozen_reason="risk")
    sent = court.buyer("send_back", agreed)
    with pytest.raises(NotAllowed, match="on hold"):
        court.seller("received", sent)
    court.world.set_order(number, frozen=False, frozen_reason=None)
    court.seller("received", sent)


def test_the_order_belongs_to_disputes_until_the_last_one_ends(court):
    number = court.order(items=(MUG, CUPS))
    first, second = court.open(number), court.open(number, "CUP")
    court.seller("accepts", first)
    assert court.world.see(number).issue == "dispute"
    court.buyer("withdraw", second)
    assert court.world.see(number).issue is None


def test_a_chargeback_keeps_the_order(court):
    number = court.order()
    opened = court.open(number)
    court.world.set_order(number, issue="chargeback")
    court.buyer("withdraw", opened)
    assert court.world.see(number).issue == "chargeback"
    court.world.set_order(number, issue=None)


def test_the_longest_overdue_comes_first(court):
    late = court.open(court.order(dispute_response_days=3))
    early = court.open(court.order(dispute_response_days=1))
    court.world.now += 9 * DAY
    assert court.due() == [early.id, late.id]


def test_every_notice_names_its_event(court):
    opened = court.open(court.order())
    court.seller("counters", opened, "partial", 1)
    court.seller("counters", opened, "partial", 2)
    assert court.told() == ["dispute_countered", "dispute_countered"]


def test_every_move_is_in_the_log(court):
    review = court.in_state("platform_review")
    court.decide(review, "none")
    with court.world.reading() as session:
        moves = [(row.from_state, row.to_state, row.actor_type) for row in log_of(session, review.id)]
    assert moves == [
        (None, "awaiting_seller", "buyer"),
        ("awaiting_seller", "negotiating", "seller"),
        ("negotiating", "platform_review", "buyer"),
        ("platform_review", "resolved", "platform"),
    ]
    assert {(start, to) for start, to, _ in moves} <= set(rules.DISPUTE_MACHINE)


def test_a_quote_made_before_is_void(court):
    number = court.order()
    before = court.world.see(number).version
    court.seller("accepts", court.open(number))
    assert court.world.see(number).version > before


def test_a_buyer_sees_disputes_of_an_order_oldest_first(court):
    number = court.order()
    first = court.open(number)
    court.buyer("withdraw", first)
    court.world.now += SECOND
    second = court.open(number)
    with court.world.reading() as session:
        assert [each.id for each in disputes.of_order(session, first.order_id)] == [first.id, second.id]
        assert list(disputes.open_of(session, [first.order_id])) == [first.order_id]
        assert disputes.get_own(session, BUYER, first.id).state == "withdrawn"
