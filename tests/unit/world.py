"""A small shop for tests: buyers, a seller, orders in any state, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.cancellations.service import Quote, RequestView, Submitted
from recourse.core import order_numbers
from recourse.core.db import new_id, reading, transaction
from recourse.core.transitions import Actor
from recourse.customers.models import Customer
from recourse.demo import shop
from recourse.demo.shop import Given, Item, Voucher
from recourse.fulfilment import service as fulfilment
from recourse.migrations.tables import metadata
from recourse.orders import service as orders
from recourse.orders.models import Order
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds
from recourse.refunds.models import RefundSla
from recourse.refunds.rules import DEFAULT_SLA
from recourse.refunds.service import RefundView
from recourse.sellers.models import Seller, SellerPolicy
from recourse.sellers.rules import Policy

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BUYER, OTHER = "b-1", "b-2"
SELLER = Actor("seller", "acme")
AGENT = Actor("platform", "agent-7")
CARD = ("card", "Visa ending 4242")
BALANCE = ("balance", "your shop balance")
WALLET = ("paypal", "PayPal")
MUG = Item("MUG", "Stoneware mug, moss green", 2500)
TRAY = Item("TRAY", "Oak serving tray", 1500)


class World:
    """Everything a test needs to set a scene. ``now`` may be moved; nothing else tells the time."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOW
        self._made = 0
        self.exempt: set[int] = set()
        with self.transaction() as session:
            for method, (low, high, source) in DEFAULT_SLA.items():
                session.add(RefundSla(method=method, min_bd=low, max_bd=high, source=source))
            session.add(Seller(id="acme", name="Acme Crockery", country="DE"))
            for buyer in (BUYER, OTHER):
                session.add(Customer(id=buyer, display_name=f"Buyer {buyer}", country="DE"))

    def transaction(self) -> AbstractContextManager[Session]:
        """One unit of work on this store."""
        return transaction(self.engine)

    def reading(self) -> AbstractContextManager[Session]:
        """A session that only reads."""
        return reading(self.engine)

    def order(
        self,
        state: str = "to_ship",
        *,
        buyer: str = BUYER,
        items: tuple[Item, ...] = (MUG,),
        coupon: int = 0,
        shipping: int = 0,
        ways: tuple[tuple[str, str], ...] = (CARD,),
        shares: tuple[int, ...] = (),
        currency: str = "EUR",
        number: str | None = None,
        ago: timedelta = timedelta(hours=3),
        **policy: Any,
    ) -> str:
        """An order in ``state``, placed ``ago`` before now; returns its number.

        ``shares``: what each but the last of ``ways`` pays, the last pays the rest. ``policy``: fields that differ from
        the platform's default. Of an order that is partially_shipped the first line was sent; it has two at least.
        """
        at = self.now - ago
        if state == "partially_shipped" and len(items) == 1:
            items = (*items, TRAY)
        number = number or self.next_number()
        with self.transaction() as session:
            voucher = Voucher("TEN", coupon, self.now + timedelta(days=30)) if coupon else None
            order = shop.place(
                session, number=number, customer_id=buyer, seller_id="acme", policy=self._policy(session, policy),
                currency=currency, items=items, at=at, shipping=shipping, voucher=voucher,
            )  # fmt: skip
            self._bring_to(session, order, state, ways, shares, at)
        return number

    def next_number(self) -> str:
        """An order number that was not used yet."""
        self._made += 1
        return order_numbers.make(self._made * 104_729 % 9_000_000 + 1_000_000)

    def see(self, number: str) -> OrderView:
        """The order as it is now."""
        with self.reading() as session:
            return orders.get_by_number(session, number)

    def lines(self, number: str, **pieces: int) -> dict[str, int]:
        """Pieces by line id, told by sku: ``lines(number, MUG=2)``."""
        ids = {line.sku: line.id for line in self.see(number).lines}
        return {ids[sku]: qty for sku, qty in pieces.items()}

    def offer(
        self, number: str, buyer: str = BUYER, *, pieces: Mapping[str, int] | None = None, reason: str | None = None
    ) -> Quote:
        """Show the buyer a quote."""
        with self.transaction() as session:
            return cancellations.quote(session, buyer, number, self.now, pieces=pieces, reason_code=reason)

    def quote(self, number: str, buyer: str = BUYER, *, pieces: Mapping[str, int] | None = None) -> str:
        """Show the buyer a quote; returns its id."""
        return self.offer(number, buyer, pieces=pieces).id

    def submit(
        self, quote_id: str, *, buyer: str = BUYER, reason: str = "no_longer_wanted", note: str | None = None,
        key: str | None = None,
    ) -> Submitted:  # fmt: skip
        """The buyer says yes to a quote."""
        with self.transaction() as session:
            return cancellations.submit_cancellation(
                session, buyer, quote_id, reason, note, key or new_id(), self.now, conversation_id=None
            )

    def cancel(self, number: str, buyer: str = BUYER, *, pieces: Mapping[str, int] | None = None) -> Submitted:
        """Quote and yes in one go."""
        return self.submit(self.quote(number, buyer, pieces=pieces), buyer=buyer)

    def ask(self, number: str, buyer: str = BUYER, *, pieces: Mapping[str, int] | None = None) -> str:
        """Ask the seller for a cancellation; returns the request's id."""
        done = self.cancel(number, buyer, pieces=pieces)
        assert done.outcome == "requested" and done.request is not None
        return done.request.id

    def withdraw(self, reference: str, buyer: str = BUYER) -> RequestView:
        """The buyer keeps the order after all."""
        with self.transaction() as session:
            return cancellations.withdraw(session, buyer, reference, self.now)

    def approve(self, request_id: str) -> None:
        """The seller approves."""
        with self.transaction() as session:
            cancellations.seller_approves(session, request_id, self.now, SELLER)

    def reject(
        self,
        request_id: str,
        reason: str = "Already in production",
        tracking: str | None = None,
        shipped_at: datetime | None = None,
    ) -> None:
        """The seller refuses."""
        with self.transaction() as session:
            cancellations.seller_rejects(session, request_id, reason, tracking, self.now, SELLER, shipped_at)

    def platform(self, request_id: str, *, approve: bool, reason: str = "Decided for the buyer") -> RequestView:
        """A person of the platform decides."""
        with self.transaction() as session:
            return cancellations.platform_decides(session, request_id, approve, reason, self.now, AGENT)

    def ship(self, number: str, tracking: str = "PW123456789DE", *, pieces: Mapping[str, int] | None = None) -> None:
        """The seller ships ``pieces`` (all that is unsent, unless said)."""
        with self.transaction() as session:
            fulfilment.seller_ships(session, number, "Parcelway", tracking, self.now, SELLER, pieces)

    def settle(self, request_id: str) -> str | None:
        """The timer looks at a request; returns its state, or None when there was nothing to do."""
        with self.transaction() as session:
            done = cancellations.settle(session, request_id, self.now)
        return done.state if done else None

    def request(self, request_id: str) -> RequestView:
        """A request as it is now."""
        with self.reading() as session:
            return cancellations.get(session, request_id)

    def request_state(self, request_id: str) -> str:
        """State of a request."""
        return self.request(request_id).state

    def refunds(self, number: str) -> list[RefundView]:
        """What was granted for an order, oldest first."""
        order_id = self.see(number).id
        with self.reading() as session:
            return refunds.all_of(session, order_id, self.now.date())

    def set_order(self, number: str, **values: Any) -> None:
        """Set columns behind the machines' back (``frozen=True``, ...)."""
        with self.transaction() as session:
            row = session.scalars(select(Order).where(Order.number == number)).one()
            for name, value in values.items():
                setattr(row, name, value)

    def clear(self) -> None:
        """Delete all but the buyers, the seller and the refund times, and start anew."""
        self.now, self._made = NOW, 0
        with self.transaction() as session:
            for table in reversed(metadata.sorted_tables):
                if table.name not in ("customer", "seller", "refund_sla"):
                    session.execute(table.delete())

    def _policy(self, session: Session, changes: dict[str, Any]) -> Policy:
        policy = replace(Policy(), id=new_id(), **changes)
        self._made += 1
        session.add(
            SellerPolicy(
                **policy.to_json(), seller_id="acme", policy_version=self._made, valid_from=NOW - timedelta(days=99)
            )
        )
        session.flush()
        return policy

    def _bring_to(
        self, session: Session, order: Order, state: str, ways: tuple[tuple[str, str], ...], shares: tuple[int, ...],
        at: datetime,
    ) -> None:  # fmt: skip
        if state == "awaiting_payment":
            return
        amounts = (*shares, shop.due(order) - sum(shares))
        given = [Given(*way, amount) for way, amount in zip(ways, amounts, strict=False) if amount]
        for tender in given:
            if tender.method == "balance":
                shop.credit(
                    session, order.customer_id, tender.amount, order.currency, "adjustment", "gift_card", order.id, at
                )
        if state == "payment_review":
            shop.authorise(session, [order], given, at)
            return
        shop.pay(session, [order], given, at)
        if state == "to_ship":
            return
        if state == "partially_shipped":
            shop.ship_part(session, order, 1, "Parcelway", "PW1", at)
            return
        if state == "cancelled":
            orders.move(session, order.id, "cancelled", SELLER, at, "out of stock", cancelled_at=at)
            orders.cancel_pieces(session, order.id, {line.id: line.qty for line in order.lines})
            return
        orders.ship(session, order.id, "Parcelway", "PW2", at, SELLER, {line.id: line.qty for line in order.lines})
        if state == "closed":
            orders.move(session, order.id, "closed", Actor("carrier"), at, "lost")
        elif state != "shipped":
            shop.deliver(session, order, at)
            if state == "completed":
                shop.complete(session, order, at)
