"""The gate: what counts as worse, what it says, and that the same phrases give the same report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT

from engine.nlu.encoder import shared_encoder
from engine.nlu_gate import (
    FOLDS,
    PAIR_TOLERANCE,
    SHARE_TOLERANCE,
    CannotRun,
    Data,
    State,
    fallen,
    fold_of,
    main,
    measure,
    read_data,
    read_report,
    state_of,
    tell,
    worse_pairs,
    write_report,
)

Gate = Callable[..., int]

PHRASES = {
    "greet": "hi|hello there|good morning|hey|good evening to you|hi bot|hello hello|morning|greetings|hiya|hey there|good day",
    "cancel_order": "cancel it|cancel my order|please cancel the lamp|I want to cancel|stop this order|call off the purchase"
    "|cancel the shoes|I do not want it anymore, cancel|can you cancel it|cancel order|cancelling please|cancel RC-1042-7713",
    "refund_status": "where is my refund|my money is not back|refund status|when do I get my money|is the refund on its way"
    "|no refund yet|refund please|has the refund been sent|money back when|refund for RC-1042-7713|my refund|refund missing",
}
CONFIG = """\
pipeline:
- name: engine.nlu.intent_classifier.SentenceIntentClassifier
- name: FallbackClassifier
  threshold: 0.4
