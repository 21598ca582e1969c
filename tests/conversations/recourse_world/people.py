"""Fresh buyers with fresh orders for one case, made by the demo's own stories."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rapidfuzz.distance import OSA
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from pytest_rasa.world import WorldError
from recourse.core import order_numbers
from recourse.core.db import reading, transaction
from recourse.core.errors import RecourseError
from recourse.core.outbox import BUYER_NOTICE, Outbox
from recourse.customers.models import Customer
from recourse.demo.catalogue import PRODUCTS, price
from recourse.demo.people import BUYERS, SELLERS, DemoBuyer, DemoSeller
from recourse.demo.scenarios import SCENARIOS, Stage
from recourse.demo.shop import Item
from recourse.gateway.tokens import issue_buyer_token
from recourse.orders.models import Order, OrderGroup
from recourse.sellers import rules as seller_rules
from recourse_world.fixtures import BuyerFixture, OrderFixture, Product
from recourse_world.stories import STORIES

_FAR_APART = 4  # slips of the finger between any two numbers of a case: the assistant forgives two
_TOKEN_LASTS = timedelta(hours=1)
_TOGETHER = ("shared_checkout", "shared_review")


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

    def number(self, order: str | None) -> str:
        """Number of the order called ``order``, which may be left out where there is one only. Raises WorldError."""
        if order is None and len(self.orders) == 1:
            return next(iter(self.orders.values()))
        if order is None:
            raise WorldError(f"say which `order` is meant: {', '.join(self.orders) or 'this case has none'}")
        if order not in self.orders:
            raise WorldError(f"there is no order {order!r} in this case; there are: {', '.join(self.orders) or 'none'}")
        return self.orders[order]

    def column(self, order: str, column: str) -> Any:
        """What ``orders`` says now about an order of the case. Raises WorldError."""
        if column not in Order.__table__.columns:
            raise WorldError(f"orders has no column {column!r}; it has: {', '.join(Order.__table__.columns.keys())}")
        with reading(self.engine) as session:
            query = select(Order.__table__.columns[column]).where(Order.number == self.number(order))
            return session.scalars(query).one()


def enter(engine: Engine, fixtures: Mapping[str, BuyerFixture], now: datetime) -> Cast:
    """Write the buyers of ``fixtures`` and their orders into the store, all of it relative to ``now``. Raises WorldError."""
    cast = Cast(engine)
    with transaction(engine) as session:
        for name, fixture in fixtures.items():
            _enter(session, cast, name, fixture, now)
        cast.nobodys = _new_number(session, [*cast.orders.values()])
    return cast


def _enter(session: Session, cast: Cast, name: str, fixture: BuyerFixture, now: datetime) -> None:
    buyer = _buyer(fixture, name)
    session.add(
        Customer(
            id=buyer.id, display_name=buyer.name, locale=buyer.locale, timezone=buyer.timezone, country=buyer.country,
            is_consumer=buyer.is_consumer,
        )
    )  # fmt: skip
    session.flush()
    group = _checkout(session, buyer, fixture.orders, now)
    for turn, order in enumerate(fixture.orders):
        if order.name in cast.orders:
            raise WorldError(f"two orders are called {order.name!r}; give them different names")
        cast.orders[order.name] = number = _new_number(session, [*cast.orders.values()])
        _tell(order, _stage(session, now, buyer, order, number, turn, group))
    if not fixture.unread:
        _read_the_past(session, buyer)
    token = issue_buyer_token(buyer.id, _TOKEN_LASTS)
    cast.people[name] = Person(name, buyer.id, token, buyer.locale, buyer.timezone)


def _buyer(fixture: BuyerFixture, name: str) -> DemoBuyer:
    model = _named(fixture.like, {buyer.id: buyer for buyer in BUYERS}, "demo buyer")
    return dataclasses.replace(
        model,
        id=f"test-{secrets.token_hex(6)}",
        name=name.replace("_", " ").title(),
        locale=fixture.locale or model.locale,
        timezone=fixture.timezone or model.timezone,
    )


def _checkout(session: Session, buyer: DemoBuyer, orders: Sequence[OrderFixture], now: datetime) -> OrderGroup | None:
    """The one checkout of the orders that were paid together."""
    together = sum(order.scenario in _TOGETHER for order in orders)
    if not together:
        return None
    if together != 2:
        raise WorldError(f"{' and '.join(_TOGETHER)} are about two orders of one buyer, but there are {together}")
    group = OrderGroup(customer_id=buyer.id, currency=buyer.currency, placed_at=now - timedelta(hours=33))
    session.add(group)
    session.flush()
    return group


def _stage(
    session: Session, now: datetime, buyer: DemoBuyer, order: OrderFixture, number: str, turn: int, group: OrderGroup | None
) -> Stage:  # fmt: skip
    wanted = [Product(sku=item) if isinstance(item, str) else item for item in order.items]
    if order.title:
        wanted[0] = wanted[0].model_copy(update={"title": order.title})
    goods = [_named(item.sku, PRODUCTS, "product") for item in wanted]
    sellers = dict.fromkeys(product.seller for product in goods)
    if len(sellers) > 1:
        raise WorldError(f"order {order.name!r} has products of {' and '.join(sellers)}; an order is of one seller")
    items = tuple(
        Item(item.sku, item.title or product.title, price(product.usd, buyer.currency), item.qty)
        for item, product in zip(wanted, goods, strict=True)
    )
    return Stage(
        session=session, now=now, number=number, turn=turn, scenario=order.scenario, buyer=buyer,
        seller=_seller(next(iter(sellers)), order), items=items, shipping=order.shipping,
        group=group if order.scenario in _TOGETHER else None,
    )  # fmt: skip


def _seller(name: str, order: OrderFixture) -> DemoSeller:
    seller = next(seller for seller in SELLERS if seller.id == name)
    if not order.policy:
        return seller
    try:
        return dataclasses.replace(seller, policy=seller_rules.changed(seller.policy, order.policy), earlier=None)
    except RecourseError as error:
        raise WorldError(f"order {order.name!r}: {error}") from error


def _tell(order: OrderFixture, stage: Stage) -> None:
    story = _named(order.scenario, {**SCENARIOS, **STORIES}, "scenario")
    try:
        story(stage)
    except (RecourseError, RuntimeError, ValueError, LookupError) as error:
        raise WorldError(
            f"order {order.name!r} cannot be {order.scenario!r} with these items, this seller and this buyer: {error}"
        ) from error


def _read_the_past(session: Session, buyer: DemoBuyer) -> None:
    session.flush()
    heard = update(Outbox).where(Outbox.customer_id == buyer.id, Outbox.topic == BUYER_NOTICE)
    session.execute(heard.values(done_at=Outbox.created_at))


def _new_number(session: Session, others: Sequence[str]) -> str:
    """A number that nobody has and that cannot be mistaken for one of ``others``."""
    while True:
        number = order_numbers.make(1_000_000 + secrets.randbelow(9_000_000))
        near = any(OSA.distance(number, other) < _FAR_APART or number[-3:] == other[-3:] for other in others)
        if not near and session.scalars(select(Order.id).where(Order.number == number)).first() is None:
            return number


def _named[T](name: str, known: Mapping[str, T], what: str) -> T:
    if name not in known:
        raise WorldError(f"there is no {what} {name!r}; there are: {', '.join(sorted(known))}")
    return known[name]
