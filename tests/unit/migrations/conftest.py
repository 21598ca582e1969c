"""Databases without any table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from recourse.core.db import engine_for, new_id


@pytest.fixture(params=["sqlite", "postgresql"])
def blank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Makes databases without any table, and gives their URLs."""
    made: list[str] = []

    def make() -> str:
        name = f"blank_{new_id()}"
        if request.param == "sqlite":
            made.append(f"sqlite:///{tmp_path}/{name}.db")
        else:
            server: str = request.getfixturevalue("postgres")
            with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            made.append(make_url(server).set(database=name).render_as_string(hide_password=False))
        return made[-1]

    yield make
    for url in made:
        engine_for(url).dispose()


@pytest.fixture
def empty_url(blank: Callable[[], str]) -> str:
    """URL of a database without any table."""
    return blank()
