"""The two tools: calibration and the report on labelled texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.calibrate import outcomes, recommended
from engine.nlu.intent_model import Unseen
from engine.report import Parsed, auroc, macro_f1, parse_rows, print_report, read_mapping, read_rows


def parsed(best: str, confidence: float, wanted: str | None) -> Parsed:
    return Parsed("text", wanted or "oos", "", [wanted] if wanted else None, best, confidence, best, 1.0)


def test_auroc_counts_ties_half() -> None:
    inside = [parsed("greet", confidence, "greet") for confidence in (0.9, 0.5)]
    outside = [parsed("greet", confidence, None) for confidence in (0.5, 0.1)]
    assert auroc(inside, outside) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_macro_f1() -> None:
    pairs = [("greet", "greet"), ("thank", "greet"), ("thank", "thank")]
    assert macro_f1(pairs) == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_the_map_and_the_rows(tmp_path: Path) -> None:
    mapping = tmp_path / "map.json"
    mapping.write_text('{"hello": "greet", "ty_bye": ["thank", "goodbye"], "oos": null}', encoding="utf-8")
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "hi", "intent": "hello"}\n\n{"text": "x", "intent": "other"}\n', encoding="utf-8")
    read = read_mapping(mapping)
    assert read == {"hello": ["greet"], "ty_bye": ["thank", "goodbye"], "oos": None}
    assert read_rows(rows, read) == [{"text": "hi", "intent": "hello"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ('{"text": "hi"}', 'needs a JSON object with "text"'),
        ('{"text": "a", "intent": "b"}', "none of its labels"),
    ],
)
def test_a_bad_file_is_told(tmp_path: Path, content: str, message: str) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit, match=message):
        read_rows(rows, {"hello": ["greet"]})


async def test_the_report_of_a_model(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mapping = {"a": ["greet"], "b": ["cancel_order"], "oos": None}
    texts = [("hello there!", "a"), ("cancel the order please", "b"), ("how high is K2", "oos")]
    print_report(await parse_rows(model, [{"text": text, "intent": label} for text, label in texts], mapping))
    printed = capsys.readouterr().out
    assert "2 texts in scope, 1 out of scope" in printed
    assert "accuracy        1.000" in printed
    assert "latency" in printed


def test_the_recommended_threshold_keeps_most_right_answers() -> None:
    margins = np.concatenate([np.linspace(0.6, 1.4, 100), np.linspace(0.1, 0.5, 100)])
    unseen = Unseen(["text"] * 200, ["greet"] * 100 + ["nlu_fallback"] * 100, ["greet"] * 200, margins)
    best = recommended(outcomes(unseen))
    assert best.right_kept >= 0.95
    assert best.foreign_rejected >= 0.95
