"""Sums up a run: how many conversations, how quick, and what of the assistant they exercised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_rasa import results
from pytest_rasa.results import Result

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter


class Reporter:
    """Gathers the results of all processes; lives in the one that the user started."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._results: list[Result] = []
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One report of any process."""
        if report.when == "call" and hasattr(report, "conversation"):
            self._results.append(Result(**report.conversation))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the files that were asked for; too little coverage makes a run that passed fail."""
        if not self._results:
            return
        wanted: Path | None = self._config.getoption("--conversation-results")
        if wanted:
            results.write(wanted, self._results)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """What there is to say."""
        if not self._results:
            return
        over = ", ".join(sorted({one.over for one in self._results}))
        terminalreporter.section("conversations")
        quick = results.speed(self._results)
        terminalreporter.line(f"{len(self._results)} over {over}{': ' + quick if quick else ''}")
        for line in self._lines:
            terminalreporter.line(line)
