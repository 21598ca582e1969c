"""Whole transcripts that are kept beside the tests and compared, with what differs from run to run masked."""

from __future__ import annotations

import difflib
import hashlib
import re
from pathlib import Path

from pytest_rasa.transcript import Transcript
from pytest_rasa.world import Stage

FOLDER = "transcripts"


def text_of(transcript: Transcript, stage: Stage) -> str:
    """The transcript as it is kept: masked before lines are broken, since a date may be longer tomorrow."""
    masked = Transcript([(who, stage.mask(text)) for who, text in transcript.kept])
    return f"{masked}\n"


def path_of(file: Path, case: str) -> Path:
    """Where the transcript of a case of ``file`` is kept: a readable name, with what makes it the only one."""
    readable = re.sub(r"[^a-z0-9]+", "-", case.lower()).strip("-")[:60]
    mark = hashlib.sha256(case.encode()).hexdigest()[:6]
    return file.parent / FOLDER / file.stem / f"{readable}-{mark}.txt"


def compare(path: Path, found: str, update: bool) -> str | None:
    """What differs from the kept transcript, as a diff; None when nothing does. ``update``: keep what was found instead."""
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found, encoding="utf-8")
        return None
    if not path.is_file():
        return f"no transcript is kept yet; --update-transcripts writes {path.name}"
    kept = path.read_text(encoding="utf-8")
    if kept == found:
        return None
    lines = difflib.unified_diff(kept.splitlines(), found.splitlines(), "kept", "found", lineterm="", n=2)
    return "the transcript has changed (--update-transcripts keeps the new one):\n" + "\n".join(lines)
