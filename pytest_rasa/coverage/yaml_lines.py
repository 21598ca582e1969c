"""YAML files read so that everything in them knows its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pytest_rasa.coverage.errors import CoverageError

_Container = TypeVar("_Container", CommentedMap, CommentedSeq)


class Reader:
    """One file; ``shown`` is what it is called in messages."""

    def __init__(self, path: Path, shown: str) -> None:
        self.shown = shown
        self._text = self._read(path)

    def mapping(self) -> CommentedMap:
        """The whole file; empty when nothing is in it. Raises CoverageError."""
        try:
            content = YAML(typ="rt").load(self._text)
        except YAMLError as error:
            raise CoverageError(f"{self.shown}:{_explained(error)}") from error
        return self._of(CommentedMap, content, "the file", 1)

    def has(self, *keys: str) -> bool:
        """Does a line of the file begin with one of the keys? Quicker than reading all of it, which few files need."""
        return any(line.startswith(f"{key}:") for line in self._text.splitlines() for key in keys)

    def pairs(self, parent: CommentedMap, key: str, at: int = 1) -> Iterator[tuple[str, Any, int]]:
        """Key, value and line of all that is in the mapping ``parent[key]``. ``at``: the line of ``parent``. Raises CoverageError."""
        at = _line(parent, key, at)
        inner = self._of(CommentedMap, parent.get(key), key, at)
        return ((str(name), value, _line(inner, name, at)) for name, value in inner.items())

    def items(self, parent: Any, key: str, at: int = 1) -> Iterator[tuple[Any, int]]:
        """Item and line of all that is in the list ``parent[key]``. Raises CoverageError."""
        parent = self._of(CommentedMap, parent, f"what has {key}", at)
        at = _line(parent, key, at)
        inner = self._of(CommentedSeq, parent.get(key), key, at)
        return ((item, _line(inner, index, at)) for index, item in enumerate(inner))

    def mappings(self, parent: CommentedMap, key: str, at: int = 1) -> Iterator[tuple[CommentedMap, int]]:
        """Like ``items``, for a list of mappings."""
        return (
            (self._of(CommentedMap, item, f"each of {key}", line), line) for item, line in self.items(parent, key, at)
        )

    def names(self, parent: CommentedMap, key: str) -> Iterator[tuple[str, int]]:
        """Name and line in a list of names, where a name may have settings behind it (``- greet: {...}``)."""
        for item, line in self.items(parent, key):
            yield (str(next(iter(item))), line) if isinstance(item, CommentedMap) and item else (str(item), line)

    def _of(self, kind: type[_Container], value: Any, what: str, line: int) -> _Container:
        if value is None:
            return kind()
        if not isinstance(value, kind):
            wanted = "a mapping" if kind is CommentedMap else "a list"
            raise CoverageError(f"{self.shown}:{line}: {what} must be {wanted}")
        return value

    def _read(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise CoverageError(f"{self.shown}:1: the file is not UTF-8") from error
        except OSError as error:
            raise CoverageError(f"{self.shown}: the file cannot be read: {error.strerror}") from error


def _line(container: CommentedMap | CommentedSeq, key: Any, at: int) -> int:
    """The line of a key or item. ``at``, the line of what it is in, holds for what an alias (``*menu``) or a merge brings: that is
    written elsewhere, always further up."""
    where = (container.lc.data or {}).get(key)
    return max(at, where[0] + 1) if where else at


def _explained(error: YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "context", None) or error).strip()
    return f"{mark.line + 1 if mark else 1}: this is not YAML: {problem.splitlines()[0]}"
