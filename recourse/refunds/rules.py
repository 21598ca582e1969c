"""Refund arithmetic and the refund-leg machine. Pure: money and days are passed in (domain 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import combinations

from recourse.core.calendar import add_business_days
from recourse.core.money import Money, split
from recourse.core.transitions import Machine
from recourse.orders.rules import Line, OrderView


def _by(*actors: str) -> frozenset[str]:
    return frozenset(actors)


LEG_MACHINE: Machine = {
    (None, "created"): _by("system"),
    ("created", "submitted"): _by("worker"),
    ("created", "cancelled"): _by("platform"),
    ("submitted", "processing"): _by("psp"),
    ("submitted", "succeeded"): _by("psp"),
    ("submitted", "requires_action"): _by("psp"),
    ("submitted", "failed"): _by("psp", "timer"),
    ("processing", "succeeded"): _by("psp"),
    ("processing", "failed"): _by("psp", "timer"),
    ("processing", "requires_action"): _by("psp"),
    ("processing", "cancelled"): _by("psp"),
    ("requires_action", "processing"): _by("buyer"),
    ("requires_action", "cancelled"): _by("platform"),
    ("requires_action", "failed"): _by("timer"),
    ("succeeded", "reversed"): _by("psp"),
}
"""Legal moves of ``refund_leg.state`` (domain 3.4). Terminal: cancelled, failed, reversed."""

OUTER_RANGE = (3, 20)
"""Business days where a method has no figure of its own [SEED 3: 3 to 20]."""

DEFAULT_SLA: Mapping[str, tuple[int, int, str]] = {
    "card": (3, 20, "SEED 3"),
    "paypal": (3, 10, "domain 2.4"),
    "wallet": (3, 5, "domain 2.4, kept within SEED 3"),
    "klarna": (3, 5, "domain 2.4, kept within SEED 3"),
    "bank": (7, 10, "domain 2.4"),
    "balance": (0, 2, "domain 2.4: platform wallet, immediate to 48 h"),
}
"""Business days from acceptance by method: minimum, maximum, source. Shipped as rows of ``refund_sla``."""

LIVE_LEG_STATES = ("created", "submitted", "processing", "requires_action", "succeeded")
UNDER_WAY = ("created", "submitted", "processing")
"""Leg states in which the money is on its way and the buyer has nothing to do."""
LOST = ("failed", "cancelled", "reversed")
"""Leg states from which no money comes any more: only another leg can replace it."""
CHARGED_BACK = "chargeback_lost"
"""Failure reason of a leg whose money the buyer has got from the bank instead: it is never sent again. Also the close reason of
an order that ended with it."""
EVENTS = ("processing", "requires_action", "succeeded", "failed", "cancelled", "reversed")
"""What a provider can say of a refund."""

BANK_DETAILS_WITHIN = timedelta(days=14)
"""How long a buyer may take to give bank details where the provider names no deadline of its own."""
SAME_INSTRUMENT_TRIES = 2
"""Legs of one tender that go to the same instrument without asking: after a second reversal the buyer chooses."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What would go back to one means of payment, and between which days (inclusive)."""

    payment_id: str
    method: str
    instrument: str
    amount: int
    expected_from: date
    expected_to: date


