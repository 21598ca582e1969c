"""What every capability needs to forget a buyer and to tell a buyer what is on record (GDPR 15, 17 and 20).

Each capability has a module ``personal`` with ``erase_customer`` and ``export_customer`` for its own tables, and with
``open_matters`` where something of it can be open.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, delete, or_, select, update
from sqlalchemy.orm import Session

from recourse.core.db import Base
from recourse.core.idempotency import IdempotencyKey
from recourse.core.outbox import BUYER_NOTICE, Outbox
from recourse.core.transitions import TransitionLog

DELETED = "[deleted]"
"""What stands where a text was that a table cannot do without."""

_AT_ONCE = 500
_NAME = re.compile(r"[0-9a-f]{32}|RC-\d{4}-\d{4}")
"""How a saved answer names a row or an order."""

_PEOPLE = ("buyer", "seller", "agent", "platform")


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that is still open and needs its order's data: ``kind`` order, cancellation, refund, return, dispute, chargeback."""

    kind: str
    id: str
    order_id: str


def blank(session: Session, model: type[Base], where: Iterable[ColumnElement[bool]], **values: str | None) -> int:
    """Set columns of all rows that fit ``where`` to ``values``; returns how many rows said something else before."""
    session.flush()
    differs = or_(*(getattr(model, name).is_distinct_from(value) for name, value in values.items()))
    done = session.execute(
        update(model).where(*where, differs).values(**values).execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def chunks(ids: Collection[str]) -> Iterator[list[str]]:
    """``ids`` in lists that a query can take as parameters."""
    every = list(ids)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def plain(row: Any, names: str) -> dict[str, Any]:
    """The attributes ``names`` (separated by blanks) of a row as JSON values. Named one by one: nothing else gets out."""
    return {name: json_value(getattr(row, name)) for name in names.split()}


def plains(rows: Iterable[Any], names: str) -> list[dict[str, Any]]:
    """``plain`` of each row."""
    return [plain(row, names) for row in rows]


def json_value(value: Any) -> Any:
    """Dates and times as ISO 8601 text; everything else as it is."""
    return value.isoformat() if isinstance(value, datetime | date) else value


def table(name: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of an export, each with the name of its table."""
    return [{"table": name, **row} for row in rows]


def forget_reasons(session: Session, ids: Collection[str]) -> int:
    """Take the words that people gave as a reason out of the log of these rows. The moves themselves stay (invariant 7)."""
    return sum(
        blank(
            session,
            TransitionLog,
            [
                TransitionLog.entity_id.in_(some),
                TransitionLog.actor_type.in_(_PEOPLE),
                TransitionLog.reason.is_not(None),
            ],
            reason=DELETED,
        )
        for some in chunks(ids)
    )


def forget_moves(session: Session, entity_type: str, ids: Collection[str]) -> int:
    """Delete the log of rows that are deleted themselves; returns how many entries."""
    return sum(
        _deleted(
            session,
            delete(TransitionLog).where(TransitionLog.entity_type == entity_type, TransitionLog.entity_id.in_(some)),
        )
        for some in chunks(ids)
    )


def erase_outbox(session: Session, customer_id: str, at: datetime) -> int:
    """Leave only ids in what was or is to be told about a buyer, and close what was to be told to the buyer."""
    session.flush()
    changed = 0
    for row in session.scalars(select(Outbox).where(Outbox.customer_id == customer_id)):
        bare = {name: value for name, value in row.payload.items() if name == "kind" or name.endswith("_id")}
        unheard = row.topic == BUYER_NOTICE and row.done_at is None
        if bare == row.payload and not unheard:
            continue
        row.payload = bare
        if unheard:
            row.done_at = at
        changed += 1
    session.flush()
    return changed


def erase_answers(session: Session, customer_id: str) -> int:
    """Delete the saved answers to what a buyer asked: they hold what was said."""
    return _deleted(session, delete(IdempotencyKey).where(IdempotencyKey.customer_id == customer_id))


def empty_answers(session: Session, owners: Collection[str], names: frozenset[str], since: datetime) -> int:
    """Empty the saved answers of others (sellers) that speak of any of ``names`` (ids and order numbers); returns how many.

    ``since``: when the first of these came to be. Key and status stay, so that a repeated request still has no second effect.
    """
    changed = 0
    for some in chunks(owners):
        rows = session.scalars(
            select(IdempotencyKey)
            .where(IdempotencyKey.customer_id.in_(some), IdempotencyKey.created_at >= since)
            .order_by(IdempotencyKey.key, IdempotencyKey.operation)
            .execution_options(yield_per=_AT_ONCE)
        )
        for row in rows:
            body = str(row.response.get("body", ""))
            if not names.isdisjoint(_NAME.findall(body)):
                row.response = {**row.response, "body": "{}"}
                changed += 1
    session.flush()
    return changed


def history(session: Session, ids: Collection[str]) -> list[dict[str, Any]]:
    """Every move of these rows, oldest first, for an export: who by kind, never which person of a shop or of support."""
    rows = [
        row
        for some in chunks(ids)
        for row in session.scalars(select(TransitionLog).where(TransitionLog.entity_id.in_(some)))
    ]
    return plains(sorted(rows, key=lambda row: row.id), "entity_type entity_id from_state to_state actor_type at")


def delete_rows(session: Session, model: type[Base], *where: ColumnElement[bool]) -> int:
    """Delete the rows that fit; returns how many."""
    return _deleted(session, delete(model).where(*where))


def _deleted(session: Session, statement: Delete) -> int:
    session.flush()
    done = session.execute(statement.execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]
