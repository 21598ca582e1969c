"""Both worlds: whatever the assistant may have to tell a buyer can be brought about by fixtures and steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ruamel.yaml import YAML
from world_cases import ROOT, Played

pytest_plugins = ("world_fixtures",)

UNSENT = {"as": "headphones", "scenario": "paid_unsent"}
TWO_PIECES = {**UNSENT, "items": ["HP-OVER", "HP-KIDS"]}
RECEIVED = {"as": "headphones", "scenario": "delivered"}
ASK: list[dict[str, Any]] = [{"cancel": "my order"}]
DISPUTE: list[dict[str, Any]] = [{"buyer": {"does": "dispute", "reason": "damaged"}}]
RETURN: list[dict[str, Any]] = [{"buyer": "return"}]
OFFER: list[dict[str, Any]] = [{"seller": {"does": "offer", "amount": "GBP 10.00"}}]

NEWS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "approved_by_seller": (UNSENT, [*ASK, {"seller": "approve"}]),
    "approved_by_deadline": (UNSENT, [*ASK, {"clock": "+25h"}]),
    "approved_by_platform": (UNSENT, [*ASK, {"agent": "approve"}]),
    "part_approved_by_seller": ({**TWO_PIECES, "scenario": "part_pending"}, [{"seller": "approve"}]),
    "part_approved_by_deadline": ({**TWO_PIECES, "scenario": "part_pending"}, [{"clock": "+25h"}]),
    "part_approved_by_platform": ({**TWO_PIECES, "scenario": "part_pending"}, [{"agent": "approve"}]),
    "intercepted_by_seller": (
        {"as": "vase", "scenario": "intercept_pending", "items": ["VASE"]},
        [{"seller": "approve"}],
    ),
    "intercepted_by_platform": (
        {"as": "vase", "scenario": "intercept_pending", "items": ["VASE"]},
        [{"agent": "approve"}],
    ),
    "request_rejected": (UNSENT, [*ASK, {"seller": {"does": "reject", "reason": "No", "tracking": "PX1"}}]),
    "request_rejected_by_platform": (UNSENT, [*ASK, {"agent": {"does": "reject", "reason": "No"}}]),
    "request_expired": ({**UNSENT, "policy": {"on_silence": "reject"}}, [*ASK, {"clock": "+25h"}]),
    "request_escalated": ({**UNSENT, "policy": {"on_silence": "escalate"}}, [*ASK, {"clock": "+25h"}]),
    "request_superseded": (UNSENT, [*ASK, {"seller": "ship"}]),
    "request_superseded_on_hold": (UNSENT, [*ASK, {"platform": "hold"}]),
    "request_superseded_otherwise": (UNSENT, [*ASK, {"seller": "cancel"}]),
    "order_cancelled_by_seller": (UNSENT, [{"seller": {"does": "cancel", "reason": "broken"}}]),
    "order_not_shipped": (UNSENT, [{"clock": "+20d"}]),
    "order_part_not_shipped": ({**TWO_PIECES, "scenario": "partially_shipped"}, [{"clock": "+20d"}]),
    "order_unpaid_expired": ({"as": "headphones", "scenario": "unpaid"}, [{"clock": "+4d"}]),
    "order_review_failed": ({"as": "headphones", "scenario": "payment_review"}, [{"provider": "review_failed"}]),
    "order_lost": ({"as": "headphones", "scenario": "shipped"}, [{"carrier": {"does": "lost", "text": "gone"}}]),
    "order_on_hold": (UNSENT, [{"platform": {"does": "hold", "reason": "fraud_check"}}]),
    "order_off_hold": ({"as": "headphones", "scenario": "frozen"}, [{"platform": "release"}]),
    "refund_news": (UNSENT, [*ASK, {"seller": "approve"}, {"provider": "settle"}]),
    "refund_needs_details": (UNSENT, [*ASK, {"seller": "approve"}, {"provider": "needs_details"}]),
    "refund_failed": (UNSENT, [*ASK, {"seller": "approve"}, {"provider": "fail"}]),
    "refund_reversed": (UNSENT, [*ASK, {"seller": "approve"}, {"provider": "settle"}, {"provider": "reverse"}]),
    "seller_wrote": (UNSENT, [{"seller": {"does": "write", "text": "On its way soon."}}]),
    "platform_wrote": (UNSENT, [{"platform": {"does": "write", "text": "We look into it."}}]),
    "off_platform": (UNSENT, [{"seller": {"does": "write", "text": "Pay me at https://cheap.example.com please"}}]),
    "seller_asks": (UNSENT, [*ASK, {"seller": {"does": "ask", "text": "Which colour?"}}]),
    "link": (UNSENT, [*ASK, {"seller": {"does": "ask", "text": "A form", "url": "https://shop.example.com/form"}}]),
    "seller_offers": (UNSENT, [*ASK, *OFFER]),
    "offer_expired": (UNSENT, [*OFFER, {"clock": "+10d"}]),
    "dispute_countered": (RECEIVED, [*DISPUTE, {"seller": {"does": "counter", "wanted": "partial", "amount": 500}}]),
    "dispute_in_review": (RECEIVED, [*DISPUTE, {"seller": "reject_dispute"}, {"clock": "+8d"}]),
    "dispute_return_agreed": (
        RECEIVED,
        [{"buyer": {"does": "dispute", "reason": "damaged", "wanted": "return_refund"}}, {"seller": "accept_dispute"}],
    ),
    "dispute_decided": (
        RECEIVED,
        [
            *DISPUTE,
            {"seller": {"does": "reject_dispute", "reason": "It was fine"}},
            {"clock": "+4d"},
            {"buyer": "escalate"},
            {"agent": {"does": "decide", "outcome": "partial", "amount": "GBP 12.50"}},
        ],
    ),
    "return_approved": (RECEIVED, [*RETURN, {"seller": {"does": "accept_return", "text": "Box 1"}}]),
    "return_declined": (RECEIVED, [*RETURN, {"seller": {"does": "decline_return", "reason": "Worn"}}]),
    "return_expired": (RECEIVED, [*RETURN, {"seller": "accept_return"}, {"clock": "+15d"}]),
    "return_refunded": (
        RECEIVED,
        [*RETURN, {"seller": "accept_return"}, {"buyer": "send_back"}, {"seller": "received"}],
    ),
    "back_in_stock": (
        UNSENT,
        [{"buyer": {"does": "watch", "sku": "KETTLE"}}, {"platform": {"does": "back_in_stock", "sku": "KETTLE"}}],
    ),
    "erasure_on_hold": (UNSENT, [{"buyer": "erase"}]),
    "erasure_scheduled": ({"as": "headphones", "scenario": "cancelled"}, [{"buyer": "erase"}]),
    "erasure_refused": (
        {"as": "headphones", "scenario": "cancelled"},
        [{"buyer": "erase"}, {"platform": {"does": "refuse_erasure", "reason": "We need it for a court case."}}],
    ),
}
"""News -> an order and what happens. ``cancel``: the buyer asks for it in the chat."""

PARTS = {"until": "refund_needs_details", "order_goes_on": "request_rejected"}
"""Parts of news, and the news that has them."""


def _notices() -> dict[str, str]:
    domain = YAML(typ="safe").load((ROOT / "domain.yml").read_text())["responses"]
    return {name.removeprefix("utter_notice_"): one[0]["text"] for name, one in domain.items() if "notice_" in name}


def test_nothing_is_left_out() -> None:
    assert NEWS.keys() | PARTS.keys() == _notices().keys()


@pytest.mark.parametrize("news", NEWS)
def test_it_can_be_brought_about(staged: Callable[..., Played], news: str) -> None:
    order, steps = NEWS[news]
    case = staged({"buyer": {"orders": [order]}})
    for step in steps:
        if "cancel" in step:
            case.ask_to_cancel(step["cancel"])
        else:
            case.do(**step)
    reply = case.say("hello")
    if news in ("off_platform", "link"):  # parts of other news
        marks = {"off_platform": "is not protected", "link": "https://shop.example.com/form"}
        assert marks[news] in reply.text
    else:
        assert f"utter_notice_{news}" in case.uttered(reply), reply.text
    if news == "refund_needs_details":
        assert ", by " in reply.text
    if news == "request_rejected":
        assert reply.text.split("\n")[0].endswith("The order goes on.")


@pytest.mark.parametrize(
    ("scenario", "news"),
    [
        ("silence_approved", "approved_by_deadline"),
        ("dispute_countered", "dispute_countered"),
        ("return_open", "return_approved"),
    ],
)
def test_news_of_the_past_is_told_where_a_fixture_says_so(
    staged: Callable[..., Played], scenario: str, news: str
) -> None:
    orders = [{"as": "headphones", "scenario": scenario}]
    heard = staged({"buyer": {"orders": orders}}).say("hello")
    assert "News" not in heard.text
    case = staged({"buyer": {"orders": orders, "unread": True}})
    assert f"utter_notice_{news}" in case.uttered(case.say("hello"))
