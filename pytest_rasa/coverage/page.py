"""The report as one page that needs nothing else: no network, no other file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from pytest_rasa.coverage.measured import Coverage, Entry, Row, percent, times

_TEMPLATE = Path(__file__).with_name("page.html")
_CASES = 12
"""How many conversations are named beside a thing; the JSON report has them all."""
_ORDER = ("missing", "left out", "exercised")


def html(coverage: Coverage) -> str:
    """The page."""
    rows = [*coverage.rows, coverage.total]
    parts = {
        "percent": percent(coverage.total.percent),
        "of": escape(coverage.of),
        "part": _part(coverage),
        "kinds": "\n".join(_kind(row) for row in rows),
        "options": "".join(f"<option>{escape(row.name)}</option>" for row in coverage.rows),
        "things": "\n".join(_things(row, coverage.cases) for row in coverage.rows if row.entries),
        "unknown": _unknown(coverage),
    }
    # In one go: what is filled in may itself look like a place to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _TEMPLATE.read_text(encoding="utf-8"))


def _part(coverage: Coverage) -> str:
    if not coverage.chosen:
        return ""
    return '<p class="part">Only a part of the conversations ran, so what is missing here may be exercised by the others.</p>'


def _kind(row: Row) -> str:
    css = ' class="all"' if row.name == "all" else ""
    bar = f'<div class="bar"><i style="width: {row.percent:.1f}%"></i></div>' if row.total else ""
    share = percent(row.percent) if row.total else "–"
    return (
        f'<tr{css}><th scope="row">{escape(row.name)}</th><td class="share">{bar}</td>'
        f'<td class="number">{row.exercised} of {row.total}</td><td class="number">{share}</td></tr>'
    )


def _things(row: Row, cases: Sequence[str]) -> str:
    entries = sorted(row.entries, key=lambda entry: _ORDER.index(entry.state))
    return "\n".join(_thing(entry, row.name, cases) for entry in entries)


def _thing(entry: Entry, name: str, cases: Sequence[str]) -> str:
    why = f'<span class="why">{escape(entry.why)}</span>' if entry.why and entry.state == "left out" else ""
    where = f"<code>{escape(entry.where)}</code>" if entry.place else escape(entry.where)
    text = escape(f"{entry.key} {entry.where}".lower())
    return (
        f'<tr role="row" class="{entry.state.replace(" ", "-")}" data-kind="{escape(name)}" data-text="{text}">'
        f'<td role="cell"><span class="state">{entry.state}</span></td>'
        f'<td role="cell" class="kind">{escape(name)}</td>'
        f'<th role="rowheader" scope="row"><code>{escape(entry.key)}</code>{why}</th>'
        f'<td role="cell" class="number">{entry.times}</td>'
        f'<td role="cell" class="where">{where}</td>'
        f'<td role="cell" class="cases">{_cases(entry, cases)}</td></tr>'
    )


def _cases(entry: Entry, cases: Sequence[str]) -> str:
    if not entry.cases:
        return ""
    names = sorted(cases[case] for case in entry.cases)
    items = [f"<li>{_breakable(name)}</li>" for name in names[:_CASES]]
    if len(names) > _CASES:
        items.append(f"<li>and {len(names) - _CASES} more, see coverage.json</li>")
    title = f"{len(names)} conversation{'' if len(names) == 1 else 's'}"
    return f"<details><summary>{title}</summary><ul>{''.join(items)}</ul></details>"


def _breakable(case: str) -> str:
    return escape(case).replace("::", "::<wbr>")


def _unknown(coverage: Coverage) -> str:
    if not coverage.unknown:
        return ""
    items = "".join(
        f"<li>{kind} <code>{escape(key)}</code>, {times(count)}</li>" for kind, key, count in coverage.unknown
    )
    return f'<h2>Exercised, but not in the files of the assistant</h2>\n<ul class="plain">{items}</ul>'
