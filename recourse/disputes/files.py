"""Where evidence is kept, and what looks for malware in it: two ports, each with an implementation that needs nothing else."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from recourse.core.settings import settings

_NAME = re.compile(r"[0-9a-f]{32}\.(?:jpg|png|webp)")


class EvidenceStore(Protocol):
    """Keeps files under names from ``new_name``. A name that was never written is a FileNotFoundError on reading only."""

    def write(self, name: str, data: bytes) -> None:
        """Keep ``data`` durably under ``name``: all of it or nothing."""
        ...

    def read(self, name: str) -> bytes:
        """What is kept under ``name``. Raises FileNotFoundError."""
        ...

    def remove(self, name: str) -> None:
        """Forget ``name``; one that is not there is no error."""
        ...

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Every name, with the time it was written (UTC)."""
        ...


class FolderStore:
    """Files below one folder, by the first two characters of their names, readable by the owner only."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, data: bytes) -> None:
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync(path.parent)

    def read(self, name: str) -> bytes:
        return self._path(name).read_bytes()

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[tuple[str, datetime]]:
        for path in self.root.glob("??/*"):
            if _NAME.fullmatch(path.name):
                yield path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):  # a name from a row or a link never leads out of the folder
            raise FileNotFoundError(name)
        return self.root / name[:2] / name


class Scanner(Protocol):
    """Looks for malware."""

    def scan(self, data: bytes) -> str:
        """``clean``, ``infected`` or ``not_scanned``. ``clean`` only when it was really looked at."""
        ...


class NoScanner:
    """No scanner is connected, and files say so."""

    def scan(self, data: bytes) -> str:
        return "not_scanned"


def default_store() -> FolderStore:
    """The folder ``evidence`` of this process's data."""
    return FolderStore(settings().data_dir / "evidence")


def new_name(extension: str) -> str:
    """A name that cannot be guessed and says nothing."""
    return f"{secrets.token_hex(16)}.{extension}"


def _sync(folder: Path) -> None:
    """Make a new name in ``folder`` survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
