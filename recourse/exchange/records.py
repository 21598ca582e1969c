"""Records of a shop and orders of the store, turned into each other, and what a record must say to make sense. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision

from recourse.core.errors import InvalidInput
from recourse.customers.service import Buyer
from recourse.exchange.schema import (
    BuyerPart,
    CouponPart,
    LegPart,
    LinePart,
    OrderRecord,
    PaymentPart,
    PiecePart,
    RefundPart,
    ScanPart,
    SellerPart,
    SharePart,
    ShipmentPart,
)
from recourse.orders import arrivals
from recourse.orders.arrivals import Arrival, ArrivedCoupon, ArrivedLine, ArrivedParcel, ArrivedPayment
from recourse.orders.intake import shares
from recourse.refunds.arrivals import ArrivedLeg, ArrivedRefund, ArrivedShare
from recourse.refunds.arrivals import check as check_refund
from recourse.sellers.rules import Policy
from recourse.sellers.service import SellerView

_PAYMENTS = {
    "awaiting_payment": {"pending"},
    "payment_review": {"authorised"},
    "cancelled": {"voided", "failed"},
}
"""Status of an order that was never paid -> what its payments may be; an order that was paid has captured ones."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record that makes sense, as the store takes it: the order and its refunds."""

    order: Arrival
    refunds: tuple[ArrivedRefund, ...]


def incoming(record: OrderRecord, seller_id: str, policy: Policy, policy_id: str | None) -> Incoming:
    """The record as an order of ``seller_id`` under ``policy``. Raises InvalidInput that says what does not add up."""
    refunds = tuple(_refund(each) for each in record.refunds)
    order = Arrival(
        external_id=record.external_id,
        customer_id=record.buyer.sub,
        seller_id=seller_id,
        currency=record.currency,
        status=record.status,
        placed_at=record.placed_at,
        lines=_lines(record, refunds),
        policy=policy,
        policy_id=policy_id,
        number=record.number,
        group=record.group,
        coupons=_coupons(record),
        payments=_payments(record, refunds),
        parcels=_parcels(record),
        shipping=record.shipping_minor,
        tax=record.tax_minor,
        pay_by=record.pay_by,
        review_by=record.review_by,
        paid_at=record.paid_at,
        ship_by=record.ship_by,
        delivered_at=record.delivered_at,
        completed_at=record.completed_at,
        cancelled_at=record.cancelled_at,
        closed_at=record.closed_at,
        protect_until=record.protect_until,
        close_reason=record.close_reason,
        on_hold=record.on_hold,
    )
    _check(order, refunds)
    return Incoming(order, refunds)


def check_new(wanted: Incoming) -> None:
    """Raise InvalidInput for an order that is new to the store, was paid and has ended, and does not say where its money went."""
    order = wanted.order
    if order.status in ("cancelled", "closed") and order.paid_at and order.cost and not wanted.refunds:
        raise InvalidInput(f"the order was paid and is {order.status}, so its money went back: say how in `refunds`")


