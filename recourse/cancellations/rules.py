"""Who may cancel what, on which terms, and how a request ends. Pure; ``docs/policy.md`` is written from this page's tables."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from recourse.cancellations.reasons import REASONS_PAID as REASONS_PAID
from recourse.cancellations.reasons import REASONS_UNPAID as REASONS_UNPAID
from recourse.cancellations.reasons import Reason as Reason
from recourse.cancellations.reasons import after_because as after_because
from recourse.cancellations.reasons import is_code as is_code
from recourse.cancellations.reasons import match_reason as match_reason
from recourse.cancellations.reasons import reason as reason
from recourse.cancellations.reasons import reasons_for as reasons_for
from recourse.core.transitions import Machine
from recourse.orders.rules import OrderView
from recourse.refunds.rules import Breakdown, Days, Leg, Share, of_pieces
from recourse.sellers.rules import Policy

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


INSTANT, REQUEST, INTERCEPT, NO = "instant", "request", "intercept", "no"

ELIGIBILITY: Mapping[str, Rule] = {
    "awaiting_payment": Rule(INSTANT, "unpaid", "Not paid yet: cancelled at once, nothing was charged."),
    "payment_review": Rule(
        INSTANT, "payment_review", "Payment is still being checked: cancelled at once, without asking the seller."
    ),
    "to_ship": Rule(REQUEST, "paid_unsent", "Paid and not shipped: the seller is asked and has a deadline to answer."),
    "partially_shipped": Rule(
        REQUEST, "rest_unsent", "Part of it is on its way: the seller can be asked to cancel what is not sent yet."
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
"""What decides is the order's status (domain C1), after what comes before every status and except for what a policy says."""

BANK_DISPUTE = Rule(
    NO, "bank_dispute", "The buyer's bank is asking the money back: the bank's process decides.", ("human",)
)
FROZEN = Rule(NO, "frozen", "On hold for a payment check: nothing can be changed until it is over.", ("human",))
IN_DISPUTE = Rule(NO, "in_dispute", "A dispute is open: it decides about the money.", ("human",))
REQUESTED = Rule(NO, "already_requested", "A request is open: the seller's answer is awaited.", ("human",))
RETURN_OPEN = Rule(NO, "return_open", "A return is under way: it decides about the money.", ("human",))
BEFORE_EVERY_STATUS: Mapping[str, Rule] = {
    "bank dispute open": BANK_DISPUTE,
    "frozen": FROZEN,
    "dispute open": IN_DISPUTE,
    "request open": REQUESTED,
    "return open": RETURN_OPEN,
}
"""What owns an order before its status does, in this order: the same order in which the buyer sees them (domain 3.4)."""

TOO_MANY = Rule(NO, "too_many_requests", "The seller's terms allow no further request for this order.", ("human",))
NOT_IN_PARTS = Rule(
    NO, "partially_shipped", "Part of it is on its way, and the seller cancels no parts.", ("human", "dispute")
)
DEADLINE_PASSED = Rule(
    NO,
    "ship_deadline_passed",
    "Not shipped in time: what is unsent is cancelled and refunded automatically, without a request.",
    ("human",),
)
ON_ITS_WAY = Rule(
    INTERCEPT, "on_its_way", "Shipped, and the policy lets the seller be asked to get it back; silence is no yes."
)
GONE = Rule(NO, "selection_gone", "What was chosen has been sent or cancelled in the meantime.", ("human",))
"""Not a verdict of an order but of a choice of its items, found when a buyer says yes to it."""

BY_POLICY: Mapping[str, Rule] = {
    "to_ship or partially_shipped, shipping deadline passed": DEADLINE_PASSED,
    "any, number of requests used up": TOO_MANY,
    "partially_shipped, policy without partial cancellation": NOT_IN_PARTS,
    "shipped, policy `ask_seller`": ON_ITS_WAY,
}
"""Where the deadline or the policy of the order says otherwise than its status."""


