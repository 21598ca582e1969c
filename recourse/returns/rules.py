"""Returns and statutory withdrawals: who may send what back, until when, and who decides. Pure (domain 2.7, 3.4, F10).

Days of a seller's policy are elapsed days in UTC; the days of the withdrawal right are calendar days where the consumer lives.
Every deadline is half-open: before it the human decides, from it on the timer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from recourse.core.calendar import is_public_working_day
from recourse.core.clock import zone
from recourse.core.transitions import Machine
from recourse.orders.rules import Line, OrderView
from recourse.refunds.rules import Breakdown, Days, of_pieces


def _by(*actors: str) -> frozenset[str]:
    return frozenset(actors)


RETURN_MACHINE: Machine = {
    (None, "requested"): _by("buyer"),
    ("requested", "approved"): _by("seller", "system", "timer"),
    ("requested", "declined"): _by("seller"),
    ("requested", "cancelled"): _by("buyer"),
    ("approved", "in_transit"): _by("buyer"),
    ("approved", "expired"): _by("timer"),
    ("approved", "cancelled"): _by("buyer"),
    ("in_transit", "received"): _by("seller", "carrier"),
    ("in_transit", "refunded"): _by("timer"),
    ("received", "refunded"): _by("system", "timer"),
}
"""Legal moves of ``return_request.state`` (domain 3.4). Terminal: cancelled, declined, expired, refunded."""

OPEN_STATES = ("requested", "approved", "in_transit", "received")

WITHDRAWAL_DAYS = 14
"""CRD Art. 9: days from possession of the last good of the order. Also the time to send back (Art. 14) and to refund (Art. 13)."""

INSPECT_DAYS = 5
"""How long a seller may look at what came back before it counts as accepted."""

NOTE_MAX = 500
INSTRUCTIONS_MAX = 2000

WITHDRAWAL_COUNTRIES = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK IS LI NO".split()
)
"""Where the Consumer Rights Directive holds: the EU and the EEA. The law of other countries is not covered (domain 5.5)."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something goes back. ``fault``: who bears the postage and whether the shipping is refunded: buyer or seller."""

    code: str
    fault: str


REASONS: Mapping[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason("no_longer_wanted", "buyer"),
        Reason("does_not_fit", "buyer"),
        Reason("ordered_by_mistake", "buyer"),
        Reason("damaged", "seller"),
        Reason("wrong_item", "seller"),
        Reason("not_as_described", "seller"),
        Reason("other", "buyer"),
    )
}

YES, NOT_YET, NO = "yes", "not_yet", "no"


@dataclass(frozen=True, slots=True)
class Verdict:
    """May pieces of this order go back under the seller's policy? ``kind``: yes, not_yet or no; ``why`` is a code.

    ``how``: free (no consent needed) or agreed (the seller is asked). ``pieces``: line id -> how many can go back.
    ``closes_at``: from then on no more; None while nothing was delivered. ``alternatives``: what else the buyer can do.
    """

    kind: str
    why: str
    how: str = ""
    pieces: Mapping[str, int] = field(default_factory=dict)
    closes_at: datetime | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Right:
    """The statutory right to withdraw, as it is for a declaration received at one moment.

    ``why``: in_time, or too_late, not_a_consumer, private_seller, other_law (no EU or EEA country), exempt (CRD Art. 16),
    nothing_left. ``within``: was the declaration in time, whatever else. ``deadline``: None while nothing was delivered: the
    time has not begun. ``pieces``: what it is about.
    """

    why: str
    within: bool
    deadline: datetime | None
    pieces: Mapping[str, int]

    @property
    def holds(self) -> bool:
        """Is there such a right, in time?"""
        return self.why == "in_time"


