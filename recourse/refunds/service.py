"""Use cases of refunds: granting one, reading it, and explaining it. ``legs`` moves them, ``wallet`` keeps the balance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from recourse.core.clock import SystemClock
from recourse.core.errors import NotAllowed
from recourse.core.money import Money
from recourse.orders import payments
from recourse.orders import service as orders
from recourse.orders.rules import OrderView
from recourse.refunds import wallet
from recourse.refunds.leg_rows import REFUND_LEG, add_leg
from recourse.refunds.legs import REFUND_LOOKUP, Recorded, cancel_leg, due, record_result, settle
from recourse.refunds.models import Refund, RefundLine
from recourse.refunds.reading import (
    LegView,
    RefundLineView,
    RefundView,
    all_of,
    get,
    get_leg,
    of_orders,
    of_orders_all,
    orders_with_refund,
    ranges,
)
from recourse.refunds.routes import ROUTES, choose_route, give_bank_details, replace_leg
from recourse.refunds.rules import Breakdown, Difference, LegFact, RefundFacts, explain_difference
from recourse.refunds.wallet import WalletLine, balance, release_to_wallet
from recourse.refunds.wallet import history as wallet_history

__all__ = [
    "REFUND_LEG",
    "REFUND_LOOKUP",
    "ROUTES",
    "Explanation",
    "LegView",
    "Recorded",
    "RefundLineView",
    "RefundView",
    "WalletLine",
    "all_of",
    "balance",
    "cancel_leg",
    "choose_route",
    "due",
    "explain",
    "get",
    "get_leg",
    "give_bank_details",
    "grant",
    "of_orders",
    "of_orders_all",
    "orders_with_refund",
    "ranges",
    "record_result",
    "release_to_wallet",
    "replace_leg",
    "settle",
    "wallet_history",
]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the refunds of an order are what they are. ``clause``: the seller's words behind a fee, as of checkout."""

    difference: Difference
    order: OrderView
    refunds: tuple[RefundView, ...]
    clause: str | None


def grant(
    session: Session, order: OrderView, cause_type: str, cause_id: str, breakdown: Breakdown, at: datetime
) -> str | None:
    """Record the decision to refund ``breakdown``: refund, its lines, legs in state ``created``, coupon value to the wallet.

    ``order`` must have been read in this transaction, locked; its lines, tenders and coupons are charged with the refund.
    Returns the refund's id, or None when nothing was paid and nothing is due. One refund per cause: the table refuses
    a second one. No provider is called here: the outbox has one ``refund_leg`` message for each leg. Raises NotAllowed while
    the buyer's bank disputes the payment: the same money would be given twice (invariant 18).
    """
    if order.issue == "chargeback" and breakdown.legs:
        raise NotAllowed(f"order {order.number} is in a bank dispute; nothing can be refunded until it is over")
    lines = [(s.line_id, s.qty, s.cash + s.shipping_kept, s.coupon) for s in breakdown.shares]
    orders.note_refunded(session, order.id, lines, [(leg.payment_id, leg.amount) for leg in breakdown.legs])
    orders.return_coupons(session, order.id, breakdown.coupons, at)
    if not breakdown.paid_part and not breakdown.coupon_credit:
        return None
    refund = Refund(
        order_id=order.id,
        cause_type=cause_type,
        cause_id=cause_id,
        currency=order.currency,
        paid_part=breakdown.paid_part,
        fee=breakdown.fee,
        legs_total=breakdown.legs_total,
        coupon_part=breakdown.coupon_part,
        coupon_credit=breakdown.coupon_credit,
        shipping_kept=breakdown.shipping_kept,
        accepted_at=at,
        created_at=SystemClock().now(),  # the order of two refunds of one moment; SQLite's own clock counts seconds
    )
    session.add(refund)
    session.flush()
    for share in breakdown.shares:
        session.add(
            RefundLine(refund_id=refund.id, line_id=share.line_id, qty=share.qty, paid=share.cash, coupon=share.coupon)
        )
    for rank, leg in enumerate(breakdown.legs):
        add_leg(session, refund, order.customer_id, leg, rank, at)
    if breakdown.coupon_credit:
        credit = Money(breakdown.coupon_credit, order.currency)
        wallet.add(session, order.customer_id, credit, "coupon_value", "refund", refund.id, at)
    return refund.id


def explain(session: Session, customer_id: str, number: str, expected: Money, now: datetime) -> Explanation:
    """Explain what came back for the buyer's own order against what the buyer expected (domain F4). Raises NotFound."""
    order = orders.get_own(session, customer_id, number)
    refunds = all_of(session, order.id, now.date())
    difference = explain_difference(expected, _facts(session, order, refunds))
    charged = any(refund.fee.amount_minor for refund in refunds)
    return Explanation(difference, order, tuple(refunds), order.policy.clause if charged else None)


def _facts(session: Session, order: OrderView, refunds: list[RefundView]) -> RefundFacts:
    """What the rows say; the statement that a buyer looks at is that of the first tender which is not the balance."""
    main = next((t.payment_id for t in order.tenders if t.method != "balance"), None)
    main = main or next((t.payment_id for t in order.tenders), None)
    shown = payments.get(session, main) if main else None
    presentment = None
    if shown and shown.presentment_currency and shown.presentment_amount is not None:
        presentment = Money(shown.presentment_amount, shown.presentment_currency)
    kept = sum(refund.shipping_kept.amount_minor for refund in refunds if refund.shipping_kept)
    shipping = sum(line.shipping_alloc * line.qty_refunded // line.qty for line in order.lines)
    coupon = sum(refund.coupon_part.amount_minor for refund in refunds if refund.coupon_part)
    credited = sum(refund.coupon_credit.amount_minor for refund in refunds)
    restored = sum(each.returned for each in order.coupons if each.state == "restored")
    return RefundFacts(
        currency=order.currency,
        legs=tuple(
            LegFact(leg.amount.amount_minor, leg.state, leg.payment_id == main and _goes_home(leg, order))
            for refund in refunds
            for leg in refund.legs
        ),
        fee=sum(refund.fee.amount_minor for refund in refunds),
        shipping_kept=kept,
        shipping_back=max(shipping - kept, 0),
        coupon_balance=credited,
        coupon_restored=restored,
        coupon_lost=max(coupon - credited - restored, 0),
        not_refunded=sum(line.refundable for line in order.lines),
        not_refunded_coupon=sum(line.coupon_alloc - line.coupon_returned for line in order.lines),
        charged_back=sum(tender.charged_back for tender in order.tenders),
        captured=shown.captured if shown else 0,
        presentment=presentment,
    )


def _goes_home(leg: LegView, order: OrderView) -> bool:
    """Does the leg go to the instrument that was paid with? After a failure the buyer may have chosen another one."""
    paid = next((tender for tender in order.tenders if tender.payment_id == leg.payment_id), None)
    return paid is not None and (leg.method, leg.instrument) == (paid.method, paid.instrument)
