"""The order machine and what an order looks like to rules and replies. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recourse.core.money import Money
from recourse.core.transitions import Machine
from recourse.sellers.rules import Policy


def _by(*actors: str) -> frozenset[str]:
    return frozenset(actors)


ORDER_MACHINE: Machine = {
    (None, "awaiting_payment"): _by("buyer", "system"),
    ("awaiting_payment", "payment_review"): _by("psp"),
    ("awaiting_payment", "to_ship"): _by("psp"),
    ("awaiting_payment", "cancelled"): _by("buyer", "timer", "seller"),
    ("payment_review", "to_ship"): _by("psp"),
    ("payment_review", "cancelled"): _by("buyer", "psp", "timer"),
    ("to_ship", "partially_shipped"): _by("seller"),
    ("to_ship", "shipped"): _by("seller"),
    ("to_ship", "cancelled"): _by("seller", "timer", "platform"),
    ("partially_shipped", "shipped"): _by("seller", "system", "timer"),
    ("shipped", "delivered"): _by("carrier", "buyer"),
    ("shipped", "completed"): _by("timer"),
    ("shipped", "closed"): _by("seller", "carrier", "platform"),
    ("delivered", "completed"): _by("buyer", "timer"),
    ("delivered", "closed"): _by("platform"),
    ("completed", "closed"): _by("platform"),
}
"""Legal moves of ``orders.status`` and who may make them (domain 3.4). Terminal: cancelled, closed."""

PAYMENT_MACHINE: Machine = {
    (None, "pending"): _by("system"),
    ("pending", "authorised"): _by("psp"),
    ("pending", "voided"): _by("system"),
    ("pending", "failed"): _by("psp"),
    ("authorised", "captured"): _by("psp"),
    ("authorised", "voided"): _by("system"),
    ("authorised", "failed"): _by("psp"),
}
"""Legal moves of ``payment.status``."""

COUPON_MACHINE: Machine = {
    (None, "reserved"): _by("system"),
    ("reserved", "used"): _by("system"),
    ("reserved", "released"): _by("system"),
    ("used", "converted_to_balance"): _by("system"),
}
"""Legal moves of ``coupon_use.state`` (invariant 20)."""

STATES = tuple(dict.fromkeys(to for _, to in ORDER_MACHINE))


@dataclass(frozen=True, slots=True)
class Line:
    """One product of an order; amounts in minor units of the order's currency."""

    id: str
    title: str
    sku: str
    qty: int
    unit_price: int
    paid_alloc: int
    coupon_alloc: int


@dataclass(frozen=True, slots=True)
class Tender:
    """What one means of payment gave for this order. ``captured`` is False while the money is only authorised.

    ``shared``: the same payment also covers other orders of the checkout, so an authorisation ends only with the last.
    """

    payment_id: str
    method: str
    instrument: str
    amount: int
    captured: bool
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon on an order and where it stands: reserved, used, released or converted_to_balance."""

    id: str
    code: str
    amount: int
    state: str
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Parcel:
    """One shipment."""

    carrier: str
    tracking: str
    shipped_at: datetime
    promised_by: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """Everything that rules and replies may know of one order, read in one moment."""

    id: str
    number: str
    version: int
    group_id: str
    customer_id: str
    seller_id: str
    seller: str
    state: str
    frozen: bool
    frozen_reason: str | None
    currency: str
    total_paid: int
    gross: int
    discount: int
    shipping: int
    policy: Policy
    placed_at: datetime
    pay_by: datetime | None
    review_by: datetime | None
    ship_by: datetime | None
    paid_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None
    close_reason: str | None
    scenario: str | None
    lines: tuple[Line, ...]
    tenders: tuple[Tender, ...]
    coupons: tuple[Coupon, ...]
    parcels: tuple[Parcel, ...]

    def money(self, amount_minor: int) -> Money:
        """``amount_minor`` in this order's currency."""
        return Money(amount_minor, self.currency)

    @property
    def total(self) -> Money:
        """What the order costs the buyer: what was paid, or what is still to be paid."""
        return self.money(self.total_paid or self.gross + self.shipping - self.discount)

    @property
    def title(self) -> str:
        """How to name the order by its goods: the first product, and how many more there are."""
        more = len(self.lines) - 1
        return self.lines[0].title if not more else f"{self.lines[0].title} + {more} more"


def projection(state: str, frozen: bool, request_pending: bool) -> str:
    """What the buyer sees, as a label key; the first match wins (domain 3.4). A request is never "cancelled"."""
    if frozen:
        return "on_hold"
    if request_pending:
        return "cancellation_requested"
    return state
