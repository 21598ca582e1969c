"""The form in which orders are exchanged with a shop's systems. ``docs/import.md`` explains it, ``docs/orders.schema.json`` is
made from it. Amounts are integers in minor units of the order's currency (``*_minor``), times ISO 8601 with a zone."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from recourse.core import order_numbers
from recourse.core.clock import require_utc
from recourse.core.redact import CARD, IBAN, redact
from recourse.orders.rules import PARCEL_STATES, STATES
from recourse.refunds.arrivals import LEG_STATES

_EMAIL = re.compile(r"[\w.+'-]+@[\w.-]+\.\w{2,}")
"""A whole one: "l…@example.com" is a mask."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MOST_MINOR = 10**13


def _plain(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("may not have line breaks or control characters")
    return text


def _impersonal(text: str) -> str:
    """Free text may not carry what Recourse must never keep (domain 4.3, no. 31; invariant 27)."""
    if _EMAIL.search(text):
        raise ValueError("may not have an e-mail address in it; leave it out")
    cleaned = redact(text)
    if (CARD in cleaned and CARD not in text) or (IBAN in cleaned and IBAN not in text):
        raise ValueError("may not have the number of a card or an account in it; leave it out")
    return _plain(text)


def _mask(text: str) -> str:
    if sum(letter.isdigit() for letter in text) > 4:
        raise ValueError("may show at most four digits, for example 'Visa ending 4242'; never send the whole number")
    return _impersonal(text)


def _utc(at: datetime) -> datetime:
    return require_utc(at)


def _currency(code: str) -> str:
    if code not in _currencies():
        raise ValueError(f"{code} is not a currency; use an ISO 4217 code such as EUR")
    return code


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name} is not a time zone; use a name such as Europe/Berlin") from error
    return name


def _number(text: str) -> str:
    if order_numbers.normalise(text) != text:
        raise ValueError(f"{text} is not an order number of Recourse; leave it out and one is given")
    return text


def _text(most: int, *checks: Any) -> Any:
    return (StringConstraints(min_length=1, max_length=most, strip_whitespace=True), *map(AfterValidator, checks))


Id = Annotated[str, *_text(64, _plain)]
Code = Annotated[str, *_text(40, _plain)]
Word = Annotated[str, *_text(20, _plain)]
Minor = Annotated[int, Field(ge=0, le=_MOST_MINOR)]
Qty = Annotated[int, Field(ge=0, le=1_000_000)]
Place = Annotated[int, Field(ge=1, le=1000)]
Time = Annotated[AwareDatetime, AfterValidator(_utc)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), AfterValidator(_currency)]
Zone = Annotated[str, *_text(60, _plain), AfterValidator(_zone)]
Name = Annotated[str, *_text(80, _impersonal)]


class Part(BaseModel):
    """Base of all parts: unknown fields and values of another type are errors, not guesses."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class BuyerPart(Part):
    """The buyer. ``sub`` is the name in the shop's sign-in token. Taken over when the buyer is new; later orders change nothing."""

    sub: Id
    name: Name
    locale: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", max_length=20)] = "en"
    timezone: Zone = "UTC"
    country: Country
    is_consumer: bool = True


class SellerPart(Part):
    """The seller, by the shop's ``external_id`` or the ``id`` in Recourse. Taken over when the seller is new."""

    external_id: Id | None = None
    id: Annotated[str, *_text(32, _plain)] | None = None
    name: Name
    is_trader: bool = True
    country: Country
    timezone: Zone = "UTC"


class LinePart(Part):
    """One product. ``unit_price_minor``: price of one piece before coupons."""

    sku: Code
    title: Annotated[str, *_text(200, _impersonal)]
    qty: Annotated[int, Field(ge=1, le=1_000_000)]
    unit_price_minor: Minor
    withdrawal_exempt: bool = False
    qty_cancelled: Qty | None = None
    qty_returned: Qty = 0


class CouponPart(Part):
    """A coupon of the order. ``status``: worked out from the order where it is missing."""

    code: Annotated[str, *_text(30, _impersonal)]
    amount_minor: Annotated[int, Field(ge=1, le=_MOST_MINOR)]
    kind: Literal["platform", "seller", "promo", "coins"] = "platform"
    valid_until: Time
    status: Literal["reserved", "used", "released", "restored", "converted_to_balance"] | None = None
    returned_minor: Minor = 0


