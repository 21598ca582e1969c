"""What is current: a stamp a part, kept in .tools/stamps, holding a hash of all that the part was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

INSTALLING = "installing"
_SKIPPED_FOLDERS = {"node_modules", "dist", "coverage", "__pycache__"}


def digest(root: Path, paths: Iterable[Path], *extra: str) -> str:
    """SHA-256 over the names (relative to ``root``) and contents of ``paths`` and over ``extra``."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(str(path.relative_to(root)).encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    for text in extra:
        total.update(text.encode() + b"\0")
    return total.hexdigest()


def sources(folder: Path) -> Iterator[Path]:
    """Every file under ``folder`` that a build could read, without what the build itself writes."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if path.name not in _SKIPPED_FOLDERS:
                yield from sources(path)
        elif path.is_file():
            yield path


def packages_in(environment: Path) -> str:
    """Hash of the names and versions installed in a Python environment: notices packages changed behind our back."""
    names = sorted(path.name for path in environment.glob("lib/python3*/site-packages/*.dist-info"))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


class Stamp:
    """``read`` gives the last written value (None if there is none); ``write`` replaces it in one step."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.json"

    def read(self) -> dict | None:
        try:
            value = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def write(self, **value: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(value))
        fresh.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
