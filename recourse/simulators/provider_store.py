"""What the simulated payment provider knows: refunds, what will happen to them, and events to send. One SQLite file."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS refund (
    id TEXT PRIMARY KEY, key TEXT UNIQUE NOT NULL, body TEXT NOT NULL, behaviour TEXT NOT NULL, status TEXT NOT NULL,
    reference TEXT, reason TEXT, form TEXT UNIQUE, action_by TEXT, updated_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS step (
    id INTEGER PRIMARY KEY, refund TEXT NOT NULL REFERENCES refund, event TEXT NOT NULL, due_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, event_id TEXT NOT NULL, body TEXT NOT NULL, due_at TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    delivered_at TEXT, last_error TEXT
);
CREATE TABLE IF NOT EXISTS void (key TEXT PRIMARY KEY, body TEXT NOT NULL, id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS override (id INTEGER PRIMARY KEY, behaviour TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS failed_once (key TEXT PRIMARY KEY);
"""

_RETRY_S = (1, 2, 5, 15, 60, 300, 900, 3600)
"""Wait before an event is sent again; the last step repeats for ever, as a patient provider does."""


class KeyReused(Exception):
    """The same idempotency key came with another request."""


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund at the provider."""

    id: str
    key: str
    body: Mapping[str, Any]
    behaviour: str
    status: str
    reference: str | None
    reason: str | None
    form: str | None
    action_by: str | None
    updated_at: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event that is to be sent. ``row`` is this delivery's, ``event_id`` the event's own."""

    row: int
    event_id: str
    body: str
    attempts: int


