"""What the cases exercised, each with its name: sent between processes, and put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_rasa.coverage.exercised import Exercised

Counts = Mapping[str, Mapping[str, int]]
"""``Exercised.as_json()``."""


class Merged:
    """What all cases exercised, and which of them did."""

    def __init__(self) -> None:
        self.exercised = Exercised()
        self._numbers: dict[str, int] = {}
        self._by: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    @property
    def cases(self) -> list[str]:
        """The names of all cases, in the order in which they came."""
        return list(self._numbers)

    def add(self, case: str, exercised: Exercised) -> None:
        """Add what ``case`` exercised; a case may come more than once."""
        # A case is kept as a number: names in full would be most of the memory.
        number = self._numbers.setdefault(case, len(self._numbers))
        self.exercised.merge(exercised)
        for kind, key, _ in exercised:
            self._by[kind, key].add(number)

    def of(self, kind: str, key: str) -> set[int]:
        """The cases that exercised a key, as positions in ``cases``."""
        return self._by.get((kind, key), set())


def to_json(case: str, exercised: Exercised) -> tuple[str, dict[str, Any]]:
    """What ``merge`` takes, fit for JSON: the name of the case, and what it exercised."""
    return case, {kind: counts for kind, counts in exercised.as_json().items() if counts}


def merge(parts: Iterable[tuple[str, Counts]]) -> Merged:
    """Put together what ``to_json`` made in any process, or other pairs of a case's name and ``Exercised.as_json()``."""
    merged = Merged()
    for case, counts in parts:
        merged.add(case, Exercised(counts))
    return merged
