"""The end of a run: from what the cases exercised to the reports, and whether it is enough."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pytest_rasa.coverage import allowed as allow_list
from pytest_rasa.coverage import data, gate, page, texts
from pytest_rasa.coverage.errors import CoverageError
from pytest_rasa.coverage.inventory import inventory
from pytest_rasa.coverage.measured import Coverage
from pytest_rasa.coverage.store import Counts, merge


@dataclass(frozen=True, slots=True)
class Finished:
    """``lines``: to be printed. ``failures``: why the run fails; empty when there is enough."""

    lines: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def finish(
    root: Path,
    parts: Iterable[tuple[str, Counts]],
    out_dir: Path | None,
    minimum: gate.Minimum | None = None,
    allowed: Path | None = None,
    chosen: str = "",
) -> Finished:
    """Report what of the assistant in ``root`` was exercised.

    ``parts``: see ``store.merge``. ``out_dir``: where ``index.html``, ``coverage.json``, ``badge.json`` and ``summary.md`` are written;
    None writes nothing. ``minimum``: see ``gate.parse``; None demands nothing. ``allowed``: ``coverage.yml``, which need not exist.
    ``chosen``: how the run was limited to some of the conversations, as the user said it (``-k refund``); it stands in every report.
    """
    try:
        left_out = allow_list.load(allowed) if allowed else []
        coverage = Coverage(inventory(root), merge(parts), left_out, chosen)
        if out_dir is not None:
            _write(coverage, out_dir)
    except CoverageError as error:
        return Finished(failures=str(error).splitlines())
    where = str(out_dir / "index.html") if out_dir else "the report"
    failures = [*gate.outdated(coverage), *(gate.below(coverage, minimum) if minimum is not None else [])]
    return Finished(list(texts.terminal(coverage, where)), failures)


def _write(coverage: Coverage, folder: Path) -> None:
    files = {
        "index.html": page.html(coverage),
        "coverage.json": _json(data.as_json(coverage)),
        "badge.json": _json(data.badge(coverage)),
        "summary.md": texts.markdown(coverage),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise CoverageError(f"the coverage report cannot be written to {folder}: {error.strerror}") from error


def _json(content: object) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
