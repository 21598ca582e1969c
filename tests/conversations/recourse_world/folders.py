"""Folders of a test run, which end with it: what a killed run has left is removed by the next one."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

_PREFIX = "recourse-conversations-"
_OWNER = re.compile(rf"{_PREFIX}(\d+)-")


def own_folder(where: Path | None = None) -> Path:
    """A new folder in ``where`` (default: the folder for temporary files) that names the process that made it."""
    base = where or Path(tempfile.gettempdir())
    _sweep(base)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))


def _sweep(base: Path) -> None:
    for folder in base.glob(f"{_PREFIX}*"):
        owner = _OWNER.match(folder.name)
        if owner and not Path(f"/proc/{owner[1]}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)
