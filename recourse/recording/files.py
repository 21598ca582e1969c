"""The file that a recording becomes."""

from __future__ import annotations

import os
from pathlib import Path

from recourse.core.errors import InvalidInput


def check(path: Path, force: bool) -> None:
    """Can ``path`` be written? To be asked before a long conversation, not after it. Raises InvalidInput.

    A file that is there is only replaced with ``force``; missing folders are made when it is written.
    """
    if path.suffix not in (".yml", ".yaml"):
        raise InvalidInput(f"a conversation test is a file like tests/conversations/refund/lost.yml, not {path}")
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name a file in it")
    if path.exists() and not force:
        raise InvalidInput(f"{path} is there already; choose another name, or replace it with --force")
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir() or not os.access(path if path.exists() else nearest, os.W_OK):
        raise InvalidInput(f"{path} cannot be written; choose another place")


def write(path: Path, text: str) -> None:
    """Write the file and the folders above it. Raises InvalidInput."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error


def name_of(path: Path) -> str:
    """What a test in this file is called: ``lost_parcel.yml`` has ``lost parcel``."""
    return " ".join(path.stem.replace("_", " ").replace("-", " ").split())