def outgoing(order: Arrival, refunds: Sequence[ArrivedRefund], buyer: Buyer, seller: SellerView) -> OrderRecord:
    """An order of the store as a record; the policy says where the order's rules differ from the built-in ones.

    What is stored goes out as it is, without a check: one odd title must not hold up the others.
    """
    built_in = Policy().to_json()
    policy = {name: value for name, value in order.policy.to_json().items() if name != "id" and value != built_in[name]}
    return OrderRecord.model_construct(
        external_id=order.external_id,
        number=order.number,
        group=order.group,
        buyer=BuyerPart.model_construct(
            sub=buyer.id, name=buyer.name, locale=buyer.locale, timezone=buyer.timezone, country=buyer.country,
            is_consumer=buyer.is_consumer,
        ),
        seller=SellerPart.model_construct(
            external_id=seller.external_id, id=None if seller.external_id else seller.id, name=seller.name,
            is_trader=seller.is_trader, country=seller.country, timezone=seller.timezone,
        ),
        currency=order.currency,
        status=order.status,
        placed_at=order.placed_at,
        lines=tuple(
            LinePart.model_construct(
                sku=line.sku, title=line.title, qty=line.qty, unit_price_minor=line.unit_price,
                withdrawal_exempt=line.withdrawal_exempt, qty_cancelled=line.qty_cancelled or None,
                qty_returned=line.qty_returned,
            )
            for line in order.lines
        ),
        coupons=tuple(
            CouponPart.model_construct(
                code=each.code, amount_minor=each.amount, kind=_one_of(each.kind), valid_until=each.valid_until,
                status=_one_of(each.state), returned_minor=each.returned,
            )
            for each in order.coupons
        ),
        shipping_minor=order.shipping,
        tax_minor=order.tax,
        payments=tuple(
            PaymentPart.model_construct(
                method=each.method, instrument=each.instrument, amount_minor=each.amount, status=_one_of(each.state), psp=each.psp,
                psp_ref=each.psp_ref, presentment_currency=each.presentment_currency,
                presentment_minor=each.presentment_amount,
            )
            for each in order.payments
        ),
        shipments=tuple(
            ShipmentPart.model_construct(
                carrier=each.carrier, tracking=each.tracking, shipped_at=each.shipped_at,
                lines=tuple(PiecePart.model_construct(line=line, qty=qty) for line, qty in each.pieces), state=each.state,
                promised_by=each.promised_by, delivered_at=each.delivered_at,
                events=tuple(_scan(event) for event in each.events),
            )
            for each in order.parcels
        ),
        refunds=tuple(
            RefundPart.model_construct(
                accepted_at=each.accepted_at,
                lines=tuple(
                    SharePart.model_construct(
                        line=part.line, qty=part.qty, paid_minor=part.paid, kept_minor=part.kept, coupon_minor=part.coupon
                    )
                    for part in each.shares
                ),
                legs=tuple(
                    LegPart.model_construct(
                        payment=leg.payment, amount_minor=leg.amount, state=leg.state, expected_from=leg.expected_from,
                        expected_to=leg.expected_to, reference=leg.reference, failure_reason=leg.failure_reason,
                        settled_at=leg.settled_at,
                    )
                    for leg in each.legs
                ),
                fee_minor=each.fee,
                coupon_credit_minor=each.coupon_credit,
            )
            for each in refunds
        ),
        pay_by=order.pay_by,
        review_by=order.review_by,
        paid_at=order.paid_at,
        ship_by=order.ship_by,
        delivered_at=order.delivered_at,
        completed_at=order.completed_at,
        cancelled_at=order.cancelled_at,
        closed_at=order.closed_at,
        protect_until=order.protect_until,
        close_reason=order.close_reason,
        on_hold=order.on_hold,
        policy=policy,
    )  # fmt: skip


def difference(stored: Arrival, wanted: Arrival) -> str | None:
    """What of an order that is in the store already the record says differently, though it can never change; None: nothing."""
    for name, what in _FIXED.items():
        if getattr(stored, name) != getattr(wanted, name):
            return f"{what} cannot change once the order is in the store"
    if wanted.number not in (None, stored.number):
        return f"the order has the number {stored.number} in the store"
    if wanted.group not in (None, stored.group):
        return "its checkout (group) cannot change once the order is in the store"
    if [_essence(line) for line in stored.lines] != [_essence(line) for line in wanted.lines]:
        return "its lines cannot change once the order is in the store"
    if _values(stored.coupons) != _values(wanted.coupons):
        return "its coupons cannot change once the order is in the store"
    if any(payment.state == "captured" for payment in stored.payments) and _paid(stored) != _paid(wanted):
        return "its payments cannot change once the order is paid"
    return None


def _paid(order: Arrival) -> list[tuple[str, str, int]]:
    return sorted((payment.method, payment.instrument, payment.amount) for payment in order.payments)


_FIXED: Mapping[str, str] = {
    "customer_id": "its buyer",
    "seller_id": "its seller",
    "currency": "its currency",
    "placed_at": "the time when it was placed (placed_at)",
    "shipping": "its shipping (shipping_minor)",
    "tax": "its tax (tax_minor)",
}


