"""What Alembic runs. The connection and its transaction come from ``recourse.migrations``; nothing is opened here."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON, DefaultClause
from sqlalchemy.sql.functions import now

from recourse.core.db import UtcDateTime
from recourse.migrations.tables import comparable, metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("run migrations with `python -m recourse.migrations upgrade`, not with the alembic command")


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """How our own types and "now" are written in a new revision, the same whichever database it is made from."""
    if isinstance(item, UtcDateTime):
        return "db.UtcDateTime()"
    if isinstance(item, JSON):
        return "db.Json"
    if kind == "server_default" and isinstance(item, DefaultClause) and isinstance(item.arg, now):
        return "sa.func.now()"
    return False


context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
    render_item=render_item,
    include_object=comparable,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
