"""The status of an order in the buyer's words."""

from __future__ import annotations

from recourse.overview.service import Case
from recourse.refunds.rules import CHARGED_BACK
from recourse.replies.voice import Voice


def status(voice: Voice, item: Case) -> str:
    """The status label that the buyer reads; a request is never called "cancelled"."""
    name = item.label
    if name == "cancellation_requested" and item.request is not None and item.request.escalated_at is not None:
        name = "cancellation_escalated"
    elif name == "closed" and item.order.close_reason == CHARGED_BACK:
        name = "closed_charged_back"
    return voice.text(f"utter_status_{name}")
