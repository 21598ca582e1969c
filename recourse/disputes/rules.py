"""Disputes: who may open one about what, until when each side acts, and what an outcome is worth. Pure (domain 2.5, 3.4, F5).

Days are elapsed days in UTC. Every deadline is half-open: before it the human decides, from it on the timer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from recourse.core.errors import InvalidInput
from recourse.core.transitions import Machine
from recourse.orders.rules import Line, OrderView, Parcel
from recourse.refunds.rules import Breakdown, Days, of_amount, of_pieces
from recourse.sellers.rules import Policy


def _by(*actors: str) -> frozenset[str]:
    return frozenset(actors)


DISPUTE_MACHINE: Machine = {
    (None, "awaiting_seller"): _by("buyer"),
    ("awaiting_seller", "resolved"): _by("seller", "timer"),
    ("awaiting_seller", "awaiting_return"): _by("seller", "timer"),
    ("awaiting_seller", "negotiating"): _by("seller"),
    ("awaiting_seller", "withdrawn"): _by("buyer"),
    ("negotiating", "resolved"): _by("buyer", "seller"),
    ("negotiating", "awaiting_return"): _by("buyer", "seller"),
    ("negotiating", "platform_review"): _by("timer", "buyer"),
    ("negotiating", "withdrawn"): _by("buyer"),
    ("platform_review", "resolved"): _by("platform"),
    ("platform_review", "awaiting_return"): _by("platform"),
    ("platform_review", "withdrawn"): _by("buyer"),
    ("awaiting_return", "return_in_transit"): _by("buyer"),
    ("awaiting_return", "resolved"): _by("timer"),
    ("return_in_transit", "resolved"): _by("seller", "timer"),
    ("return_in_transit", "platform_review"): _by("seller"),
}
"""Legal moves of ``dispute.state`` (domain 3.4). Terminal: resolved, withdrawn."""

OVER = ("resolved", "withdrawn")

NOT_RECEIVED, NOT_AS_DESCRIBED = "not_received", "not_as_described"
TYPES = (NOT_RECEIVED, NOT_AS_DESCRIBED)
FULL, PARTIAL, RETURN_REFUND, NONE = "full", "partial", "return_refund", "none"

OPENING: Mapping[str, tuple[str, ...]] = {NOT_RECEIVED: (FULL,), NOT_AS_DESCRIBED: (PARTIAL, RETURN_REFUND)}
"""What a buyer may ask for when opening (domain 2.5): not received -> all of it; received -> a part, or return and refund."""

COUNTERS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("buyer", NOT_RECEIVED): (FULL, PARTIAL),
    ("buyer", NOT_AS_DESCRIBED): (PARTIAL, RETURN_REFUND),
    ("seller", NOT_RECEIVED): (FULL, PARTIAL),
    ("seller", NOT_AS_DESCRIBED): (FULL, PARTIAL, RETURN_REFUND),
}
"""What each side may propose while negotiating. What never arrived cannot be sent back."""

FAST_DELIVERY_DAYS = 5
"""An order promised to arrive sooner than this can be disputed at once (domain 2.5)."""

INSPECT_DAYS = 5
"""How long a seller may object to goods after the carrier delivered them; then they count as accepted."""

TRANSIT_DAYS = 30
"""Goods on their way back that no carrier reports count as received after this long: the seller could have objected."""

ESCALATE_AFTER = 0.5
"""Share of the negotiation time after which the buyer may ask the platform to decide; at its end it decides anyway."""

DESCRIPTION_MAX = 2000

EVIDENCE_KINDS = ("item", "label", "packaging", "tracking", "listing", "other")
"""What a file may show: the goods, the parcel's label, its packaging, the carrier's page, the seller's listing, or else."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for a dispute. ``fault``: seller or buyer; ``needs``: which evidence makes the case, by kind."""

    code: str
    type: str
    fault: str
    needs: tuple[str, ...]


