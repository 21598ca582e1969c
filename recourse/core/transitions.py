"""The one way to change a state: compare-and-set plus one log row, in the caller's transaction (domain 3.2, rule 2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String, inspect, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from recourse.core.db import Base, UtcDateTime
from recourse.core.errors import Conflict, NotAllowed

Machine = Mapping[tuple[str | None, str], frozenset[str]]
"""Legal moves of one state machine: (from, to) -> the actor types that may make it; ``None`` is "not there yet"."""


class TransitionLog(Base):
    """Append-only: exactly one row for every state change (domain 3.6, invariant 7). ``id`` counts up: two moves of one row
    in the same moment still have an order."""

    __tablename__ = "transition_log"
    __table_args__ = (Index(None, "entity_type", "entity_id"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    entity_type: Mapped[str] = mapped_column(String(40))
    entity_id: Mapped[str] = mapped_column(String(32))
    from_state: Mapped[str | None] = mapped_column(String(40))
    to_state: Mapped[str] = mapped_column(String(40))
    actor_type: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(500))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Actor:
    """Who moves a state: ``type`` is buyer, seller, system, timer, psp, carrier, platform, agent or worker."""

    def __init__(self, type_: str, id_: str | None = None) -> None:
        self.type = type_
        self.id = id_


def created(
    session: Session, row: Any, machine: Machine, actor: Actor, at: datetime, reason: str | None = None
) -> None:
    """Log the birth of ``row`` (already added to ``session``) in its first state. Raises NotAllowed if it may not begin there."""
    _check(machine, row, None, row.state, actor)
    _log(session, row, None, row.state, actor, at, reason)


def change_state(
    session: Session,
    row: Any,
    to: str,
    machine: Machine,
    actor: Actor,
    at: datetime,
    reason: str | None = None,
    **values: Any,
) -> None:
    """Move ``row`` to state ``to`` and set ``values`` (column name -> value) with it.

    Raises NotAllowed when the machine has no such move for this actor, and Conflict when another transaction moved the
    row first (its state or version is no longer what ``row`` says).
    """
    from_state = row.state
    _check(machine, row, from_state, to, actor)
    model = type(row)
    session.flush()
    done = session.execute(
        update(model)
        .where(model.id == row.id, model.state == from_state, model.version == row.version)
        .values(state=to, version=model.version + 1, updated_at=at, **values)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(f"{model.__tablename__} {row.id} was changed by somebody else; read it again")
    session.refresh(row, inspect(model).column_attrs.keys())
    _log(session, row, from_state, to, actor, at, reason)


def _check(machine: Machine, row: Any, from_state: str | None, to: str, actor: Actor) -> None:
    if actor.type not in machine.get((from_state, to), frozenset()):
        raise NotAllowed(f"{row.__tablename__}: {actor.type} may not move {from_state or 'nothing'} to {to}")


def _log(
    session: Session, row: Any, from_state: str | None, to: str, actor: Actor, at: datetime, reason: str | None
) -> None:
    session.add(
        TransitionLog(
            entity_type=row.__tablename__,
            entity_id=row.id,
            from_state=from_state,
            to_state=to,
            actor_type=actor.type,
            actor_id=actor.id,
            reason=reason[:500] if reason else None,
            at=at,
        )
    )


def log_of(session: Session, entity_id: str) -> list[TransitionLog]:
    """All moves of one row, oldest first."""
    return session.query(TransitionLog).filter(TransitionLog.entity_id == entity_id).order_by(TransitionLog.id).all()
