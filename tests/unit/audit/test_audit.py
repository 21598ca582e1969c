"""The audit finds what it is for: for each question one row is broken behind the services' back, and just that is reported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from recourse.audit import service as audit
from recourse.audit.history import MACHINES, terminal
from recourse.audit.invariants import INVARIANTS
from recourse.cli.main import app
from recourse.core import settings as settings_module
from recourse.core.errors import InvalidInput
from recourse.migrations.tables import metadata
from tests.unit.audit.broken import BROKEN
from tests.unit.audit.scene import GONE, fill
from tests.unit.world import OTHER, World

_DAY_LATER = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', {column}, '+1 day') || '000'",
    "postgresql": "{column} + interval '1 day'",
}


def test_a_store_where_all_went_right_is_clean(world: World) -> None:
    fill(world)
    with world.reading() as session:
        report = audit.check(session)
    assert report.violations == ()
    assert [finding.invariant.number for finding in report.findings] == list(range(1, 31))
    empty = [finding.invariant.number for finding in report.findings if not finding.checked]
    assert empty == [25, 26], "what rows can show was looked at"


def test_each_broken_row_is_reported(world: World) -> None:
    """Also: every question that the audit asks finds something here, so none is idle."""
    ids = fill(world)
    wrong: dict[str, Any] = {}
    spoke: set[str] = set()
    with world.engine.connect() as connection, connection.begin() as whole:
        unlock(connection)
        for what, expected, sql in BROKEN:
            with connection.begin_nested() as attempt:
                statement = _filled(sql, connection, ids)
                changed = min(_execute(connection, each, ids) for each in statement.split(";"))
                with Session(connection) as session:
                    found = audit.violations(session)
                attempt.rollback()
            if {each.invariant for each in found} != expected or not changed:
                wrong[what] = (changed, sorted(expected), [str(each) for each in found])
            spoke |= {f"{each.invariant} {each.entity}" for each in found}
        whole.rollback()
    assert wrong == {}
    asked = {f"{invariant.number} {query.entity}" for invariant in INVARIANTS for query in invariant.queries}
    assert asked - spoke - HELD_BY_THE_TABLE == set()


HELD_BY_THE_TABLE = {
    "7 chargeback", "7 coupon_use", "7 dispute", "7 erasure_request", "7 handoff", "7 payment", "7 required_action",
    "7 return_request", "7 stock_watch",  # the same question for each table
    "11 idempotency_key", "24 inbox",  # primary keys
    "21 dispute", "21 evidence", "21 handoff", "21 order_term", "21 return_request", "21 withdrawal",  # the same question
    "23 cancellation_request", "23 orders", "23 required_action", "23 return_request", "23 seller_message",
    "23 seller_offer", "23 stock_watch", "27 cancellation_request", "27 dispute", "27 evidence", "27 message",
    "27 return_request", "29 refund",
}  # fmt: skip
"""Questions that one broken row of a kind stands for, or that no statement can break."""


def test_every_invariant_says_how_it_is_held() -> None:
    for invariant in INVARIANTS:
        assert invariant.held
        assert invariant.queries or invariant.tests
        assert ("test" in invariant.held) == bool(invariant.tests)
        assert "audit" not in invariant.held or invariant.queries


def test_every_table_with_a_state_has_its_machine() -> None:
    stateful = {
        name for name, table in metadata.tables.items() if "version" in table.columns and {"state", "status"} & set(table.columns.keys())
    }  # fmt: skip
    assert stateful - {"customer"} == set(MACHINES)
    assert all(terminal(machine) for table, machine in MACHINES.items())


def test_only_some(world: World) -> None:
    with world.reading() as session:
        assert [f.invariant.number for f in audit.check(session, [7, 1]).findings] == [1, 7]
        with pytest.raises(InvalidInput, match="no invariant 31"):
            audit.check(session, [31])


def test_the_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world)
    monkeypatch.setenv("RECOURSE_DATABASE_URL", world.engine.url.render_as_string(hide_password=False))
    settings_module.settings.cache_clear()
    run = CliRunner().invoke
    try:
        clean = run(app, ["audit"])
        assert clean.exit_code == 0, clean.output
        assert "0 violations" in clean.output
        with world.engine.begin() as connection:
            connection.execute(text("UPDATE seller_message SET customer_id = 'b-2'"))
        found = run(app, ["audit", "--json", "--only", "21"])
        assert found.exit_code == 1
        (one,) = json.loads(found.stdout)["invariants"]
        assert [each["entity"] for each in one["violations"]] == ["seller_message"]
        assert "seller_message" in run(app, ["audit"]).output
        assert isinstance(run(app, ["audit", "--only", "x"]).exception, InvalidInput)
    finally:
        settings_module.settings.cache_clear()
        world.exempt.add(21)


def _execute(connection: Connection, statement: str, ids: Mapping[str, str]) -> int:
    names = set(text(statement).compile().params)
    return connection.execute(text(statement), {name: ids[name] for name in names}).rowcount


def unlock(connection: Connection) -> None:
    """Take away what the database itself refuses, inside a transaction that is rolled back."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
    for table in metadata.sorted_tables:
        for index in inspect(connection).get_indexes(table.name):
            if index["unique"] and not index.get("duplicates_constraint"):
                connection.exec_driver_sql(f"DROP INDEX {index['name']}")
    if connection.dialect.name == "postgresql":
        held = (
            "SELECT conrelid::regclass, conname FROM pg_constraint "
            "WHERE contype IN ('c', 'f') AND connamespace = current_schema()::regnamespace"
        )
        for name, constraint in connection.exec_driver_sql(held).all():
            connection.exec_driver_sql(f"ALTER TABLE {name} DROP CONSTRAINT {constraint}")


def _filled(sql: str, connection: Connection, ids: Mapping[str, str]) -> str:
    dialect = connection.dialect.name
    later = _DAY_LATER[dialect]
    values = {
        "now": "'2026-11-24 12:00:00.000000'", "new": "0" * 32,
        "true": "TRUE", "false": "FALSE", "gone": GONE, "other": OTHER,
        "respond_by": later.format(column="respond_by"), "negotiate_by": later.format(column="negotiate_by"),
        "line": f"(SELECT line_id FROM dispute WHERE id = '{ids['dispute']}')",  # noqa: S608
        "dispute": "INSERT INTO dispute (id, order_id, line_id, customer_id, type, reason_code, qty, wanted, amount, "
        "state, opened_at, respond_by, idempotency_key, version, created_at, updated_at)",
    }  # fmt: skip
    if dialect == "postgresql":
        values |= {
            "now": f"CAST({values['now']} AS timestamptz)",
        }
    for name, value in values.items():
        sql = sql.replace("{" + name + "}", value)
    return sql
