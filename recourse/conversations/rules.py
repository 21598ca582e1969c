"""What a buyer may write, and what the engine is given for it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from recourse.core.errors import InvalidInput

MAX_TEXT = 2000
"""Characters (Unicode code points) of one message."""

_KEPT_CONTROLS = "\n\t"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Mn", "Zs", "Zl", "Zp"})
_MORE_SLASHES = frozenset("\u2044\u2215\u29f8\u2571\u27cb")
_NOTHING_LEFT = "?"
_NAME = re.compile(r"([^\W\d]\w*+)\s*+([{@]|$)")
_NUMBERED_TITLE = re.compile(r"#?(\d{1,3})[.):]\s")
_NUMBER = re.compile(r"#?(\d{1,3})[.)]?")


class EmptyText(InvalidInput):
    """There is nothing to read in the message."""

    code = "empty_text"


class TextTooLong(InvalidInput):
    """The message has more than MAX_TEXT characters."""

    code = "too_long"


def clean(text: str) -> str:
    """``text`` as it is kept: trimmed, without control characters and lone surrogates.

    Raises EmptyText and TextTooLong.
    """
    if len(text) > MAX_TEXT:
        raise TextTooLong(f"A message may have {MAX_TEXT} characters; this one has {len(text)}. Send it in parts.")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(char for char in lines if char in _KEPT_CONTROLS or unicodedata.category(char) not in ("Cc", "Cs"))
    if all(unicodedata.category(char) in _INVISIBLE for char in kept):
        raise EmptyText("The message is empty. Write at least one character.")
    return kept.strip()


def engine_text(text: str) -> str:
    """What the engine is given for typed ``text``: never anything that it would take for a button's payload.

    Rasa trims a message and reads ``/name{...}`` as an intent with full confidence. So slashes at the beginning are
    taken away, look-alikes too (whatever normalises text later may turn them into one), and the invisible before them.
    What is left of a payload (``cancel_order{"order_number": ...}``) is no sentence either: nothing in it is understood.
    """
    start = 0
    while start < len(text) and (_is_slash(text[start]) or unicodedata.category(text[start]) in _INVISIBLE):
        start += 1
    left = text[start:].rstrip()
    slashed = any(_is_slash(char) for char in text[:start])
    return _NOTHING_LEFT if not left or (slashed and _is_payload(left)) else left


def choice(text: str, titles: Sequence[str]) -> int | None:
    """Index of the button that typed ``text`` names by its title, or by its number where titles begin with one.

    None where it names none. Of equal titles the last is meant, as it was offered last.
    """
    wanted = _folded(text)
    number = _NUMBER.fullmatch(wanted)
    for index in range(len(titles) - 1, -1, -1):
        title = _folded(titles[index])
        numbered = _NUMBERED_TITLE.match(title)
        if title == wanted or (number and numbered and int(number[1]) == int(numbered[1])):
            return index
    return None


def _is_payload(text: str) -> bool:
    """Is this a name with an underscore (``cancel_order``), or any name with braces or a confidence after it?"""
    name = _NAME.match(text)
    return name is not None and (bool(name[2]) or "_" in name[1])


def _is_slash(char: str) -> bool:
    return char in _MORE_SLASHES or unicodedata.normalize("NFKC", char).startswith("/")


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
