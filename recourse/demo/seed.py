"""Filling an empty store with the demo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from recourse.core import order_numbers
from recourse.core.clock import require_utc
from recourse.core.errors import RecourseError
from recourse.core.outbox import Outbox
from recourse.customers.models import Customer
from recourse.demo.catalogue import PRODUCTS, price
from recourse.demo.people import BUYERS, POLICY_CHANGED, SELLERS, DemoBuyer, DemoSeller
from recourse.demo.plan import PLAN, Planned
from recourse.demo.scenarios import SCENARIOS, Stage
from recourse.migrations.tables import metadata
from recourse.orders.intake import Item
from recourse.orders.models import Order, OrderGroup
from recourse.refunds.models import RefundLeg, RefundSla
from recourse.refunds.rules import DEFAULT_SLA
from recourse.sellers.models import Seller, SellerPolicy
from recourse.sellers.rules import Policy

_FREE_SHIPPING_FROM = 7500
_SHIPPING = 590


class NotEmpty(RecourseError):
    """The store already holds orders, and the demo never mixes with others' data."""

    code = "not_empty"


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was written: the number of buyers, sellers and orders, and orders by scenario."""

    buyers: int
    sellers: int
    orders: int
    scenarios: Mapping[str, int]


def seed(session: Session, now: datetime, reset: bool = False) -> Seeded:
    """Write the demo in the caller's transaction, with dates relative to ``now`` (aware UTC).

    Raises NotEmpty when there are orders already. ``reset`` first deletes every row of the store, conversations
    included, but only where all buyers are the demo's; otherwise it raises NotEmpty as well.
    """
    now = require_utc(now)
    if reset:
        _empty(session)
    elif session.scalar(select(func.count()).select_from(Order)):
        raise NotEmpty("the store already holds orders; run `recourse seed --reset` to replace them by a fresh demo")
    people(session, now)
    unread: set[str] = set()
    for place, buyer in enumerate(BUYERS):
        _orders_of(session, buyer, place, now, unread)
    _read_notices(session, unread)
    session.flush()
    counts = Counter(planned.scenario for plan in PLAN.values() for planned in plan)
    return Seeded(len(BUYERS), len(SELLERS), counts.total(), dict(counts))


def number_of(buyer: int, position: int) -> str:
    """Order number of the ``position``-th order (from 0) of the ``buyer``-th demo buyer (from 0).

    The numbers lie far apart, so that a typo never hits another order of the same buyer.
    """
    return order_numbers.make((42_771 + (buyer * 100 + position) * 1_618_033) % 9_000_000 + 1_000_000)


def _empty(session: Session) -> None:
    ours = [buyer.id for buyer in BUYERS]
    others = session.scalar(select(func.count()).select_from(Customer).where(Customer.id.not_in(ours)))
    if others:
        raise NotEmpty(
            f"the store holds {others} buyers that are not the demo's; point RECOURSE_DATABASE_URL elsewhere"
        )
    for table in reversed(metadata.sorted_tables):
        session.execute(table.delete())
    session.expunge_all()


def people(session: Session, now: datetime) -> None:
    """Write the demo's buyers, and its sellers with their rules, into an empty store; without any order."""
    long_ago = now - timedelta(days=400)
    for method, (low, high, source) in DEFAULT_SLA.items():
        session.add(RefundSla(method=method, min_bd=low, max_bd=high, source=source))
    for buyer in BUYERS:
        session.add(
            Customer(
                id=buyer.id, display_name=buyer.name, locale=buyer.locale, timezone=buyer.timezone, country=buyer.country,
                is_consumer=buyer.is_consumer,
            )
        )  # fmt: skip
    session.add(_policy_row(Policy(), None, 1, long_ago))
    for seller in SELLERS:
        session.add(Seller(id=seller.id, name=seller.name, is_trader=seller.is_trader, country=seller.country))
    session.flush()
    for seller in SELLERS:
        if seller.earlier:
            session.add(_policy_row(seller.earlier, seller.id, 1, long_ago))
        version, since = (2, now - POLICY_CHANGED) if seller.earlier else (1, long_ago)
        session.add(_policy_row(seller.policy, seller.id, version, since))
    session.flush()


def _policy_row(policy: Policy, seller_id: str | None, version: int, since: datetime) -> SellerPolicy:
    return SellerPolicy(**policy.to_json(), seller_id=seller_id, policy_version=version, valid_from=since)


def _orders_of(session: Session, buyer: DemoBuyer, place: int, now: datetime, unread: set[str]) -> None:
    shared: OrderGroup | None = None
    for position, planned in enumerate(PLAN[buyer.id]):
        stage = _stage(session, buyer, planned, number_of(place, position), position, now, unread)
        if planned.scenario == "shared_checkout":
            stage.group = shared = shared or _checkout(session, buyer, stage.ago(hours=33))
        SCENARIOS[planned.scenario](stage)


def _stage(
    session: Session, buyer: DemoBuyer, planned: Planned, number: str, turn: int, now: datetime, unread: set[str]
) -> Stage:
    products = [(PRODUCTS[sku], qty) for sku, qty in planned.basket]
    (seller,) = {product.seller for product, _ in products}
    items = tuple(
        Item(product.sku, product.title, price(product.usd, buyer.currency), qty) for product, qty in products
    )
    free = sum(product.usd * qty for product, qty in products) >= _FREE_SHIPPING_FROM
    shipping = 0 if free else price(_SHIPPING, buyer.currency)
    named: DemoSeller = next(each for each in SELLERS if each.id == seller)
    return Stage(session, now, number, turn, planned.scenario, buyer, named, items, shipping, unread=unread)


def _checkout(session: Session, buyer: DemoBuyer, at: datetime) -> OrderGroup:
    group = OrderGroup(customer_id=buyer.id, currency=buyer.currency, placed_at=at)
    session.add(group)
    session.flush()
    return group


def _read_notices(session: Session, unread: set[str]) -> None:
    """Past news was read in the past, and past work done: it must not pop up in a demo buyer's first chat."""
    session.flush()
    waiting = unread | set(session.scalars(select(RefundLeg.id).where(RefundLeg.state == "created")))
    heard = [row.id for row in session.scalars(select(Outbox)) if not waiting & set(row.payload.values())]
    session.execute(update(Outbox).where(Outbox.id.in_(heard)).values(done_at=Outbox.created_at))
