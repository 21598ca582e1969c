"""A store that somebody else keeps busy: on SQLite one writer keeps all others out."""

from __future__ import annotations

import threading

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from pytest_rasa.world import WorldError

_BUSY_S = 2.0


class StoreLock:
    """The write lock of a SQLite store, taken from another connection."""

    def __init__(self, store: Engine) -> None:
        self._store = store
        self._held: Connection | None = None
        self._timer: threading.Timer | None = None
        self._guard = threading.Lock()

    def set(self, value: str) -> None:
        """``locked``: nobody can write until ``free``. ``busy``: for two seconds from now. Raises WorldError on other databases."""
        self._free()
        if value == "free":
            return
        if self._store.dialect.name != "sqlite":
            raise WorldError("only a SQLite store can be locked as a whole; this one is on " + self._store.dialect.name)
        held = self._store.execution_options(recourse_write=True).connect()
        held.begin()
        self._held = held
        if value == "busy":
            self._timer = threading.Timer(_BUSY_S, self._release)
            self._timer.start()

    def _free(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._release()

    def _release(self) -> None:
        with self._guard:
            held, self._held = self._held, None
        if held is not None:
            held.close()  # and with it the transaction, which has written nothing
