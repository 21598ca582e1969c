"""What Rasa remembers of a conversation, read from its tracker store: slots, and the actions of the last turn."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from recourse.conversations.models import Conversation
from recourse.core.db import reading


class EngineLog:
    """The tracker of one buyer's newest conversation. ``database``: the tracker store (SQLite)."""

    def __init__(self, database: Path, store: Engine, customer_id: str) -> None:
        self._database = database
        self._store = store
        self._customer_id = customer_id

    def slots(self) -> dict[str, Any]:
        """Slot name -> value as it is now; slots that were never set are missing."""
        return {event["name"]: event["value"] for event in self._events() if event["event"] == "slot"}

    def actions(self) -> list[str]:
        """Names of the actions since the buyer's last message."""
        names: list[str] = []
        for event in self._events():
            if event["event"] == "user":
                names = []
            elif event["event"] == "action":
                names.append(event["name"])
        return names

    def _events(self) -> Iterator[dict[str, Any]]:
        newest = select(Conversation.id).where(Conversation.customer_id == self._customer_id)
        with reading(self._store) as session:
            sender = session.scalars(newest.order_by(Conversation.last_at.desc())).first()
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT data FROM events WHERE sender_id = ? ORDER BY id", (sender,)).fetchall()
        for (data,) in rows:
            yield json.loads(data)
