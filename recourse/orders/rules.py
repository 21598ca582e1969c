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
    ("used", "restored"): _by("system"),
}
"""Legal moves of ``coupon_use.state`` (invariant 20). A coupon of which only a part came back stays ``used``."""

STATES = tuple(dict.fromkeys(to for _, to in ORDER_MACHINE))


@dataclass(frozen=True, slots=True)
class Line:
    """One product of an order; amounts in minor units of the order's currency, for all ``qty`` pieces.

    ``paid_alloc``: its share of the real tender, shipping and tax included. ``refunded`` and ``coupon_returned``: how much of
    its cash and its coupon share was given back (or withheld) so far, for ``qty_refunded`` pieces.
    """

    id: str
    title: str
    sku: str
    qty: int
    unit_price: int
    paid_alloc: int
    coupon_alloc: int
    shipping_alloc: int = 0
    qty_cancelled: int = 0
    qty_shipped: int = 0
    qty_returned: int = 0
    qty_refunded: int = 0
    refunded: int = 0
    coupon_returned: int = 0
    withdrawal_exempt: bool = False

    @property
    def unsent(self) -> int:
        """Pieces that are neither sent nor cancelled."""
        return self.qty - self.qty_cancelled - self.qty_shipped

    @property
    def refundable(self) -> int:
        """Cash that can still come back for this line, in minor units."""
        return self.paid_alloc - self.refunded

    @property
    def kept(self) -> int:
        """Pieces that were sent and are still the buyer's: neither returned nor refunded as pieces."""
        return self.qty_shipped - max(self.qty_returned, self.qty_refunded - self.qty_cancelled, 0)


@dataclass(frozen=True, slots=True)
class Tender:
    """What one means of payment gave for this order. ``captured`` is False while the money is only authorised.

    ``shared``: the same payment also covers other orders of the checkout, so an authorisation ends only with the last.
    ``voided``: this order's part of an authorisation was let go. ``returned``: what refunds have promised back so far.
    ``charged_back``: what of the rest the buyer's bank has taken back in a dispute that was lost.
    """

    payment_id: str
    method: str
    instrument: str
    amount: int
    captured: bool
    shared: bool = False
    voided: bool = False
    returned: int = 0
    charged_back: int = 0

    @property
    def left(self) -> int:
        """What can still be given back to it, in minor units: nothing where nothing was taken."""
        return self.amount - self.returned - self.charged_back if self.captured and not self.voided else 0


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon on an order and where it stands: reserved, used, released, restored or converted_to_balance. ``returned``: how
    much of its value has come back so far. ``kind``: platform, seller, promo or coins."""

    id: str
    code: str
    amount: int
    state: str
    valid_until: datetime
    kind: str = "platform"
    returned: int = 0


@dataclass(frozen=True, slots=True)
class Parcel:
    """One shipment. ``state`` as in ``PARCEL_STATES``; ``pieces``: (line id, how many)."""

    carrier: str
    tracking: str
    shipped_at: datetime
    promised_by: datetime | None
    delivered_at: datetime | None
    id: str = ""
    state: str = "in_transit"
    pieces: tuple[tuple[str, int], ...] = ()


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
    issue: str | None = None
    tax: int = 0
    protect_until: datetime | None = None
    external_id: str | None = None

    def line(self, line_id: str) -> Line | None:
        """The line with this id, or None."""
        return next((line for line in self.lines if line.id == line_id), None)

    @property
    def unsent(self) -> dict[str, int]:
        """Line id -> pieces that are neither sent nor cancelled, for lines that have any."""
        return {line.id: line.unsent for line in self.lines if line.unsent}

    @property
    def untouched(self) -> bool:
        """True while nothing of the order was sent, cancelled or refunded."""
        return not any(line.qty_cancelled or line.qty_shipped or line.refunded for line in self.lines)

    @property
    def all_given_back(self) -> bool:
        """Was every piece refunded?"""
        return all(line.qty_refunded == line.qty for line in self.lines)

    def money(self, amount_minor: int) -> Money:
        """``amount_minor`` in this order's currency."""
        return Money(amount_minor, self.currency)

    @property
    def total(self) -> Money:
        """What the order costs the buyer: what was paid, or what is still to be paid."""
        return self.money(self.total_paid or self.gross + self.shipping + self.tax - self.discount)

    @property
    def title(self) -> str:
        """How to name the order by its goods: the first product, and how many more there are."""
        more = len(self.lines) - 1
        return self.lines[0].title if not more else f"{self.lines[0].title} + {more} more"


PARCEL_STATES = ("label", "accepted", "in_transit", "out_for_delivery", "delivered", "lost", "returned")
"""What a carrier reports of a parcel, in the order in which it happens; a late report never moves it back (invariant 24)."""


def projection(state: str, frozen: bool, request_pending: bool, issue: str | None = None) -> str:
    """What the buyer sees, as a label key; the first match wins (domain 3.4). A request is never "cancelled".

    An order with a chargeback is frozen too, and is said to be in a bank dispute, which says more than "on hold".
    """
    if issue == "chargeback":
        return "bank_dispute"
    if frozen:
        return "on_hold"
    if issue == "dispute":
        return "in_dispute"
    if request_pending:
        return "cancellation_requested"
    if issue == "return":
        return "return_open"
    return state
