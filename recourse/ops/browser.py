"""Finds a Chromium for the browser tests.

Standard library only, and Python 3.9: ``scripts/bootstrap`` imports this before any environment exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PLAYWRIGHT_PATTERNS = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*/Contents/MacOS/*")
_START_S = 20
HOW_TO_GET_ONE = "sudo apt-get install chromium, or: .venv/bin/playwright install chromium"


def find_chromium() -> Optional[Path]:
    """The first Chromium or Chrome that starts: on PATH, else Playwright's own. None when there is none."""
    return next((path for path in _candidates() if _starts(path)), None)


def _candidates() -> Iterator[Path]:
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            yield Path(found)
    for folder in _playwright_folders():
        for pattern in _PLAYWRIGHT_PATTERNS:
            yield from sorted(folder.glob(pattern), reverse=True)


def _playwright_folders() -> Iterator[Path]:
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if named:
        yield Path(named)
        return
    yield Path.home() / ".cache" / "ms-playwright"
    yield Path.home() / "Library" / "Caches" / "ms-playwright"


def _starts(path: Path) -> bool:
    """False for what only looks like a browser, such as Ubuntu's pointer to a snap that is not installed."""
    try:
        done = subprocess.run(  # noqa: S603 - a browser found on PATH
            [str(path), "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_START_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