def can_cancel(order: OrderView, now: datetime, *, request_open: bool = False, earlier_requests: int = 0) -> Rule:
    """The verdict for ``order`` at ``now``: instant, request, intercept or no, with the reason and the alternatives.

    ``earlier_requests``: how many requests for it have ended, whatever their end.
    """
    owner = _owner(order, request_open)
    if owner is not None:
        return owner
    rule = _by_status(order)
    if rule.kind == REQUEST and order.ship_by is not None and now >= order.ship_by:
        return DEADLINE_PASSED
    most = order.policy.max_requests_per_order
    if rule.kind in (REQUEST, INTERCEPT) and most is not None and earlier_requests >= most:
        return TOO_MANY
    return rule


def _owner(order: OrderView, request_open: bool) -> Rule | None:
    """The process that owns the order before its status does, if any."""
    if order.issue == "chargeback":
        return BANK_DISPUTE
    if order.frozen:
        return FROZEN
    if order.issue == "dispute":
        return IN_DISPUTE
    if request_open:
        return REQUESTED
    return RETURN_OPEN if order.issue == "return" else None


def _by_status(order: OrderView) -> Rule:
    rule = ELIGIBILITY[order.state]
    if order.state == "partially_shipped" and not order.unsent:
        return ELIGIBILITY["shipped"]
    if order.state == "partially_shipped" and not order.policy.partial_cancel:
        return NOT_IN_PARTS
    if rule.why == "shipped" and order.policy.after_shipment == "ask_seller" and not _any_delivered(order):
        return ON_ITS_WAY
    return rule


def _any_delivered(order: OrderView) -> bool:
    return any(parcel.delivered_at or parcel.state == "delivered" for parcel in order.parcels)


def open_pieces(order: OrderView, kind: str) -> dict[str, int]:
    """Line id -> pieces that a cancellation of ``kind`` can be about: the unsent ones, or for an interception all that was
    sent and not given back yet."""
    if kind != INTERCEPT:
        return order.unsent
    left = {line.id: min(line.qty_shipped, line.qty - line.qty_refunded) for line in order.lines}
    return {line_id: qty for line_id, qty in left.items() if qty > 0}


def scope_of(order: OrderView, kind: str, pieces: Mapping[str, int]) -> str:
    """``all`` when ``pieces`` are the whole order, else ``lines``: a part of it, or the rest of one that was touched."""
    if kind == INTERCEPT:
        return "all"
    return "all" if order.untouched and dict(pieces) == order.unsent else "lines"


def fee(policy: Policy, kind: str, fault: str, goods: int) -> int:
    """What a cancellation of ``kind`` costs, in minor units: only an interception on the buyer's account, and only where
    the policy of the order says so, in figures and in a clause that the buyer could read (invariants 13 and 14).

    ``goods``: price of the pieces. Per cent are rounded down. The refund's cash limits it further (``of_pieces``).
    """
    if kind != INTERCEPT or fault != "buyer" or policy.fee_kind == "none" or not policy.clause:
        return 0
    amount = policy.fee_value if policy.fee_kind == "fixed" else goods * policy.fee_value // 10_000
    return amount if policy.fee_cap is None else min(amount, policy.fee_cap)


def keeps_shipping(order: OrderView, kind: str, fault: str, pieces: Mapping[str, int]) -> bool:
    """Does the shipping share of ``pieces`` stay paid (policy ``refund_shipping``)? Never for an order of which nothing leaves."""
    rule = order.policy.refund_shipping
    if kind == INTERCEPT:
        return rule != "always" and fault == "buyer"
    nothing_leaves = dict(pieces) == order.unsent and not any(line.qty_shipped for line in order.lines)
    return rule == "never" and not nothing_leaves


