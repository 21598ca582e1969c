"""What came of a run: one result for each case, sent from where it was played to where it is reported."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One case. ``outcome``: passed, failed or skipped. ``why``: the problem of a failed one, the reason of a skipped one.
    ``transcript``: masked. ``turns``: seconds that each message took to be answered. ``exercised``: see ``coverage``. ``root``: the
    folder of the project."""

    id: str
    over: str
    root: str
    outcome: str
    why: str = ""
    transcript: str = ""
    turns: tuple[float, ...] = ()
    exercised: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For ``Result(**...)`` in another process."""
        return {**asdict(self), "turns": list(self.turns)}


def write(path: Path, results: Iterable[Result]) -> None:
    """Write the results without what was exercised, for ``pytest_rasa.agree``."""
    left_out = ("exercised", "root")
    rows = [{key: value for key, value in one.as_json().items() if key not in left_out} for one in results]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(sorted(rows, key=lambda row: row["id"]), indent=1, ensure_ascii=False) + "\n", "utf-8")


def speed(results: Iterable[Result]) -> str:
    """How quick the turns were, in words; empty when there were none."""
    turns = sorted(seconds * 1000 for result in results for seconds in result.turns)
    if not turns:
        return ""
    p95 = turns[min(len(turns) - 1, int(len(turns) * 0.95))]
    return f"{len(turns)} turns, median {statistics.median(turns):.0f} ms, 95 % within {p95:.0f} ms"
