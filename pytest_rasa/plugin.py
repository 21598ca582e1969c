"""pytest's side: collects ``*.yml`` conversation files, plays each case as a test, and sums up. README.md has the options."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_rasa import hooks, snapshots
from pytest_rasa.coverage import gate
from pytest_rasa.coverage.errors import CoverageError
from pytest_rasa.format import Case, json_schema, options_of
from pytest_rasa.loading import SHARED, FormatError, Loaded, load
from pytest_rasa.playing import CaseFailed, Played, play
from pytest_rasa.reporting import ALLOWED, Reporter
from pytest_rasa.results import Result
from pytest_rasa.words import Responses
from pytest_rasa.world import CaseInfo, Project, Stage, World, WorldError

_FOLDERS = "rasa_conversations"
_session = pytest.StashKey["Session"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    parser.addini(_FOLDERS, "folders of conversation tests (*.yml)", type="paths")
    parser.addini("rasa_python", "the Python that has Rasa; for a bare Rasa project")
    parser.addini("rasa_model", "the trained model, or the folder of models; for a bare Rasa project")
    parser.addini("rasa_actions", "the package of custom actions; for a bare Rasa project")
    group = parser.getgroup("rasa", "conversations with a Rasa assistant")
    group.addoption("--over", metavar="WORLD", help="where conversations are played, for example: inprocess, stack")
    group.addoption("--update-transcripts", action="store_true", help="keep the transcripts of this run")
    group.addoption("--conversation-results", type=Path, metavar="FILE", help="write outcomes and transcripts as JSON")
    group.addoption(
        "--conversation-schema",
        type=Path,
        metavar="FILE",
        help="write the JSON Schema of test files, and do nothing else",
    )
    group.addoption(
        "--assistant-coverage", type=Path, metavar="FOLDER", help="report what of the assistant was exercised"
    )
    group.addoption(
        "--fail-under-coverage",
        metavar="PERCENT",
        help="fail when less was exercised: 100, or for single kinds: rule=100,response=95",
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """``pytest_rasa_project``."""
    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """The controller (or the only process) sums up. Raises UsageError for an option that is wrong."""
    minimum = config.getoption("--fail-under-coverage")
    if minimum is not None:
        try:
            gate.parse(minimum)
        except CoverageError as error:
            raise pytest.UsageError(f"--fail-under-coverage: {error}") from error
    config.stash[_session] = Session(config)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Reporter(config), "pytest-rasa-reporter")


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """``--conversation-schema``."""
    wanted: Path | None = config.getoption("--conversation-schema")
    if wanted is None:
        return None
    schema = json_schema(Session(config).project)
    try:
        wanted.write_text(json.dumps(schema, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise pytest.UsageError(f"--conversation-schema={wanted}: {error.strerror}") from error
    return pytest.ExitCode.OK


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    if _session in config.stash:
        config.stash[_session].close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Every YAML file below the folders of conversation tests is a test file, except what they share."""
    if file_path.suffix not in (".yml", ".yaml") or file_path.name in (SHARED, ALLOWED):
        return None
    root = next((one for one in parent.config.getini(_FOLDERS) if file_path.is_relative_to(one)), None)
    return CaseFile.from_parent(parent, path=file_path, root=root) if root else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A world that does not exist is said once, before anything runs."""
    if any(isinstance(item, CaseItem) for item in items):
        config.stash[_session].require_world()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send what came of the case along with pytest's report."""
    report = yield
    if isinstance(item, CaseItem) and call.when == "call":
        vars(report)["conversation"] = item.result(report).as_json()  # pytest-xdist sends it along
    return report


