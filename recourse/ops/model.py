"""The trained model, kept by content: the same project, engine and packages give the same file and are trained once.

Rasa is always given the exact file. With a file that is missing it would silently load the newest other one it finds.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recourse.ops.errors import OperationsError
from recourse.ops.layout import Layout, tail
from recourse.ops.layout import layout as this_layout
from recourse.ops.supervisor_config import bind_to_parent

_KEPT = 3
# Besides what pyproject.toml asks for by name: packages whose version changes what a trained model contains.
_ALSO_TRAINED_WITH = {"numpy", "scikit-learn", "tensorflow", "thinc", "tokenizers", "onnxruntime"}


def model_path(layout: Layout) -> Path:
    """The file of the model for the project as it is now, whether it exists or not."""
    return layout.models / f"recourse-{fingerprint(layout.root)[:12]}.tar.gz"


def ensure_model(layout: Layout | None = None) -> Path:
    """The trained model for the project as it is now; trains it (about a minute) when it is missing.

    Of several callers at once, one trains and the others wait. Raises OperationsError with the end of the log when
    training fails.
    """
    where = layout or this_layout()
    where.create()
    with _one_at_a_time(where):
        path = model_path(where)
        if not path.is_file():
            _train(where, path)
        os.utime(path)  # the model in use is the newest, so it is kept
        _remove_old(where)
    return path


def fingerprint(root: Path) -> str:
    """Hash over all that a model is made from: configuration, domain, training data, engine code, package versions."""
    total = hashlib.sha256()
    files = [root / "config.yml", *_domain(root), *_under(root / "data", {".yml", ".yaml", ".json", ".txt"})]
    _add_files(total, root, [*files, *_under(root / "engine", {".py"})])
    total.update(_engine_packages(root).encode())
    return total.hexdigest()


def _add_files(total: hashlib._Hash, root: Path, files: list[Path]) -> None:
    for path in sorted(files):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise OperationsError(
                f"{path} cannot be read: {error.strerror}. Restore it from the repository."
            ) from error
        total.update(f"{path.relative_to(root)}\0".encode())
        total.update(hashlib.sha256(content).digest())


def _domain(root: Path) -> list[Path]:
    """Rasa accepts a file or a folder."""
    return _under(root / "domain", {".yml", ".yaml"}) if (root / "domain").is_dir() else [root / "domain.yml"]


def _under(folder: Path, suffixes: set[str]) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file()]


def _engine_packages(root: Path) -> str:
    """Names and versions, from the lock file, of the packages that take part in training."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    asked = project["dependency-groups"]["rasa"]
    names = {_package_name(one) for one in asked if isinstance(one, str)} | _ALSO_TRAINED_WITH
    locked = tomllib.loads((root / "uv.lock").read_text())["package"]
    return "\n".join(sorted(f"{one['name']}=={one['version']}" for one in locked if one["name"] in names))


def _package_name(requirement: str) -> str:
    for end, mark in enumerate(requirement):
        if mark not in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-":
            return requirement[:end].lower()
    return requirement.lower()


def _train(layout: Layout, path: Path) -> None:
    """Train into a folder of its own and move the finished file into place."""
    log = layout.log_of("train")
    with tempfile.TemporaryDirectory(prefix=".training-", dir=layout.models) as folder:
        argv = [str(layout.rasa_python), "-m", "rasa", "train", "--out", folder, "--fixed-model-name", path.name]
        code = _run(argv, layout, log)
        made = Path(folder) / path.name
        if code != 0 or not made.is_file():
            raise OperationsError(f"Training the model failed (exit code {code}). Whole log: {log}", tail(log))
        made.replace(path)


def _run(argv: list[str], layout: Layout, log: Path) -> int:
    """Exit code. The process ends with us, whatever ends us."""
    env = {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, "RASA_TELEMETRY_ENABLED": "false"}
    env["RASA_CACHE_DIRECTORY"] = str(_cache(layout))
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            bind_to_parent(argv, signal.SIGKILL),
            cwd=layout.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _cache(layout: Layout) -> Path:
    """Rasa's cache of trained parts, one for each version of our engine: Rasa misses changes in helper modules."""
    total = hashlib.sha256(_engine_packages(layout.root).encode())
    _add_files(total, layout.root, _under(layout.root / "engine", {".py"}))
    folder = layout.data / "cache"
    current = folder / f"rasa-{total.hexdigest()[:12]}"
    for other in folder.glob("rasa-*"):
        if other != current:
            shutil.rmtree(other, ignore_errors=True)
    current.mkdir(parents=True, exist_ok=True)
    return current


def _remove_old(layout: Layout) -> None:
    models = sorted(layout.models.glob("recourse-*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in models[_KEPT:]:
        path.unlink(missing_ok=True)
    for left in layout.models.glob(".training-*"):  # of a run that was killed; nobody trains while we hold the lock
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _one_at_a_time(layout: Layout) -> Iterator[None]:
    with (layout.models / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
