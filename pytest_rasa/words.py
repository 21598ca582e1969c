"""The responses of a project's domain: which of them a message is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pytest_rasa.world import WorldError

_PLACEHOLDER = re.compile(r"\{\w+\}")
_TELLING = 12
"""A response with fewer fixed characters than this is a frame around values, and too many texts look like it."""


class Responses:
    """Response name -> its texts."""

    def __init__(self, texts: Mapping[str, tuple[str, ...]]) -> None:
        self._texts = texts

    @classmethod
    def of(cls, root: Path) -> Responses:
        """The responses of the domain in ``root``: ``domain.yml``, or all files of a folder ``domain``."""
        return cls({name: texts for path in domain_files(root) for name, texts in _read(path).items()})

    def names(self) -> Iterable[str]:
        """All names."""
        return self._texts.keys()

    def is_said(self, text: str, name: str) -> bool:
        """Is ``text`` the response ``name`` with some values filled in? Raises WorldError for an unknown name."""
        return any(_pattern(template).fullmatch(text) for template in self.texts(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a response, one for each variation. Raises WorldError for an unknown name."""
        if name not in self._texts:
            raise WorldError(f"the domain has no response {name!r}")
        return self._texts[name]

    def recognised(self, text: str) -> list[str]:
        """The responses that ``text`` can be, without those that are hardly more than values."""
        return [name for name in self._texts if self._is_telling(name) and self.is_said(text, name)]

    def _is_telling(self, name: str) -> bool:
        return any(len(_PLACEHOLDER.sub("", text)) > _TELLING for text in self._texts[name])


def domain_files(root: Path) -> list[Path]:
    """The files of the domain in ``root``."""
    folder = root / "domain"
    if folder.is_dir():
        return sorted(path for path in folder.rglob("*") if path.suffix in (".yml", ".yaml"))
    return [path for path in (root / "domain.yml", root / "domain.yaml") if path.is_file()]


@cache
def _read(path: Path) -> Mapping[str, tuple[str, ...]]:
    domain: Any = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
    return {
        str(name): tuple(str(one.get("text") or "") for one in variations or ())
        for name, variations in (domain.get("responses") or {}).items()
    }


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(r"[\s\S]*?".join(re.escape(piece) for piece in _PLACEHOLDER.split(template)))
