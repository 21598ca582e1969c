"""A store in which something of everything has happened, all of it rightly."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from recourse.core import outbox
from recourse.core.db import new_id
from recourse.core.idempotency import remember
from recourse.core.inbox import is_new
from recourse.core.transitions import Actor, change_state, created
from recourse.customers.models import Customer
from recourse.demo import shop
from recourse.demo.shop import Item
from recourse.disputes.models import Dispute
from recourse.disputes.rules import DISPUTE_MACHINE
from recourse.messages.models import SellerMessage, SellerOffer
from recourse.messages.rules import OFFER_MACHINE
from recourse.orders.models import Order
from recourse.payments.models import Chargeback
from recourse.payments.rules import CHARGEBACK_MACHINE
from recourse.refunds.models import RefundLeg
from recourse.refunds.rules import LEG_MACHINE
from recourse.returns.models import Return, ReturnLine, Withdrawal
from recourse.returns.rules import RETURN_MACHINE
from tests.unit.world import BALANCE, BUYER, CARD, NOW, OTHER, SELLER, World

PAIR = (Item("MUG", "Mug", 2500, qty=2), Item("TRAY", "Tray", 1500))
GONE = "b-3"
_PSP, _SYSTEM, _TIMER = Actor("psp"), Actor("system"), Actor("timer")


def fill(world: World) -> dict[str, str]:
    """Everything, once; returns the ids that tests speak of by name."""
    ids: dict[str, str] = {}
    approved = world.order(items=PAIR, coupon=700, shipping=490, ways=(BALANCE, CARD), shares=(1234,))
    ids["approved"] = world.ask(approved)
    world.approve(ids["approved"])
    ids["approved_order"] = world.see(approved).id
    kept = world.order(items=PAIR, coupon=700, coupon_on_refund="none")
    ids["pending"] = world.ask(kept, pieces=world.lines(kept, MUG=1))
    ids["pending_order"] = world.see(kept).id
    refused = world.order(items=PAIR)
    ids["rejected"] = world.ask(refused)
    world.reject(ids["rejected"])
    reserved = world.order("payment_review", ways=(BALANCE, CARD), shares=(900,), coupon=100)
    ids["instant"] = world.cancel(reserved).request.id  # type: ignore[union-attr]
    world.order("awaiting_payment", coupon=100)
    sent = world.order(
        "shipped", items=PAIR, after_shipment="ask_seller", fee_kind="fixed", fee_value=300, fee_cap=400, clause="A fee"
    )
    ids["intercept"] = world.ask(sent)
    world.approve(ids["intercept"])
    silent = world.order(response_hours=1, on_silence="escalate")
    ids["escalated"] = world.ask(silent)
    expired = world.order(response_hours=1, on_silence="reject")
    ids["expired"] = world.ask(expired)
    world.now += timedelta(hours=1)
    world.settle(ids["escalated"])
    world.settle(ids["expired"])
    for name in ("disputed", "returned", "bank", "withdrawn", "plain"):
        ids[name] = world.see(world.order("delivered", items=PAIR, ago=timedelta(days=12))).id
    with world.transaction() as session:
        _legs(session, ids, world)
    with world.transaction() as session:
        _issues(session, ids, world)
        _talk(session, ids, world)
    return ids


def _legs(session: Session, ids: dict[str, str], world: World) -> None:
    """The card leg of the approved order failed and was replaced; the balance leg arrived."""
    legs = session.query(RefundLeg).order_by(RefundLeg.method, RefundLeg.id).all()
    balance = next(leg for leg in legs if leg.method == "balance")
    card = next(leg for leg in legs if leg.method == "card" and leg.refund_id == balance.refund_id)
    shop.advance_leg(session, balance, "succeeded", world.now)
    shop.advance_leg(session, card, "failed", world.now, failure="expired_or_canceled_card")
    again = RefundLeg(
        id=new_id(), refund_id=card.refund_id, payment_id=card.payment_id, replaces_leg_id=card.id, attempt=2,
        rank=card.rank, method="bank", instrument="Bank account ending 99", amount=card.amount, currency=card.currency,
        state="created", expected_from=card.expected_from, expected_to=card.expected_to, idempotency_key="again",
    )  # fmt: skip
    session.add(again)
    session.flush()
    created(session, again, LEG_MACHINE, _SYSTEM, world.now)
    outbox.send(session, "refund_leg", BUYER, again.id, world.now, leg_id=again.id)
    ids |= {"balance_leg": balance.id, "card_leg": card.id, "new_leg": again.id, "refund": card.refund_id}


def _issues(session: Session, ids: dict[str, str], world: World) -> None:
    at = world.now
    order = _order(session, ids["disputed"])
    dispute = Dispute(
        id=new_id(), order_id=order.id, line_id=order.lines[0].id, customer_id=BUYER, type="not_as_described",
        reason_code="damaged", qty=1, wanted="partial", amount=500, state="awaiting_seller", opened_at=at,
        respond_by=at + timedelta(days=5), idempotency_key=new_id(),
    )  # fmt: skip
    session.add(dispute)
    session.flush()
    created(session, dispute, DISPUTE_MACHINE, Actor("buyer", BUYER), at)
    change_state(
        session, dispute, "negotiating", DISPUTE_MACHINE, SELLER, at + timedelta(days=1),
        negotiate_by=at + timedelta(days=8),
    )  # fmt: skip
    ids["dispute"] = dispute.id
    for name, kind in (("returned", "agreed"), ("withdrawn", "withdrawal")):
        order = _order(session, ids[name])
        back = Return(
            id=new_id(), order_id=order.id, customer_id=BUYER, kind=kind, state="requested", requested_at=at,
            respond_by=at + timedelta(hours=24) if kind == "agreed" else None, label_cost_by="buyer", idempotency_key=new_id(),
        )  # fmt: skip
        session.add(back)
        session.flush()
        created(session, back, RETURN_MACHINE, Actor("buyer", BUYER), at)
        session.add(ReturnLine(return_id=back.id, line_id=order.lines[0].id, qty=1))
        change_state(session, back, "approved", RETURN_MACHINE, SELLER if kind == "agreed" else _SYSTEM, at)
        ids[f"{name}_return"] = back.id
    ids["withdrawal"] = new_id()
    session.add(
        Withdrawal(
            id=ids["withdrawal"], order_id=ids["withdrawn"], customer_id=BUYER, return_id=ids["withdrawn_return"],
            declared_at=at, deadline=at + timedelta(seconds=1), within=True, why="in_time",
            pieces={}, ack_document="", idempotency_key=new_id(),
        )
    )  # fmt: skip
    payment = _order(session, ids["bank"]).allocations[0].payment
    bank = Chargeback(
        id=new_id(), payment_id=payment.id, psp_ref="cb-1", state="needs_response", reason="fraud",
        amount=payment.captured, currency="EUR", opened_at=at, due_by=at + timedelta(days=7),
    )  # fmt: skip
    session.add(bank)
    session.flush()
    created(session, bank, CHARGEBACK_MACHINE, _PSP, at)
    ids |= {"chargeback": bank.id, "bank_payment": payment.id}
    for name, issue in {
        "disputed": "dispute", "returned": "return", "withdrawn": "return", "bank": "chargeback"
    }.items():  # fmt: skip
        row = _order(session, ids[name])
        row.issue = issue
        if issue == "chargeback":
            row.frozen, row.frozen_reason = True, "chargeback"


def _talk(session: Session, ids: dict[str, str], world: World) -> None:
    at = world.now
    ids["message"], ids["offer"] = new_id(), new_id()
    session.add(
        SellerMessage(
            id=ids["message"], order_id=ids["plain"], customer_id=BUYER, author="seller", purpose="answer", text="Hello",
            client_msg_id="m", sent_at=at,
        )
    )  # fmt: skip
    outbox.notify_buyer(session, BUYER, "seller_wrote", at, message_id=ids["message"])
    offer = SellerOffer(
        id=ids["offer"], order_id=ids["plain"], amount=100, currency="EUR", text="Keep it", state="open", offered_at=at,
        expires_at=at + timedelta(hours=72),
    )  # fmt: skip
    session.add(offer)
    session.flush()
    created(session, offer, OFFER_MACHINE, SELLER, at)
    outbox.notify_buyer(session, BUYER, "seller_offers", at, offer_id=offer.id)
    change_state(
        session, offer, "expired", OFFER_MACHINE, _TIMER, at + timedelta(hours=72), decided_at=at + timedelta(hours=72)
    )
    outbox.notify_buyer(session, BUYER, "offer_expired", at, offer_id=offer.id)
    session.add(Customer(id=GONE, display_name="deleted", country="DE", status="erased", anonymised_at=NOW))
    is_new(session, "psp", "event-1", b"{}", at)
    remember(session, "test", "key-1", OTHER, {}, {}, at)


def _order(session: Session, order_id: str) -> Order:
    return session.get_one(Order, order_id)