class ProviderStore:
    """The file at ``path``; made when it is not there. For one process. ``now`` is aware UTC everywhere."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.executescript("PRAGMA journal_mode=WAL;" + _TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def by_key(self, key: str, body: Mapping[str, Any] | None = None) -> Refund | None:
        """The refund that was asked for with ``key``. Raises KeyReused where its request was another than ``body``."""
        found = self._refund("key", key)
        if found is not None and body is not None and found.body != body:
            raise KeyReused
        return found

    def by_id(self, refund_id: str) -> Refund | None:
        """One refund."""
        return self._refund("id", refund_id)

    def by_form(self, form: str) -> Refund | None:
        """The refund that a form is about."""
        return self._refund("form", form)

    def refunds(self) -> list[Refund]:
        """All refunds in the order in which they came."""
        return [_refund(row) for row in self._db.execute("SELECT * FROM refund ORDER BY rowid")]

    def accept(self, key: str, body: Mapping[str, Any], behaviour: str, now: datetime) -> Refund:
        """Keep a new refund."""
        refund_id = f"re_{secrets.token_hex(10)}"
        self._db.execute(
            "INSERT INTO refund (id, key, body, behaviour, status, updated_at) VALUES (?, ?, ?, ?, 'received', ?)",
            (refund_id, key, json.dumps(body), behaviour, _text(now)),
        )
        found = self.by_id(refund_id)
        assert found is not None
        return found

    def plan(self, refund_id: str, event: str, due_at: datetime) -> None:
        """Let ``event`` happen to a refund at ``due_at``."""
        self._db.execute("INSERT INTO step (refund, event, due_at) VALUES (?, ?, ?)", (refund_id, event, _text(due_at)))

    def forget_plan(self, refund_id: str) -> None:
        """Nothing happens to a refund any more by itself."""
        self._db.execute("DELETE FROM step WHERE refund = ?", (refund_id,))

    def hurry(self, refund_id: str | None, now: datetime) -> int:
        """Let all that is planned (for one refund, or for all) happen now; returns how much that is."""
        done = self._db.execute(
            "UPDATE step SET due_at = ? WHERE due_at > ? AND (? IS NULL OR refund = ?)",
            (_text(now), _text(now), refund_id, refund_id),
        )
        return done.rowcount

    def next_step(self, now: datetime) -> tuple[Refund, str] | None:
        """Take the first planned event that is due."""
        row = self._db.execute(
            "SELECT * FROM step WHERE due_at <= ? ORDER BY due_at, id LIMIT 1", (_text(now),)
        ).fetchone()
        if row is None:
            return None
        self._db.execute("DELETE FROM step WHERE id = ?", (row["id"],))
        refund = self.by_id(row["refund"])
        assert refund is not None
        return refund, str(row["event"])

    def set(self, refund_id: str, status: str, now: datetime, **values: str | None) -> Refund:
        """Move a refund to ``status``; ``values`` are further columns."""
        names = ("reference", "reason", "form", "action_by")
        assert set(values) <= set(names)
        self._db.execute("UPDATE refund SET status = ?, updated_at = ? WHERE id = ?", (status, _text(now), refund_id))
        for name, value in values.items():
            self._db.execute(f"UPDATE refund SET {name} = ? WHERE id = ?", (value, refund_id))  # noqa: S608 - our own names
        found = self.by_id(refund_id)
        assert found is not None
        return found

    def void(self, key: str, body: Mapping[str, Any]) -> str:
        """Keep a void and return its id; the same key gives the same id. Raises KeyReused."""
        row = self._db.execute("SELECT body, id FROM void WHERE key = ?", (key,)).fetchone()
        if row is not None:
            if json.loads(row["body"]) != body:
                raise KeyReused
            return str(row["id"])
        void_id = f"vo_{secrets.token_hex(10)}"
        self._db.execute("INSERT INTO void VALUES (?, ?, ?)", (key, json.dumps(body), void_id))
        return void_id

    def override(self, behaviour: str, count: int) -> None:
        """Let the next ``count`` refunds behave like this, whatever their instrument."""
        self._db.executemany("INSERT INTO override (behaviour) VALUES (?)", [(behaviour,)] * count)

    def take_override(self) -> str | None:
        """The next one of these, used up."""
        row = self._db.execute("DELETE FROM override WHERE id = (SELECT min(id) FROM override) RETURNING behaviour")
        found = row.fetchone()
        return str(found["behaviour"]) if found else None

    def first_time(self, key: str) -> bool:
        """True once for each key: for failures that happen once."""
        return self._db.execute("INSERT OR IGNORE INTO failed_once VALUES (?)", (key,)).rowcount == 1

    def announce(self, event: Mapping[str, Any], due_ats: Sequence[datetime]) -> str:
        """Queue an event, once for each of ``due_ats``: more than one is a duplicate. Returns its id."""
        event_id = f"evt_{secrets.token_hex(12)}"
        for due_at in due_ats:
            self._db.execute(
                "INSERT INTO event (event_id, body, due_at) VALUES (?, ?, ?)",
                (event_id, json.dumps(event), _text(due_at)),
            )
        return event_id

    def deliveries(self, now: datetime, limit: int = 50) -> list[Delivery]:
        """Events that are due, in the order in which they are to be sent."""
        rows = self._db.execute(
            "SELECT * FROM event WHERE delivered_at IS NULL AND due_at <= ? ORDER BY due_at, id LIMIT ?",
            (_text(now), limit),
        )
        return [Delivery(row["id"], row["event_id"], row["body"], row["attempts"]) for row in rows]

    def delivered(self, delivery: Delivery, now: datetime) -> None:
        """The receiver has taken it."""
        self._db.execute("UPDATE event SET delivered_at = ? WHERE id = ?", (_text(now), delivery.row))

    def not_delivered(self, delivery: Delivery, why: str, now: datetime) -> None:
        """The receiver did not take it: try again later."""
        wait = timedelta(seconds=_RETRY_S[min(delivery.attempts, len(_RETRY_S) - 1)])
        self._db.execute(
            "UPDATE event SET attempts = attempts + 1, due_at = ?, last_error = ? WHERE id = ?",
            (_text(now + wait), why, delivery.row),
        )

    def undelivered(self) -> int:
        """How many deliveries are open."""
        return int(self._db.execute("SELECT count(*) FROM event WHERE delivered_at IS NULL").fetchone()[0])

    def _refund(self, column: str, value: str) -> Refund | None:
        row = self._db.execute(f"SELECT * FROM refund WHERE {column} = ?", (value,)).fetchone()  # noqa: S608 - our own names
        return _refund(row) if row else None


def _refund(row: sqlite3.Row) -> Refund:
    values = dict(row)
    values["body"] = json.loads(values["body"])
    return Refund(**values)


def _text(at: datetime) -> str:
    """Times of one length and one zone, so that they sort as text."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
