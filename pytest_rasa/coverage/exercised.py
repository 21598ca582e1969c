"""What was exercised, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

KINDS = ("rule", "form_step", "slot", "action", "response", "button", "button_shown", "intent")
"""What is counted. Keys: a rule's name; ``form.slot asked`` and ``form.slot filled``; a slot; a custom action (form validations
too); ``utter_name`` or ``utter_name [es]`` for a response in another language; ``utter_name: /intent`` for a button that the domain
declares, ``/intent{entity}`` for one that an action makes; an intent."""


class Exercised:
    """How often each thing was exercised: kind -> key -> count. Adding and merging is all there is to it."""

    def __init__(self, counts: Mapping[str, Mapping[str, int]] | None = None) -> None:
        self._counts = {kind: Counter((counts or {}).get(kind, {})) for kind in KINDS}

    def add(self, kind: str, key: str, times: int = 1) -> None:
        """Count ``key`` of one of ``KINDS``. Raises KeyError for another kind."""
        self._counts[kind][key] += times

    def merge(self, other: Exercised) -> None:
        """Add all that ``other`` counted."""
        for kind, key, times in other:
            self.add(kind, key, times)

    def times(self, kind: str, key: str) -> int:
        """How often."""
        return self._counts[kind][key]

    def keys(self, kind: str) -> set[str]:
        """All keys of a kind that were exercised at least once."""
        return {key for key, times in self._counts[kind].items() if times}

    def as_json(self) -> dict[str, Any]:
        """For ``Exercised(...)`` in another process."""
        return {kind: dict(counts) for kind, counts in self._counts.items()}

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        return ((kind, key, times) for kind, counts in self._counts.items() for key, times in counts.items())
