"""The clock of a world: a file that all its processes read (RECOURSE_CLOCK_FILE)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_rasa.world import WorldError


class ClockFile:
    """How far the world's time is ahead of the real one. ``path``: None for a world whose clock cannot be moved."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._ahead = timedelta()
        if path is not None:
            self._write()

    def now(self) -> datetime:
        """The present there (UTC)."""
        return datetime.now(UTC) + self._ahead

    def move(self, to: timedelta | datetime) -> None:
        """Let so much time pass, or all the time until ``to``. Raises WorldError for a step back."""
        by = to if isinstance(to, timedelta) else to - self.now()
        if by < timedelta():
            raise WorldError(f"time passes forwards only; it is {self.now().isoformat(timespec='minutes')} already")
        if self._path is None:
            raise WorldError(
                "the clock of this stack cannot be moved: start it with RECOURSE_CLOCK_FILE=... and give it here too"
            )
        self._ahead += by
        self._write()

    def reset(self) -> None:
        """Back to real time, for the next case."""
        if self._ahead:
            self._ahead = timedelta()
            self._write()

    def _write(self) -> None:
        """In one step: somebody reads at any moment."""
        assert self._path is not None
        fresh = self._path.with_suffix(".new")
        fresh.write_text(str(self._ahead.total_seconds()), encoding="ascii")
        fresh.replace(self._path)
