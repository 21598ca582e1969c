"""Checks the rows of a case's buyer: how many there are, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select

from recourse.core.db import reading
from recourse.migrations.tables import metadata
from runner.format import RowExpectation
from runner.people import Cast, Person

_TOLERANCE = timedelta(seconds=90)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_SPAN = re.compile(r"[+-]?(\d+[dhms])+")


class RowsError(Exception):
    """An expectation that cannot be checked; the message says what would be right."""


def span(text: str) -> timedelta:
    """``+24h`` or ``-1h30m`` as a timedelta."""
    parts = {_UNITS[unit]: int(count) for count, unit in re.findall(r"(\d+)([dhms])", text)}
    return timedelta(**parts) * (-1 if text.startswith("-") else 1)


def problem(expected: RowExpectation, cast: Cast, person: Person) -> str | None:
    """What is wrong with the rows that ``expected`` speaks of; None when nothing is."""
    table = _table(expected.table)
    with reading(cast.engine) as session:
        rows = session.execute(_query(table, expected, cast, person)).mappings().all()
    wanted = {path: _filled(value, cast) for path, value in expected.columns.items()}
    problems = [*_counts(expected, rows), *_values(table, wanted, rows), *_sums(table, expected, cast, rows)]
    if not problems:
        return None
    shown = dict.fromkeys(path.split(".")[0] for path in [*wanted, *expected.sum])
    found = "\n".join("    " + ", ".join(f"{name}={row[name]!r}" for name in shown) for row in rows if shown)
    return "\n".join([*problems, f"  rows of {table.name} found: {len(rows)}", *([found] if found else [])])


def _table(name: str) -> Table:
    if name not in metadata.tables:
        raise RowsError(f"there is no table {name!r}; there are: {', '.join(sorted(metadata.tables))}")
    return metadata.tables[name]


def _query(table: Table, expected: RowExpectation, cast: Cast, person: Person) -> Select[Any]:
    orders = metadata.tables["orders"]
    if expected.order is None:
        mine: ColumnElement[bool] = orders.c.customer_id == person.id
    elif expected.order in cast.orders:
        mine = orders.c.number == cast.orders[expected.order]
    else:
        raise RowsError(f"there is no order {expected.order!r} in this case; there are: {', '.join(cast.orders)}")
    return select(table).where(_owned(table, mine, expected.order is not None, person))


def _owned(table: Table, mine: ColumnElement[bool], one_order: bool, person: Person) -> ColumnElement[bool]:
    """The rows that belong to the order(s) ``mine``, by whatever way the table leads there."""
    orders, refund, conversation = (metadata.tables[name] for name in ("orders", "refund", "conversation"))
    if table is orders:
        return mine
    if "order_id" in table.c:
        return table.c.order_id.in_(select(orders.c.id).where(mine))
    if "refund_id" in table.c:
        return table.c.refund_id.in_(select(refund.c.id).where(refund.c.order_id.in_(select(orders.c.id).where(mine))))
    if "group_id" in table.c:
        return table.c.group_id.in_(select(orders.c.group_id).where(mine))
    if one_order:
        raise RowsError(f"{table.name} does not belong to an order; leave `order` out")
    if "customer_id" in table.c:
        return table.c.customer_id == person.id
    if "conversation_id" in table.c:
        return table.c.conversation_id.in_(select(conversation.c.id).where(conversation.c.customer_id == person.id))
    raise RowsError(f"{table.name} does not belong to a buyer, so it cannot be checked here")


def _counts(expected: RowExpectation, rows: Sequence[Any]) -> list[str]:
    lists = [len(value) for value in expected.columns.values() if isinstance(value, list)]
    count = expected.count if expected.count is not None else lists[0] if lists else 1
    return [] if len(rows) == count else [f"expected {count} row(s) of {expected.table}, found {len(rows)}"]


def _values(table: Table, wanted: Mapping[str, Any], rows: Sequence[Any]) -> list[str]:
    problems = []
    for path, value in wanted.items():
        found = [_at(table, row, path) for row in rows]
        if isinstance(value, list):
            if sorted(map(str, found)) != sorted(map(str, value)):
                problems.append(f"{path}: expected {value}, found {found}")
        else:
            problems += [f"{path}: expected {value!r}, found {one!r}" for one in found if not _same(value, one)]
    return problems


def _sums(table: Table, expected: RowExpectation, cast: Cast, rows: Sequence[Any]) -> list[str]:
    problems = []
    for path, value in expected.sum.items():
        wanted = int(_filled(value, cast))
        found = sum(_at(table, row, path) for row in rows)
        if found != wanted:
            problems.append(f"sum of {path}: expected {wanted}, found {found}")
    return problems


def _at(table: Table, row: Mapping[str, Any], path: str) -> Any:
    name, *inside = path.split(".")
    if name not in table.c:
        raise RowsError(f"{table.name} has no column {name!r}; it has: {', '.join(table.c.keys())}")
    value = row[name]
    for step in inside:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def _filled(value: Any, cast: Cast) -> Any:
    if isinstance(value, str):
        return cast.filled(value)
    return [_filled(one, cast) for one in value] if isinstance(value, list) else value


def _same(wanted: Any, found: Any) -> bool:
    if wanted is None or found is None or isinstance(wanted, bool):
        return wanted is found or wanted == found
    if isinstance(wanted, str) and isinstance(found, datetime) and _SPAN.fullmatch(wanted):
        return abs(datetime.now(UTC) + span(wanted) - found) <= _TOLERANCE
    if isinstance(wanted, str) and len(wanted) > 2 and wanted[0] == wanted[-1] == "/":
        return re.search(wanted[1:-1], str(found)) is not None
    return str(wanted) == str(found)
