"""Audit a database: all 30 invariants, by set queries that the database itself works out, whatever its size."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from recourse.audit.invariants import INVARIANTS
from recourse.audit.model import Finding, Invariant, Query, Report, Violation
from recourse.core.errors import InvalidInput

_WORDS = {
    "sqlite": {"epoch": r"CAST(strftime('%s', \1) AS INTEGER)", "day": r"date(\1)"},
    "postgresql": {"epoch": r"floor(extract(epoch FROM \1))", "day": r"CAST(\1 AT TIME ZONE 'UTC' AS date)"},
}


def check(session: Session, only: Collection[int] = ()) -> Report:
    """Audit every row (or the invariants ``only``). Reads, and writes nothing. Raises InvalidInput for an unknown number.

    A change made while the audit runs cannot be mistaken for a violation where the session sees one moment of the
    database: SQLite always does, PostgreSQL in an isolation level of REPEATABLE READ.
    """
    known = {invariant.number for invariant in INVARIANTS}
    if unknown := sorted(set(only) - known):
        raise InvalidInput(f"there is no invariant {unknown[0]}; they are numbered 1 to {max(known)}")
    chosen = [invariant for invariant in INVARIANTS if not only or invariant.number in only]
    return Report(
        tuple(
            Finding(
                invariant,
                sum(_count(session, query) for query in invariant.queries),
                tuple(each for query in invariant.queries for each in _ask(session, invariant, query)),
            )
            for invariant in chosen
        )
    )


def violations(session: Session) -> list[Violation]:
    """Everything that is wrong, without counting rows: quick enough to run after every step of a test."""
    return [each for invariant in INVARIANTS for query in invariant.queries for each in _ask(session, invariant, query)]


def _count(session: Session, query: Query) -> int:
    return int(session.scalar(_worded(f"SELECT count(*) FROM {query.over}", _dialect(session))))  # noqa: S608


def _ask(session: Session, invariant: Invariant, query: Query) -> Iterator[Violation]:
    for id_, what in session.execute(_worded(query.sql, _dialect(session))):
        yield Violation(invariant.number, query.entity, str(id_), str(what))


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


@cache
def _worded(sql: str, dialect: str) -> TextClause:
    for name, meaning in _WORDS[dialect].items():
        sql = re.sub(rf"\b{name}\(([a-z_.]+)\)", meaning, sql)
    return text(sql)