def can_return(order: OrderView, now: datetime, *, return_open: bool = False, request_open: bool = False) -> Verdict:
    """The verdict for ``order`` under its policy. ``request_open``: a cancellation request is pending."""
    owner = _owner(order, return_open, request_open)
    if owner:
        return Verdict(NO, owner, alternatives=("human",))
    pieces = {line.id: line.kept for line in order.lines if line.kept}
    if not pieces:
        why = "nothing_sent" if order.state in ("awaiting_payment", "payment_review", "to_ship") else "nothing_left"
        return Verdict(NO, why, alternatives=("cancel",) if why == "nothing_sent" else ("refund_status",))
    if order.state in ("shipped", "partially_shipped"):
        return Verdict(NOT_YET, "not_delivered", pieces=pieces, alternatives=("refuse_delivery", "dispute", "human"))
    start = received_at(order)
    if order.state not in ("delivered", "completed") or start is None:
        return Verdict(NO, "nothing_left", alternatives=("refund_status",))
    closes_at = start + timedelta(days=order.policy.return_window_days)
    if now >= closes_at:
        return Verdict(NO, "window_closed", pieces=pieces, closes_at=closes_at, alternatives=("dispute", "human"))
    how = "free" if order.policy.free_return else "agreed"
    return Verdict(YES, "in_window", how, pieces, closes_at)


def _owner(order: OrderView, return_open: bool, request_open: bool) -> str:
    """Which other process owns the order, if any: there is no second path to money (domain 4.3, no. 29; invariant 30)."""
    if order.issue == "chargeback":
        return "bank_dispute"
    if order.frozen:
        return "frozen"
    if order.issue == "dispute":
        return "dispute_open"
    if return_open:
        return "return_open"
    return "request_open" if request_open else ""


def received_at(order: OrderView) -> datetime | None:
    """When the buyer got the last good of the order (CRD Art. 9), or when it was taken as received; None: not yet."""
    return order.delivered_at or order.completed_at


def withdrawal_deadline(received: datetime, timezone: str | None, country: str) -> datetime:
    """The first moment, in UTC, at which a declaration is too late (Reg. 1182/71 Art. 3).

    The day of receipt does not count; the period ends with the last hour of its last day where the consumer lives. A last
    day that is a Saturday, a Sunday or a public holiday moves to the next working day.
    """
    here = zone(timezone)
    last = received.astimezone(here).date() + timedelta(days=WITHDRAWAL_DAYS)
    while not is_public_working_day(last, country):
        last += timedelta(days=1)
    return datetime.combine(last + timedelta(days=1), time(), here).astimezone(UTC)


def withdrawal_right(
    order: OrderView,
    wanted: Mapping[str, int] | None,
    declared_at: datetime,
    *,
    is_consumer: bool,
    is_trader: bool,
    timezone: str | None,
    country: str,
) -> Right:
    """The right for a declaration received at ``declared_at``, which alone counts (invariant 28).

    ``wanted``: line id -> pieces, None for all that was sent. Lines exempt by law are left out of "all".
    """
    sent = {line.id: line.kept for line in order.lines if line.kept}
    open_to = {line.id: qty for line in order.lines if (qty := sent.get(line.id, 0)) and not line.withdrawal_exempt}
    pieces = open_to if wanted is None else {key: min(qty, open_to.get(key, 0)) for key, qty in wanted.items()}
    pieces = {line_id: qty for line_id, qty in pieces.items() if qty > 0}
    received = received_at(order)
    deadline = withdrawal_deadline(received, timezone, country) if received else None
    within = deadline is None or declared_at < deadline
    return Right(_why(order, sent, pieces, is_consumer, is_trader, country, within), within, deadline, pieces)


def _why(
    order: OrderView, sent: Mapping[str, int], pieces: Mapping[str, int], is_consumer: bool, is_trader: bool,
    country: str, within: bool,
) -> str:  # fmt: skip
    if not is_consumer:
        return "not_a_consumer"
    if not is_trader:
        return "private_seller"
    if country not in WITHDRAWAL_COUNTRIES:
        return "other_law"
    if not sent or order.state in ("cancelled", "closed"):
        return "nothing_left"
    if not pieces:
        return "exempt"
    return "in_time" if within else "too_late"


