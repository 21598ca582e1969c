"""A store of the first revision, with data, comes to the newest schema and back: nothing is lost, and all of it is right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData

from recourse.audit import service as audit
from recourse.core.db import engine_for, reading
from recourse.migrations import downgrade, upgrade

_ROWS = Path(__file__).with_name("first_revision.sql")

MENDED = {"payment": 1, "transition_log": 1, "wallet_entry": 2}
"""Rows that are other than before: balance that stayed reserved for orders that had ended is back in the wallet for good."""


@pytest.fixture
def old_url(blank: Callable[[], str]) -> str:
    """URL of a store as the first revision left it."""
    url = blank()
    upgrade(url, "0001")
    with engine_for(url).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        for statement in _ROWS.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%"))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(
                "SELECT setval(pg_get_serial_sequence('transition_log', 'id'), (SELECT max(id) FROM transition_log))"
            )
    return url


def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as plain values."""
    found = MetaData()
    found.reflect(connection)
    return {
        table.name: sorted(
            ({name: _plain(value) for name, value in row.items()} for row in connection.execute(table.select()).mappings()),
            key=repr,
        )
        for table in found.sorted_tables
        if table.name != "alembic_version"
    }  # fmt: skip


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def test_it_goes_up_and_down_and_up_again(old_url: str) -> None:
    with engine_for(old_url).connect() as connection:
        before = rows(connection)
    upgrade(old_url)
    assert _audit(old_url) == []
    with engine_for(old_url).connect() as connection:
        newest = rows(connection)
    downgrade(old_url, "0001")
    with engine_for(old_url).connect() as connection:
        after = rows(connection)
    assert after.keys() == before.keys()
    gone = {table: [row for row in before[table] if row not in after[table]] for table in before}
    new = {table: [row for row in after[table] if row not in before[table]] for table in before}
    assert {table: len(found) for table, found in gone.items() if found} == {"payment": 1}
    assert {table: len(found) for table, found in new.items() if found} == MENDED
    assert {row["kind"] for row in new["wallet_entry"]} == {"release"}
    assert [row["status"] for row in gone["payment"] + new["payment"]] == ["authorised", "voided"]
    upgrade(old_url)
    assert _audit(old_url) == []
    with engine_for(old_url).connect() as connection:
        assert {name: len(found) for name, found in rows(connection).items()} == {
            name: len(found) for name, found in newest.items()
        }


def _audit(url: str) -> list[str]:
    with reading(engine_for(url)) as session:
        return [str(each) for each in audit.violations(session)]
