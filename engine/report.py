"""Measure a trained model on labelled texts: ``python -m engine.report FILE.jsonl --map MAP.json [--model PATH]``.

FILE.jsonl has one JSON object a line with ``text`` and ``intent``. MAP.json maps each label to one of our intents, to a
list of them when any of several is right, or to null when the label is out of scope; labels that it does not name are
left out. Nothing is trained and nothing is written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

FALLBACK = "nlu_fallback"
WARM_UP = 20

Mapping = dict[str, Optional[list[str]]]


class Parsed(NamedTuple):
    """One labelled text and what the model made of it."""

    text: str
    label: str
    group: str  # of the file, where it has groups
    wanted: Optional[list[str]]  # the intents that are right; None when the text is out of scope
    best: str  # the best intent before the threshold; nlu_fallback only for a text without words
    confidence: float  # of that intent
    answer: str  # the intent after the threshold
    milliseconds: float


def read_mapping(path: Path) -> Mapping:
    """Read MAP.json; raises SystemExit with a message when it is not such a map."""
    content = _json(path, path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise SystemExit(f"{path}: expected one JSON object from label to intent, list of intents or null.")
    return {label: [wanted] if isinstance(wanted, str) else wanted for label, wanted in content.items()}


def read_rows(path: Path, mapping: Mapping) -> list[dict[str, Any]]:
    """Read the rows whose label the map names; raises SystemExit with a message when a line is not such a row."""
    rows = [_json(path, line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not all(isinstance(row, dict) and {"text", "intent"} <= row.keys() for row in rows):
        raise SystemExit(f'{path}: every line needs a JSON object with "text" and "intent".')
    kept = [row for row in rows if row["intent"] in mapping]
    if not kept:
        raise SystemExit(
            f"{path}: the map names none of its labels ({', '.join(sorted({r['intent'] for r in rows}))})."
        )
    return kept


async def parse_rows(model: Path, rows: Sequence[dict[str, Any]], mapping: Mapping) -> list[Parsed]:
    """Parse every row with a trained model, one after the other."""
    from rasa.core.agent import Agent

    agent = Agent.load(str(model))
    for row in rows[:WARM_UP]:
        await agent.parse_message(row["text"])
    parsed = []
    for row in rows:
        started = time.perf_counter()
        result = await agent.parse_message(row["text"])
        elapsed = (time.perf_counter() - started) * 1000
        ranking = [entry for entry in result.get("intent_ranking", []) if entry["name"] != FALLBACK]
        best: dict[str, Any] = ranking[0] if ranking else {"name": FALLBACK, "confidence": 0.0}
        parsed.append(
            Parsed(
                row["text"],
                row["intent"],
                str(row.get("group", "")),
                mapping[row["intent"]],
                best["name"],
                float(best["confidence"]),
                result["intent"]["name"],
                elapsed,
            )
        )
    return parsed


def print_report(parsed: Sequence[Parsed]) -> None:
    """Print accuracy, macro-F1, AUROC, reject rates, confusions and latency."""
    inside = [p for p in parsed if p.wanted]
    outside = [p for p in parsed if not p.wanted]
    print(f"{len(inside)} texts in scope, {len(outside)} out of scope")
    if inside:
        kept = [p for p in inside if p.answer != FALLBACK]
        right = sum(p.best in (p.wanted or ()) for p in inside)
        kept_right = sum(p.answer in (p.wanted or ()) for p in kept)
        print(f"accuracy        {right / len(inside):.3f} before the threshold")
        print(f"                {kept_right / max(1, len(kept)):.3f} of those that are answered")
        print(f"macro-F1        {macro_f1(_claims(inside)):.3f} before the threshold")
        print(f"rejected        {1 - len(kept) / len(inside):.3f} of the texts in scope")
    for group in sorted({p.group for p in outside}):
        members = [p for p in outside if p.group == group]
        rejected = sum(p.answer == FALLBACK for p in members) / len(members)
        print(f"                {rejected:.3f} of {len(members)} out of scope ({group or 'all'})", end="")
        print(f", AUROC {auroc(inside, members):.3f}" if inside else "")
    for (label, answer), count in _confusions(inside):
        print(f"confused        {count:4d}  {label} -> {answer}")
    times = np.array([p.milliseconds for p in parsed])
    print(f"latency         p50 {np.percentile(times, 50):.1f} ms, p99 {np.percentile(times, 99):.1f} ms")


def auroc(inside: Sequence[Parsed], outside: Sequence[Parsed]) -> float:
    """Return how often a text in scope has a higher confidence than one out of scope (ties count half)."""
    high = np.array([p.confidence for p in inside])
    low = np.sort([p.confidence for p in outside])
    below: npt.NDArray[np.int64] = np.searchsorted(low, high, side="left")
    up_to: npt.NDArray[np.int64] = np.searchsorted(low, high, side="right")
    return float((below + up_to).mean() / 2 / len(low))


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return the mean F1 over the intents that are right somewhere; ``pairs`` are (right intent, given intent)."""
    scores = []
    for intent in sorted({truth for truth, _ in pairs}):
        hits = sum(truth == best == intent for truth, best in pairs)
        total = sum((truth == intent) + (best == intent) for truth, best in pairs)
        scores.append(2 * hits / total)
    return float(np.mean(scores))


def _claims(inside: Sequence[Parsed]) -> list[tuple[str, str]]:
    """Return (right, given) for each text; where several intents are right, the given one or else the first."""
    return [(p.best if p.best in (p.wanted or ()) else (p.wanted or [""])[0], p.best) for p in inside]


def _confusions(inside: Sequence[Parsed]) -> list[tuple[tuple[str, str], int]]:
    wrong = Counter((p.label, p.best) for p in inside if p.best not in (p.wanted or ()))
    return wrong.most_common(15)


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise SystemExit(f"{path}: not JSON ({error}).") from error


def _newest_model() -> Path:
    models = sorted(Path("models").glob("*.tar.gz"), key=os.path.getmtime)
    if not models:
        raise SystemExit("No model in models/. Train one with `rasa train`, or name one with --model.")
    return models[-1]


def _be_quiet() -> None:
    import structlog

    warnings.showwarning = lambda *args, **kwargs: None  # Rasa resets the filters
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def main() -> None:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="labelled texts, JSON lines")
    parser.add_argument("--map", type=Path, required=True, help="JSON object from label to our intents")
    parser.add_argument("--model", type=Path, help="a trained model; the newest of models/ without it")
    arguments = parser.parse_args()
    model = arguments.model or _newest_model()
    for path in (arguments.file, arguments.map, model):
        if not path.is_file():
            parser.error(f"{path} is not a file.")
    mapping = read_mapping(arguments.map)
    rows = read_rows(arguments.file, mapping)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _be_quiet()
    print_report(asyncio.run(parse_rows(model, rows, mapping)))


if __name__ == "__main__":
    main()