@dataclass(frozen=True, slots=True)
class Terms:
    """What the buyer is shown before the "yes". Amounts in minor units of ``currency``; times are UTC.

    ``scope``: ``all`` or ``lines``. ``respond_by``: until when the seller may answer, None when no answer is needed.
    ``on_silence``: what happens then: approve, reject or escalate. ``voided``: money that was only reserved and is let go
    instead of refunded. ``coupon_effect``: balance, restored, released, kept or none. ``fee_clause``: the seller's words,
    where there is a fee.
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
    scope: str = "all"
    fee_clause: str | None = None

    @property
    def lines(self) -> tuple[Share, ...]:
        """What would be cancelled, line by line: id, title, pieces, cash and coupon value."""
        return self.refund.shares

    @property
    def pieces(self) -> dict[str, int]:
        """Line id -> how many pieces would be cancelled."""
        return {share.line_id: share.qty for share in self.refund.shares}

    @property
    def fee(self) -> int:
        """What is withheld of the cash."""
        return self.refund.fee

    @property
    def shipping_kept(self) -> int:
        """Shipping of these pieces that does not come back."""
        return self.refund.shipping_kept

    def fingerprint(self, order_version: int) -> str:
        """Hash of what matters to the buyer: the deal, not the minute it was made (invariant 12)."""
        deal = {**self._deal(), "version": order_version}
        return hashlib.sha256(json.dumps(deal, sort_keys=True).encode()).hexdigest()

    def changes(self, new: Terms) -> tuple[str, ...]:
        """What is different in ``new``: kind, lines, amount, fee, coupon, deadline, policy, in this order."""
        before, after = self._deal(), new._deal()
        return tuple(part for part in before if before[part] != after[part])

    def _deal(self) -> dict[str, list[Any]]:
        refund = self.refund
        return {
            "kind": [self.kind, self.order_number, self.currency],
            "lines": [self.scope, [[share.line_id, share.qty] for share in refund.shares]],
            "amount": [
                [[leg.payment_id, leg.amount] for leg in refund.legs],
                [[share.cash, share.shipping_kept] for share in refund.shares],
                self.voided,
            ],
            "fee": [refund.fee, self.fee_clause],
            "coupon": [self.coupon_effect, refund.coupon_credit, [share.coupon for share in refund.shares]],
            "deadline": [[leg.expected_from.isoformat(), leg.expected_to.isoformat()] for leg in refund.legs],
            "policy": [self.policy_id, self.on_silence],
        }

    def to_json(self) -> dict[str, Any]:
        """The terms as they are stored with a quote; dates as ISO text."""
        stored: dict[str, Any] = _plain(asdict(self))
        return stored

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Terms:
        """The terms of a stored quote. Quotes from before orders could be cancelled in parts name no lines."""
        respond_by = data["respond_by"]
        return cls(
            kind=data["kind"],
            order_number=data["order_number"],
            currency=data["currency"],
            refund=_breakdown(data["refund"]),
            voided=data["voided"],
            coupon_effect=data["coupon_effect"],
            respond_by=datetime.fromisoformat(respond_by) if respond_by else None,
            on_silence=data["on_silence"],
            policy_id=data["policy_id"],
            scope=data.get("scope", "all"),
            fee_clause=data.get("fee_clause"),
        )


def terms(
    order: OrderView,
    kind: str,
    ranges: Mapping[str, tuple[int, int]],
    now: datetime,
    *,
    pieces: Mapping[str, int] | None = None,
    fault: str = "buyer",
) -> Terms:
    """What cancelling ``pieces`` of ``order`` now would cost and bring back. ``kind`` is instant, request or intercept.

    ``pieces``: line id -> how many; None is everything that can be cancelled. ``fault``: on whose account, as the reason
    says; it decides about fee and shipping. For a request the refund may be accepted at any time between now and the
    seller's deadline, so the range covers both ends.
    """
    respond_by = deadline(now, order.policy.response_hours) if kind in (REQUEST, INTERCEPT) else None
    days = Days(ranges, now.date(), (respond_by or now).date())
    chosen = open_pieces(order, kind) if pieces is None else dict(pieces)
    refund = refund_of(order, kind, chosen, fault, days)
    return Terms(
        kind=kind,
        order_number=order.number,
        currency=order.currency,
        refund=refund,
        voided=_voided(order),
        coupon_effect=_coupon_effect(order, refund),
        respond_by=respond_by,
        on_silence=silence(order.policy.on_silence, kind),
        policy_id=order.policy.id,
        scope=scope_of(order, kind, chosen),
        fee_clause=order.policy.clause if refund.fee else None,
    )


def refund_of(order: OrderView, kind: str, pieces: Mapping[str, int], fault: str, days: Days) -> Breakdown:
    """What comes back for ``pieces`` in a cancellation of ``kind`` on the account of ``fault`` (domain 3.5)."""
    goods = sum(line.unit_price * pieces.get(line.id, 0) for line in order.lines)
    return of_pieces(
        order,
        pieces,
        days,
        fee=fee(order.policy, kind, fault, goods),
        keep_shipping=keeps_shipping(order, kind, fault, pieces),
    )


def _voided(order: OrderView) -> int:
    if order.state == "awaiting_payment":
        return 0
    return sum(tender.amount for tender in order.tenders if not tender.captured)


def _coupon_effect(order: OrderView, refund: Breakdown) -> str:
    reserved = any(coupon.state == "reserved" for coupon in order.coupons)
    found = {"balance": "balance", "restored": "restored", "none": "kept"}.get(refund.coupon_effect)
    return found or ("released" if reserved else "none")


def deadline(now: datetime, response_hours: int) -> datetime:
    """When the seller's time is over: elapsed hours in UTC, so a DST night changes nothing (domain 4.3, no. 26)."""
    return now + timedelta(hours=response_hours)