def money(amount: int, currency: str) -> str:
    """Minor units as a plain number with its currency: "49.98 EUR"."""
    return f"{Decimal(amount).scaleb(-get_currency_precision(currency))} {currency}"


def _scan(event: Mapping[str, Any]) -> ScanPart:
    return ScanPart.model_construct(at=datetime.fromisoformat(event["at"]), state=event["state"], text=event["text"])


def _one_of(word: str) -> Any:
    """A word of the store that the schema lists; the schema checks it."""
    return word


def _essence(line: ArrivedLine) -> tuple[Any, ...]:
    return line.sku, line.title, line.qty, line.unit_price, line.withdrawal_exempt


def _values(coupons: Sequence[ArrivedCoupon]) -> list[tuple[Any, ...]]:
    return sorted((each.code, each.amount, each.kind) for each in coupons)


def _check(order: Arrival, refunds: Sequence[ArrivedRefund]) -> None:
    if order.discount > order.gross:
        over = money(order.discount - order.gross, order.currency)
        raise InvalidInput(f"the coupons take off {over} more than the goods cost")
    _check_payments(order)
    _check_parcels(order)
    for refund in refunds:
        check_refund(refund)
    _check_accounts(order, refunds)
    arrivals.history(order)


def _check_payments(order: Arrival) -> None:
    states = {each.state for each in order.payments}
    allowed = {"captured"} if order.paid_at else _PAYMENTS.get(order.status)
    if allowed is None:
        raise InvalidInput(f"an order that is {order.status} was paid: paid_at is missing")
    if not states <= allowed | {"failed"}:
        what = "was paid" if order.paid_at else f"is {order.status} and not paid"
        raise InvalidInput(
            f"a payment is {min(states - allowed)}, but the order {what}: it should be {' or '.join(sorted(allowed))}"
        )
    given = sum(each.amount for each in order.payments if each.state != "failed")
    optional = order.paid_at is None and order.status in ("awaiting_payment", "cancelled")
    if given != order.cost and not (optional and given == 0):
        raise InvalidInput(
            f"payments add up to {money(given, order.currency)} but the order costs {money(order.cost, order.currency)}"
        )
    for each in order.payments:
        if (each.presentment_currency is None) != (each.presentment_amount is None):
            raise InvalidInput("presentment_currency and presentment_minor go together")


def _check_parcels(order: Arrival) -> None:
    sent: Counter[int] = Counter()
    for parcel in order.parcels:
        for place, qty in parcel.pieces:
            if place > len(order.lines):
                raise InvalidInput(f"shipment {parcel.tracking} names line {place}, but there are {len(order.lines)}")
            sent[place] += qty
        if len({place for place, _ in parcel.pieces}) != len(parcel.pieces):
            raise InvalidInput(f"shipment {parcel.tracking} names a line twice")
        if parcel.delivered_at is None and parcel.state == "delivered":
            raise InvalidInput(f"shipment {parcel.tracking} is delivered: delivered_at is missing")
    if len({parcel.tracking for parcel in order.parcels}) != len(order.parcels):
        raise InvalidInput("two shipments have the same tracking number; put their lines into one")
    for place, line in enumerate(order.lines, start=1):
        if sent[place] + line.qty_cancelled > line.qty:
            raise InvalidInput(
                f"line {place}: {sent[place]} sent and {line.qty_cancelled} cancelled, but only {line.qty} were ordered"
            )
        if line.qty_returned > sent[place]:
            raise InvalidInput(f"line {place}: more pieces came back than were sent")