"""


def project(folder: Path, phrases: dict[str, list[str]]) -> Path:
    """A folder with the two things that the gate reads, and a report that it kept of ``phrases``."""
    (folder / "nlu").mkdir(exist_ok=True)
    (folder / "config.yml").write_text(CONFIG, encoding="utf-8")
    lines = ['version: "3.1"', "nlu:"]
    for intent, texts in phrases.items():
        lines += [f"- intent: {intent}", "  examples: |", *(f"    - {text}" for text in texts)]
    (folder / "nlu" / "all.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def arguments(folder: Path) -> list[str]:
    return [
        "--data",
        str(folder / "nlu"),
        "--config",
        str(folder / "config.yml"),
        "--report",
        str(folder / "report.json"),
    ]


def accept_in_own_process(folder: Path, threads: int) -> bytes:
    """Run the command with so many threads; returns the report."""
    many = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    command = [sys.executable, "-m", "engine.nlu_gate", "--accept", *arguments(folder)]
    subprocess.run(command, cwd=PROJECT, env={**os.environ, **many}, capture_output=True, check=True)
    return (folder / "report.json").read_bytes()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The command in this process: (folder, *options) -> exit code."""

    def run(folder: Path, *options: str) -> int:
        monkeypatch.setattr(sys, "argv", ["nlu_gate", *options, *arguments(folder)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


def phrases() -> dict[str, list[str]]:
    return {intent: texts.split("|") for intent, texts in PHRASES.items()}


def state(accuracy: float = 0.9, macro: float = 0.9, **taken_for_stop: int) -> State:
    """A state in which so many phrases of each intent were taken for ``stop``."""
    confusions = {(intent, "stop"): [f"{intent} {i}" for i in range(count)] for intent, count in taken_for_stop.items()}
    return State(100, 5, accuracy, macro, confusions)


def test_a_pair_is_worse_when_it_grew_by_more_than_the_tolerance() -> None:
    before = state(deny=1, affirm=2)
    assert worse_pairs(before, state(deny=1 + PAIR_TOLERANCE, affirm=0)) == []
    assert worse_pairs(before, state(deny=2 + PAIR_TOLERANCE, thank=2 + PAIR_TOLERANCE)) == [
        ("thank", "stop"),
        ("deny", "stop"),
    ]


def test_a_share_is_worse_when_it_fell_by_more_than_the_tolerance() -> None:
    assert fallen(state(0.9, 0.9), state(0.9 - SHARE_TOLERANCE, 0.95)) == []
    assert fallen(state(0.9, 0.9), state(0.8899, 0.8)) == ["accuracy", "macro-F1"]


def test_what_is_worse_is_told_with_the_phrases_that_are_new(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(state(0.9, deny=1), state(0.85, deny=9))
    printed = capsys.readouterr().out
    assert "accuracy  0.9000 -> 0.8500  (-0.0500)" in printed
    assert "deny -> stop: 1 -> 9 phrases of deny" in printed
    assert "deny 1\n" in printed and "deny 0\n" not in printed
    assert "and 3 more" in printed
    assert "accuracy has fallen" in printed
    assert "make nlu-gate ACCEPT=1" in printed


def test_many_small_losses_are_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(state(0.9), state(0.85, deny=3, affirm=2))
    assert "deny -> stop: 0 -> 3" in capsys.readouterr().out


def test_noise_and_progress_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert not tell(state(0.9, deny=1), state(0.895, deny=1 + PAIR_TOLERANCE))
    assert "Not worse" in capsys.readouterr().out
    assert not tell(state(0.9, deny=1), state(0.9, deny=1))
    assert "Exactly as in the report" in capsys.readouterr().out


def test_the_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = state_of(["b", "a", "é"], ["greet", "greet", "thank"], ["thank", "thank", "thank"])
    assert found.confusions == {("greet", "thank"): ["a", "b"]}
    assert found.accuracy == pytest.approx(0.3333)
    write_report(tmp_path / "report.json", found)
    assert read_report(tmp_path / "report.json") == found


@pytest.mark.parametrize("content", [None, "{", "[]", '{"phrases": 1}'])
def test_no_report_says_how_to_get_one(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(CannotRun, match="ACCEPT=1"):
        read_report(path)


def test_a_phrase_stays_in_its_fold_whatever_is_beside_it() -> None:
    assert [fold_of(text) for text in ("hi", "hello there", "cancel it")] == [1, 2, 1]
    assert {fold_of(f"phrase {i}") for i in range(50)} == set(range(FOLDS))


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["greet"] * 20, "1 intents"), (["greet"] * 19 + ["thank"], "thank has too few"), ([], "0 intents")],
)
def test_too_few_phrases_cannot_be_measured(labels: list[str], message: str) -> None:
    with pytest.raises(CannotRun, match=message):
        measure(Data([f"text {i}" for i in range(len(labels))], labels, 0.4), shared_encoder())


def test_the_stored_report_is_of_this_project() -> None:
    report, data = (
        read_report(PROJECT / "tests/nlu/report.json"),
        read_data(PROJECT / "data/nlu", PROJECT / "config.yml"),
    )
    assert abs(report.phrases - len(data.texts)) < 50, "many phrases have changed: make nlu-gate ACCEPT=1"


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    folder = project(tmp_path, phrases())
    assert accept_in_own_process(folder, 1) == accept_in_own_process(folder, 2)


def test_from_the_first_report_to_a_mislabelled_phrase(
    tmp_path: Path, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(tmp_path, phrases())
    assert gate(folder) == 2
    assert "ACCEPT=1" in capsys.readouterr().err

    assert gate(folder, "--accept") == 0
    kept = (folder / "report.json").read_bytes()
    assert json.loads(kept)["phrases"] == 36
    assert gate(folder) == 0
    assert "Exactly as in the report" in capsys.readouterr().out

    wrong = phrases()
    moved, wrong["refund_status"] = wrong["refund_status"][:5], wrong["refund_status"][5:]
    wrong["greet"] += moved
    assert gate(project(folder, wrong)) == 1
    printed = capsys.readouterr().out
    assert "greet -> " in printed and moved[0] in printed
    assert (folder / "report.json").read_bytes() == kept, "only --accept writes"


def test_what_cannot_be_read_is_told(tmp_path: Path, gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project(tmp_path, phrases())
    (folder / "config.yml").write_text("pipeline: []\n", encoding="utf-8")
    assert gate(folder, "--accept") == 2
    assert "FallbackClassifier" in capsys.readouterr().err
    (folder / "nlu" / "all.yml").write_text("nlu: [", encoding="utf-8")
    assert gate(folder, "--accept") == 2
    assert "all.yml" in capsys.readouterr().err
    assert gate(folder / "nowhere", "--accept") == 2
    assert not (folder / "report.json").exists()
