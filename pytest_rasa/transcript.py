"""What was said in a case, to be read like a chat."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_rasa.world import Reply, Turn

_WIDTH = 110
_QUIET = ("action_listen", "action_session_start", "action_extract_slots")


@dataclass(slots=True)
class Transcript:
    """The chat so far, entry by entry: who, and what. ``kept``: the same with what people wrote as the test file has it, before
    names were filled in."""

    entries: list[tuple[str, str]] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)

    def said(self, who: str, text: str, as_written: str | None = None) -> None:
        """Somebody wrote ``text``."""
        self._add(who, text, as_written)

    def happened(self, text: str) -> None:
        """Something happened outside the chat."""
        self._add("", f"({text})")

    def replied(self, reply: Reply, to: str = "bot") -> None:
        """Somebody got ``reply``."""
        for message in reply.messages:
            titles = "  ".join(f"[{button.title}]" for button in message.buttons)
            self._add(to, f"{message.text}\n{titles}" if titles else message.text)

    def _add(self, who: str, text: str, as_written: str | None = None) -> None:
        self.entries.append((who, text))
        self.kept.append((who, text if as_written is None else as_written))

    def __str__(self) -> str:
        return "\n".join(_block(who, text) for who, text in self.entries)


def state(turn: Turn) -> str:
    """What the engine knows at this point: the last intent, what it did, and the slots."""
    actions = [name for name in turn.actions if name not in _QUIET]
    lines = [
        f"   intent: {turn.intent or 'none yet'}",
        f"  actions: {', '.join(actions) or 'none'}",
        f"    slots: {_slots(turn.slots)}",
    ]
    changed = [f"{event['name']}={event['value']!r}" for event in turn.events if event.get("event") == "slot"]
    if changed:
        lines.append(f"  set now: {', '.join(changed)}")
    return "\n".join(lines)


def first_difference(expected: str, found: str) -> str:
    """The two texts from a little before the place where they part."""
    same = next((i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), None)
    at = min(len(expected), len(found)) if same is None else same
    start = max(0, at - 30)
    lead = "…" if start else ""
    return (
        f"expected: {lead}{expected[start : at + 60]!r}\n"
        f"   found: {lead}{found[start : at + 60]!r}\n"
        f"          they differ from character {at + 1} on"
    )


def _slots(slots: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in slots.items() if value is not None) or "none"


def _block(who: str, text: str) -> str:
    wrapped = [part for line in text.splitlines() or [""] for part in textwrap.wrap(line, _WIDTH) or [""]]
    return "\n".join(f"{who if not i else '':>10} {'|' if who else ' '} {line}" for i, line in enumerate(wrapped))
