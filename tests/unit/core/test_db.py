"""The database layer, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from recourse.core.db import engine_for, new_id, reading, transaction
from recourse.core.outbox import Outbox
from recourse.customers.models import Customer
from recourse.orders.models import OrderGroup


def customer(name: str = "Ada") -> Customer:
    return Customer(id=new_id(), display_name=name, country="GB")


def test_a_transaction_commits_when_its_block_ends(store: Engine) -> None:
    with transaction(store) as session:
        session.add(customer())
    with reading(store) as session:
        assert session.scalars(select(Customer.display_name)).all() == ["Ada"]


def test_a_transaction_that_raises_leaves_nothing_behind(store: Engine) -> None:
    with pytest.raises(RuntimeError), transaction(store) as session:
        session.add(customer())
        session.flush()
        raise RuntimeError
    with reading(store) as session:
        assert session.scalars(select(Customer)).all() == []


def test_reading_never_commits(store: Engine) -> None:
    with reading(store) as session:
        session.add(customer())
        session.flush()
    with reading(store) as session:
        assert session.scalars(select(Customer)).all() == []


def test_rows_stay_usable_after_the_commit(store: Engine) -> None:
    with transaction(store) as session:
        row = customer()
        session.add(row)
    assert row.display_name == "Ada"


def test_foreign_keys_are_enforced(store: Engine) -> None:
    with pytest.raises(IntegrityError), transaction(store) as session:
        session.add(OrderGroup(customer_id="nobody", currency="EUR", placed_at=datetime.now(UTC)))


def test_times_come_back_in_utc_whatever_zone_they_had(store: Engine) -> None:
    berlin_summer = timezone(timedelta(hours=2))
    at = datetime(2026, 7, 1, 14, 30, 15, 123456, tzinfo=berlin_summer)
    with transaction(store) as session:
        row = customer()
        session.add_all([row, OrderGroup(customer_id=row.id, currency="EUR", placed_at=at)])
    with reading(store) as session:
        found = session.scalars(select(OrderGroup.placed_at)).one()
    assert found == at
    assert found.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(store: Engine) -> None:
    with pytest.raises(StatementError, match="has no time zone"), transaction(store) as session:
        row = customer()
        session.add_all([row, OrderGroup(customer_id=row.id, currency="EUR", placed_at=datetime(2026, 7, 1))])  # noqa: DTZ001


def test_json_documents_come_back_as_they_went_in(store: Engine) -> None:
    payload = {"kind": "x", "list": [1, "two", None], "nested": {"ä": True}}
    with transaction(store) as session:
        session.add(Outbox(topic="t", customer_id="b", payload=payload, dedupe_key="k", created_at=datetime.now(UTC)))
    with reading(store) as session:
        assert session.scalars(select(Outbox.payload)).one() == payload


def test_two_writers_count_without_losing_a_step(store: Engine) -> None:
    """SQLite takes the write lock at BEGIN; PostgreSQL locks the row: in both, reading then writing is safe."""
    with transaction(store) as session:
        session.add(Customer(id="counter", display_name="0", country="GB"))
    start = threading.Barrier(4)

    def count() -> None:
        start.wait()
        for _ in range(5):
            with transaction(store) as session:
                row = session.scalars(select(Customer).where(Customer.id == "counter").with_for_update()).one()
                row.display_name = str(int(row.display_name) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(store) as session:
        assert session.get_one(Customer, "counter").display_name == "20"


def test_a_reader_is_not_stopped_by_a_writer(store: Engine) -> None:
    with transaction(store) as writing:
        writing.add(customer())
        writing.flush()
        with reading(store) as session:
            assert session.scalars(select(Customer)).all() == []


def test_sqlite_is_durable_and_waits(tmp_path: object) -> None:
    engine = engine_for(f"sqlite:///{tmp_path}/deep/folder/made/here.db")
    with engine.connect() as connection:
        pragma = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_ids_are_random_and_long() -> None:
    made = {new_id() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) == 32 for one in made)


def test_the_engine_of_a_url_is_made_once(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/one.db"
    assert engine_for(url) is engine_for(url)