def _check_accounts(order: Arrival, refunds: Sequence[ArrivedRefund]) -> None:
    """Nothing comes back that was not paid (invariants 1 and 6)."""
    prices = [line.unit_price * line.qty for line in order.lines]
    parts = shares(prices, order.discount, order.shipping, order.tax)
    for place, (line, part) in enumerate(zip(order.lines, parts, strict=True), start=1):
        if line.refunded > part.cost or line.coupon_returned > part.coupon or line.qty_refunded > line.qty:
            raise InvalidInput(f"line {place}: more is refunded than was paid for it")
    for place, payment in enumerate(order.payments, start=1):
        if payment.returned > payment.amount or (payment.returned and payment.state != "captured"):
            raise InvalidInput(f"payment {place}: more is refunded to it than it gave")
    if any(refund.fee for refund in refunds) and not order.parcels:
        raise InvalidInput("a refund keeps a fee, but nothing was sent: before shipment cancelling costs nothing")
    sent: Counter[int] = Counter()
    for parcel in order.parcels:
        sent.update(dict(parcel.pieces))
    for place, line in enumerate(order.lines, start=1):
        if line.qty_refunded > line.qty_cancelled + sent[place]:
            raise InvalidInput(
                f"line {place}: {line.qty_refunded} refunded, but only {line.qty_cancelled + sent[place]} sent or cancelled; "
                "give qty_cancelled"
            )


def _lines(record: OrderRecord, refunds: Sequence[ArrivedRefund]) -> tuple[ArrivedLine, ...]:
    sent: Counter[int] = Counter()
    for parcel in record.shipments:
        for piece in parcel.lines:
            sent[piece.line] += piece.qty
    found = []
    for place, line in enumerate(record.lines, start=1):
        parts = [share for refund in refunds for share in refund.shares if share.line == place]
        rest = line.qty - sent[place] if record.status == "cancelled" else 0
        found.append(
            ArrivedLine(
                line.sku, line.title, line.qty, line.unit_price_minor, line.withdrawal_exempt,
                qty_cancelled=rest if line.qty_cancelled is None else line.qty_cancelled,
                qty_returned=line.qty_returned,
                qty_refunded=sum(part.qty for part in parts),
                refunded=sum(part.paid + part.kept for part in parts),
                coupon_returned=sum(part.coupon for part in parts),
            )
        )  # fmt: skip
    places = [share.line for refund in refunds for share in refund.shares]
    if places and max(places) > len(record.lines):
        raise InvalidInput(f"a refund names line {max(places)}, but there are {len(record.lines)}")
    return tuple(found)


def _coupons(record: OrderRecord) -> tuple[ArrivedCoupon, ...]:
    usual = "used" if record.paid_at else "released" if record.status == "cancelled" else "reserved"
    return tuple(
        ArrivedCoupon(
            each.code, each.amount_minor, each.kind, each.valid_until, each.status or usual, each.returned_minor
        )
        for each in record.coupons
    )


def _payments(record: OrderRecord, refunds: Sequence[ArrivedRefund]) -> tuple[ArrivedPayment, ...]:
    returned: Counter[int] = Counter()
    for refund in refunds:
        returned.update(refund.promised)
    if returned and max(returned) > len(record.payments):
        raise InvalidInput(f"a refund names payment {max(returned)}, but there are {len(record.payments)}")
    return tuple(
        ArrivedPayment(
            each.method, each.instrument, each.amount_minor, each.status, each.psp, each.psp_ref,
            each.presentment_currency, each.presentment_minor, returned[place],
        )
        for place, each in enumerate(record.payments, start=1)
    )  # fmt: skip


def _parcels(record: OrderRecord) -> tuple[ArrivedParcel, ...]:
    return tuple(
        ArrivedParcel(
            each.carrier, each.tracking, each.shipped_at, tuple((piece.line, piece.qty) for piece in each.lines),
            each.state, each.promised_by, each.delivered_at,
            tuple({"at": scan.at.isoformat(), "state": scan.state, "text": scan.text} for scan in each.events),
        )
        for each in record.shipments
    )  # fmt: skip


def _refund(part: RefundPart) -> ArrivedRefund:
    return ArrivedRefund(
        part.accepted_at,
        tuple(ArrivedShare(each.line, each.qty, each.paid_minor, each.kept_minor, each.coupon_minor) for each in part.lines),
        tuple(
            ArrivedLeg(
                leg.payment, leg.amount_minor, leg.state, leg.expected_from, leg.expected_to, leg.reference,
                leg.failure_reason, leg.settled_at,
            )
            for leg in part.legs
        ),
        part.fee_minor,
        part.coupon_credit_minor,
    )  # fmt: skip