def keeps_shipping(order: OrderView, kind: str, reason_code: str | None) -> bool:
    """Does the shipping share stay with the seller? Never for a withdrawal (CRD Art. 13) or the seller's fault.

    Otherwise as the policy says of goods that were sent: it comes back only where ``refund_shipping`` is ``always``.
    """
    if kind == "withdrawal" or fault(reason_code) == "seller":
        return False
    return order.policy.refund_shipping != "always"


def fault(reason_code: str | None) -> str:
    """Whose fault a reason is: buyer or seller."""
    found = REASONS.get(reason_code or "")
    return found.fault if found else "buyer"


def label_cost(order: OrderView, kind: str, reason_code: str | None) -> str:
    """Who pays the postage back: the seller for a free return or the seller's fault, else the buyer (CRD Art. 14)."""
    return "seller" if kind == "free" or order.policy.free_return or fault(reason_code) == "seller" else "buyer"


def worth(
    order: OrderView, pieces: Mapping[str, int], kind: str, reason_code: str | None,
    ranges: Mapping[str, tuple[int, int]], day: date,
) -> Breakdown:  # fmt: skip
    """What comes back for ``pieces``, where a refund is accepted on ``day``. No fee: the postage is all that it may cost."""
    left = {line.id: min(pieces.get(line.id, 0), _open(line)) for line in order.lines}
    keep = keeps_shipping(order, kind, reason_code)
    return of_pieces(order, left, Days(ranges, day, day), keep_shipping=keep)


def _open(line: Line) -> int:
    """Pieces of a line that were not refunded as pieces yet; another process may have done so meanwhile."""
    return line.qty - line.qty_refunded


def ship_back_by(order: OrderView, kind: str, since: datetime) -> datetime:
    """Until when the goods must be on their way: the policy's days from approval, or 14 days for a withdrawal (Art. 14).

    Goods that are still to arrive cannot be sent back before: the time runs from the day they were promised for.
    """
    if kind != "withdrawal":
        return since + timedelta(days=order.policy.ship_back_days)
    expected = [parcel.promised_by for parcel in order.parcels if parcel.promised_by]
    start = since if received_at(order) else max([since, *expected])
    return start + timedelta(days=WITHDRAWAL_DAYS)


def respond_by(order: OrderView, now: datetime) -> datetime:
    """Until when the seller may answer a request to return: the policy's hours; afterwards it is approved."""
    return now + timedelta(hours=order.policy.response_hours)


def inspect_by(received: datetime, refund_by: datetime | None) -> datetime:
    """Until when the seller may look at goods that came back at ``received``; a withdrawal's refund does not wait longer than
    ``refund_by``, or not at all where that is over."""
    limit = received + timedelta(days=INSPECT_DAYS)
    return limit if refund_by is None else min(limit, max(refund_by, received))


def acknowledgement(order: OrderView, right: Right, declared_at: datetime, timezone: str | None, reference: str) -> str:
    """The text that confirms receipt of a declaration, with date and time (CRD Art. 11a). At most 2000 characters."""
    local = declared_at.astimezone(zone(timezone))
    titles = {line.id: line.title for line in order.lines}
    goods = [f"- {qty} x {titles[line_id][:80]}" for line_id, qty in right.pieces.items()]
    if len(goods) > 12:
        goods = [*goods[:12], f"- and {len(goods) - 12} more items"]
    return "\n".join(
        [
            f"Withdrawal from the contract for order {order.number}",
            f"Seller: {order.seller}",
            f"Received: {local:%Y-%m-%d %H:%M:%S} ({local.tzname()}), {declared_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            f"Reference: {reference}",
            "Goods:" if goods else "Goods: none",
            *goods,
        ]
    )
