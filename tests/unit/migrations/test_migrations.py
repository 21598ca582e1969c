"""The migrated schema is the models' schema, on both databases, and migrating is safe at any time."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text

from recourse import migrations
from recourse.core.db import engine_for
from recourse.migrations import downgrade, is_current, new_revision, upgrade
from recourse.migrations.tables import comparable, metadata

_CATALOGUE = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE name <> 'alembic_version' AND sql IS NOT NULL",
    "postgresql": """
        SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename <> 'alembic_version'
        UNION ALL
        SELECT conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace AND conrelid::regclass::text <> 'alembic_version'
        UNION ALL
        SELECT table_name || '.' || column_name, concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default)
        FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'alembic_version'
    """,
}


def catalogue(connection: Connection) -> dict[str, str]:
    """What the database itself says about tables, columns, constraints and indexes, free of layout."""
    rows = connection.execute(text(_CATALOGUE[connection.dialect.name])).all()
    return {name: normal(definition) for name, definition in rows}


def normal(definition: str) -> str:
    """Without layout, and with the parts of a CREATE TABLE in one order (the models may list constraints differently).

    SQLite's tables are written anew when they are altered: then a default stands in brackets, which changes nothing.
    """
    body = " ".join(definition.replace('"', "").replace("\t", " ").split()).replace(
        "(CURRENT_TIMESTAMP)", "CURRENT_TIMESTAMP"
    )
    return ",".join(sorted(part.strip(" ()") for part in body.split(",") for part in part.split("(", 1)))


def test_the_schema_is_the_models_schema(store: Engine) -> None:
    """Alembic sees nothing to do."""
    with store.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": comparable}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_checks_and_partial_indexes_are_the_models_too(blank: Callable[[], str]) -> None:
    """What Alembic does not compare: the databases' own catalogues after migrating and after ``create_all`` are equal."""
    migrated, direct = blank(), blank()
    upgrade(migrated)
    with engine_for(direct).begin() as connection:
        metadata.create_all(connection)
        wanted = catalogue(connection)
    with engine_for(migrated).connect() as connection:
        assert catalogue(connection) == wanted
    assert len(wanted) > 2 * len(metadata.tables)


def test_rules_that_the_tables_must_hold_are_there(store: Engine) -> None:
    """Spelled out once, so that a slip in a model is noticed."""
    with store.connect() as connection:
        everything = " ".join(catalogue(connection).values()).lower()
        checks = {
            check["name"] for table in metadata.tables for check in inspect(connection).get_check_constraints(table)
        }
    assert "uq_cancellation_request_open" in everything
    assert "pending_seller" in everything
    assert "uq_handoff_open" in everything
    assert {
        "ck_seller_policy_on_silence", "ck_orders_total_paid", "ck_order_line_qty_sum", "ck_payment_captured",
        "ck_refund_leg_amount", "ck_refund_amounts", "ck_refund_sla_range",
    } <= checks  # fmt: skip


def test_types_are_the_databases_best(postgres_url: str) -> None:
    with engine_for(postgres_url).connect() as connection:
        column = {
            (table, each["name"]): str(each["type"])
            for table in metadata.tables
            for each in inspect(connection).get_columns(table)
        }
    assert column["orders", "policy_snapshot"] == "JSONB"
    assert column["orders", "total_paid"] == "BIGINT"
    assert column["orders", "placed_at"] == "TIMESTAMP"
    assert ("orders", "status") in column
    assert ("orders", "state") not in column


def test_an_empty_database_is_not_current_until_it_is_upgraded(empty_url: str) -> None:
    assert not is_current(empty_url)
    upgrade(empty_url)
    assert is_current(empty_url)
    upgrade(empty_url)
    assert is_current(empty_url)


def test_the_schema_can_be_taken_back(empty_url: str) -> None:
    upgrade(empty_url)
    downgrade(empty_url, "base")
    assert not is_current(empty_url)
    with engine_for(empty_url).connect() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    upgrade(empty_url)
    assert is_current(empty_url)


def test_an_upgrade_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    with engine_for(empty_url).begin() as connection:
        connection.execute(text("CREATE TABLE refund_leg (id INTEGER)"))  # in the way of the last table
    with pytest.raises(Exception, match="refund_leg"):
        upgrade(empty_url)
    with engine_for(empty_url).connect() as connection:
        assert set(inspect(connection).get_table_names()) == {"refund_leg"}
    assert not is_current(empty_url)


def test_many_processes_may_upgrade_at_once(empty_url: str) -> None:
    start, errors = threading.Barrier(4), []

    def run() -> None:
        start.wait()
        try:
            upgrade(empty_url)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert is_current(empty_url)


def test_rows_survive_an_upgrade_of_a_current_database(store: Engine) -> None:
    url = store.url.render_as_string(hide_password=False)
    with store.begin() as connection:
        connection.execute(
            text("INSERT INTO refund_sla (method, min_bd, max_bd, source) VALUES ('card', 3, 20, 'test')")
        )
    upgrade(url)
    with store.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM refund_sla")).scalar() == 1


def test_a_new_revision_of_unchanged_models_is_empty(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, copy)
    monkeypatch.setattr(migrations, "_FOLDER", copy)
    upgrade(empty_url)
    made = new_revision(empty_url, "nothing changed")
    assert made.parent == copy / "versions"
    assert made.read_text().count("    pass\n") == 2
    assert not is_current(empty_url), "the new step is still to be applied"
