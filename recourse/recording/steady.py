"""The part of a message that is the same when the conversation is played again: without dates, times, links and ids. Pure."""

from __future__ import annotations

import re

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_CHANGES = re.compile(
    r"(?:\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?(?:\b\d{1,2}(?:st|nd|rd|th)? "
    + _MONTH
    + r"|\b"
    + _MONTH
    + r" \d{1,2}\b)"
    r"(?:,? \d{4})?(?:,? \d{1,2}:\d{2}(?: ?[AP]M)?(?: [A-Z]{2,5}(?:[+-]\d+)?)?)?"
    r"|\b\d{4}-\d\d-\d\d\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d{1,2}:\d{2}\b"
    r"|https?://\S+|\bC-[2-9A-Z]{6}\b|\b[A-Z]{2}\d{7,}[A-Z]{0,2}\b|(?<![{\w])(?=\w*\d)\w{12,}\b|\[[a-zI -]+ removed\]"
)
_SHORTEST = 4


def beginning(title: str) -> str:
    """A button's title up to where it changes; the whole title where nothing of it would be left."""
    return _CHANGES.split(title)[0].rstrip() or title


def piece(text: str) -> str | None:
    """The longest piece of one line that does not change; None where only scraps are left."""
    pieces = [piece.strip() for line in text.splitlines() for piece in _CHANGES.split(line)]
    best = max(pieces, key=len, default="")
    return best if len(best) >= _SHORTEST else None
