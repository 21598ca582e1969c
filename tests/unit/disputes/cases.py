"""Orders that can be disputed, and disputes in any state."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from recourse.core.db import new_id
from recourse.core.outbox import BUYER_NOTICE, Outbox
from recourse.core.transitions import Actor
from recourse.disputes import service as disputes
from recourse.disputes.views import DisputeView
from recourse.orders.rules import Line, OrderView, Parcel, Tender
from recourse.refunds import service as refunds
from recourse.refunds.service import RefundView
from recourse.sellers.rules import Policy
from tests.unit.world import BUYER, NOW, World

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
PLATFORM = Actor("platform", "agent-7")
SELLER_ID = "acme"


def order_view(
    *lines: Line,
    state: str = "shipped",
    shipped_at: datetime | None = NOW,
    promised_by: datetime | None = None,
    delivered_at: datetime | None = None,
    parcels: tuple[Parcel, ...] | None = None,
    policy: Policy | None = None,
    **values: Any,
) -> OrderView:
    """An order for pure rules: by default one mug for 25.00, sent at ``NOW`` and paid by card."""
    lines = lines or (mug(),)
    total = sum(each.paid_alloc for each in lines)
    sent = tuple((each.id, each.qty_shipped) for each in lines if each.qty_shipped)
    if parcels is None and shipped_at is not None:
        at = "delivered" if delivered_at else "in_transit"
        parcels = (Parcel("Parcelway", "PW1", shipped_at, promised_by, delivered_at, "p1", at, sent),)
    given: dict[str, Any] = {
        "id": "o1", "number": "RC-1042-7713", "version": 1, "group_id": "g1", "customer_id": BUYER, "seller_id": "acme",
        "seller": "Acme", "state": state, "frozen": False, "frozen_reason": None, "currency": "EUR", "total_paid": total,
        "gross": total, "discount": 0, "shipping": 0, "policy": policy or Policy(), "placed_at": NOW - DAY, "pay_by": None,
        "review_by": None, "ship_by": None, "paid_at": NOW - DAY, "shipped_at": shipped_at, "delivered_at": delivered_at,
        "completed_at": None, "cancelled_at": None, "close_reason": None, "scenario": None, "lines": lines,
        "tenders": (Tender("t1", "card", "Visa ending 4242", total, captured=True),), "coupons": (),
        "parcels": parcels or (),
    }  # fmt: skip
    return OrderView(**{**given, **values})


def mug(qty: int = 1, *, paid: int | None = None, sent: int | None = None, **values: Any) -> Line:
    """A line of ``qty`` mugs at 25.00, all of them sent."""
    shipped = qty if sent is None else sent
    return Line("l1", "Mug", "MUG", qty, 2500, 2500 * qty if paid is None else paid, 0, qty_shipped=shipped, **values)


class Court:
    """Everything a test does with disputes, each in its own transaction at ``world.now``."""

    def __init__(self, world: World) -> None:
        self.world = world

    def order(self, state: str = "delivered", ago: timedelta = 2 * DAY, **values: Any) -> str:
        """An order that was sent (and delivered) two days ago."""
        return self.world.order(state, ago=ago, **values)

    def open(self, number: str, sku: str = "MUG", **changes: Any) -> DisputeView:
        """Open a dispute: the mug is broken, 10.00 back."""
        line = next(each for each in self.world.see(number).lines if each.sku == sku)
        given: dict[str, Any] = {
            "customer_id": BUYER, "number": number, "line_id": line.id, "qty": 1, "type_": "not_as_described",
            "reason_code": "damaged", "wanted": "partial", "amount_minor": 1000, "description": "It is broken",
            "key": new_id(), "now": self.world.now,
        }  # fmt: skip
        given.update(changes)
        if given["wanted"] != "partial" and "amount_minor" not in changes:
            given["amount_minor"] = None
        with self.world.transaction() as session:
            return disputes.open_dispute(session, **given)

    def missing(self, number: str, **changes: Any) -> DisputeView:
        """Open a dispute: it never came."""
        return self.open(number, type_="not_received", reason_code="tracking_invalid", wanted="full", **changes)

    def back(self, number: str, **changes: Any) -> DisputeView:
        """Open a dispute: the buyer wants to send it back."""
        return self.open(number, wanted="return_refund", **changes)

    def seller(self, step: str, dispute: DisputeView, *args: Any) -> DisputeView:
        """A step of the seller: ``accepts`` (the buyer's proposal), ``rejects``, ``counters``, ``received``, ``contests``."""
        if step == "accepts" and not args:
            args = (self.see(dispute).buyer_proposal.id,)
        if step == "counters":
            args = (*args, *[None] * (3 - len(args)), new_id())
        with self.world.transaction() as session:
            done = getattr(disputes, f"seller_{step}")(session, SELLER_ID, dispute.id, *args, self.world.now)
            assert isinstance(done, DisputeView)
            return done

    def buyer(self, step: str, dispute: DisputeView, *args: Any, buyer: str = BUYER) -> DisputeView:
        """A step of the buyer by the name of its function."""
        if step == "buyer_accepts" and not args:
            proposal = self.see(dispute).seller_proposal
            args = (proposal.id if proposal else "none",)
        if step == "buyer_counters":
            args = (*args, *[None] * (3 - len(args)), new_id())
        if step == "add_message" and len(args) == 1:
            args = (*args, new_id())
        if step == "send_back" and not args:
            args = ("Parcelway", "RT1")
        with self.world.transaction() as session:
            done = getattr(disputes, step)(session, buyer, dispute.id, *args, self.world.now)
            assert isinstance(done, DisputeView)
            return done

    def decide(
        self, dispute: DisputeView, outcome: str, amount: int | None = None, reason: str = "As the photos show"
    ) -> DisputeView:
        """The platform's verdict."""
        with self.world.transaction() as session:
            return disputes.decide(session, dispute.id, outcome, amount, reason, self.world.now, PLATFORM)

    def settle(self, dispute: DisputeView) -> DisputeView | None:
        """The timer looks at a dispute."""
        with self.world.transaction() as session:
            return disputes.settle(session, dispute.id, self.world.now)

    def due(self) -> list[str]:
        """What the timer would look at."""
        with self.world.reading() as session:
            return list(disputes.due(session, self.world.now))

    def scanned(self, carrier: str = "Parcelway", tracking: str = "RT1") -> list[str]:
        """The carrier has delivered goods to the seller."""
        with self.world.transaction() as session:
            return disputes.carrier_received(session, carrier, tracking, self.world.now)

    def see(self, dispute: DisputeView) -> DisputeView:
        """The dispute as it is now."""
        with self.world.reading() as session:
            return disputes.get(session, dispute.id)

    def in_state(self, state: str, number: str | None = None) -> DisputeView:
        """A dispute in ``state``, on the way that is the shortest."""
        number = number or self.order()
        if state in ("awaiting_return", "return_in_transit"):
            opened = self.back(number)
            agreed = self.seller("accepts", opened)
            return agreed if state == "awaiting_return" else self.buyer("send_back", agreed)
        opened = self.open(number)
        if state == "awaiting_seller":
            return opened
        if state == "withdrawn":
            return self.buyer("withdraw", opened)
        if state == "resolved":
            return self.seller("accepts", opened)
        talking = self.seller("rejects", opened, "It was fine when we sent it")
        if state == "negotiating":
            return talking
        self.world.now += 4 * DAY
        return self.buyer("escalate", talking)

    def refunds(self, number: str) -> list[RefundView]:
        """What was given back for an order."""
        order = self.world.see(number)
        with self.world.reading() as session:
            return refunds.all_of(session, order.id, self.world.now.date())

    def told(self) -> list[str]:
        """Kinds of notices for buyers about disputes, oldest first."""
        with self.world.reading() as session:
            rows = session.scalars(select(Outbox).where(Outbox.topic == BUYER_NOTICE).order_by(Outbox.created_at))
            return [row.payload["kind"] for row in rows if row.payload["kind"].startswith("dispute")]
