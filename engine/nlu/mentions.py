"""What the entity rules hand to each other: a stretch of the message, its kind and its value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Optional


class Mention(NamedTuple):
    """Something that a rule found: ``text[start:end]`` is a ``kind`` with this ``value`` (JSON types only)."""

    kind: str
    value: Any
    start: int
    end: int


def overlaps(start: int, end: int, taken: Iterable[Mention]) -> bool:
    """Say whether ``[start, end)`` shares a character with one of the mentions."""
    return any(start < mention.end and mention.start < end for mention in taken)


def without_overlaps(mentions: Iterable[Mention], taken: Optional[Iterable[Mention]] = None) -> list[Mention]:
    """Keep each mention that touches neither ``taken`` nor one that was kept before it."""
    kept: list[Mention] = []
    blocked = list(taken or ())
    for mention in mentions:
        if not overlaps(mention.start, mention.end, blocked):
            kept.append(mention)
            blocked.append(mention)
    return kept
