"""Orders that can go back, and returns in any state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from recourse.core.db import new_id
from recourse.core.outbox import BUYER_NOTICE, Outbox
from recourse.customers.models import Customer
from recourse.orders.models import OrderLine
from recourse.returns import service as returns
from recourse.returns.views import ReturnView, WithdrawalView
from recourse.sellers.models import Seller
from tests.unit.world import BUYER, World

DAY = timedelta(days=1)


class Parcels:
    """Everything a test does with returns, each in its own transaction at ``world.now``."""

    def __init__(self, world: World) -> None:
        self.world = world

    def order(self, state: str = "delivered", ago: timedelta = 2 * DAY, **values: Any) -> str:
        """An order that was sent (and delivered) two days ago."""
        return self.world.order(state, ago=ago, **values)

    def ask(self, number: str, pieces: Mapping[str, int] | None = None, **changes: Any) -> ReturnView:
        """Ask to send back ``pieces`` (all that was sent, unless said)."""
        given: dict[str, Any] = {
            "customer_id": BUYER, "number": number, "pieces": pieces or self.sent(number), "reason_code": "does_not_fit",
            "note": None, "key": new_id(), "now": self.world.now,
        }  # fmt: skip
        with self.world.transaction() as session:
            return returns.request_return(session, **{**given, **changes})

    def declare(
        self, number: str, pieces: Mapping[str, int] | None = None, *, at: datetime | None = None, buyer: str = BUYER,
        key: str | None = None,
    ) -> WithdrawalView:  # fmt: skip
        """The buyer withdraws from the contract; the declaration came in at ``at``."""
        with self.world.transaction() as session:
            return returns.declare_withdrawal(
                session, buyer, number, pieces, at or self.world.now, self.world.now, key or new_id()
            )

    def withdrawn(self, number: str) -> ReturnView:
        """The return of a withdrawal."""
        declared = self.declare(number)
        assert declared.return_id is not None
        with self.world.reading() as session:
            return returns.get(session, declared.return_id)

    def seller(self, step: str, goods: ReturnView, *args: Any, seller: str = "acme") -> ReturnView:
        """A step of the seller: ``approves``, ``declines`` or ``received``."""
        if step == "approves" and not args:
            args = (None,)
        with self.world.transaction() as session:
            done = getattr(returns, f"seller_{step}")(session, seller, goods.id, *args, self.world.now)
            assert isinstance(done, ReturnView)
            return done

    def buyer(self, step: str, goods: ReturnView, *args: Any, buyer: str = BUYER) -> ReturnView:
        """A step of the buyer: ``cancel`` or ``send_back``."""
        if step == "send_back" and not args:
            args = ("Parcelway", "RT1")
        with self.world.transaction() as session:
            done = getattr(returns, step)(session, buyer, goods.id, *args, self.world.now)
            assert isinstance(done, ReturnView)
            return done

    def scanned(self, carrier: str = "Parcelway", tracking: str = "RT1") -> list[str]:
        """The carrier has delivered goods to the seller."""
        with self.world.transaction() as session:
            return returns.carrier_received(session, carrier, tracking, self.world.now)

    def settle(self, id_: str) -> ReturnView | WithdrawalView | None:
        """The timer looks at a return or a declaration."""
        with self.world.transaction() as session:
            return returns.settle(session, id_, self.world.now)

    def due(self) -> list[str]:
        """What the timer would look at."""
        with self.world.reading() as session:
            return list(returns.due(session, self.world.now))

    def see(self, goods: ReturnView) -> ReturnView:
        """The return as it is now."""
        with self.world.reading() as session:
            return returns.get(session, goods.id)

    def in_state(self, state: str, number: str | None = None) -> ReturnView:
        """A return in ``state``, on the way that is the shortest."""
        asked = self.ask(number or self.order())
        if state == "requested":
            return asked
        if state == "declined":
            return self.seller("declines", asked, "It was worn")
        if state == "cancelled":
            return self.buyer("cancel", asked)
        approved = self.seller("approves", asked)
        if state == "approved":
            return approved
        if state == "expired":
            self.world.now += 10 * DAY
            self.settle(approved.id)
            return self.see(approved)
        sent = self.buyer("send_back", approved)
        if state == "in_transit":
            return sent
        if state == "received":
            self.scanned()
            return self.see(sent)
        return self.seller("received", sent)

    def sent(self, number: str) -> dict[str, int]:
        """Everything of an order that was sent, by line id."""
        return {line.id: line.qty_shipped for line in self.world.see(number).lines if line.qty_shipped}

    def exempt(self, number: str, sku: str) -> None:
        """The line is made to order, or sealed for hygiene: there is no right to withdraw (CRD Art. 16)."""
        line_id = next(line.id for line in self.world.see(number).lines if line.sku == sku)
        with self.world.transaction() as session:
            session.get_one(OrderLine, line_id).withdrawal_exempt = True

    def person(self, **values: Any) -> None:
        """Set columns of the buyer (``is_consumer``, ``country``, ``timezone``)."""
        with self.world.transaction() as session:
            for name, value in values.items():
                setattr(session.get_one(Customer, BUYER), name, value)

    def trader(self, is_trader: bool) -> None:
        """Is the seller a trader, or a private person?"""
        with self.world.transaction() as session:
            session.get_one(Seller, "acme").is_trader = is_trader

    def told(self) -> list[str]:
        """Kinds of notices for buyers about returns, oldest first."""
        with self.world.reading() as session:
            rows = session.scalars(select(Outbox).where(Outbox.topic == BUYER_NOTICE).order_by(Outbox.created_at))
            return [row.payload["kind"] for row in rows if row.payload["kind"].startswith("return")]


@pytest.fixture
def parcels(world: World) -> Parcels:
    """Buyer, seller, carrier and timer of returns."""
    return Parcels(world)
