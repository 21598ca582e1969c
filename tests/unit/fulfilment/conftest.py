"""What the tests of fulfilment do to the small shop of ``world``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from recourse.core.outbox import Outbox
from recourse.core.transitions import Actor
from recourse.fulfilment import service as fulfilment
from recourse.orders import service as orders
from recourse.orders.models import Order, OrderGroup
from recourse.orders.rules import OrderView
from recourse.refunds import service as refunds
from recourse.refunds.models import Refund, RefundLeg, WalletEntry
from recourse.sellers.models import Seller
from tests.unit.world import SELLER, World

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


class Floor:
    """The packing floor: one order of ``world`` after another, and what may happen to it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def ship(
        self,
        number: str,
        tracking: str = "PW1",
        lines: Mapping[int, int] | None = None,
        actor: Actor = SELLER,
        **more: Any,
    ) -> OrderView:
        """The seller ships ``lines`` (position from 0 -> pieces), or all that is unsent."""
        view = self.world.see(number)
        pieces = None if lines is None else {view.lines[place].id: qty for place, qty in lines.items()}
        with self.world.transaction() as session:
            return fulfilment.seller_ships(
                session, number, "Parcelway", tracking, self.world.now, actor, pieces, **more
            )  # fmt: skip

    def cancel(self, number: str, reason: str = "out of stock", actor: Actor = SELLER) -> OrderView:
        """The seller cancels by itself."""
        with self.world.transaction() as session:
            return fulfilment.seller_cancels(session, number, reason, self.world.now, actor)

    def scan(
        self, state: str, tracking: str = "PW1", at: datetime | None = None, text: str = "", carrier: str | None = None
    ) -> list[OrderView]:
        """The carrier reports."""
        with self.world.transaction() as session:
            return fulfilment.carrier_reports(
                session, tracking, state, at or self.world.now, text, self.world.now, carrier
            )  # fmt: skip

    def confirm(self, number: str, buyer: str = "b-1", key: str | None = None) -> OrderView:
        """The buyer confirms receipt."""
        with self.world.transaction() as session:
            return fulfilment.buyer_confirms(session, buyer, number, self.world.now, key)

    def settle(self, number: str, at: datetime | None = None) -> OrderView | None:
        """The timer looks at the order."""
        with self.world.transaction() as session:
            return fulfilment.settle(session, self.world.see(number).id, at or self.world.now)

    def due(self, at: datetime | None = None) -> list[str]:
        """Numbers of the orders that the timer would look at."""
        with self.world.reading() as session:
            ids = fulfilment.due(session, at or self.world.now)
            return [orders.get_by_id(session, order_id).number for order_id in ids]

    def psp(self, step: str, number: str) -> OrderView:
        """The payment provider moves the order: ``step`` names the function of the service."""
        with self.world.transaction() as session:
            return getattr(fulfilment, step)(session, self.world.see(number).id, self.world.now)

    def hold(self, number: str, reason: str = "chargeback") -> OrderView:
        """Put it on hold."""
        with self.world.transaction() as session:
            return fulfilment.freeze(session, self.world.see(number).id, reason, self.world.now)

    def release(self, number: str) -> OrderView:
        """Take it off hold."""
        with self.world.transaction() as session:
            return fulfilment.unfreeze(session, self.world.see(number).id, self.world.now)

    def told(self) -> Counter[str]:
        """How often the buyers were told what."""
        with self.world.reading() as session:
            rows = session.scalars(select(Outbox).where(Outbox.topic == "buyer_notice"))
            return Counter(row.payload["kind"] for row in rows)

    def sent(self, topic: str) -> list[dict[str, Any]]:
        """Payloads of the outbox under ``topic``."""
        with self.world.reading() as session:
            return [row.payload for row in session.scalars(select(Outbox).where(Outbox.topic == topic))]

    def refunds(self, number: str) -> list[tuple[str, int]]:
        """(cause, cash to the tenders) of each refund, by cause."""
        with self.world.reading() as session:
            found = refunds.all_of(session, self.world.see(number).id, self.world.now.date())
            return sorted((each.cause_type, each.legs_total.amount_minor) for each in found)

    def money_back(self, number: str) -> int:
        """All that legs give back for an order."""
        with self.world.reading() as session:
            query = select(func.coalesce(func.sum(RefundLeg.amount), 0)).join(Refund).join(Order)
            return session.scalar(query.where(Order.number == number)) or 0

    def wallet(self, buyer: str = "b-1") -> int:
        """The buyer's balance."""
        with self.world.reading() as session:
            return session.scalar(select(func.sum(WalletEntry.amount)).where(WalletEntry.customer_id == buyer)) or 0

    def defects(self) -> int:
        """How many orders ended on the seller's account."""
        with self.world.reading() as session:
            return session.get_one(Seller, "acme").cancel_defect_count

    def other_seller(self) -> Actor:
        """A second seller that the store knows."""
        with self.world.transaction() as session:
            session.add(Seller(id="rival", name="Rival Pots", country="DE"))
        return Actor("seller", "rival")

    def group(self) -> OrderGroup:
        """A checkout for several orders."""
        with self.world.transaction() as session:
            row = OrderGroup(customer_id="b-1", currency="EUR", placed_at=self.world.now)
            session.add(row)
        return row


@pytest.fixture
def floor(world: World) -> Floor:
    """The packing floor of ``world``."""
    return Floor(world)
