"""The report for programs: JSON, and a badge."""

from __future__ import annotations

from typing import Any

from pytest_rasa.coverage.measured import Coverage, Entry, Row, percent

_COLORS = ((100, "brightgreen"), (90, "green"), (75, "yellow"), (50, "orange"), (0, "red"))


def as_json(coverage: Coverage) -> dict[str, Any]:
    """Everything, in an order that does not change from run to run."""
    return {
        "of": coverage.of,
        "partial": bool(coverage.chosen),
        "conversations": sorted(coverage.cases),
        "total": _figures(coverage.total),
        "kinds": {row.name: _figures(row) for row in coverage.rows},
        "entries": [
            _entry(entry, coverage) for entry in sorted(coverage.total.entries, key=lambda one: (one.kind, one.key))
        ],
        "unknown": [{"kind": kind, "key": key, "times": count} for kind, key, count in coverage.unknown],
    }


def badge(coverage: Coverage) -> dict[str, Any]:
    """An endpoint badge of shields.io."""
    share = coverage.total.percent
    color = next(color for least, color in _COLORS if share >= least)
    message = percent(share) + (" of a part" if coverage.chosen else "")
    return {"schemaVersion": 1, "label": "assistant coverage", "message": message, "color": color}


def _figures(row: Row) -> dict[str, Any]:
    return {
        "exercised": row.exercised,
        "total": row.total,
        "left_out": len(row.those("left out")),
        "percent": int(row.percent * 10) / 10,
    }


def _entry(entry: Entry, coverage: Coverage) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "key": entry.key,
        "file": entry.place.file if entry.place else None,
        "line": entry.place.line if entry.place else None,
        "state": entry.state,
        "why": entry.why,
        "times": entry.times,
        "shown": entry.shown,
        "conversations": sorted(coverage.cases[case] for case in entry.cases),
    }
