"""Which response of ``domain.yml`` a message is. Pure, but for reading the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ruamel.yaml import YAML

from recourse.core.settings import PROJECT_ROOT

_PLACEHOLDER = re.compile(r"\{\w+\}")
_TELLING = 12
"""A response with placeholders and fewer fixed characters than this is a frame around values: too many texts look like it."""


class Responses:
    """The responses of a domain. ``texts``: name -> its variants."""

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        self._texts = texts
        self._known = [
            (_fixed(text), name, _pattern(text))
            for name, variants in texts.items()
            for text in variants
            if _tells(text)
        ]
        self._known.sort(key=lambda known: -known[0])

    @classmethod
    def load(cls, path: Path | None = None) -> Responses:
        """The responses of the domain file ``path`` (default: the project's)."""
        domain = YAML(typ="safe").load((path or PROJECT_ROOT / "domain.yml").read_text(encoding="utf-8"))
        return cls(
            {
                name: [one["text"] for one in variants if one.get("text")]
                for name, variants in domain["responses"].items()
            }
        )

    def text_of(self, name: str) -> str:
        """The first text of a response."""
        return self._texts[name][0]

    def name_of(self, text: str) -> str | None:
        """The response that ``text`` is, of several the one with the most fixed words; None where none fits."""
        return next((name for _, name, pattern in self._known if pattern.fullmatch(text)), None)


def _fixed(template: str) -> int:
    return len(_PLACEHOLDER.sub("", template))


def _tells(template: str) -> bool:
    return _fixed(template) > _TELLING or not _PLACEHOLDER.search(template)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(r"[\s\S]*?".join(re.escape(piece) for piece in _PLACEHOLDER.split(template)))
