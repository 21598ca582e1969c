"""Fills an empty store with very many orders, for benchmarks: consistent rows with their logs, at tens of thousands a second.

    python -m tests.load.make_store sqlite:////tmp/big.db 1000000

One buyer (``c-big``) has 5,000 orders, all others have ten. Every status that a shop's orders have is there; two of twenty
orders share a checkout and its payment. Python makes one row for each order, the database makes all others out of it, with
its indexes dropped and built anew at the end. The audit is clean over the result.
"""

# ruff: noqa: S608 - every piece of these statements is written in this file
from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import batched
from typing import Any

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.schema import CreateIndex, DropIndex

from recourse.core import order_numbers
from recourse.migrations import upgrade
from recourse.migrations.tables import metadata
from recourse.orders import search
from recourse.orders.deadlines import protection_after_delivery, protection_after_sending, ship_deadline
from recourse.refunds.rules import DEFAULT_SLA
from recourse.sellers.rules import Policy

BIG_BUYER = "c-big"
BIG_BUYER_HAS = 5000
CHUNK = 50_000

_THINGS = "mug kettle lamp chair desk tent scarf sneaker camera speaker keyboard monitor bottle knife towel curtain mirror rug".split()
_LOOKS = "green walnut brushed ceramic foldable vintage compact waterproof woven striped".split()
_KINDS = "studio garden travel kitchen".split()
_SHOPS = 50
_POLICY = "bench-policy"
_STATES = (
    "awaiting_payment", "payment_review", "to_ship", "to_ship", "to_ship", "partially_shipped", "shipped", "shipped",
    "shipped", "delivered", "delivered", "delivered", "completed", "completed", "completed", "completed", "completed",
    "completed", "cancelled", "completed",
)  # fmt: skip
"""Status by the order's place among twenty. Those at 12 and 13 share a checkout."""

_SEED = (
    "oid", "number", "gid", "first", "customer", "seller", "status", "moves", "product1", "product2", "qty1", "price1",
    "qty2", "price2", "coupon", "shipping", "total", "amount", "placed", "paid", "shipped", "delivered", "completed",
    "cancelled", "pay_by", "review_by", "ship_by", "protect",
)  # fmt: skip
_TIMES = frozenset(_SEED[18:])
_NUMBERS = frozenset("moves product1 product2 qty1 price1 qty2 price2 coupon shipping total amount first".split())


def make(url: str, orders: int, now: datetime | None = None) -> float:
    """Fill the store at ``url``, which is brought up to date first and must be empty; returns the seconds it took.

    ``now``: the moment up to which the orders have their past (default: the present).
    """
    upgrade(url)
    begun = time.perf_counter()
    at = (now or datetime.now(UTC)).replace(microsecond=0)
    engine = create_engine(url)  # not the application's, which keeps a store safe
    with engine.connect() as connection:
        _relax(connection)
        indexes = [index for table in metadata.tables.values() for index in table.indexes]
        for index in indexes:
            connection.execute(DropIndex(index))
        _people(connection, orders, at)
        _shelves(connection)
        for rows in batched(_rows(orders, at), CHUNK):
            _fill(connection, rows)
        for index in indexes:
            connection.execute(CreateIndex(index))
        connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if _sqlite(connection) else "VACUUM ANALYZE"))
    engine.dispose()
    return time.perf_counter() - begun


def number_of(place: int) -> str:
    """Number of the order at ``place`` (from 0)."""
    return order_numbers.make(place * 7_368_787 % 10_000_000)


def buyer_of(place: int, orders: int) -> str:
    """Who has the order at ``place``."""
    big = _big(orders)
    return BIG_BUYER if place < big else f"c-{(place - big) // 10:07d}"


