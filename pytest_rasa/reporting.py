"""Sums up a run: how many conversations, how quick, and what of the assistant they exercised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_rasa import results
from pytest_rasa.coverage import gate
from pytest_rasa.coverage.finish import Finished, finish
from pytest_rasa.results import Result

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter


ALLOWED = "coverage.yml"
"""Beside the conversations: what none of them needs to exercise, and why."""


_WHOLE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


class Reporter:
    """Gathers the results of all processes; lives in the one that the user started."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._results: list[Result] = []
        self._coverage = Finished()

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
            try:
                results.write(wanted, self._results)
            except OSError as error:
                raise pytest.UsageError(f"--conversation-results={wanted}: {error.strerror}") from error
        folder: Path | None = self._config.getoption("--assistant-coverage")
        minimum: str | None = self._config.getoption("--fail-under-coverage")
        if folder is None and minimum is None:
            return
        self._coverage = self._measured(
            folder, minimum, self._chosen(session.exitstatus not in _WHOLE or bool(session.shouldstop))
        )
        if self._coverage.failures and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _measured(self, folder: Path | None, minimum: str | None, chosen: str) -> Finished:
        if not any(one.exercised.get("intent") for one in self._results):
            over = self._results[0].over
            return Finished(failures=[f"over {over} nothing says what was exercised; measure it in another world"])
        allowed = next((one / ALLOWED for one in self._folders() if (one / ALLOWED).is_file()), None)
        parts = [(one.id, one.exercised) for one in self._results]
        least = gate.parse(minimum) if minimum is not None else None
        return finish(Path(self._results[0].root), parts, folder, least, allowed, chosen)

    def _chosen(self, interrupted: bool) -> str:
        """How the user limited the run to some of the conversations; empty for all of them."""
        option = self._config.option
        limits = [f"{name} {value}" for name, value in (("-k", option.keyword), ("-m", option.markexpr)) if value]
        limits += [f"--deselect {one}" for one in option.deselect or ()]
        limits += [f"--ignore {one}" for one in (*(option.ignore or ()), *(option.ignore_glob or ()))]
        limits += ["--lf"] if getattr(option, "lf", False) else []
        limits += ["interrupted"] if interrupted else []
        whole = {str(one) for folder in self._folders() for one in (folder, *folder.parents)}
        here = self._config.invocation_params.dir
        limits += [one for one in self._config.args if str((here / one.split("::")[0]).resolve()) not in whole]
        return " ".join(limits)

    def _folders(self) -> list[Path]:
        return list(self._config.getini("rasa_conversations"))

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """What there is to say."""
        if not self._results:
            return
        over = ", ".join(sorted({one.over for one in self._results}))
        terminalreporter.section("conversations")
        quick = results.speed(self._results)
        terminalreporter.line(f"{len(self._results)} over {over}{': ' + quick if quick else ''}")
        for line in (*self._coverage.lines, *(f"ERROR {failure}" for failure in self._coverage.failures)):
            terminalreporter.line(line)