class Session:
    """What the cases of one process share: the project, its words, and the world that was started for them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._project: Project | None = None
        self._responses: Responses | None = None
        self._world: World | WorldError | None = None

    @property
    def project(self) -> Project:
        """The project whose conversations are tested."""
        if self._project is None:
            given: Project | None = self._config.hook.pytest_rasa_project(config=self._config)
            self._project = given or _bare(self._config)
        return self._project

    @property
    def over(self) -> str:
        """Name of the world."""
        return str(self._config.getoption("--over") or next(iter(self.project.worlds)))

    def require_world(self) -> None:
        """Raises UsageError for a world that the project does not have."""
        if self.over not in self.project.worlds:
            there = ", ".join(self.project.worlds)
            raise pytest.UsageError(f"--over={self.over}: there is no such world; there are: {there}")

    def responses(self) -> Responses:
        """The words of the assistant."""
        if self._responses is None:
            self._responses = Responses.of(self.project.root)
        return self._responses

    def world(self) -> World:
        """Started by the first case; one that does not start is not tried again for every case. Raises WorldError."""
        if self._world is None:
            try:
                self._world = self.project.worlds[self.over](self._config)
            except WorldError as error:
                self._world = error
        if isinstance(self._world, WorldError):
            raise self._world
        return self._world

    def close(self) -> None:
        """Stop the world."""
        if self._world is not None and not isinstance(self._world, WorldError):
            self._world.close()
        self._world = None


class CaseFile(pytest.File):
    """One YAML file."""

    def __init__(self, *, root: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root

    def collect(self) -> Iterator[pytest.Item]:
        """Its cases. Raises FormatError, which pytest shows as an error of this file."""
        session = self.config.stash[_session]
        loaded = load(self.path, self.root, session.project)
        for case in loaded.cases:
            yield CaseItem.from_parent(self, name=case.test_case, case=case, loaded=loaded)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """A format error is one line for each thing that is wrong."""
        if isinstance(excinfo.value, FormatError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))


class CaseItem(pytest.Item):
    """One case."""

    parent: CaseFile

    def __init__(self, *, case: Case, loaded: Loaded, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._case, self._loaded = case, loaded
        self._played = Played()
        self._masked = ""
        self._exercised: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """``flow/file::case``."""
        return f"{self.path.relative_to(self.parent.root).with_suffix('').as_posix()}::{self.name}"

    def runtest(self) -> None:
        """Play it."""
        session = self.config.stash[_session]
        only = self._case.only
        if only is not None and only.over != session.over:
            pytest.skip(f"only over {only.over}: {only.because}")
        stage = session.world().open(self._info(session.project))
        self._played = Played()
        try:
            play(self._case, stage, session.responses(), self._played)
            self._compare_transcript(stage)
        finally:
            self._exercised = stage.exercised.as_json()
            self._masked = snapshots.text_of(self._played.transcript, stage)
            stage.close()
        self.user_properties.append(("turns", len(self._played.turns)))

    def result(self, report: pytest.TestReport) -> Result:
        """What came of it, once it was played."""
        why = ""
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            why = str(report.longrepr[2])
        elif report.outcome == "failed":
            why = str(report.longrepr)
        session = self.config.stash[_session]
        return Result(
            id=self.id,
            over=session.over,
            root=str(session.project.root),
            outcome=report.outcome,
            why=why,
            transcript=self._masked,
            turns=tuple(self._played.turns),
            exercised=self._exercised,
        )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """The chat and what differs, instead of a traceback."""
        if isinstance(excinfo.value, CaseFailed):
            return f"{self._shown()}:{excinfo.value.line}\n\n{excinfo.value}"
        if isinstance(excinfo.value, WorldError):
            return f"{self._shown()}:{self._case.line}\n\n{excinfo.value}"
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """``flow/file::case``."""
        return self.path, self._case.line - 1, self.id

    def _info(self, project: Project) -> CaseInfo:
        fixtures = {name: self._loaded.fixtures[name] for name in self._case.fixtures}
        return CaseInfo(self.id, fixtures, options_of(self._case, project), self._loaded.stubs_of(self._case))

    def _compare_transcript(self, stage: Stage) -> None:
        if not self._case.transcript:
            return
        path = snapshots.path_of(self.path, self.name)
        found = snapshots.text_of(self._played.transcript, stage)
        problem = snapshots.compare(path, found, self.config.getoption("--update-transcripts"))
        if problem:
            raise CaseFailed(self._played.transcript, self._case.line, "transcript: true", problem, None)

    def _shown(self) -> Path:
        return (
            self.path.relative_to(self.config.rootpath) if self.path.is_relative_to(self.config.rootpath) else self.path
        )


def _bare(config: pytest.Config) -> Project:
    from pytest_rasa import plain  # only then is an engine needed

    return plain.project(config)
