"""The report as text: for a terminal, and as Markdown for a CI job's summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_rasa.coverage.measured import Coverage, Entry, Row, percent, times

_SHOWN = 10
"""How many of a kind are listed before the reader is sent to the page."""
_WIDE = 60


def terminal(coverage: Coverage, more: str) -> Iterator[str]:
    """Lines of at most some 100 characters: figures, what is missing and where. ``more``: where all of it can be read."""
    yield f"what of the assistant {coverage.of} exercised"
    yield from _figures(coverage)
    for row in coverage.rows:
        yield from _missing(row, more)
    if coverage.left_out:
        yield ""
        yield "left out, because"
        for one in coverage.left_out:
            yield f"  {one.kind} {one.key}: {one.why}"
    if coverage.unknown:
        yield ""
        yield "exercised, but not in the files of the assistant"
        for kind, key, count in coverage.unknown:
            yield f"  {kind} {key}, {times(count)}"


def markdown(coverage: Coverage) -> str:
    """A table of the kinds, what is missing, and what is left out."""
    lines = [
        f"### Assistant coverage: {percent(coverage.total.percent)}",
        "",
        f"What of the assistant {coverage.of} exercised.",
        "",
        "| kind | exercised | of | percent |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {row.name} | {row.exercised} | {row.total} | {_percent(row)} |" for row in _all(coverage)),
    ]
    missing = coverage.total.those("missing")
    if missing:
        items = [f"- {entry.kind} {_code(entry.key)} ({entry.where})" for entry in missing]
        lines += ["", *_folded(f"{len(missing)} never exercised", items)]
    if coverage.left_out:
        items = [f"- {one.kind} {_code(one.key)}: {_plain(one.why)}" for one in coverage.left_out]
        lines += ["", *_folded(f"{len(items)} left out, because", items)]
    if coverage.unknown:
        items = [f"- {kind} {_code(key)}, {times(count)}" for kind, key, count in coverage.unknown]
        lines += ["", *_folded(f"{len(items)} exercised, but not in the files of the assistant", items)]
    return "\n".join(lines) + "\n"


def _all(coverage: Coverage) -> Sequence[Row]:
    return [*coverage.rows, coverage.total]


def _percent(row: Row) -> str:
    return percent(row.percent) if row.total else "-"


def _figures(coverage: Coverage) -> Iterator[str]:
    wide = max(len(row.name) for row in _all(coverage))
    yield ""
    yield f"  {'kind':<{wide}}  exercised    of  percent"
    for row in _all(coverage):
        yield f"  {row.name:<{wide}}  {row.exercised:>9}  {row.total:>4}  {_percent(row):>7}"


def _missing(row: Row, more: str) -> Iterator[str]:
    missing = row.those("missing")
    if not missing:
        return
    yield ""
    yield f"{row.name}, never exercised"
    shown = missing[:_SHOWN]
    wide = min(_WIDE, max(len(entry.key) for entry in shown))
    yield from (_line(entry, wide) for entry in shown)
    if len(missing) > _SHOWN:
        yield f"  and {len(missing) - _SHOWN} more, see {more}"


def _line(entry: Entry, wide: int) -> str:
    key = entry.key if len(entry.key) <= wide else f"{entry.key[: wide - 3]}..."
    return f"  {key:<{wide}}  {entry.where}"


def _folded(title: str, items: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *items, "", "</details>"]


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def _plain(text: str) -> str:
    return " ".join(text.replace("<", "&lt;").split())
