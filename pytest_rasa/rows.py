"""Checks rows of the store behind the assistant: how many there are, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from sqlalchemy import Table, func, select

from pytest_rasa.checking import is_expression
from pytest_rasa.format import RowExpectation
from pytest_rasa.world import Database, Stage, WorldError

_TOLERANCE = timedelta(seconds=90)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_SPAN = re.compile(r"[+-](\d+[dhms])+")
_MONEY = re.compile(r"([A-Z]{3}) (-?[\d,]+(?:\.\d+)?)")


def span(text: str) -> timedelta:
    """``+24h`` or ``-1h30m`` as a timedelta."""
    parts = {_UNITS[unit]: int(count) for count, unit in re.findall(r"(\d+)([dhms])", text)}
    return timedelta(**parts) * (-1 if text.startswith("-") else 1)


def count(expected: RowExpectation, stage: Stage, speaker: str) -> int:
    """How many rows there are now of those that ``expected`` speaks of."""
    database, table, where = _where(expected, stage, speaker)
    with database.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()


def problem(expected: RowExpectation, stage: Stage, speaker: str, before: int | None = None) -> str | None:
    """What is wrong with the rows that ``expected`` speaks of; None when nothing is. ``before``: their number before what
    happened last, for ``added``. Raises WorldError for an expectation that cannot be checked."""
    return _Rows(expected, stage, speaker).problem(before)


class _Rows:
    """The rows of one expectation."""

    def __init__(self, expected: RowExpectation, stage: Stage, speaker: str) -> None:
        self._expected, self._stage = expected, stage
        self._database, self._table, where = _where(expected, stage, speaker)
        thing = self._database.of
        for path in (*expected.columns, *expected.sum):
            if path != thing:
                _require_column(self._table, path)
        self._wanted = {path: _filled(value, stage) for path, value in expected.columns.items() if path != thing}
        with self._database.engine.connect() as connection:
            found = connection.execute(select(self._table).where(where)).mappings()
            self._rows: list[dict[str, Any]] = [{str(name): value for name, value in row.items()} for row in found]

    def problem(self, before: int | None) -> str | None:
        problems = [*self._counts(before), *self._values(), *self._sums()]
        if not problems:
            return None
        shown = dict.fromkeys(path.split(".")[0] for path in [*self._wanted, *self._expected.sum])
        rows = ["    " + ", ".join(f"{name}={row[name]!r}" for name in shown) for row in self._rows if shown]
        return "\n".join([*problems, f"  rows of {self._table.name} found: {len(self._rows)}", *rows])

    def _counts(self, before: int | None) -> list[str]:
        expected, found = self._expected, len(self._rows)
        if expected.added is not None:
            more = found - (before or 0)
            wrong = more != expected.added
            return [f"expected {expected.added} more row(s) of {expected.table}, found {more} more"] if wrong else []
        lists = [len(value) for value in self._wanted.values() if isinstance(value, list)]
        wanted = expected.count if expected.count is not None else lists[0] if lists else 1
        return [] if found == wanted else [f"expected {wanted} row(s) of {expected.table}, found {found}"]

    def _values(self) -> list[str]:
        problems = []
        for path, value in self._wanted.items():
            found = [_at(row, path) for row in self._rows]
            if isinstance(value, list):
                wanted = [self._in_minor_units(one, self._rows[0]) if self._rows else one for one in value]
                if sorted(map(str, found)) != sorted(map(str, wanted)):
                    problems.append(f"{path}: expected {value}, found {found}")
            else:
                wrong = (one for row, one in zip(self._rows, found, strict=True) if not self._same(value, one, row))
                problems += [f"{path}: expected {value!r}, found {one!r}" for one in wrong]
        return problems

    def _sums(self) -> list[str]:
        problems = []
        for path, value in self._expected.sum.items():
            filled = _filled(value, self._stage)
            wanted = int(self._in_minor_units(filled, self._rows[0]) if self._rows else 0)
            found = sum(_at(row, path) for row in self._rows)
            if found != wanted:
                problems.append(f"sum of {path}: expected {filled}, found {found}")
        return problems

    def _same(self, wanted: Any, found: Any, row: Mapping[str, Any]) -> bool:
        if wanted is None or found is None or isinstance(wanted, bool):
            return wanted is found or bool(wanted == found)
        if isinstance(wanted, str) and isinstance(found, datetime) and _SPAN.fullmatch(wanted):
            return abs(self._stage.now() + span(wanted) - _aware(found)) <= _TOLERANCE
        if isinstance(wanted, str) and is_expression(wanted):
            return re.search(wanted[1:-1], str(found)) is not None
        return str(self._in_minor_units(wanted, row)) == str(found)

    def _in_minor_units(self, wanted: Any, row: Mapping[str, Any]) -> Any:
        """``EUR 105.99`` as 10599 where the row's amounts are in euros; in any other currency no amount is right."""
        found = _MONEY.fullmatch(wanted) if isinstance(wanted, str) else None
        if found is None:
            return wanted
        if self._database.currency is None:
            raise WorldError(f"this store does not say in which currency {self._table.name} counts; write minor units")
        currency = self._database.currency(self._table, row)
        if currency != found[1]:
            return f"{wanted} (the row counts in {currency})"
        return int(Decimal(found[2].replace(",", "")).scaleb(get_currency_precision(found[1])))


def _where(expected: RowExpectation, stage: Stage, speaker: str) -> tuple[Database, Table, Any]:
    database = stage.database()
    if database is None:
        raise WorldError("this assistant has no store whose rows could be checked")
    tables = database.metadata.tables
    if expected.table not in tables:
        raise WorldError(f"there is no table {expected.table!r}; there are: {', '.join(sorted(tables))}")
    table = tables[expected.table]
    thing = expected.columns.get(database.of)
    return database, table, database.owned(table, None if thing is None else str(thing), speaker)


def _require_column(table: Table, path: str) -> None:
    name = path.split(".")[0]
    if name not in table.c:
        raise WorldError(f"{table.name} has no column {name!r}; it has: {', '.join(table.c.keys())}")


def _at(row: Mapping[str, Any], path: str) -> Any:
    name, *inside = path.split(".")
    value = row[name]
    for step in inside:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


def _filled(value: Any, stage: Stage) -> Any:
    if isinstance(value, str):
        return stage.fill(value)
    return [_filled(one, stage) for one in value] if isinstance(value, list) else value


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)