class PaymentPart(Part):
    """What one means of payment gave for this order. ``instrument``: the masked name that the buyer knows.

    ``psp_ref``: the provider's reference; orders of one checkout with the same one were paid at once.
    """

    method: Word
    instrument: Annotated[str, *_text(60, _mask)]
    amount_minor: Annotated[int, Field(ge=1, le=_MOST_MINOR)]
    status: Literal["pending", "authorised", "captured", "voided", "failed"]
    psp: Word = "simulator"
    psp_ref: Id | None = None
    presentment_currency: Currency | None = None
    presentment_minor: Minor | None = None


class PiecePart(Part):
    """Pieces of one line: ``line`` is its place on the order, from 1."""

    line: Place
    qty: Annotated[int, Field(ge=1, le=1_000_000)]


class ScanPart(Part):
    """One report of the carrier."""

    at: Time
    state: Literal[PARCEL_STATES]  # type: ignore[valid-type]
    text: Annotated[str, *_text(200, _impersonal)] | Literal[""] = ""


class ShipmentPart(Part):
    """One parcel and what is in it."""

    carrier: Annotated[str, *_text(40, _impersonal)]
    tracking: Code
    shipped_at: Time
    lines: Annotated[tuple[PiecePart, ...], Field(min_length=1, max_length=500)]
    state: Literal[PARCEL_STATES] = "in_transit"  # type: ignore[valid-type]
    promised_by: Time | None = None
    delivered_at: Time | None = None
    events: Annotated[tuple[ScanPart, ...], Field(max_length=200)] = ()


class SharePart(Part):
    """What a refund pays for: pieces of a line, their cash, what of their shipping is kept, and their coupon value."""

    line: Place
    qty: Qty
    paid_minor: Minor
    kept_minor: Minor = 0
    coupon_minor: Minor = 0


class LegPart(Part):
    """What of a refund goes to one means of payment: ``payment`` is its place on the order, from 1."""

    payment: Place
    amount_minor: Annotated[int, Field(ge=1, le=_MOST_MINOR)]
    state: Literal[LEG_STATES]  # type: ignore[valid-type]
    expected_from: date
    expected_to: date
    reference: Code | None = None
    failure_reason: Code | None = None
    settled_at: Time | None = None


class RefundPart(Part):
    """A refund that the shop made. Cash of its lines - fee = its legs."""

    accepted_at: Time
    lines: Annotated[tuple[SharePart, ...], Field(min_length=1, max_length=500)]
    legs: Annotated[tuple[LegPart, ...], Field(max_length=50)] = ()
    fee_minor: Minor = 0
    coupon_credit_minor: Minor = 0


class OrderRecord(Part):
    """One order as it stands, with everything that hangs on it."""

    external_id: Id
    number: Annotated[str, AfterValidator(_number)] | None = None
    group: Id | None = None
    buyer: BuyerPart
    seller: SellerPart
    currency: Currency
    status: Literal[STATES]  # type: ignore[valid-type]
    placed_at: Time
    lines: Annotated[tuple[LinePart, ...], Field(min_length=1, max_length=500)]
    coupons: Annotated[tuple[CouponPart, ...], Field(max_length=20)] = ()
    shipping_minor: Minor = 0
    tax_minor: Minor = 0
    payments: Annotated[tuple[PaymentPart, ...], Field(max_length=20)] = ()
    shipments: Annotated[tuple[ShipmentPart, ...], Field(max_length=100)] = ()
    refunds: Annotated[tuple[RefundPart, ...], Field(max_length=50)] = ()
    pay_by: Time | None = None
    review_by: Time | None = None
    paid_at: Time | None = None
    ship_by: Time | None = None
    delivered_at: Time | None = None
    completed_at: Time | None = None
    cancelled_at: Time | None = None
    closed_at: Time | None = None
    protect_until: Time | None = None
    close_reason: Code | None = None
    on_hold: Code | None = None
    policy_version: Annotated[int, Field(ge=1)] | None = None
    policy: dict[str, Any] | None = None

    def to_json(self) -> str:
        """The record as one line of JSON; fields that are empty are left out."""
        return self.model_dump_json(exclude_none=True, exclude_defaults=True)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a record."""
    schema = OrderRecord.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "An order for Recourse", **schema}
