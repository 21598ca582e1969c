"""Who may cancel what, and how a request ends. Pure; ``docs/policy.md`` is written from the tables on this page."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recourse.core.transitions import Machine
from recourse.orders.rules import OrderView
from recourse.refunds.rules import Breakdown, whole_order

QUOTE_LIFETIME = timedelta(minutes=30)
NOTE_MAX = 500


def _by(*actors: str) -> frozenset[str]:
    return frozenset(actors)


REQUEST_MACHINE: Machine = {
    (None, "approved"): _by("system"),
    (None, "pending_seller"): _by("buyer"),
    ("pending_seller", "approved"): _by("seller", "timer", "platform"),
    ("pending_seller", "rejected"): _by("seller", "platform"),
    ("pending_seller", "withdrawn"): _by("buyer"),
    ("pending_seller", "expired"): _by("timer"),
    ("pending_seller", "superseded"): _by("system"),
}
"""Legal moves of ``cancellation_request.state`` (domain 3.4). Every state but pending_seller is terminal."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the eligibility table. ``alternatives`` are what the buyer can do instead, best first."""

    kind: str
    why: str
    explanation: str
    alternatives: tuple[str, ...] = ()


INSTANT, REQUEST, NO = "instant", "request", "no"

ELIGIBILITY: Mapping[str, Rule] = {
    "awaiting_payment": Rule(INSTANT, "unpaid", "Not paid yet: cancelled at once, nothing was charged."),
    "payment_review": Rule(
        INSTANT, "payment_review", "Payment is still being checked: cancelled at once, without asking the seller."
    ),
    "to_ship": Rule(REQUEST, "paid_unsent", "Paid and not shipped: the seller is asked and has a deadline to answer."),
    "partially_shipped": Rule(
        NO, "partially_shipped", "Part of it is on its way: this cannot be cancelled as a whole.", ("human", "dispute")
    ),
    "shipped": Rule(
        NO, "shipped", "Already shipped: it can no longer be cancelled.", ("refuse_or_return", "dispute", "human")
    ),
    "delivered": Rule(
        NO, "delivered", "Already delivered: it can be returned or disputed.", ("return", "dispute", "human")
    ),
    "completed": Rule(
        NO, "completed", "Completed: it can be disputed while the dispute window is open.", ("dispute", "human")
    ),
    "cancelled": Rule(NO, "already_cancelled", "Already cancelled.", ("refund_status",)),
    "closed": Rule(NO, "closed", "Closed after a full refund.", ("refund_status",)),
}
"""What decides is the order's status (domain C1). Two things come before it: a frozen order and an open request."""

FROZEN = Rule(NO, "frozen", "On hold for a payment check: nothing can be changed until it is over.", ("human",))
REQUESTED = Rule(NO, "already_requested", "A request is open: the seller's answer is awaited.", ("human",))


def can_cancel(state: str, frozen: bool, request_open: bool) -> Rule:
    """The verdict for an order in ``state``: instant, request or no, with the reason and the alternatives."""
    if frozen:
        return FROZEN
    if request_open:
        return REQUESTED
    return ELIGIBILITY[state]


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for cancelling. ``fault`` says on whose account it goes (domain 2.2); the assistant never nudges to one."""

    code: str
    fault: str
    phrases: tuple[str, ...]


_NO_LONGER = Reason(
    "no_longer_wanted",
    "buyer",
    (
        "no longer want",
        "dont want",
        "do not want",
        "changed my mind",
        "change of mind",
        "not needed",
        "dont need",
        "regret",
    ),
)
_OTHER = Reason("other", "buyer", ("other reason", "something else"))
_MISTAKE = Reason(
    "ordered_by_mistake",
    "buyer",
    (
        "by mistake",
        "by accident",
        "accidentally",
        "wrong item",
        "wrong size",
        "wrong color",
        "wrong colour",
        "twice",
        "duplicate",
        "double order",
        "wrong product",
        "wrong model",
    ),
)
_CHEAPER = Reason("found_cheaper", "buyer", ("cheaper", "better price", "lower price", "better deal", "less elsewhere"))

REASONS_UNPAID: tuple[Reason, ...] = (
    _NO_LONGER,
    _MISTAKE,
    _CHEAPER,
    Reason("change_address", "buyer", ("address", "moved house", "deliver to", "ship to")),
    Reason("change_coupon", "buyer", ("coupon", "voucher", "promo code", "discount code")),
    Reason(
        "cannot_pay", "buyer", ("cannot pay", "cant pay", "payment fails", "card declined", "no money", "cant afford")
    ),
    _OTHER,
)
REASONS_PAID: tuple[Reason, ...] = (
    _NO_LONGER,
    _MISTAKE,
    Reason(
        "too_late",
        "seller",
        (
            "not arrive on time",
            "too late",
            "too long",
            "takes forever",
            "too slow",
            "arrive late",
            "delivery time",
            "not shipped",
            "still not sent",
            "in time",
        ),
    ),
    _CHEAPER,
    Reason("change_address", "buyer", ("address", "moved house", "deliver to", "ship to")),
    Reason(
        "seller_unreachable",
        "seller",
        (
            "seller does not answer",
            "cant reach the seller",
            "seller not responding",
            "seller never replies",
            "seller doesnt answer",
        ),
    ),
    Reason(
        "seller_asked", "seller", ("seller asked", "seller told me", "out of stock", "no stock", "raised the price")
    ),
    _OTHER,
)


def reasons_for(state: str) -> tuple[Reason, ...]:
    """The catalogue that fits the order: unpaid and paid orders have different lists (domain 2.2)."""
    return REASONS_UNPAID if state == "awaiting_payment" else REASONS_PAID


def reason(state: str, code: str) -> Reason | None:
    """The reason ``code`` of the catalogue for ``state``, or None."""
    return next((item for item in reasons_for(state) if item.code == code), None)


def match_reason(state: str, text: str) -> Reason | None:
    """The reason that a buyer's own words name, or None. The words are kept as the note in any case."""
    plain = " ".join(text.lower().replace("'", "").replace("’", "").split())
    hits = [(plain.find(phrase), item) for item in reasons_for(state) for phrase in item.phrases if phrase in plain]
    return min(hits, key=lambda hit: hit[0])[1] if hits else None


