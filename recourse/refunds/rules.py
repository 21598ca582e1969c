"""Refund arithmetic and the refund-leg machine. Pure: money and days are passed in (domain 3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from recourse.core.calendar import add_business_days
from recourse.core.transitions import Machine
from recourse.orders.rules import Tender


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
class Breakdown:
    """A whole-order refund. In words: paid - fee goes to the tenders, a used coupon becomes balance.

    Amounts in minor units of the order's currency; ``legs_total`` = sum of the legs = ``paid_part`` - ``fee``.
    """

    paid_part: int
    fee: int
    legs: tuple[Leg, ...]
    coupon_part: int
    coupon_credit: int

    @property
    def legs_total(self) -> int:
        """What goes to the means of payment together."""
        return sum(leg.amount for leg in self.legs)


def whole_order(
    tenders: Sequence[Tender],
    coupon_part: int,
    coupon_to_balance: bool,
    ranges: Mapping[str, tuple[int, int]],
    earliest: date,
    latest: date,
) -> Breakdown:
    """The refund of a whole unsent order: each tender gets exactly what it gave; the fee is zero (invariant 13).

    Money that was only authorised is not refunded but let go, so it makes no leg. ``earliest`` and ``latest`` are the
    days on which the refund may be accepted (the same day, when it is certain).
    """
    legs = []
    for tender in tenders:
        if tender.captured and tender.amount > 0:
            low, high = ranges.get(tender.method, OUTER_RANGE)
            first, last = add_business_days(earliest, low), add_business_days(latest, high)
            legs.append(Leg(tender.payment_id, tender.method, tender.instrument, tender.amount, first, last))
    paid = sum(leg.amount for leg in legs)
    return Breakdown(paid, 0, tuple(legs), coupon_part, coupon_part if coupon_to_balance else 0)


def is_overdue(state: str, expected_to: date, today: date) -> bool:
    """Late is computed, never felt: the last expected business day has passed and the money is not there."""
    return state in ("created", "submitted", "processing") and today > expected_to
