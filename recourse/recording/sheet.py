"""Writing YAML as people write it: plain where that is read back as the same text, quoted where not. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

WIDTH = 120
_PLAIN = re.compile(r"[^\W\d_][^#:\n\"\\]*")
_NOT_IN_A_LIST = re.compile(r"[,\[\]{}]")
_OTHER_TYPES = re.compile(r"(?i:true|false|yes|no|on|off|null|y|n)|[\d.+-]+(?:e\d+)?|\.(?:inf|nan)")


def scalar(text: str, in_list: bool = False) -> str:
    """``text`` as a value; ``in_list``: inside brackets or braces."""
    plain = _PLAIN.fullmatch(text) and text == text.strip() and not _OTHER_TYPES.fullmatch(text)
    if plain and not (in_list and _NOT_IN_A_LIST.search(text)):
        return text
    return json.dumps(text, ensure_ascii=False)


def step(verb: str, value: str | Sequence[str]) -> list[str]:
    """A step: ``- user: hello``, ``- utter: [a, b]``, or with a line for each where that is too long."""
    if isinstance(value, str):
        return [f"- {verb}: {scalar(value)}"]
    line = f"- {verb}: [{', '.join(scalar(each, in_list=True) for each in value)}]"
    if len(line) <= WIDTH - 6:
        return [line]
    return [f"- {verb}:", *(f"    - {scalar(each)}" for each in value)]


def one_or_more(verb: str, values: Sequence[str]) -> list[str]:
    """A step with one value, or with a list."""
    return step(verb, values[0] if len(values) == 1 else values)


def mapping(pairs: Sequence[tuple[str, str | int]]) -> str:
    """``{does: reject, reason: ...}``."""
    shown = ((key, value if isinstance(value, int) else scalar(value, in_list=True)) for key, value in pairs)
    return "{" + ", ".join(f"{key}: {value}" for key, value in shown) + "}"


def comment(text: str) -> str:
    """A comment in one line."""
    return "# " + " ".join(text.split())
