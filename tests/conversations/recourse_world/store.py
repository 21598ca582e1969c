"""Whose a row is: the way from any table of the order store to an order, or to a buyer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, Select, and_, or_, select
from sqlalchemy.sql import FromClause

from pytest_rasa.world import Database, WorldError
from recourse.migrations.tables import metadata
from recourse_world.people import Cast

_TABLES = metadata.tables
_ORDERS, _CUSTOMER = _TABLES["orders"], _TABLES["customer"]
_SOURCES = ("payment", "refund", "refund_leg")
_NAMED_IN_OUTBOX = {
    "order_id": "orders",
    "request_id": "cancellation_request",
    "leg_id": "refund_leg",
    "message_id": "seller_message",
    "action_id": "required_action",
    "offer_id": "seller_offer",
    "dispute_id": "dispute",
    "return_id": "return_request",
    "payment_id": "payment",
    "chargeback_id": "chargeback",
}
"""What an outbox row speaks of: key of its payload -> table."""


def database(engine: Engine, cast: Cast) -> Database:
    """The store, with rows limited to the orders and people of a case."""

    def owned(table: FromClause, name: str | None, speaker: str) -> ColumnElement[bool]:
        person = cast.people[speaker].id
        if name is not None:
            found = _of_orders(table, _ORDERS.c.number == cast.number(name))
            return _or_refuse(found, f"{_name(table)} does not belong to an order; leave `order` out")
        found = _of_buyer(table, person)
        return _or_refuse(found, f"{_name(table)} does not belong to a buyer, so it cannot be checked here")

    return Database(engine, metadata, owned, "order", lambda table, row: _currency(engine, table, row))


def _of_buyer(table: FromClause, person: str) -> ColumnElement[bool] | None:
    """The rows that belong to a buyer, or to something of his."""
    if table is _CUSTOMER:
        return table.c.id == person
    if "customer_id" in table.c:
        return table.c.customer_id == person
    found = _of_orders(table, _ORDERS.c.customer_id == person)
    if found is not None:
        return found
    for column, parent in _parents(table):
        above = _of_buyer(parent, person)
        if above is not None:
            return column.in_(_ids(parent, above))
    return None


def _of_orders(table: FromClause, mine: ColumnElement[bool]) -> ColumnElement[bool] | None:
    """The rows that hang on the orders ``mine``; None where the table leads to no order."""
    if table is _ORDERS:
        return mine
    name = _name(table)
    if name == "order_group":
        return table.c.id.in_(select(_ORDERS.c.group_id).where(mine))
    if name == "outbox":
        ways = (
            table.c.payload[key].as_string().in_(_ids_of(_TABLES[parent], mine))
            for key, parent in _NAMED_IN_OUTBOX.items()
        )
        return or_(*ways)
    if name == "transition_log":
        return or_(
            *(and_(table.c.entity_type == one.name, table.c.entity_id.in_(_ids_of(one, mine))) for one in _with_id())
        )
    if name == "wallet_entry":
        return table.c.source_id.in_(_ids_of(_ORDERS, mine)) | or_(
            *(table.c.source_id.in_(_ids_of(_TABLES[source], mine)) for source in _SOURCES)
        )
    if name == "handoff":
        about: ColumnElement[str] = table.c.payload["order"]["number"].as_string()
        return about.in_(select(_ORDERS.c.number).where(mine))
    if "order_id" in table.c:
        return table.c.order_id.in_(_ids(_ORDERS, mine))
    if "group_id" in table.c:
        return table.c.group_id.in_(select(_ORDERS.c.group_id).where(mine))
    for column, parent in _parents(table):
        above = _of_orders(parent, mine)
        if above is not None:
            return column.in_(_ids(parent, above))
    return None


def _with_id() -> Iterator[Any]:
    """Every table with an ``id`` that leads to an order by its columns."""
    indirect = ("outbox", "transition_log", "wallet_entry", "handoff")
    for table in metadata.sorted_tables:
        if "id" in table.c and table.name not in indirect and _of_orders(table, _ORDERS.c.id == "") is not None:
            yield table


def _parents(table: FromClause) -> Iterator[tuple[Column[Any], FromClause]]:
    """What the rows point to, without what is no part of an order (seller, customer) and without themselves."""
    for column in table.c:
        for key in column.foreign_keys:
            parent = key.column.table
            if parent is not table and key.column.name == "id" and parent is not _CUSTOMER:
                yield column, parent  # type: ignore[misc]


def _ids_of(table: FromClause, mine: ColumnElement[bool]) -> Select[Any]:
    above = _of_orders(table, mine)
    assert above is not None
    return _ids(table, above)


def _ids(table: FromClause, where: ColumnElement[bool]) -> Select[Any]:
    return select(table.c.id).where(where)


def _currency(engine: Engine, table: FromClause, row: Mapping[str, Any]) -> str | None:
    """The currency in which a row counts: its own, or that of its order."""
    if row.get("currency"):
        return str(row["currency"])
    for column, parent in _parents(table):
        if row.get(column.name) is None:
            continue
        with engine.connect() as connection:
            found = connection.execute(select(parent).where(parent.c.id == row[column.name])).mappings().one_or_none()
        currency = _currency(engine, parent, dict(found)) if found is not None else None
        if currency:
            return currency
    return None


def _name(table: FromClause) -> str:
    return str(table.name)  # type: ignore[attr-defined]


def _or_refuse(found: ColumnElement[bool] | None, why: str) -> ColumnElement[bool]:
    if found is None:
        raise WorldError(why)
    return found
