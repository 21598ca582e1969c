"""A store with the demo's sellers and rules and nothing else, made once and put back in milliseconds."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from sqlalchemy.engine import make_url

from recourse import migrations
from recourse.core.db import engine_for, transaction
from recourse.demo import seed


class StoreTemplate:
    """Makes the SQLite store ``url`` and keeps a copy of it in memory."""

    def __init__(self, url: str, now: datetime) -> None:
        migrations.upgrade(url)
        with transaction(engine_for(url)) as session:
            seed.people(session, now)
        self._file = str(make_url(url).database)
        self._copy = sqlite3.connect(":memory:", check_same_thread=False)
        self._live = sqlite3.connect(self._file, timeout=10, check_same_thread=False, isolation_level=None)
        self._live.execute("PRAGMA synchronous=OFF")
        self._live.backup(self._copy)

    def restore(self) -> None:
        """The store is as it was made. Open connections stay valid: it is one more change of the same file."""
        self._copy.backup(self._live)

    def close(self) -> None:
        """Give the connections back."""
        self._copy.close()
        self._live.close()
