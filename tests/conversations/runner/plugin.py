"""pytest: collects ``<flow>/*.yml`` and runs every case as a test on one stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runner.driving import CaseFailed, play
from runner.format import BuyerFixture, Case
from runner.loading import SHARED, FormatError, load
from runner.stack import Stack, StackError, running

ROOT = Path(__file__).resolve().parents[1]
_open = pytest.StashKey[ExitStack]()
_stack = pytest.StashKey[Stack | str]()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Every YAML file below this folder is a test file, except the shared fixtures."""
    if file_path.suffix in (".yml", ".yaml") and file_path.name != SHARED and file_path.is_relative_to(ROOT):
        return CaseFile.from_parent(parent, path=file_path)
    return None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    if _open in config.stash:
        config.stash[_open].close()


class CaseFile(pytest.File):
    """One YAML file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Its cases. Raises FormatError, which pytest shows as an error of this file."""
        loaded = load(self.path, ROOT)
        for case in loaded.cases:
            yield CaseItem.from_parent(self, name=case.test_case, case=case, fixtures=loaded.fixtures)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """A format error is one line."""
        if isinstance(excinfo.value, FormatError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, fixtures: dict[str, BuyerFixture], **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self._case = case
        self._fixtures = fixtures

    def runtest(self) -> None:
        """Play it on the stack of this session."""
        play(self._case, self._fixtures, _session_stack(self.config))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The chat and what differs, instead of a traceback."""
        if isinstance(excinfo.value, CaseFailed):
            return f"{self.path}:{excinfo.value.line}\n\n{excinfo.value}"
        if isinstance(excinfo.value, StackError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """``flow/file::case``."""
        where = self.path.relative_to(ROOT).with_suffix("").as_posix()
        return self.path, self._case.line - 1, f"{where}::{self.name}"


def _session_stack(config: pytest.Config) -> Stack:
    """Started by the first case; a stack that does not start is not tried again for every case."""
    if _stack not in config.stash:
        config.stash[_open] = ExitStack()
        try:
            config.stash[_stack] = config.stash[_open].enter_context(running())
        except StackError as error:
            config.stash[_stack] = str(error)
    found = config.stash[_stack]
    if isinstance(found, str):
        raise StackError(found)
    return found
