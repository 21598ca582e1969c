"""Time. UTC and aware everywhere; the local zone is for display only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recourse.core.errors import ConfigurationError
from recourse.core.settings import settings


class Clock(Protocol):
    """Tells the time. Services take one, so that a test or ``sweep --at`` can move it."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime."""
        ...


class SystemClock:
    """The machine's clock; in tests that set RECOURSE_CLOCK_FILE, ahead of it by as much as that file says now.

    What guards a sign-in (the expiry of tokens, the age of a signature) stays on the machine's own time.
    """

    def now(self) -> datetime:
        file = settings().clock_file
        return datetime.now(UTC) if file is None else _ahead(file)


class FixedClock:
    """A clock that stands still until it is moved. For tests and for ``recourse sweep --at``."""

    def __init__(self, at: datetime) -> None:
        self.at = require_utc(at)

    def now(self) -> datetime:
        return self.at


def require_utc(value: datetime) -> datetime:
    """``value`` in UTC. Raises ValueError for a naive datetime, because guessing a zone moves deadlines, and for one that has
    no UTC time between the years 1 and 9999."""
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone; give an aware datetime, for example 2026-11-24T12:00:00+00:00")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


def zone(name: str | None) -> ZoneInfo:
    """The zone called ``name``, or UTC where the name is missing or unknown (a buyer's browser may send anything)."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _ahead(file: Path) -> datetime:
    try:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text(encoding="ascii")))
    except (OSError, ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"RECOURSE_CLOCK_FILE must name a file that holds a number of seconds, but {file} cannot be read as one"
        ) from error
