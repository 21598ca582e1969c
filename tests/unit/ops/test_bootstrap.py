"""The parts of ``scripts/bootstrap``: what counts as current, which tools count as working, how jobs run side by side."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recourse.core.settings import PROJECT_ROOT


@pytest.fixture(autouse=True, scope="module")
def setup_on_path() -> Iterator[None]:
    """The set-up is a folder of scripts, not a package: it must run before anything is installed."""
    folder = str(PROJECT_ROOT / "scripts" / "setup")
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)
    return path


def test_a_digest_covers_names_and_contents(tmp_path: Path) -> None:
    import stamps

    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("b")
    digest = stamps.digest(tmp_path, [one, two])
    assert digest == stamps.digest(tmp_path, [two, one])
    assert digest != stamps.digest(tmp_path, [one])
    assert digest != stamps.digest(tmp_path, [one, two], "dev")
    two.rename(tmp_path / "three")
    assert digest != stamps.digest(tmp_path, [one, tmp_path / "three"])


def test_what_a_web_build_writes_is_no_source(tmp_path: Path) -> None:
    import stamps

    for name in ("widget/main.ts", "dist/widget.js", "node_modules/x/index.js", "package.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [path.relative_to(tmp_path).as_posix() for path in stamps.sources(tmp_path)] == [
        "package.json",
        "widget/main.ts",
    ]


def test_a_stamp_is_what_was_written_last(tmp_path: Path) -> None:
    import stamps

    stamp = stamps.Stamp(tmp_path / "stamps", "venv")
    assert stamp.read() is None
    stamp.write(key="1")
    stamp.write(key="2")
    assert stamp.read() == {"key": "2"}
    (tmp_path / "stamps" / "venv.json").write_text("{half")
    assert stamp.read() is None
    stamp.remove()
    stamp.remove()


def test_a_shim_that_points_nowhere_does_not_count(tmp_path: Path) -> None:
    import tools

    shim = program(tmp_path / "uv", 'echo "pyenv: uv: command not found" >&2; exit 127')
    real = program(tmp_path / "real" / "uv", "echo uv 0.8.3")
    env = {"PATH": f"{tmp_path}{os.pathsep}{real.parent}"}
    assert list(tools.every("uv", env)) == [str(shim), str(real)]
    assert tools.version_of(str(shim), env) is None
    assert tools.version_of(str(real), env) == (0, 8, 3)
    assert tools.version_of(str(tmp_path / "nothing"), env) is None


@pytest.mark.parametrize(
    ("version", "good"),
    [
        (None, False),
        ((18, 20, 0), False),
        ((20, 18, 1), False),
        ((20, 19, 0), True),
        ((21, 7, 0), False),
        ((22, 11, 0), False),
        ((22, 12, 0), True),
        ((24, 1, 0), True),
    ],
)
def test_node_versions_that_can_build_the_pages(version: tuple[int, ...] | None, good: bool) -> None:
    import tools

    assert tools._new_enough(version) is good


def test_the_environment_is_free_of_an_active_virtualenv_and_of_our_own_starters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tools

    (tmp_path / "pyenv/versions/3.10.13/bin").mkdir(parents=True)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / ".tools/bin"), "/usr/bin"]))
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    env = tools.environment(tmp_path / ".tools/bin")
    assert env["PATH"].split(os.pathsep) == ["/usr/bin", str(tmp_path / "pyenv/versions/3.10.13/bin")]
    assert "VIRTUAL_ENV" not in env


def test_jobs_run_side_by_side_and_one_failure_does_not_stop_the_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import jobs

    def steps(*lines: str) -> jobs.Steps:
        for line in lines:
            yield jobs.Command(["/bin/sh", "-c", line], tmp_path, {"PATH": os.environ["PATH"]})

    # Each waits for the other's file, so they only end when they run at the same time.
    wait = "touch {0}; until [ -e {1} ]; do sleep 0.02; done"
    runner = jobs.Runner(tmp_path / "log" / "bootstrap.log", total=2)
    good = runner.run(
        [
            jobs.Job("Good", steps(wait.format("a", "b"), "echo fine")),
            jobs.Job("Bad", steps(wait.format("b", "a"), "echo the reason; exit 3", "touch never")),
        ]
    )
    assert not good
    output = capfd.readouterr()
    assert re.search(r"Good \.\.\. \d+ s", output.out)
    assert "Bad ... FAILED" in output.out
    assert "exit code 3" in output.err
    assert "the reason" in output.err
    assert not (tmp_path / "never").exists()
    assert "fine" in (tmp_path / "log" / "bootstrap.log").read_text()
    assert [path.name for path in (tmp_path / "log").iterdir()] == ["bootstrap.log"]


def test_a_job_may_recover_from_a_failed_command(tmp_path: Path) -> None:
    import jobs

    def steps() -> jobs.Steps:
        try:
            yield jobs.Command(["/bin/false"], tmp_path, {})
        except jobs.Failed:
            yield jobs.Command(["/bin/sh", "-c", "touch recovered"], tmp_path, {"PATH": os.environ["PATH"]})

    assert jobs.Runner(tmp_path / "bootstrap.log", total=1).run([jobs.Job("One", steps())])
    assert (tmp_path / "recovered").exists()


def test_a_program_that_is_not_there_fails_its_job(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import jobs

    def steps() -> jobs.Steps:
        yield jobs.Command([str(tmp_path / "nothing")], tmp_path, {})

    assert not jobs.Runner(tmp_path / "bootstrap.log", total=1).run([jobs.Job("One", steps())])
    assert "nothing" in capfd.readouterr().err


def test_an_interrupt_ends_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import jobs

    def steps() -> jobs.Steps:
        yield jobs.Command(["/bin/sh", "-c", "echo started; exec sleep 600"], tmp_path, {"PATH": os.environ["PATH"]})

    job = jobs.Job("One", steps())
    runner = jobs.Runner(tmp_path / "bootstrap.log", total=1)

    def stop(_running: object, _seconds: float) -> None:
        raise jobs.Stopped

    monkeypatch.setattr(runner, "_show", stop)
    with pytest.raises(jobs.Stopped):
        runner.run([job])
    assert job.process is not None
    assert job.process.poll() is not None
