"""Fresh buyers with fresh orders for one case, made by the demo's own stories in the store of the running stack."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rapidfuzz.distance import OSA
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from recourse.core import order_numbers
from recourse.core.db import reading, transaction
from recourse.core.outbox import Outbox
from recourse.customers.models import Customer
from recourse.demo.catalogue import PRODUCTS, price
from recourse.demo.people import BUYERS, SELLERS, DemoBuyer
from recourse.demo.scenarios import SCENARIOS, Stage
from recourse.demo.shop import Item
from recourse.gateway.tokens import issue_buyer_token
from recourse.orders.models import Order
from runner.format import BuyerFixture, OrderFixture, Product

_FAR_APART = 4  # slips of the finger between any two numbers of a case: the assistant forgives two
_TOKEN_LASTS = timedelta(hours=1)
_PLACEHOLDER = re.compile(r"\{(\w+)(?:\.(\w+))?\}")


class FixtureError(Exception):
    """A fixture asks for something that the demo does not have; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Person:
    """A buyer of a case and his token for the gateway."""

    name: str
    id: str
    token: str
    locale: str
    timezone: str


@dataclass(slots=True)
class Cast:
    """Everybody in a case, and the numbers of their orders by the names that the test gives them.

    ``nobodys`` is a valid number that belongs to no order.
    """

    engine: Engine
    people: dict[str, Person] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    nobodys: str = ""

    def filled(self, text: str) -> str:
        """``text`` with ``{headphones}`` replaced by that order's number, and ``{headphones.x}`` by something about it.

        ``x``: ``last4``, ``typo`` (a digit is wrong), ``sloppy`` (as people write it), or a column of ``orders``.
        Braces that name no order stay as they are.
        """
        return _PLACEHOLDER.sub(lambda found: self._value(found[0], found[1], found[2]), text)

    def _value(self, whole: str, name: str, detail: str | None) -> str:
        number = self.nobodys if name == "nobodys" else self.orders.get(name)
        if number is None:
            return whole
        digits = number.removeprefix("RC-").replace("-", "")
        if detail is None:
            return number
        if detail == "last4":
            return digits[-4:]
        if detail == "sloppy":
            return f"rc {digits[:4]} {digits[4:]}"
        if detail == "typo":
            return f"RC-{digits[:2]}{(int(digits[2]) + 1) % 10}{digits[3]}-{digits[4:]}"
        return str(self.column(name, detail))

    def column(self, order: str, column: str) -> Any:
        """What ``orders`` says now about an order of the case."""
        if column not in Order.__table__.columns:
            raise FixtureError(f"orders has no column {column!r}")
        with reading(self.engine) as session:
            query = select(Order.__table__.columns[column]).where(Order.number == self.orders[order])
            return session.scalars(query).one()


def enter(engine: Engine, fixtures: Mapping[str, BuyerFixture]) -> Cast:
    """Write the buyers of ``fixtures`` and their orders into the store. Raises FixtureError."""
    cast = Cast(engine)
    now = datetime.now(UTC)
    with transaction(engine) as session:
        for name, fixture in fixtures.items():
            buyer = _buyer(fixture, name)
            session.add(_customer(buyer))
            session.flush()
            for turn, order in enumerate(fixture.orders):
                if order.name in cast.orders:
                    raise FixtureError(f"two orders are called {order.name!r}; give them different names")
                cast.orders[order.name] = _new_number(session, [*cast.orders.values()])
                _tell(session, now, buyer, order, cast.orders[order.name], turn)
            if not fixture.unread:
                _read_the_past(session, buyer)
            token = issue_buyer_token(buyer.id, _TOKEN_LASTS)
            cast.people[name] = Person(name, buyer.id, token, buyer.locale, buyer.timezone)
        cast.nobodys = _new_number(session, [*cast.orders.values()])
    return cast


def _buyer(fixture: BuyerFixture, name: str) -> DemoBuyer:
    model = _named(fixture.like, {buyer.id: buyer for buyer in BUYERS}, "demo buyer")
    return dataclasses.replace(
        model,
        id=f"test-{secrets.token_hex(6)}",
        name=name.replace("_", " ").title(),
        locale=fixture.locale or model.locale,
        timezone=fixture.timezone or model.timezone,
    )


def _customer(buyer: DemoBuyer) -> Customer:
    return Customer(
        id=buyer.id, display_name=buyer.name, locale=buyer.locale, timezone=buyer.timezone, country=buyer.country,
        is_consumer=buyer.is_consumer,
    )  # fmt: skip


def _tell(session: Session, now: datetime, buyer: DemoBuyer, order: OrderFixture, number: str, turn: int) -> None:
    story = _named(order.scenario, SCENARIOS, "scenario")
    wanted = [Product(sku=item) if isinstance(item, str) else item for item in order.items]
    if order.title:
        wanted[0] = wanted[0].model_copy(update={"title": order.title})
    goods = [_named(item.sku, PRODUCTS, "product") for item in wanted]
    items = tuple(
        Item(item.sku, item.title or product.title, price(product.usd, buyer.currency), item.qty)
        for item, product in zip(wanted, goods, strict=True)
    )
    seller = next(seller for seller in SELLERS if seller.id == goods[0].seller)
    story(
        Stage(
            session=session, now=now, number=number, turn=turn, scenario=order.scenario, buyer=buyer, seller=seller,
            items=items, shipping=0,
        )
    )  # fmt: skip


def _read_the_past(session: Session, buyer: DemoBuyer) -> None:
    session.flush()
    session.execute(update(Outbox).where(Outbox.customer_id == buyer.id).values(done_at=Outbox.created_at))


def _new_number(session: Session, others: list[str]) -> str:
    """A number that nobody has and that cannot be mistaken for one of ``others``."""
    while True:
        number = order_numbers.make(1_000_000 + secrets.randbelow(9_000_000))
        near = any(OSA.distance(number, other) < _FAR_APART or number[-3:] == other[-3:] for other in others)
        if not near and session.scalars(select(Order.id).where(Order.number == number)).first() is None:
            return number


def _named[T](name: str, known: Mapping[str, T], what: str) -> T:
    if name not in known:
        raise FixtureError(f"there is no {what} {name!r}; there are: {', '.join(sorted(known))}")
    return known[name]
