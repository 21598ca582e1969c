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
from tests.unit.audit.scene import fill
from tests.unit.world import World

_ROWS = Path(__file__).with_name("first_revision.sql")

MENDED = {"payment": 1, "transition_log": 1, "wallet_entry": 2}
"""Rows that are other than before: balance that stayed reserved for orders that had ended is back in the wallet for good."""

OLD_POLICY = {
    "id", "response_hours", "on_silence", "ship_while_pending", "coupon_on_refund", "dispute_close_after_days", "clause"
}  # fmt: skip


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


def test_a_store_that_used_everything_can_be_taken_back(blank: Callable[[], str]) -> None:
    """What the first revision does not know is gone then; all else is right after another upgrade."""
    url = blank()
    upgrade(url)
    fill(World(engine_for(url)))
    with engine_for(url).connect() as connection:
        paid = rows(connection)["wallet_entry"]
    downgrade(url, "0001")
    with engine_for(url).connect() as connection:
        old = rows(connection)
    known = {"approve", "reject"}, {"balance", "none"}
    for row in old["orders"]:
        assert set(row["policy_snapshot"]) == OLD_POLICY
        assert row["policy_snapshot"]["on_silence"] in known[0]
        assert row["policy_snapshot"]["coupon_on_refund"] in known[1]
    assert [row["state"] for row in old["cancellation_request"] if row["state"] == "pending_seller"] == []
    assert {row["entity_type"] for row in old["transition_log"]} <= set(old)
    assert [row["id"] for row in old["wallet_entry"]] == [row["id"] for row in paid]
    upgrade(url)
    assert [found[:3] for found in _audit(url)] == ["14:"], "the clause for the fee is gone with the old policy"