REASONS: Mapping[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason("tracking_invalid", NOT_RECEIVED, "seller", ("tracking",)),
        Reason("wrong_address", NOT_RECEIVED, "seller", ("tracking",)),
        Reason("in_transit", NOT_RECEIVED, "seller", ()),
        Reason("customs", NOT_RECEIVED, "seller", ("tracking",)),
        Reason("returned", NOT_RECEIVED, "seller", ("tracking",)),
        Reason("description", NOT_AS_DESCRIBED, "seller", ("item", "listing")),
        Reason("quality", NOT_AS_DESCRIBED, "seller", ("item",)),
        Reason("damaged", NOT_AS_DESCRIBED, "seller", ("item", "packaging")),
        Reason("short", NOT_AS_DESCRIBED, "seller", ("item", "label")),
        Reason("counterfeit", NOT_AS_DESCRIBED, "seller", ("item", "label")),
        Reason("wrong_item", NOT_AS_DESCRIBED, "seller", ("item", "label")),
        Reason("does_not_fit", NOT_AS_DESCRIBED, "buyer", ("item",)),
        Reason("box_damaged", NOT_AS_DESCRIBED, "seller", ("packaging",)),
    )
}
"""Reason catalogue (domain 2.5)."""

YES, NOT_YET, NO = "yes", "not_yet", "no"


@dataclass(frozen=True, slots=True)
class Facts:
    """What else is on record about a line. ``decided``: pieces of earlier disputes that ended without a refund of these pieces."""

    open_dispute: bool = False
    open_return: bool = False
    open_request: bool = False
    decided: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """May this line be disputed? ``kind``: yes, not_yet or no; ``why`` is a code.

    ``types``: which claims are possible now. ``opens_at`` (not_yet: from when) and ``closes_at`` (from then on no more; None: it
    does not close yet) are aware UTC. ``qty``: how many pieces it can be about. ``alternatives``: what else the buyer can do.
    """

    kind: str
    why: str
    types: tuple[str, ...] = ()
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    qty: int = 0
    alternatives: tuple[str, ...] = ()


def can_dispute(order: OrderView, line: Line, now: datetime, facts: Facts) -> Verdict:
    """The verdict for one line of ``order`` at ``now``."""
    owner = _owner(order, facts)
    if owner:
        return Verdict(NO, owner, alternatives=("human",))
    if not line.qty_shipped:
        over = order.state in ("cancelled", "closed")
        return Verdict(
            NO, "nothing_left" if over else "not_sent", alternatives=("refund_status" if over else "cancel",)
        )
    qty = line.kept - facts.decided
    if qty <= 0 and line.kept > 0:
        return Verdict(NO, "already_decided", alternatives=("human",))
    if qty <= 0 or order.state in ("cancelled", "closed") or not worth(order, line.id, qty, None):
        return Verdict(NO, "nothing_left", alternatives=("refund_status",))
    return _in_window(order, line, now, qty)


def _owner(order: OrderView, facts: Facts) -> str:
    """Which process owns the line already, if any: there is no second path to money (invariants 4 and 30)."""
    if order.issue == "chargeback":
        return "bank_dispute"
    if order.frozen:
        return "frozen"
    if facts.open_dispute:
        return "dispute_open"
    if facts.open_return:
        return "return_open"
    return "request_open" if facts.open_request else ""


def _in_window(order: OrderView, line: Line, now: datetime, qty: int) -> Verdict:
    closes_at = window_closes(order)
    if closes_at is not None and now >= closes_at:
        return Verdict(
            NO, "window_closed", closes_at=closes_at, qty=qty, alternatives=("withdrawal", "return", "human")
        )
    opens = {type_: at for type_ in TYPES if (at := window_opens(order, line, type_)) is not None}
    types = tuple(type_ for type_, at in opens.items() if now >= at)
    first = min(opens.values())
    if types:
        return Verdict(YES, "in_window", types, first, closes_at, qty)
    return Verdict(NOT_YET, "not_open_yet", (), first, closes_at, qty, ("contact_seller", "human"))


def window_opens(order: OrderView, line: Line, type_: str) -> datetime | None:
    """From when a claim of ``type_`` about ``line`` is possible; None: not foreseeable (what has not arrived cannot be judged).

    A parcel in normal transit can be claimed as missing from the policy's day after shipment on (at once where delivery was
    promised within 5 days), but not before its promised date. What was delivered, lost or sent back to its sender is in transit
    no more, and can be disputed at once.
    """
    parcels = _parcels(order, line)
    arrived = [at for at in (order.delivered_at, *(parcel.delivered_at for parcel in parcels)) if at]
    if type_ == NOT_AS_DESCRIBED:
        return min(arrived, default=order.completed_at)
    sent_at = min((parcel.shipped_at for parcel in parcels), default=order.shipped_at or order.placed_at)
    if any(parcel.state in ("lost", "returned") for parcel in parcels):
        return sent_at
    promised = max((parcel.promised_by for parcel in parcels if parcel.promised_by), default=None)
    fast = promised is not None and promised - sent_at < timedelta(days=FAST_DELIVERY_DAYS)
    opens = sent_at if fast else sent_at + timedelta(days=order.policy.dispute_open_after_days)
    return min([max(opens, promised or opens), *arrived])


