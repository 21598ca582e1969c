"""Where the stories of the demo leave an order, as far as the log of its moves tells. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Situation:
    """Where an order stands. ``request``, ``dispute`` and ``back`` (a return): the state of the latest, if there is one.

    ``refund``: what its refunds have come to, one word for each state that there is: ``succeeded+under_way``; ``late``: under way
    for too long.
    """

    status: str
    frozen: bool = False
    request: str | None = None
    refund: str | None = None
    dispute: str | None = None
    back: str | None = None

    def __str__(self) -> str:
        parts = [("request", self.request), ("refund", self.refund), ("dispute", self.dispute), ("return", self.back)]
        said = [f"{what} {state}" for what, state in parts if state]
        return ", ".join([f"the order was {self.status}", *(["on hold"] if self.frozen else []), *said]).replace(
            "_", " "
        )


_UNSENT = Situation("to_ship")
_COMPLETED = Situation("completed")
_ASKED = Situation("to_ship", request="pending_seller")
_REFUNDING = Situation("cancelled", request="approved", refund="under_way")
_ENDED_BY_SELLER = Situation("cancelled", refund="under_way")

BY_SCENARIO: Mapping[str, Situation] = {
    "unpaid": Situation("awaiting_payment"),
    "coupon_reserved": Situation("awaiting_payment"),
    "transfer_pending": Situation("awaiting_payment"),
    "payment_review": Situation("payment_review"),
    "paid_unsent": _UNSENT,
    "multi_item": _UNSENT,
    "coupon_used": _UNSENT,
    "split_tender": _UNSENT,
    "shared_checkout": _UNSENT,
    "silence_rejects": _UNSENT,
    "ship_blocked": _UNSENT,
    "frozen": Situation("to_ship", frozen=True),
    "partially_shipped": Situation("partially_shipped"),
    "shipped": Situation("shipped"),
    "delivered": Situation("delivered"),
    "completed": _COMPLETED,
    "dispute_window_open": _COMPLETED,
    "dispute_window_over": _COMPLETED,
    "cancelled": Situation("cancelled", request="approved"),
    "review_cancelled": Situation("cancelled", request="approved"),
    "cancellation_pending": _ASKED,
    "cancellation_rejected": Situation("shipped", request="rejected"),
    "request_superseded": Situation("shipped", request="superseded"),
    "request_expired": Situation("shipped", request="expired"),
    "silence_approved": _REFUNDING,
    "approved_unread": _REFUNDING,
    "refund_in_progress": _REFUNDING,
    "refund_split": Situation("cancelled", request="approved", refund="succeeded+under_way"),
    "refund_overdue": Situation("cancelled", request="approved", refund="late"),
    "refund_failed": Situation("cancelled", request="approved", refund="failed"),
    "refund_succeeded": Situation("cancelled", request="approved", refund="succeeded"),
    "seller_cancelled": _ENDED_BY_SELLER,
    "closed": Situation("closed", refund="succeeded"),
    "part_pending": _ASKED,
    "part_cancelled": Situation("to_ship", request="approved", refund="under_way"),
    "intercept_possible": Situation("shipped"),
    "intercept_pending": Situation("shipped", request="pending_seller"),
    "ship_deadline_near": _UNSENT,
    "ship_deadline_over": _ENDED_BY_SELLER,
    "part_not_shipped": Situation("delivered", refund="under_way"),
    "unpaid_expired": Situation("cancelled"),
    "lost_refunded": Situation("closed", refund="under_way"),
    "dispute_open": Situation("delivered", dispute="awaiting_seller"),
    "dispute_countered": Situation("delivered", dispute="negotiating"),
    "return_open": Situation("delivered", back="approved"),
    "offer_open": _ASKED,
    "refund_needs_details": Situation("cancelled", request="approved", refund="requires_action"),
    "refund_replaced": Situation("cancelled", request="approved", refund="failed+succeeded"),
}
"""Scenario of ``recourse/demo/scenarios.py`` -> where it leaves its order. Of several that are alike the plainest comes first."""

ONLY_IF_LABELLED = frozenset(
    """
    coupon_reserved coupon_used split_tender shared_checkout refund_split part_pending part_cancelled part_not_shipped
    silence_approved approved_unread offer_open refund_replaced
    """.split()
)
"""Stories that need a certain buyer, several products, or tell more than the state; nobody would guess them."""