@dataclass(frozen=True, slots=True)
class Share:
    """What ``qty`` pieces of a line (0: an amount only) are worth: cash, coupon value, and shipping that does not come back.

    Cash is before the fee and without ``shipping_kept``; the line's account is charged with both.
    """

    line_id: str
    title: str
    qty: int
    cash: int
    coupon: int
    shipping_kept: int = 0


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A refund worked out. In words: cash of the pieces - fee goes to the tenders, their coupon part to the balance.

    Amounts in minor units of the order's currency. ``paid_part`` = sum of the shares' cash; ``legs_total`` = ``paid_part`` - ``fee``.
    ``coupons``: (coupon id, value, how) with how balance, restored or none; ``coupon_credit``: what of it becomes balance.
    """

    paid_part: int
    fee: int
    legs: tuple[Leg, ...]
    coupon_part: int
    coupon_credit: int
    shares: tuple[Share, ...] = ()
    shipping_kept: int = 0
    coupons: tuple[tuple[str, int, str], ...] = ()

    @property
    def legs_total(self) -> int:
        """What goes to the means of payment together."""
        return sum(leg.amount for leg in self.legs)

    @property
    def coupon_effect(self) -> str:
        """What happens to used coupons in one word: balance, restored, none (they do not come back) or empty (no coupon)."""
        found = {how for _, value, how in self.coupons if value}
        return next((how for how in ("balance", "restored", "none") if how in found), "")


@dataclass(frozen=True, slots=True)
class Days:
    """When a refund may be accepted, as the days that bank ranges count from: the same twice where it is certain.

    ``ranges``: business days by method (minimum, maximum).
    """

    ranges: Mapping[str, tuple[int, int]]
    earliest: date
    latest: date


def of_pieces(
    order: OrderView, pieces: Mapping[str, int], days: Days, *, fee: int = 0, keep_shipping: bool = False
) -> Breakdown:
    """What comes back for ``pieces`` (line id -> how many) of a paid order (domain 3.5).

    Each tender gets back in proportion to what it can still give, by largest remainder; for the rest of an order that is
    exactly what it gave. Pieces of a line are worth their share of it, and the last piece what is left of it, so that
    successive parts add up to the whole. ``fee`` is at most the cash. Money that was only authorised makes no leg.
    """
    shares = tuple(_share(line, pieces[line.id], keep_shipping) for line in order.lines if pieces.get(line.id))
    paid = min(sum(share.cash for share in shares), sum(tender.left for tender in order.tenders))
    if not paid:
        shares = tuple(replace(share, cash=0, shipping_kept=0) for share in shares)
    elif paid < sum(share.cash for share in shares):  # a bank has taken a part of the money back already
        parts = split(paid, [share.cash for share in shares])
        shares = tuple(replace(share, cash=part) for share, part in zip(shares, parts, strict=True))
    fee = min(fee, paid)
    whole = all(pieces.get(line.id, 0) + line.qty_refunded == line.qty for line in order.lines)
    coupon_part = sum(share.coupon for share in shares)
    coupons = _coupons(order, coupon_part, whole, days.latest)
    return Breakdown(
        paid_part=paid,
        fee=fee,
        legs=_legs(order, paid - fee, days),
        coupon_part=coupon_part,
        coupon_credit=sum(value for _, value, how in coupons if how == "balance"),
        shares=shares,
        shipping_kept=sum(share.shipping_kept for share in shares),
        coupons=coupons,
    )


def of_amount(order: OrderView, amount: int, days: Days, line_id: str | None = None) -> Breakdown:
    """A part of the money, for no pieces in particular: for one line, or spread over all lines by what they can still give.

    ``amount`` (minor units) must be from 1 to what is refundable; raises ValueError otherwise. Coupons are not touched.
    """
    lines = [line for line in order.lines if line_id in (None, line.id)]
    weights = [line.refundable for line in lines]
    if not 0 < amount <= min(sum(weights), sum(tender.left for tender in order.tenders)):
        raise ValueError(f"amount must be from 1 to {sum(weights)} minor units, but it is {amount}")
    parts = zip(lines, split(amount, weights), strict=True)
    shares = tuple(Share(line.id, line.title, 0, part, 0) for line, part in parts if part)
    return Breakdown(amount, 0, _legs(order, amount, days), 0, 0, shares)


def _share(line: Line, qty: int, keep_shipping: bool) -> Share:
    def part(total: int, given: int) -> int:
        """Of ``total`` for all pieces the part of these, where ``given`` is what was given before."""
        if line.qty_refunded + qty == line.qty:
            return total - given
        before, after = line.qty_refunded, line.qty_refunded + qty
        return min(total * after // line.qty - total * before // line.qty, total - given)

    cash = part(line.paid_alloc, line.refunded)
    kept = 0
    if keep_shipping:
        before, after = line.qty_refunded, line.qty_refunded + qty
        kept = min(line.shipping_alloc * after // line.qty - line.shipping_alloc * before // line.qty, cash)
    return Share(line.id, line.title, qty, cash - kept, part(line.coupon_alloc, line.coupon_returned), kept)


def _legs(order: OrderView, amount: int, days: Days) -> tuple[Leg, ...]:
    legs = []
    for tender, part in zip(order.tenders, split(amount, [tender.left for tender in order.tenders]), strict=True):
        if part:
            low, high = days.ranges.get(tender.method, OUTER_RANGE)
            first, last = add_business_days(days.earliest, low), add_business_days(days.latest, high)
            legs.append(Leg(tender.payment_id, tender.method, tender.instrument, part, first, last))
    return tuple(legs)


def _coupons(order: OrderView, value: int, whole: bool, day: date) -> tuple[tuple[str, int, str], ...]:
    """How ``value`` of used coupons comes back, coupon by coupon, as the order's policy says [SEED 7].

    Coins come back as coins. A coupon is restored only when nothing of it is left on the order and it is still valid.
    """
    used = [coupon for coupon in order.coupons if coupon.state == "used"]
    left = [coupon.amount - coupon.returned for coupon in used]
    found = []
    for coupon, part in zip(used, split(min(value, sum(left)), left), strict=True):
        rule = "restored" if coupon.kind == "coins" else order.policy.coupon_on_refund
        how = rule if rule in ("balance", "none") else "none"
        restorable = rule == "restored" or (rule == "restore_if_valid" and coupon.valid_until.date() >= day)
        if restorable and whole and part == coupon.amount:
            how = "restored"
        if part:
            found.append((coupon.id, part, how))
    return tuple(found)


def is_overdue(state: str, expected_to: date, today: date) -> bool:
    """Late is computed, never felt: the last expected business day has passed and the money is not there.

    That includes a refund that was never sent, or sent and not answered. One that waits for the buyer's bank details is not
    late: it has a deadline of its own.
    """
    return state in UNDER_WAY and today > expected_to


_STEPS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("submitted", "processing"): ("processing",),
    ("submitted", "requires_action"): ("requires_action",),
    ("submitted", "succeeded"): ("succeeded",),
    ("submitted", "failed"): ("failed",),
    ("submitted", "cancelled"): ("processing", "cancelled"),
    ("submitted", "reversed"): ("succeeded", "reversed"),
    ("processing", "requires_action"): ("requires_action",),
    ("processing", "succeeded"): ("succeeded",),
    ("processing", "failed"): ("failed",),
    ("processing", "cancelled"): ("cancelled",),
    ("processing", "reversed"): ("succeeded", "reversed"),
    ("requires_action", "processing"): ("processing",),
    ("requires_action", "succeeded"): ("processing", "succeeded"),
    ("requires_action", "failed"): ("failed",),
    ("requires_action", "cancelled"): ("cancelled",),
    ("requires_action", "reversed"): ("processing", "succeeded", "reversed"),
    ("succeeded", "reversed"): ("reversed",),
}
"""Events come in any order: the moves that an event stands for, with those that it skips."""


def leg_path(state: str, event: str, last: datetime | None, at: datetime) -> tuple[str, ...]:
    """The states that a leg goes through when its provider says ``event`` of ``at``; empty when it changes nothing.

    ``last``: when the last event that counted happened at the provider. Between processing and requires_action only a newer
    event counts, since they may alternate; all others are final at the provider, so that their place in time is known
    (invariant 24: never backwards).
    """
    if state == "created":  # the provider knows it: we sent it, and died before we could note that
        steps = _STEPS.get(("submitted", event))
        return ("submitted", *steps) if steps else ()
    if event in ("processing", "requires_action") and last is not None and at <= last:
        return ()
    return _STEPS.get((state, event), ())


def actor_of(origin: str, to: str) -> str:
    """Who makes a move that a provider reports: the provider itself where the machine lets it, else whom it reports of."""
    allowed = LEG_MACHINE[(origin, to)]
    return next(actor for actor in ("psp", "worker", "buyer", "timer", "platform") if actor in allowed)


@dataclass(frozen=True, slots=True)
class LegFact:
    """One current refund leg, for explaining a difference. ``main``: the means of payment whose statement the buyer looks at."""

    amount: int
    state: str
    main: bool


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """What of an order came back and what did not, over all its refunds. Amounts in minor units of ``currency``.

    ``coupon_balance``, ``coupon_restored``, ``coupon_lost``: coupon value of the refunded pieces by how it came back.
    ``shipping_back``: the shipping in the refunded cash. ``not_refunded``: cash of the pieces that were not refunded,
    ``not_refunded_coupon``: their coupon value. ``charged_back``: taken back by the buyer's bank instead. ``presentment``: what
    the buyer's bank showed for the whole payment, where that is another currency; ``captured``: the same as charged.
    """

    currency: str
    legs: tuple[LegFact, ...] = ()
    fee: int = 0
    shipping_kept: int = 0
    shipping_back: int = 0
    coupon_balance: int = 0
    coupon_restored: int = 0
    coupon_lost: int = 0
    not_refunded: int = 0
    not_refunded_coupon: int = 0
    charged_back: int = 0
    captured: int = 0
    presentment: Money | None = None

    @property
    def actual(self) -> int:
        """What has arrived at the means of payment that the buyer looks at first."""
        return sum(leg.amount for leg in self.legs if leg.main and leg.state == "succeeded")


@dataclass(frozen=True, slots=True)
class Difference:
    """Why less (or more) arrived than the buyer expected: ``lines`` of (code, amount), positive where it lowers what arrived.

    When ``explained``, the lines add up to ``expected`` - ``actual``. Otherwise ``unexplained`` is what is left of it after the
    lines, and a person must look. Two currencies cannot be subtracted: then the only line is ``other_currency`` with what was
    refunded as charged, and ``unexplained`` is the expectation itself unless it is exactly what the bank showed.
    """

    expected: Money
    actual: Money
    explained: bool
    unexplained: Money
    lines: tuple[tuple[str, Money], ...]


def explain_difference(expected: Money, facts: RefundFacts) -> Difference:
    """Explain ``expected`` against what really came back, in as few lines as possible, or say how much has no explanation.

    Codes: on_the_way, needs_details, failed, reversed, other_tender, fee, coupon_balance, coupon_restored, coupon_lost,
    shipping_kept, shipping_back (negative: it came back on top of the goods), not_refunded, not_refunded_coupon, charged_back,
    other_currency (domain F4).
    """
    actual = Money(facts.actual, facts.currency)
    if expected.currency != facts.currency:
        return _other_currency(expected, actual, facts)
    gap = expected.amount_minor - facts.actual
    parts = _parts(facts)
    exact = _fewest(gap, parts)
    chosen = _what_fits(gap, parts) if exact is None else exact
    rest = gap - sum(amount for _, amount in chosen)
    lines = tuple((code, Money(amount, facts.currency)) for code, amount in chosen)
    return Difference(expected, actual, exact is not None, Money(rest, facts.currency), lines)


def _other_currency(expected: Money, actual: Money, facts: RefundFacts) -> Difference:
    back = sum(leg.amount for leg in facts.legs if leg.main)
    shown = facts.presentment
    same = expected == shown and back == facts.captured == facts.actual
    rest = Money(0, expected.currency) if same else expected
    return Difference(expected, actual, same, rest, (("other_currency", Money(back, facts.currency)),))


def _parts(facts: RefundFacts) -> list[tuple[str, int]]:
    """What may stand between the buyer's expectation and what arrived, the likeliest first."""

    def main(*states: str) -> int:
        return sum(leg.amount for leg in facts.legs if leg.main and leg.state in states)

    found = [
        ("on_the_way", main(*UNDER_WAY)),
        ("needs_details", main("requires_action")),
        ("failed", main("failed", "cancelled")),
        ("reversed", main("reversed")),
        ("other_tender", sum(leg.amount for leg in facts.legs if not leg.main)),
        ("fee", facts.fee),
        ("coupon_balance", facts.coupon_balance),
        ("coupon_restored", facts.coupon_restored),
        ("coupon_lost", facts.coupon_lost),
        ("shipping_kept", facts.shipping_kept),
        ("shipping_back", -facts.shipping_back),
        ("not_refunded", facts.not_refunded),
        ("not_refunded_coupon", facts.not_refunded_coupon),
        ("charged_back", facts.charged_back),
    ]
    return [(code, amount) for code, amount in found if amount]


def _fewest(gap: int, parts: list[tuple[str, int]]) -> tuple[tuple[str, int], ...] | None:
    """The smallest choice of ``parts`` that is exactly ``gap``, the earlier parts first; None where there is none."""
    for size in range(len(parts) + 1):
        for chosen in combinations(parts, size):
            if sum(amount for _, amount in chosen) == gap:
                return chosen
    return None


def _what_fits(gap: int, parts: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    chosen = []
    for code, amount in parts:
        if 0 < amount <= gap:
            chosen.append((code, amount))
            gap -= amount
    return tuple(chosen)
