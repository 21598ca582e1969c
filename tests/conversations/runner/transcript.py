"""What was said in a test, to be read like a chat when the test fails."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a message: what is on it, and what pressing it sends."""

    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message that the buyer got."""

    text: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """All that the buyer got between two of his own messages."""

    messages: tuple[Message, ...] = ()

    @property
    def text(self) -> str:
        """All messages in one text."""
        return "\n".join(message.text for message in self.messages)

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The buttons of all messages."""
        return tuple(button for message in self.messages for button in message.buttons)

    @property
    def looks(self) -> list[tuple[str, list[str]]]:
        """What a buyer can see of it: texts and button titles."""
        return [(message.text, [button.title for button in message.buttons]) for message in self.messages]


@dataclass(slots=True)
class Transcript:
    """The chat so far, line by line."""

    lines: list[str] = field(default_factory=list)

    def said(self, who: str, text: str) -> None:
        """Somebody wrote ``text``."""
        self.lines.append(_block(who, text))

    def happened(self, text: str) -> None:
        """Something happened outside the chat."""
        self.lines.append(f"{'':>10}   ({text})")

    def replied(self, reply: Reply) -> None:
        """The buyer got ``reply``."""
        for message in reply.messages:
            titles = "  ".join(f"[{button.title}]" for button in message.buttons)
            self.lines.append(_block("bot", f"{message.text}\n{titles}" if titles else message.text))

    def __str__(self) -> str:
        return "\n".join(self.lines)


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


def _block(who: str, text: str) -> str:
    wrapped = [part for line in text.splitlines() or [""] for part in textwrap.wrap(line, _WIDTH) or [""]]
    return "\n".join(f"{who if not i else '':>10} | {line}" for i, line in enumerate(wrapped))
