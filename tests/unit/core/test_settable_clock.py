"""The clock that tests move: all processes read one file, and a real shop cannot be moved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recourse.core.clock import SystemClock
from recourse.core.errors import ConfigurationError
from recourse.core.settings import from_environment, settings

_SOON = timedelta(seconds=5)


@pytest.fixture
def clock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that RECOURSE_CLOCK_FILE names."""
    file = tmp_path / "clock"
    monkeypatch.setenv("RECOURSE_CLOCK_FILE", str(file))
    monkeypatch.delenv("RECOURSE_SHOP_SECRET", raising=False)
    settings.cache_clear()
    yield file
    settings.cache_clear()


def _ahead() -> timedelta:
    return SystemClock().now() - datetime.now(UTC)


@pytest.mark.parametrize(("written", "ahead"), [("0", 0.0), ("86400\n", 86_400), ("1.5", 1.5), ("-3600", -3600)])
def test_the_clock_is_ahead_by_what_the_file_says(clock_file: Path, written: str, ahead: float) -> None:
    clock_file.write_text(written)
    assert abs(_ahead() - timedelta(seconds=ahead)) < _SOON


def test_a_change_of_the_file_counts_at_once(clock_file: Path) -> None:
    clock_file.write_text("0")
    assert abs(_ahead()) < _SOON
    clock_file.write_text("7200")
    assert abs(_ahead() - timedelta(hours=2)) < _SOON


@pytest.mark.parametrize("written", [None, "", "tomorrow", "nan", "inf", "1e30", "\xff"])
def test_a_file_that_holds_no_number_is_named(clock_file: Path, written: str | None) -> None:
    if written is not None:
        clock_file.write_text(written, encoding="latin-1")
    with pytest.raises(ConfigurationError, match="RECOURSE_CLOCK_FILE must name a file that holds a number of seconds"):
        SystemClock().now()


def test_a_real_shop_cannot_be_moved() -> None:
    with pytest.raises(ConfigurationError, match="RECOURSE_CLOCK_FILE is for tests with the demo secret only"):
        from_environment({"RECOURSE_CLOCK_FILE": "/tmp/clock", "RECOURSE_SHOP_SECRET": "x" * 40})


def test_without_a_file_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOURSE_CLOCK_FILE", raising=False)
    settings.cache_clear()
    monkeypatch.setattr(Path, "read_text", lambda *_a, **_k: pytest.fail("a file was read"))
    assert abs(_ahead()) < _SOON
    settings.cache_clear()
