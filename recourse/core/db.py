"""The database: one engine per process, one transaction per use case, the same code on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, MetaData, create_engine, event, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from recourse.core.clock import SystemClock, require_utc
from recourse.core.settings import settings

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
_BUSY_TIMEOUT_S = 10


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=_NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime in and out, on databases with and without a zone type. Naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = require_utc(value)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


MinorUnits = Annotated[int, mapped_column(BigInteger)]
"""An amount of money in minor units: 64 bits, because a fridge costs more than 2**31 hundredths of a rupiah."""

Json = JSON().with_variant(JSONB(), "postgresql")
"""A JSON document column."""


def new_id() -> str:
    """A random primary key (UUID4, 32 hex digits): never guessable, made before the row is written."""
    return uuid.uuid4().hex


class Versioned:
    """Mixin for rows that change: optimistic lock and times (UTC)."""

    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, server_default=func.now(), onupdate=lambda: SystemClock().now()
    )


@cache
def engine_for(url: str) -> Engine:
    """The engine of ``url``, made once per process. SQLite: WAL, foreign keys, ``BEGIN IMMEDIATE`` for every write."""
    if make_url(url).get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    return create_engine(
        url, hide_parameters=True, pool_pre_ping=True, pool_size=5, max_overflow=10, connect_args={"connect_timeout": 5}
    )


def engine() -> Engine:
    """The engine of this process's settings."""
    return engine_for(settings().database_url)


@contextmanager
def transaction(bind: Engine | None = None) -> Iterator[Session]:
    """One unit of work: commits when the block ends, rolls back when it raises.

    On SQLite it takes the write lock at once (``BEGIN IMMEDIATE``), so that what is read inside stays true until the
    commit; on PostgreSQL rows are locked one by one (``with_for_update``).
    """
    target = bind or engine()
    with Session(target.execution_options(recourse_write=True), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(bind: Engine | None = None) -> Iterator[Session]:
    """A read-only unit of work: never takes the write lock, never commits."""
    with Session(bind or engine(), expire_on_commit=False, autoflush=False) as session:
        yield session


def _sqlite_engine(url: str) -> Engine:
    database = make_url(url).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(
        url, hide_parameters=True, connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False}
    )

    @event.listens_for(made, "connect")
    def on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below is the only one
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-32768")  # 32 MB a connection: a large store's index pages stay in memory
        cursor.execute("PRAGMA mmap_size=268435456")
        cursor.close()

    @event.listens_for(made, "begin")
    def on_begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("recourse_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return made