def window_closes(order: OrderView) -> datetime | None:
    """From when no dispute can be opened any more: the policy's days after delivery, or after completion where no delivery is
    known, or after the protection of an order that never arrived. None while none of these is known."""
    end = order.delivered_at or order.completed_at or order.protect_until
    return end + timedelta(days=order.policy.dispute_close_after_days) if end else None


def _parcels(order: OrderView, line: Line) -> tuple[Parcel, ...]:
    """The parcels that hold the line; all of them where their content is not known."""
    known = tuple(parcel for parcel in order.parcels if line.id in dict(parcel.pieces))
    return known or tuple(parcel for parcel in order.parcels if not parcel.pieces)


def keeps_shipping(order: OrderView, reason_code: str | None) -> bool:
    """Does the shipping share stay with the seller? Only where the buyer chose badly and the policy keeps it for sent goods."""
    reason = REASONS.get(reason_code or "")
    return reason is not None and reason.fault == "buyer" and order.policy.refund_shipping != "always"


_NO_DAYS = Days({}, date(2000, 1, 3), date(2000, 1, 3))
"""For amounts without dates."""


def worth(order: OrderView, line_id: str, qty: int, reason_code: str | None) -> int:
    """Cash for ``qty`` pieces of a line, in minor units: the most that a dispute about them can bring back."""
    return give_back(order, line_id, qty, reason_code, FULL, 0, _NO_DAYS).paid_part


def give_back(
    order: OrderView, line_id: str, qty: int, reason_code: str | None, outcome: str, amount: int, days: Days
) -> Breakdown:
    """What an outcome brings back: all of the pieces, or ``amount`` (partial) as far as there is still so much to give."""
    line = order.line(line_id)
    assert line is not None
    left = min(qty, line.qty - line.qty_refunded)
    whole = of_pieces(order, {line_id: left}, days, keep_shipping=keeps_shipping(order, reason_code))
    if outcome in (FULL, RETURN_REFUND):
        return whole
    amount = min(amount, whole.paid_part, line.refundable)
    return of_amount(order, amount, days, line_id) if amount else Breakdown(0, 0, (), 0, 0)


def checked_amount(wanted: str, amount: int | None, most: int) -> int:
    """What a proposal asks for in minor units: ``amount`` for a part, otherwise all that the pieces can bring back.

    Raises InvalidInput unless a partial amount is a whole number from 1 to ``most``; another amount may be left out.
    """
    if wanted != PARTIAL:
        if amount not in (None, most):
            raise InvalidInput(f"a full refund of these pieces is {most} minor units; leave the amount out")
        return most
    if isinstance(amount, bool) or not isinstance(amount, int) or not 1 <= amount <= most:
        raise InvalidInput(f"the amount must be from 1 to {most} minor units")
    return amount


def checked_reason(type_: str, code: str) -> Reason:
    """The reason ``code`` of the catalogue. Raises InvalidInput unless it belongs to a claim of ``type_``."""
    reason = REASONS.get(code)
    if reason is None or reason.type != type_:
        fitting = ", ".join(each.code for each in REASONS.values() if each.type == type_)
        raise InvalidInput(f"{code!r} is no reason for {type_}; take one of {fitting}")
    return reason


def respond_by(policy: Policy, now: datetime) -> datetime:
    """Until when the seller may answer; then the buyer's proposal is carried out (domain 2.5: 5 days)."""
    return now + timedelta(days=policy.dispute_response_days)


def negotiate_by(policy: Policy, now: datetime) -> datetime:
    """Until when both sides may agree; then the platform decides (domain 2.5: 7 days)."""
    return now + timedelta(days=policy.negotiation_days)


def ship_back_by(policy: Policy, now: datetime) -> datetime:
    """Until when goods must be on their way back; then nothing is refunded (domain 2.5: 10 days)."""
    return now + timedelta(days=policy.ship_back_days)


def escalate_from(policy: Policy, negotiate_by: datetime) -> datetime:
    """From when the buyer may ask the platform to decide before the negotiation is over."""
    return negotiate_by - timedelta(days=policy.negotiation_days) * (1 - ESCALATE_AFTER)