_SENT = (
    r"\b(?:shipped|dispatched|despatched|mailed|posted|sent(?! back)|in transit|on (?:its|the) way"
    r"|handed (?:it )?(?:over )?to (?:the |our )?(?:carrier|courier|post)|with the (?:carrier|courier)|left (?:the|our) warehouse)\b"
)
_NOT_SENT = (
    r"(?:\b(?:not|never|cannot|nothing|before|until|unless|when|once|if)\b|n't\b)(?:[ -]+\w+){0,3}?[ -]+" + _SENT
)


def claims_shipped(reason: str) -> bool:
    """Does a seller's rejection say that the parcel has left? Then it needs the tracking number as proof (domain 3.4)."""
    return re.search(_SENT, re.sub(_NOT_SENT, " ", reason.lower().replace("’", "'"))) is not None


def belongs_to_timer(respond_by: datetime, now: datetime) -> bool:
    """At ``now >= respond_by`` the decision is the timer's, before it the seller's; exactly one wins (invariant 16)."""
    return now >= respond_by


def silence(on_silence: str, kind: str) -> str:
    """What a policy's rule for silence means for a request of ``kind``: it never approves what was sent (invariant 5)."""
    return "reject" if kind == INTERCEPT and on_silence == "approve" else on_silence


def outcome_of_silence(on_silence: str, kind: str, order_state: str, frozen: bool) -> str:
    """What an unanswered request becomes at its deadline: approved, expired or escalated (to the platform).

    Silence approves only what is unsent and not frozen (domain C2, invariants 5 and 30).
    """
    rule = silence(on_silence, kind)
    if rule == "escalate" and not frozen:
        return "escalated"
    approves = rule == "approve" and order_state in ("to_ship", "partially_shipped") and not frozen
    return "approved" if approves else "expired"


def _breakdown(data: Mapping[str, Any]) -> Breakdown:
    legs = (
        Leg(**{**leg, **{name: date.fromisoformat(leg[name]) for name in ("expected_from", "expected_to")}})
        for leg in data["legs"]
    )
    return Breakdown(
        paid_part=data["paid_part"],
        fee=data["fee"],
        legs=tuple(legs),
        coupon_part=data["coupon_part"],
        coupon_credit=data["coupon_credit"],
        shares=tuple(Share(**share) for share in data.get("shares", ())),
        shipping_kept=data.get("shipping_kept", 0),
        coupons=tuple((coupon_id, value, how) for coupon_id, value, how in data.get("coupons", ())),
    )


def _plain(value: Any) -> Any:
    """Dates as ISO text, so that a quote is kept exactly as it was shown."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
