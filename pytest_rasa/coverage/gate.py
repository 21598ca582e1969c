"""When there is too little coverage, and when the list of what is left out is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pytest_rasa.coverage.errors import CoverageError
from pytest_rasa.coverage.inventory import KINDS
from pytest_rasa.coverage.measured import Coverage, percent

Minimum = Mapping[str, float] | float
"""Percent that must be exercised: of every kind, or of single ones (``response`` holds for every language, ``response [es]`` for
one)."""

_ONE = re.compile(r"(?P<kind>\w+)\s*(?P<language>\[[^\]]+\])?\s*=\s*(?P<percent>.+)")


def parse(text: str) -> Minimum:
    """``100`` or ``rule=100,response=95``. Raises CoverageError."""
    if "=" not in text:
        return _percent(text)
    minimum = {}
    for part in text.split(","):
        found = _ONE.fullmatch(part.strip())
        if found is None or found["kind"] not in KINDS:
            raise CoverageError(
                f"{part.strip()!r} is no minimum; write a percentage, or rule=100 with one of {', '.join(KINDS)}"
            )
        minimum[" ".join(filter(None, (found["kind"], found["language"])))] = _percent(found["percent"])
    return minimum


def below(coverage: Coverage, minimum: Minimum) -> list[str]:
    """A message for each kind of which less was exercised than ``minimum``."""
    return [
        f"{row.name}: {percent(row.percent)} exercised by {coverage.of}, {wanted:g} % wanted"
        for row in coverage.rows
        if row.percent < (wanted := _wanted(minimum, row.name, row.kind))
    ]


def outdated(coverage: Coverage) -> Iterator[str]:
    """A message for each entry of the allow-list that is not needed any more, or that names something that is not there."""
    for one in coverage.left_out:
        entry = coverage.entry(one.kind, one.key)
        if entry is not None and entry.times:
            who = coverage.cases[entry.cases[0]]
            yield f"{one.place}: {one.kind} {one.key!r} is exercised (by {who}), so take it out of the list"
        # A button that an action makes is only known once it was shown, which a part of the conversations may not do.
        elif entry is None and not (coverage.chosen and one.kind == "button"):
            yield f"{one.place}: there is no {one.kind} {one.key!r}; correct the name, or take it out of the list"


def _wanted(minimum: Minimum, name: str, kind: str) -> float:
    if isinstance(minimum, Mapping):
        return minimum.get(name, minimum.get(kind, 0.0))
    return minimum


def _percent(text: str) -> float:
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise CoverageError(f"{text.strip()!r} is no percentage between 0 and 100")
    return value
