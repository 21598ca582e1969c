"""The schema and its history (Alembic, without an ini file). ``upgrade`` is safe to call at every start, by many processes.

For a change of the models: edit them, then ``python -m recourse.migrations revision "what changed"``, read the new file in
``versions/``, and run the tests of ``tests/unit/migrations``, which compare the result with the models on both databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from recourse.core.db import engine_for

_FOLDER = Path(__file__).parent
_WAIT_S = 120
"""How long a process waits on SQLite while another one changes the schema: a large store takes longer than any request."""

_LOCK = 5_243_001
"""Key of the PostgreSQL advisory lock under which one process at a time changes the schema."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database ``url`` (as in ``Settings.database_url``) to the newest schema; creates it where it is empty.

    ``revision``: an older one to stop at.

    All in one transaction: it happens wholly or not at all. Other processes that do the same wait and find it done.
    """
    with _schema_change(engine_for(url)) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the schema of ``url`` back to ``revision`` (``base``: no tables at all). Data in what is dropped is lost."""
    with _schema_change(engine_for(url)) as connection:
        command.downgrade(_config(connection), revision)


def is_current(url: str) -> bool:
    """Does the database ``url`` have the newest schema? False also for an empty one. Changes nothing."""
    with engine_for(url).connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
    return set(heads) == set(ScriptDirectory.from_config(_config()).get_heads())


def new_revision(url: str, message: str) -> Path:
    """Write the step from the schema of ``url`` (which must be current) to the models; returns the new file to be read."""
    with _schema_change(engine_for(url)) as connection:
        made = command.revision(_config(connection), message, autogenerate=True)
    if made is None or isinstance(made, list):
        raise RuntimeError("one new revision was expected")
    return Path(made.path)


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


@contextmanager
def _schema_change(target: Engine) -> Iterator[Connection]:
    """A connection in a transaction that keeps other schema changes out: the write lock on SQLite, a lock on PostgreSQL."""
    with target.execution_options(recourse_write=True).connect() as connection:
        if connection.dialect.name == "sqlite":
            with _unchecked(connection):
                yield connection
            return
        with connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield connection


@contextmanager
def _unchecked(connection: Connection) -> Iterator[None]:
    """A transaction on SQLite in which a table that others point to can be altered, which there means: dropped and made anew.

    Foreign keys are checked once, at its end; the switch for that works only outside a transaction.
    """
    raw = connection.connection.driver_connection
    if raw is None:
        raise RuntimeError("the connection is closed")
    (usual,) = raw.execute("PRAGMA busy_timeout").fetchone()
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute(f"PRAGMA busy_timeout = {_WAIT_S * 1000}")
    try:
        with connection.begin():
            yield
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise RuntimeError(f"{len(broken)} rows point to nothing after the change, first {tuple(broken[0])}")
    finally:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute(f"PRAGMA busy_timeout = {usual}")
