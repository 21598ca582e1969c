"""Both worlds: what sellers, carriers, the provider, agents, the shop and buyers do besides the chat, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from recourse_world.steps.shapes import STEPS
from world_cases import Played, refused

pytest_plugins = ("world_fixtures",)

Staged = Callable[..., Played]
Steps = list[dict[str, Any]]
UNSENT = {"as": "headphones", "scenario": "paid_unsent"}
TWO_PIECES = {**UNSENT, "items": ["HP-OVER", {"sku": "HP-KIDS", "qty": 2}]}
RECEIVED = {"as": "headphones", "scenario": "delivered"}
UNDER_WAY = {"as": "headphones", "scenario": "refund_in_progress"}
APPROVED = {"as": "headphones", "scenario": "approved_unread"}
DISPUTED = {"as": "headphones", "scenario": "dispute_open"}
BACK = {"buyer": {"does": "dispute", "reason": "damaged", "wanted": "return_refund"}}

PATHS: dict[str, tuple[dict[str, Any], Steps, str, dict[str, Any]]] = {
    "some pieces are shipped": (
        TWO_PIECES,
        [{"seller": {"does": "ship", "pieces": {"HP-KIDS": 1}, "carrier": "Bluebird", "tracking": "BB1"}}],
        "orders",
        {"status": "partially_shipped"},
    ),
    "the rest is shipped": (
        TWO_PIECES,
        [{"seller": {"does": "ship", "pieces": {"HP-KIDS": 1}}}, {"seller": "ship"}],
        "orders",
        {"status": "shipped"},
    ),
    "a parcel arrives": (
        UNSENT,
        [{"seller": "ship"}, {"carrier": "accepted"}, {"carrier": "in_transit"}, {"carrier": "delivered"}],
        "orders",
        {"status": "delivered"},
    ),
    "a parcel comes back": (UNSENT, [{"seller": "ship"}, {"carrier": "returned"}], "orders", {"status": "closed"}),
    "the buyer confirms": (RECEIVED, [{"buyer": "confirm_receipt"}], "orders", {"status": "completed"}),
    "an offer is taken back": (
        UNSENT,
        [{"seller": {"does": "offer", "amount": "5.00"}}, {"seller": "retract_offer"}],
        "seller_offer",
        {"state": "retracted", "amount": 500, "currency": "GBP"},
    ),
    "an offer is accepted": (
        UNSENT,
        [{"seller": {"does": "offer", "amount": 500}}, {"buyer": "accept_offer"}],
        "refund",
        {"legs_total": 500},
    ),
    "an offer is declined": (
        UNSENT,
        [{"seller": {"does": "offer", "amount": 500}}, {"buyer": "decline_offer"}],
        "seller_offer",
        {"state": "declined"},
    ),
    "a question is answered": (
        {"as": "headphones", "scenario": "cancellation_pending"},
        [{"seller": {"does": "ask", "text": "Why?"}}, {"buyer": {"does": "answer", "text": "Too loud."}}],
        "required_action",
        {"state": "done", "answer": "Too loud."},
    ),
    "a dispute is accepted": (DISPUTED, [{"seller": "accept_dispute"}], "dispute", {"state": "resolved"}),
    "both agree on something else": (
        DISPUTED,
        [{"seller": {"does": "counter", "wanted": "partial", "amount": 700}}, {"buyer": "accept_proposal"}],
        "dispute",
        {"state": "resolved", "outcome": "partial", "outcome_amount": 700},
    ),
    "the buyer proposes something else": (
        DISPUTED,
        [{"seller": "reject_dispute"}, {"buyer": {"does": "counter", "wanted": "partial", "amount": "GBP 9.99"}}],
        "dispute",
        {"state": "negotiating", "amount": 999},
    ),
    "a dispute is given up": (DISPUTED, [{"buyer": "give_up_dispute"}], "dispute", {"state": "withdrawn"}),
    "disputed goods come back": (
        RECEIVED,
        [BACK, {"seller": "accept_dispute"}, {"buyer": "send_back"}, {"carrier": "brought_back"}, {"clock": "+6d"}],
        "dispute",
        {"state": "resolved", "outcome": "return_refund", "decided_by": "system_timeout"},
    ),
    "the seller has the disputed goods": (
        RECEIVED,
        [BACK, {"seller": "accept_dispute"}, {"buyer": "send_back"}, {"seller": "received"}],
        "dispute",
        {"state": "resolved", "decided_by": "seller"},
    ),
    "the seller objects to what came back": (
        RECEIVED,
        [BACK, {"seller": "accept_dispute"}, {"buyer": "send_back"}, {"seller": {"does": "contest", "reason": "Empty"}}],
        "dispute",
        {"state": "platform_review"},
    ),
    "a return is called off": (
        {"as": "headphones", "scenario": "return_open"},
        [{"buyer": "cancel_return"}],
        "return_request",
        {"state": "cancelled"},
    ),
    "a return is refunded after a look": (
        {"as": "headphones", "scenario": "return_open"},
        [{"buyer": {"does": "send_back", "tracking": "B1"}}, {"carrier": "brought_back"}, {"clock": "+6d"}],
        "return_request",
        {"state": "refunded"},
    ),
    "the law lets the buyer withdraw": (RECEIVED, [{"buyer": "withdraw"}], "withdrawal", {"why": "in_time"}),
    "the buyer writes to the seller": (
        UNSENT,
        [{"buyer": {"does": "write", "text": "Is {headphones} packed?"}}],
        "seller_message",
        {"author": "buyer"},
    ),
    "a refund is taken by the provider": (
        APPROVED,
        [{"provider": "receive"}],
        "refund_leg",
        {"state": "submitted", "tries": 1},
    ),
    "a refund is on its way": (APPROVED, [{"provider": "process"}], "refund_leg", {"state": "processing"}),
    "a refund arrives": (APPROVED, [{"provider": "settle"}], "refund_leg", {"state": "succeeded"}),
    "a refund of the past arrives": (UNDER_WAY, [{"provider": "settle"}], "refund_leg", {"state": "succeeded"}),
    "a refund fails": (
        APPROVED,
        [{"provider": {"does": "fail", "reason": "account_closed"}}],
        "refund_leg",
        {"state": "failed", "failure_reason": "account_closed"},
    ),
    "a refund is refused at once": (
        APPROVED,
        [{"provider": "refuse"}],
        "refund_leg",
        {"state": "failed", "failure_reason": "refund_not_possible"},
    ),
    "a refund is stopped": (APPROVED, [{"provider": "cancel"}], "refund_leg", {"state": "cancelled"}),
    "bank details are given": (
        APPROVED,
        [{"provider": "needs_details"}, {"provider": "fill_form"}, {"provider": "settle"}],
        "refund_leg",
        {"state": "succeeded"},
    ),
    "bank details are given for a refund of the past": (
        {"as": "headphones", "scenario": "refund_needs_details"},
        [{"provider": "fill_form"}],
        "refund_leg",
        {"state": "processing"},
    ),
    "bank details are not given": (
        APPROVED,
        [{"provider": "needs_details"}, {"clock": "+15d"}],
        "refund_leg",
        {"state": "failed", "failure_reason": "details_missing"},
    ),
    "every news comes twice": (APPROVED, [{"provider": "duplicate"}], "refund_leg", {"state": "succeeded"}),
    "an answer comes too late": (
        APPROVED,
        [{"provider": "times_out"}, {"clock": "+1m"}, {"provider": "settle"}],
        "refund_leg",
        {"state": "succeeded", "tries": 2},
    ),
    "the provider has trouble": (
        APPROVED,
        [{"provider": "error"}, {"clock": "+1m"}, {"provider": "settle"}],
        "refund_leg",
        {"state": "succeeded", "tries": 2},
    ),
    "the provider has trouble afterwards": (
        APPROVED,
        [{"provider": "error_after"}, {"clock": "+1m"}, {"provider": "settle"}],
        "refund_leg",
        {"state": "succeeded", "tries": 2},
    ),
    "the provider is away": (
        APPROVED,
        [{"faults": {"provider": "down"}}, {"provider": "receive"}],
        "refund_leg",
        {"state": "submitted", "tries": 1},
    ),
    "the provider comes back": (
        APPROVED,
        [{"faults": {"provider": "down"}}, {"provider": "receive"}, {"faults": {"provider": "up"}}, {"clock": "+1m"},
         {"provider": "settle"}],
        "refund_leg",
        {"state": "succeeded", "tries": 2},
    ),
    "a transfer comes": (
        {"as": "headphones", "scenario": "transfer_pending"},
        [{"provider": "payment_captured"}],
        "orders",
        {"status": "to_ship"},
    ),
    "a transfer is checked": (
        {"as": "headphones", "scenario": "transfer_pending"},
        [{"provider": "review_started"}, {"provider": "review_passed"}],
        "orders",
        {"status": "to_ship"},
    ),
    "a payment fails": (
        {"as": "headphones", "scenario": "transfer_pending"},
        [{"provider": "payment_failed"}],
        "payment",
        {"status": "failed"},
    ),
    "the bank disputes a payment": (
        UNSENT,
        [{"provider": {"does": "chargeback", "reason": "fraudulent"}}],
        "orders",
        {"issue": "chargeback", "frozen": True},
    ),
    "the shop wins": (
        UNSENT,
        [{"provider": "chargeback"}, {"provider": "chargeback_won"}],
        "orders",
        {"issue": None, "frozen": False},
    ),
    "the shop loses": (
        UNSENT,
        [{"provider": "chargeback"}, {"provider": "chargeback_lost"}],
        "orders",
        {"status": "cancelled", "close_reason": "chargeback_lost"},
    ),
    "an account is kept": (
        {"as": "headphones", "scenario": "cancelled"},
        [{"buyer": "erase"}, {"buyer": "keep_account"}],
        "erasure_request",
        {"state": "cancelled"},
    ),
}  # fmt: skip
"""What happens -> an order, the steps, a table, and what stands in its only row then."""
IN_THE_EU = ("the law lets the buyer withdraw",)


@pytest.mark.parametrize("path", PATHS)
def test_steps(staged: Staged, path: str) -> None:
    order, steps, table, wanted = PATHS[path]
    like = "b-1002" if path in IN_THE_EU else "b-1001"
    case = staged({"buyer": {"like": like, "orders": [order]}})
    for step in steps:
        case.do(**step)
    (row,) = case.rows(table)
    assert {name: row[name] for name in wanted} == wanted


def test_a_failed_refund_is_sent_again(staged: Staged) -> None:
    case = staged({"buyer": {"orders": [{"as": "headphones", "scenario": "refund_failed"}]}})
    case.do(platform="resend")
    case.do(provider="settle")
    assert sorted(row["state"] for row in case.rows("refund_leg")) == ["failed", "succeeded"]


def test_the_buyer_chooses_another_way(staged: Staged) -> None:
    case = staged({"buyer": {"orders": [{"as": "headphones", "scenario": "refund_failed"}]}})
    case.do(buyer={"does": "choose_route", "to": "balance"})
    case.do(provider="receive")
    assert sorted(row["state"] for row in case.rows("refund_leg")) == ["failed", "succeeded"]
    assert len(case.rows("wallet_entry", "headphones")) == 1


def test_one_of_two_refunds(staged: Staged) -> None:
    case = staged({"buyer": {"orders": [{"as": "headphones", "scenario": "split_tender"}]}})
    case.ask_to_cancel()
    case.do(seller="approve")
    with refused("has 2 refunds, not 3"):
        case.do(provider={"does": "settle", "leg": 3})
    with refused(r"has no refund that is submitted or processing or requires_action; there is: succeeded \(balance\)"):
        case.do(provider={"does": "settle", "leg": 2})
    case.do(provider={"does": "fail", "leg": 1})
    assert sorted(row["state"] for row in case.rows("refund_leg")) == ["failed", "succeeded"]


def test_a_person_in_the_chat(staged: Staged) -> None:
    case = staged(channel="socket")
    case.say("talk to a person")
    case.do(agent="take")
    assert [row["state"] for row in case.rows("handoff")] == ["active"]
    case.do(agent={"does": "write", "text": "Hello, I am Ana."})
    assert case.stage.line("buyer").pushed(20).text == "Hello, I am Ana."
    case.do(agent={"does": "hand_back", "reason": "lunch"})
    assert [row["state"] for row in case.rows("conversation")] == ["queued"]
    case.do(agent="take")
    assert case.do(agent="resolve") == "the agent: resolve"
    assert [row["state"] for row in case.rows("conversation")] == ["bot"]


def test_an_erasure_is_carried_out(staged: Staged) -> None:
    case = staged({"buyer": {"orders": [{"as": "headphones", "scenario": "cancelled"}]}})
    case.say("hello")
    case.do(buyer="erase")
    case.do(clock="+3d1m")
    (row,) = case.rows("erasure_request")
    assert row["state"] in ("completed", "executing")
    assert [row["state"] for row in case.rows("conversation")] == ["closed"]


def test_which_order_is_meant(staged: Staged) -> None:
    case = staged({"buyer": {"orders": [UNSENT, {**UNSENT, "as": "mugs", "items": ["MUG-SET"]}]}})
    with refused("say which `order` is meant: headphones, mugs"):
        case.do(seller="ship")
    with refused("there is no order 'lamp' in this case; there are: headphones, mugs"):
        case.do(seller={"does": "ship", "order": "lamp"})
    said = case.do(seller={"does": "ship", "order": "mugs"})
    assert case.stage.mask(said) == "the seller: ship {mugs}"


@pytest.mark.parametrize(
    ("order", "step", "says"),
    [
        (UNSENT, {"seller": "approve"}, "has no open cancellation request$"),
        ({**UNSENT, "scenario": "cancellation_rejected"}, {"seller": "approve"}, "request; it is rejected"),
        (
            {**UNSENT, "scenario": "shipped"},
            {"seller": "ship"},
            "seller: ship is not possible here: order .* is shipped",
        ),
        (UNSENT, {"seller": {"does": "ship", "pieces": {"X": 1}}}, "the order has no X; it has: HP-OVER"),
        (UNSENT, {"seller": {"does": "offer", "amount": "EUR 1.00"}}, "the order counts in GBP, not in EUR"),
        (UNSENT, {"seller": {"does": "offer", "amount": "GBP 1.005"}}, "'GBP 1.005' has more decimals than GBP"),
        (UNSENT, {"seller": {"does": "offer", "amount": "much"}}, "is no amount; write it like GBP 10.50"),
        (UNSENT, {"seller": "accept_dispute"}, "has no open dispute"),
        (UNSENT, {"seller": "received"}, "has no open return"),
        (UNSENT, {"seller": "retract_offer"}, "has no open offer"),
        (UNSENT, {"carrier": "delivered"}, "say with `tracking` which parcel .* is meant; there are: none"),
        (
            DISPUTED,
            {"carrier": "brought_back"},
            "nothing of order .* is on its way back; `buyer: send_back` begins that",
        ),
        (UNSENT, {"provider": "settle"}, "has no refund that is submitted or .*; there is: none"),
        (UNSENT, {"provider": "refuse"}, "no refund of this case waits to be sent"),
        (UNSENT, {"provider": "chargeback_won"}, "no bank disputes a payment"),
        (UNDER_WAY, {"provider": "duplicate"}, "this refund was sent before"),
        (UNSENT, {"agent": "take"}, "this buyer has no open case; the buyer asks for a person first"),
        (UNSENT, {"agent": {"does": "write", "text": "x"}}, "this buyer has no conversation yet"),
        (UNSENT, {"platform": {"does": "back_in_stock", "sku": "KETTLE"}}, "nobody watches KETTLE"),
        (UNSENT, {"platform": "refuse_erasure"}, "this buyer has not asked for an erasure"),
        (UNSENT, {"platform": "resend"}, "has no refund that failed; its refunds: none"),
        (UNSENT, {"buyer": "accept_offer"}, "has no open offer"),
        (DISPUTED, {"buyer": "accept_proposal"}, "the seller has proposed nothing that could be accepted"),
        (UNSENT, {"buyer": "answer"}, "the seller asks nothing about order"),
        (UNSENT, {"buyer": {"does": "watch", "sku": "X"}}, "there is no product 'X'; there are: "),
        (RECEIVED, {"buyer": {"does": "dispute", "reason": "other"}}, "'other' is a reason to return; to dispute: "),
        (UNSENT, {"buyer": "keep_account"}, "this buyer has not asked for an erasure"),
    ],
)
def test_what_is_not_possible_says_so(staged: Staged, order: dict[str, Any], step: dict[str, Any], says: str) -> None:
    case = staged({"buyer": {"orders": [order]}})
    with refused(says):
        case.do(**step)


@pytest.mark.parametrize(
    ("who", "given", "says"),
    [
        ("seller", "aprove", "Input should be 'approve', 'reject'"),
        ("seller", {"does": "approve", "reason": "x"}, "approve takes nothing but order; not reason"),
        ("seller", {"does": "reject", "pieces": {"A": 1}}, "reject takes order, reason, tracking; not pieces"),
        ("seller", "write", "write needs text"),
        ("seller", {"does": "ship", "colour": "red"}, "Extra inputs are not permitted"),
        ("carrier", {"does": "eaten"}, "Input should be 'label', 'accepted'"),
        ("agent", "decide", "decide needs outcome"),
        ("buyer", {"does": "choose_route", "to": "cash"}, "Input should be 'again', 'balance' or 'bank'"),
    ],
)
def test_a_step_that_is_written_wrongly(who: str, given: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        STEPS[who].model_validate(given)


def test_editors_know_the_short_form() -> None:
    schema = STEPS["seller"].model_json_schema()
    words, mapping = schema["anyOf"]
    assert "approve" in words["enum"] and "write" not in words["enum"]
    assert mapping["properties"]["reason"]
