"""What no conversation needs to exercise, and why: a ``coverage.yml`` beside the tests.

never:
  - {kind: response, key: utter_engine_gave_up, why: "said by the gateway when the engine is down for an hour"}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from pytest_rasa.coverage.errors import CoverageError
from pytest_rasa.coverage.inventory import KINDS, Place
from pytest_rasa.coverage.yaml_lines import Reader

_KEYS = ("kind", "key", "why")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One entry: ``kind`` and ``key`` as in the reports."""

    kind: str
    key: str
    why: str
    place: Place


def load(path: Path) -> list[LeftOut]:
    """The entries of ``path``; none when there is no such file. Raises CoverageError, which names all that is wrong."""
    if not path.exists():
        return []
    reader = Reader(path, path.name)
    content = reader.mapping()
    wrong = [f"{path.name}: {key!r} is not known; there is only never" for key in content if key != "never"]
    entries: dict[tuple[str, str], LeftOut] = {}
    for entry, line in reader.mappings(content, "never"):
        place = Place(reader.shown, line)
        problems = [f"{place}: {problem}" for problem in _problems(entry)]
        wrong += problems
        if problems:
            continue
        one = LeftOut(str(entry["kind"]), str(entry["key"]), str(entry["why"]).strip(), place)
        first = entries.setdefault((one.kind, one.key), one)
        if first is not one:
            wrong.append(f"{place}: {one.kind} {one.key!r} is left out already in line {first.place.line}")
    if wrong:
        raise CoverageError("\n".join(wrong))
    return list(entries.values())


def _problems(entry: CommentedMap) -> Iterator[str]:
    for key in entry:
        if key not in _KEYS:
            yield f"{key!r} is not known; an entry has {', '.join(_KEYS)}"
    if entry.get("kind") not in KINDS:
        yield f"kind must be one of {', '.join(KINDS)}"
    if not entry.get("key"):
        yield "key is missing: the name as the report shows it"
    if not str(entry.get("why") or "").strip():
        yield "why is missing: say why no conversation can exercise it"
