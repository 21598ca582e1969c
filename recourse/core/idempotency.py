"""Idempotency by key: the same key with the same parameters gives the saved answer, with others an error (invariant 11)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from recourse.core.db import Base, Json, UtcDateTime
from recourse.core.errors import Conflict, IdempotencyMismatch


class IdempotencyKey(Base):
    """One remembered answer. Written in the same transaction as its effect, so neither exists without the other."""

    __tablename__ = "idempotency_key"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    operation: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[str] = mapped_column(String(64), index=True)
    params_hash: Mapped[str] = mapped_column(String(64))
    response: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def recall(
    session: Session, operation: str, key: str, customer_id: str, params: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The saved answer for ``key``, or None when it is new. Raises IdempotencyMismatch for other parameters or buyer."""
    row = session.get(IdempotencyKey, (key, operation))
    if row is None:
        return None
    if row.customer_id != customer_id or row.params_hash != _hash(params):
        raise IdempotencyMismatch("this key was used for a different request; send a new key")
    return row.response


def claim(
    session: Session, operation: str, key: str, customer_id: str, params: Mapping[str, Any], at: datetime
) -> dict[str, Any] | None:
    """Take a new ``key`` before its effect, so that of two transactions with the same key one waits for the other.

    None: it is the caller's, who ends with ``remember``. Otherwise the answer that the other one saved meanwhile. Raises
    IdempotencyMismatch for other parameters or buyer.
    """
    try:
        with session.begin_nested():
            session.add(_row(operation, key, customer_id, params, {}, at))
    except IntegrityError:
        return recall(session, operation, key, customer_id, params)
    return None


def remember(
    session: Session,
    operation: str,
    key: str,
    customer_id: str,
    params: Mapping[str, Any],
    response: dict[str, Any],
    at: datetime,
) -> None:
    """Save the answer for ``key`` in the caller's transaction, whether it was claimed before or not.

    An answer is never replaced: raises Conflict for a key that has one.
    """
    row = session.get(IdempotencyKey, (key, operation))
    if row is None:
        session.add(_row(operation, key, customer_id, params, response, at))
    elif row.response:
        raise Conflict("this key has its answer already; recall it")
    else:
        row.response = response


def _row(
    operation: str, key: str, customer_id: str, params: Mapping[str, Any], response: dict[str, Any], at: datetime
) -> IdempotencyKey:
    return IdempotencyKey(
        key=key,
        operation=operation,
        customer_id=customer_id,
        params_hash=_hash(params),
        response=response,
        created_at=at,
    )


def _hash(params: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(params, sort_keys=True, default=str).encode()).hexdigest()