def after_because(text: str) -> str | None:
    """The reason in a sentence that says more: "cancel it because I found it cheaper" -> "I found it cheaper"."""
    found = re.search(
        r"\b(?:because|bc|cause|coz|cuz|since|as|reason is(?: that)?)\b[\s:,]*(\S.*)", text, re.IGNORECASE | re.DOTALL
    )
    return found[1].strip() if found else None


@dataclass(frozen=True, slots=True)
class Terms:
    """What the buyer is shown before the "yes". Amounts in minor units of ``currency``; times are UTC.

    ``respond_by``: until when the seller may answer, None when no answer is needed. ``on_silence``: what happens then.
    ``voided``: money that was only reserved and is let go instead of refunded. ``coupon_effect``: balance, released, kept
    or none.
    """

    kind: str
    order_number: str
    currency: str
    refund: Breakdown
    voided: int
    coupon_effect: str
    respond_by: datetime | None
    on_silence: str
    policy_id: str

    def fingerprint(self, order_version: int) -> str:
        """Hash of what matters to the buyer: the deal, not the minute it was made (invariant 12)."""
        deal: dict[str, Any] = {
            "kind": self.kind,
            "order": self.order_number,
            "version": order_version,
            "currency": self.currency,
            "fee": self.refund.fee,
            "legs": [[leg.payment_id, leg.amount] for leg in self.refund.legs],
            "coupon": [self.coupon_effect, self.refund.coupon_credit],
            "on_silence": self.on_silence,
            "policy": self.policy_id,
        }
        return hashlib.sha256(json.dumps(deal, sort_keys=True).encode()).hexdigest()


def terms(order: OrderView, kind: str, ranges: Mapping[str, tuple[int, int]], now: datetime) -> Terms:
    """What cancelling ``order`` now would cost and bring back. ``kind`` is instant or request.

    The fee is always zero here: nothing has been shipped (invariant 13). For a request the refund may be accepted at any
    time between now and the seller's deadline, so the range covers both ends.
    """
    respond_by = deadline(now, order.policy.response_hours) if kind == REQUEST else None
    used = sum(coupon.amount for coupon in order.coupons if coupon.state == "used")
    reserved = any(coupon.state == "reserved" for coupon in order.coupons)
    to_balance = order.policy.coupon_on_refund == "balance"
    breakdown = whole_order(order.tenders, used, to_balance, ranges, now.date(), (respond_by or now).date())
    voided = (
        sum(tender.amount for tender in order.tenders if not tender.captured)
        if order.state != "awaiting_payment"
        else 0
    )
    effect = "balance" if used and to_balance else "kept" if used else "released" if reserved else "none"
    return Terms(
        kind,
        order.number,
        order.currency,
        breakdown,
        voided,
        effect,
        respond_by,
        order.policy.on_silence,
        order.policy.id,
    )


def deadline(now: datetime, response_hours: int) -> datetime:
    """When the seller's time is over: elapsed hours in UTC, so a DST night changes nothing (domain 4.3, no. 26)."""
    return now + timedelta(hours=response_hours)


def claims_shipped(reason: str) -> bool:
    """Does a seller's rejection say that the parcel has left? Then it needs the tracking number as proof (domain 3.4)."""
    words = set(re.findall(r"[a-z]+", reason.lower()))
    return "shipped" in words and "not" not in words


def belongs_to_timer(respond_by: datetime, now: datetime) -> bool:
    """At ``now >= respond_by`` the decision is the timer's, before it the seller's; exactly one wins (invariant 16)."""
    return now >= respond_by


def outcome_of_silence(on_silence: str, order_state: str, frozen: bool) -> str:
    """What an unanswered request becomes: silence approves only what is unsent and not frozen (domain C2, invariants 5, 30)."""
    return "approved" if on_silence == "approve" and order_state == "to_ship" and not frozen else "expired"