def _big(orders: int) -> int:
    return min(BIG_BUYER_HAS, orders // 2)


def _sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _relax(connection: Connection) -> None:
    """A benchmark's store may be lost on the way."""
    raw: Any = connection.connection.driver_connection
    if _sqlite(connection):
        for setting in ("synchronous=OFF", "journal_mode=WAL", "temp_store=MEMORY", "cache_size=-200000"):
            raw.execute(f"PRAGMA {setting}")
        return
    for setting in ("synchronous_commit = off", "session_replication_role = replica", "maintenance_work_mem = '256MB'"):
        connection.exec_driver_sql(f"SET {setting}")


def _products() -> list[tuple[int, str, str]]:
    titles = [f"{look} {thing}, {kind}".capitalize() for thing in _THINGS for look in _LOOKS for kind in _KINDS]
    return [(place, f"SKU-{place:04d}", title) for place, title in enumerate(titles)]


def _people(connection: Connection, orders: int, at: datetime) -> None:
    stamp = _stamp(_sqlite(connection))
    long_ago = stamp(at - timedelta(days=900))
    buyers = [BIG_BUYER, *(f"c-{place:07d}" for place in range((orders - _big(orders) + 9) // 10))]
    _many(
        connection,
        "INSERT INTO customer (id, display_name, locale, timezone, country, is_consumer, status, version, created_at, updated_at) "
        "VALUES (:id, :name, 'en', 'UTC', 'DE', :yes, 'active', 1, :at, :at)",
        ({"id": buyer, "name": f"Buyer {buyer}", "yes": True, "at": long_ago} for buyer in buyers),
    )
    _many(
        connection,
        "INSERT INTO seller (id, name, is_trader, country, timezone, cancel_defect_count, version, created_at, updated_at) "
        "VALUES (:id, :name, :yes, 'DE', 'UTC', 0, 1, :at, :at)",
        (
            {"id": f"shop-{n}", "name": f"Trader {_KINDS[n % 4]} {n}", "yes": True, "at": long_ago}
            for n in range(_SHOPS)
        ),
    )
    connection.execute(
        metadata.tables["seller_policy"].insert(),
        {**_policy().to_json(), "policy_version": 1, "valid_from": at - timedelta(days=900)},
    )
    for method, (low, high, source) in DEFAULT_SLA.items():
        connection.execute(
            metadata.tables["refund_sla"].insert(), {"method": method, "min_bd": low, "max_bd": high, "source": source}
        )


def _policy() -> Policy:
    return Policy(id=_POLICY)


def _shelves(connection: Connection) -> None:
    """Temporary tables: products, their terms, the sellers' terms, and the rows out of which all others are made."""
    products = _products()
    connection.execute(text("CREATE TEMPORARY TABLE product (pid INTEGER PRIMARY KEY, sku TEXT, title TEXT)"))
    _many(connection, "INSERT INTO product VALUES (:p, :s, :t)", ({"p": p, "s": s, "t": t} for p, s, t in products))
    connection.execute(text("CREATE TEMPORARY TABLE product_term (pid INTEGER, term TEXT)"))
    terms = ({"p": p, "t": term} for p, _, title in products for term in search.terms([title], ""))
    _many(connection, "INSERT INTO product_term VALUES (:p, :t)", terms)
    connection.execute(text("CREATE TEMPORARY TABLE seller_term (seller TEXT, term TEXT)"))
    names = ((f"shop-{n}", f"Trader {_KINDS[n % 4]} {n}") for n in range(_SHOPS))
    rows = ({"s": seller, "t": term} for seller, name in names for term in search.terms([], name))
    _many(connection, "INSERT INTO seller_term VALUES (:s, :t)", rows)
    for statement in ("CREATE INDEX ix_pt ON product_term (pid)", "CREATE INDEX ix_st ON seller_term (seller)"):
        connection.execute(text(statement))
    time_type = "TEXT" if _sqlite(connection) else "TIMESTAMPTZ"
    kind = {name: "BIGINT" if name in _NUMBERS else time_type if name in _TIMES else "TEXT" for name in _SEED}
    connection.execute(text(f"CREATE TEMPORARY TABLE seed ({', '.join(f'{name} {kind[name]}' for name in _SEED)})"))
    if not _sqlite(connection):
        connection.execute(text("ANALYZE product_term"))
        connection.execute(text("ANALYZE seller_term"))


def _basket(place: int) -> tuple[int, int, int, int, int, int]:
    """Quantity and price of one or two lines, coupon and shipping of the order at ``place``."""
    two = place % 2 == 1 or _STATES[place % 20] == "partially_shipped"
    qty1, price1 = 1 + place % 3, 900 + place % 97 * 50
    qty2, price2 = (1 + place % 2, 450 + place % 31 * 10) if two else (0, 0)
    return qty1, price1, qty2, price2, 0 if place % 5 else qty1 * price1 // 10, 0 if place % 4 else 590


def _total(place: int) -> int:
    qty1, price1, qty2, price2, coupon, shipping = _basket(place)
    return qty1 * price1 + qty2 * price2 - coupon + shipping


def _rows(orders: int, at: datetime) -> Iterator[tuple[Any, ...]]:
    """One tuple for each order, as ``_SEED`` names it; times are datetimes or None."""
    products, policy, big = len(_products()), _policy(), _big(orders)
    moves = {"awaiting_payment": 1, "payment_review": 2, "to_ship": 2, "cancelled": 2, "delivered": 4, "completed": 5}
    gid = ""
    for place in range(orders):
        turn = place % 20
        status = _STATES[turn]
        # an odd multiplier: ids differ, and are spread as random ones are
        oid = f"{(place + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 & (1 << 128) - 1:032x}"
        second = turn == 13 and place != big
        gid = gid if second else oid
        total = _total(place)
        shared = turn == 12 and place + 1 < orders and place + 1 != big
        yield (
            oid, number_of(place), gid, int(not second), buyer_of(place, orders), f"shop-{place // 20 % _SHOPS}", status,
            moves.get(status, 3), place % products, place * 7 % products, *_basket(place), total,
            total + _total(place + 1) if shared else total, *_times(status, place - 1 if second else place, at, policy),
        )  # fmt: skip


def _times(status: str, place: int, at: datetime, policy: Policy) -> tuple[datetime | None, ...]:
    """placed, paid, shipped, delivered, completed, cancelled, pay_by, review_by, ship_by, protect_until."""
    minute = timedelta(minutes=place * 37 % 1000)
    age = {
        "awaiting_payment": timedelta(days=1), "payment_review": timedelta(hours=2), "to_ship": timedelta(days=2),
        "partially_shipped": timedelta(days=4), "shipped": timedelta(days=6), "delivered": timedelta(days=12),
    }.get(status, timedelta(days=30 + place % 700))  # fmt: skip
    placed = at - age - minute
    paid = shipped = delivered = completed = cancelled = review_by = ship_by = protect = None
    pay_by = placed + timedelta(days=3)
    if status == "payment_review":
        review_by = placed + timedelta(hours=24)
    elif status == "cancelled":
        cancelled = pay_by
    elif status != "awaiting_payment":
        paid = placed + timedelta(minutes=5)
        ship_by = _ship_by(paid, policy)
        if status not in ("to_ship", "partially_shipped"):
            shipped = paid + timedelta(days=2)
            protect = protection_after_sending(shipped, [])
        if status in ("delivered", "completed") and shipped:
            delivered = shipped + timedelta(days=4)
            protect = protection_after_delivery(delivered, policy)
        if status == "completed" and delivered:
            completed = protect
    if status == "partially_shipped" and paid:
        shipped = paid + timedelta(days=1)
    return placed, paid, shipped, delivered, completed, cancelled, pay_by, review_by, ship_by, protect


def _ship_by(paid: datetime, policy: Policy) -> datetime:
    return _deadline_of_day(paid.date(), policy.ship_deadline_bd)


@cache
def _deadline_of_day(day: Any, days: int) -> datetime:
    return ship_deadline(datetime(day.year, day.month, day.day, tzinfo=UTC), Policy(ship_deadline_bd=days))


def _stamp(sqlite: bool) -> Any:
    def stamp(at: datetime | None) -> Any:
        if at is None or not sqlite:
            return at
        return at.strftime("%Y-%m-%d %H:%M:%S.000000")

    return cache(stamp)


def _fill(connection: Connection, rows: tuple[tuple[Any, ...], ...]) -> None:
    """Write the rows of one chunk, and all that hangs on them."""
    connection.execute(text("DELETE FROM seed"))
    raw: Any = connection.connection.driver_connection
    if _sqlite(connection):
        stamp = _stamp(True)
        made = (row[:18] + tuple(map(stamp, row[18:])) for row in rows)
        raw.executemany(f"INSERT INTO seed VALUES ({', '.join('?' * len(_SEED))})", made)
    else:
        with raw.cursor().copy(f"COPY seed ({', '.join(_SEED)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        connection.execute(text("ANALYZE seed"))
    document = "TEXT" if _sqlite(connection) else "JSONB"
    for statement in _STATEMENTS:
        values = {"policy": json.dumps(_policy().to_json())} if ":policy" in statement else {}
        connection.execute(text(statement.replace("DOCUMENT", document)), values)


def _log(table: str, id_: str, before: str | None, to: str, actor: str, at: str, where: str) -> str:
    came = f"'{before}'" if before else "NULL"
    return (
        "INSERT INTO transition_log (entity_type, entity_id, from_state, to_state, actor_type, at) "
        f"SELECT '{table}', {id_}, {came}, '{to}', '{actor}', {at} FROM seed WHERE {where}"
    )


def _id(kind: str) -> str:
    """An id of a row that hangs on an order: the order's with another last digit."""
    return f"substr(oid, 1, 31) || '{kind}'"


_PAID = "status NOT IN ('awaiting_payment', 'payment_review', 'cancelled')"
_RESERVED = "status NOT IN ('awaiting_payment', 'cancelled')"
_SENT = "status IN ('partially_shipped', 'shipped', 'delivered', 'completed')"
_ARRIVED = "status IN ('delivered', 'completed')"
_WHOLE = "first = 1 AND status <> 'cancelled'"
_PAYMENT = "substr(gid, 1, 31) || 'p'"

_STATEMENTS = (
    "INSERT INTO order_group (id, customer_id, currency, placed_at) SELECT gid, customer, 'EUR', placed FROM seed WHERE first = 1",
    f"""
    INSERT INTO orders (
        id, number, group_id, customer_id, seller_id, status, frozen, currency, gross, discount, shipping, tax, total_paid,
        policy_id, policy_snapshot, placed_at, paid_at, shipped_at, delivered_at, completed_at, cancelled_at, close_reason,
        pay_by, review_by, ship_by, protect_until, version, created_at, updated_at)
    SELECT oid, number, gid, customer, seller, status, false, 'EUR', qty1 * price1 + qty2 * price2, coupon, shipping, 0,
        CASE WHEN {_RESERVED} THEN total ELSE 0 END, '{_POLICY}', CAST(:policy AS DOCUMENT), placed, paid,
        CASE WHEN status = 'partially_shipped' THEN NULL ELSE shipped END, delivered, completed, cancelled,
        CASE WHEN status = 'cancelled' THEN 'not_paid' END, pay_by, review_by, ship_by, protect, moves, placed, placed
    FROM seed
    """,
    f"""
    INSERT INTO order_line (
        id, order_id, position, sku, title, qty, unit_price, coupon_alloc, shipping_alloc, tax_alloc, paid_alloc,
        qty_cancelled, qty_shipped)
    SELECT {_id("1")}, oid, 1, sku, title, qty1, price1, coupon, shipping, 0,
        CASE WHEN {_RESERVED} THEN qty1 * price1 - coupon + shipping ELSE 0 END,
        CASE WHEN status = 'cancelled' THEN qty1 ELSE 0 END, CASE WHEN {_SENT} THEN qty1 ELSE 0 END
    FROM seed JOIN product ON pid = product1
    """,
    f"""
    INSERT INTO order_line (
        id, order_id, position, sku, title, qty, unit_price, coupon_alloc, shipping_alloc, tax_alloc, paid_alloc,
        qty_cancelled, qty_shipped)
    SELECT {_id("2")}, oid, 2, sku, title, qty2, price2, 0, 0, 0, CASE WHEN {_RESERVED} THEN qty2 * price2 ELSE 0 END,
        CASE WHEN status = 'cancelled' THEN qty2 ELSE 0 END,
        CASE WHEN {_SENT} AND status <> 'partially_shipped' THEN qty2 ELSE 0 END
    FROM seed JOIN product ON pid = product2 WHERE qty2 > 0
    """,
    f"""
    INSERT INTO payment (
        id, group_id, method, instrument, currency, authorised, captured, voided, psp, psp_ref, status, tender_rank, version,
        created_at, updated_at)
    SELECT {_PAYMENT}, gid, 'card', 'Visa ending 4242', 'EUR', amount,
        CASE WHEN {_PAID} THEN amount ELSE 0 END, 0, 'simulator', 'ref-' || gid,
        CASE WHEN {_PAID} THEN 'captured' WHEN {_RESERVED} THEN 'authorised' ELSE 'pending' END, 0,
        CASE WHEN {_PAID} THEN 3 WHEN {_RESERVED} THEN 2 ELSE 1 END, placed, placed
    FROM seed WHERE {_WHOLE}
    """,
    f"""
    INSERT INTO payment_alloc (payment_id, order_id, amount, voided, refunded)
    SELECT {_PAYMENT}, oid, total, false, 0 FROM seed WHERE status <> 'cancelled'
    """,
    f"""
    INSERT INTO coupon_use (id, order_id, code, amount, kind, returned, state, valid_until, version, created_at, updated_at)
    SELECT {_id("c")}, oid, 'TEN', coupon, 'platform', 0,
        CASE WHEN {_PAID} THEN 'used' WHEN status = 'cancelled' THEN 'released' ELSE 'reserved' END, protect_or_pay,
        CASE WHEN {_PAID} OR status = 'cancelled' THEN 2 ELSE 1 END, placed, placed
    FROM (SELECT *, coalesce(protect, pay_by) AS protect_or_pay FROM seed) AS seed WHERE coupon > 0
    """,
    f"""
    INSERT INTO shipment (id, order_id, carrier, tracking, shipped_at, delivered_at, state, events)
    SELECT {_id("s")}, oid, 'Parcelway', 'PW' || number, shipped, delivered,
        CASE WHEN {_ARRIVED} THEN 'delivered' ELSE 'in_transit' END, CAST('[]' AS DOCUMENT) FROM seed WHERE {_SENT}
    """,
    f"INSERT INTO shipment_line (shipment_id, line_id, qty) SELECT {_id('s')}, {_id('1')}, qty1 FROM seed WHERE {_SENT}",
    f"""
    INSERT INTO shipment_line (shipment_id, line_id, qty) SELECT {_id("s")}, {_id("2")}, qty2 FROM seed
    WHERE {_SENT} AND status <> 'partially_shipped' AND qty2 > 0
    """,
    """
    INSERT INTO order_term (customer_id, term, order_id)
    SELECT customer, term, oid FROM seed JOIN product_term ON pid = product1
    UNION SELECT customer, term, oid FROM seed JOIN product_term ON pid = product2 AND qty2 > 0
    UNION SELECT seed.customer, term, oid FROM seed JOIN seller_term ON seller_term.seller = seed.seller
    """,
    _log("orders", "oid", None, "awaiting_payment", "buyer", "placed", "true"),
    _log("orders", "oid", "awaiting_payment", "payment_review", "psp", "placed", "status = 'payment_review'"),
    _log("orders", "oid", "awaiting_payment", "cancelled", "timer", "cancelled", "status = 'cancelled'"),
    _log("orders", "oid", "awaiting_payment", "to_ship", "psp", "paid", _PAID),
    _log("orders", "oid", "to_ship", "partially_shipped", "seller", "shipped", "status = 'partially_shipped'"),
    _log("orders", "oid", "to_ship", "shipped", "seller", "shipped", f"{_SENT} AND status <> 'partially_shipped'"),
    _log("orders", "oid", "shipped", "delivered", "carrier", "delivered", _ARRIVED),
    _log("orders", "oid", "delivered", "completed", "timer", "completed", "status = 'completed'"),
    _log("payment", _PAYMENT, None, "pending", "system", "placed", _WHOLE),
    _log("payment", _PAYMENT, "pending", "authorised", "psp", "placed", f"{_WHOLE} AND {_RESERVED}"),
    _log("payment", _PAYMENT, "authorised", "captured", "psp", "paid", f"{_WHOLE} AND {_PAID}"),
    _log("coupon_use", _id("c"), None, "reserved", "system", "placed", "coupon > 0"),
    _log("coupon_use", _id("c"), "reserved", "used", "system", "paid", f"coupon > 0 AND {_PAID}"),
    _log("coupon_use", _id("c"), "reserved", "released", "system", "cancelled", "coupon > 0 AND status = 'cancelled'"),
)


def _many(connection: Connection, statement: str, rows: Iterator[dict[str, Any]]) -> None:
    for part in batched(rows, 10_000):
        connection.execute(text(statement), list(part))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="SQLAlchemy URL of an empty database")
    parser.add_argument("orders", type=int, help="how many orders")
    given = parser.parse_args()
    seconds = make(given.url, given.orders)
    print(f"{given.orders} orders in {seconds:.1f} s: {given.orders / seconds:.0f} a second")


if __name__ == "__main__":
    main()
