"""``scripts/bootstrap``: brings a checkout up to date, one run at a time. Standard library, Python 3.9 or newer."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Union

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

from jobs import Failed, Job, Runner, Stopped  # noqa: E402
from parts import Browser, PythonEnvironment, WebPages  # noqa: E402
from tools import Tools  # noqa: E402

Part = Union[PythonEnvironment, WebPages, Browser]


def main() -> int:
    """Exit code 0 when all is current, 1 when something failed (or, with --check, is not current)."""
    options = _arguments()
    tools = Tools(ROOT)
    stale = _stale(tools, options.dev)
    if options.check:
        for part in stale:
            print(f"{part.title}: missing or out of date")
        return 1 if stale else 0
    if not stale:
        return 0
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGHUP, _stop)
    try:
        with _only_one(tools.folder / "bootstrap.lock"):
            return _make(tools, _stale(tools, options.dev))  # another run may have done it meanwhile
    except Stopped:
        print("Stopped. Run it again to go on.", file=sys.stderr)
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bootstrap", description="Makes all that Recourse needs.")
    parser.add_argument("--dev", action="store_true", help="also test tools and a browser for the browser tests")
    parser.add_argument("--check", action="store_true", help="only say what is missing or out of date")
    return parser.parse_args()


def _stale(tools: Tools, dev: bool) -> list[Part]:
    # An environment that has the test tools keeps them: `make run` after `make test` takes nothing away.
    groups = ["app", "dev"] if dev or (ROOT / ".venv" / "bin" / "pytest").exists() else ["app"]
    parts: list[Part] = [
        PythonEnvironment(tools, ".venv-rasa", "Python packages for Rasa", ["rasa"], project=False),
        PythonEnvironment(tools, ".venv", "Python packages for the services", groups, project=True),
    ]
    if (ROOT / "web" / "package.json").exists():
        parts.append(WebPages(tools, with_node=dev))
    if dev:
        parts.append(Browser(tools))
    return [part for part in parts if not part.current()]


def _make(tools: Tools, stale: list[Part]) -> int:
    if not stale:
        return 0
    log = Path(os.environ.get("RECOURSE_DATA") or ROOT / "var").expanduser().absolute() / "log" / "bootstrap.log"
    print(f"Setting up Recourse (details: {_relative(log)})", flush=True)
    runner = Runner(log, total=len(stale) + 1)
    if not runner.run([Job("uv, Python 3.10 and 3.12", tools.prepare_pythons())]):
        return 1
    if not runner.run([Job(part.title, part.make()) for part in stale]):
        return 1
    for part in stale:
        if isinstance(part, Browser) and part.warning:
            print(f"\nWARNING: {part.warning}\n", file=sys.stderr)
    return 0


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            print("Another set-up of this checkout is running; waiting for it ...", flush=True)
            _locked(file, fcntl.LOCK_EX)
        yield


def _locked(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    return True


def _stop(_number: int, _frame: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # ending takes a moment; it must not be cut short
    raise Stopped


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT)) if ROOT in path.parents else str(path)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, OSError) as error:
        sys.exit(f"scripts/bootstrap: {error}")
