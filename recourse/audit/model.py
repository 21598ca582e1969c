"""What an audit is made of: invariants, the queries that look for rows that break them, and what was found. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

CONSTRAINT, AUDIT, TEST = "constraint", "audit", "test"
"""How an invariant is held: the database refuses to break it, the audit finds it in the rows, or tests show it."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question to the database.

    ``entity``: what the found rows are. ``over``: table (with a condition, if need be) whose rows it looks at, for the count.
    ``sql``: a SELECT of two columns, the row's id and what is wrong with it, written for both databases; ``epoch(x)``
    (whole seconds of a time) and ``day(x)`` (its date in UTC) are put into each database's own words.
    """

    entity: str
    over: str
    sql: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """One of the 30 rules that always hold (domain 3.6). ``held``: by what; ``tests``: where rows cannot show all of it."""

    number: int
    rule: str
    held: tuple[str, ...]
    queries: tuple[Query, ...] = ()
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that breaks an invariant."""

    invariant: int
    entity: str
    id: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.entity} {self.id}: {self.what}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the audit of one invariant saw: how many rows it looked at (0: none can show it), and what is wrong."""

    invariant: Invariant
    checked: int
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The audit of a whole database, invariant by invariant."""

    findings: tuple[Finding, ...] = field(default=())

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Everything that is wrong."""
        return tuple(self._all())

    @property
    def checked(self) -> int:
        """How many rows were looked at; a row counts once for each question about it."""
        return sum(finding.checked for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "checked": self.checked,
            "invariants": [
                {
                    "number": finding.invariant.number,
                    "rule": finding.invariant.rule,
                    "held_by": list(finding.invariant.held),
                    "tests": list(finding.invariant.tests),
                    "checked": finding.checked,
                    "violations": [
                        {"entity": each.entity, "id": each.id, "what": each.what} for each in finding.violations
                    ],
                }
                for finding in self.findings
            ],
        }

    def _all(self) -> Iterator[Violation]:
        for finding in self.findings:
            yield from finding.violations
