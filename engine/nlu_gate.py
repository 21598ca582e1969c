"""Have the intents become harder to tell apart? ``python -m engine.nlu_gate`` compares with ``tests/nlu/report.json``.

Every training phrase is answered by a model that has not seen it (cross-validation in FOLDS parts; which part a phrase is in
follows from its own words, so a phrase that is added or removed moves no other). What came out is kept in the repository and
compared. The same phrases and settings always give the same report.

Worse is: a pair "phrases of this intent, taken for that one" has grown by more than PAIR_TOLERANCE phrases, or accuracy or
macro-F1 has fallen by more than SHARE_TOLERANCE. Less than that is noise: taking 1, 20 or 50 of the 1,100 phrases away at random
(twelve times) never made a pair grow by more than 3, nor moved the accuracy by more than 0.006.

Exit codes: 0 not worse, 1 worse, 2 cannot run (no report yet, or phrases or settings that cannot be used).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.training_data.loading import load_data
from rasa.shared.utils.io import read_yaml_file
from threadpoolctl import threadpool_limits

from engine.calibrate import CLASSIFIER
from engine.nlu.encoder import shared_encoder
from engine.nlu.intent_model import OUT_OF_SCOPE, CachedEncoder, Encoder, IntentModel
from engine.report import macro_f1

FOLDS = 5
PAIR_TOLERANCE = 3
SHARE_TOLERANCE = 0.01
EXAMPLES = 5
NOT_UNDERSTOOD = "not understood"  # how OUT_OF_SCOPE is called where people read it
FALLBACK_CLASSIFIER = "FallbackClassifier"
HOW_TO_ACCEPT = "`make nlu-gate ACCEPT=1` writes it from the present state."

Pair = tuple[str, str]


class CannotRun(Exception):
    """There is nothing to measure or to compare with; the message says what to do."""


class State(NamedTuple):
    """How well the intents are told apart. ``confusions``: (intent, answer) -> its phrases that were answered so, sorted."""

    phrases: int
    intents: int
    accuracy: float
    macro_f1: float
    confusions: dict[Pair, list[str]]


class Data(NamedTuple):
    """Training phrases with their intents, and the confidence below which an answer is not given."""

    texts: list[str]
    labels: list[str]
    threshold: float


def read_data(folder: Path, config: Path) -> Data:
    """Read the phrases of all intents that can be typed. Raises CannotRun."""
    for path in (folder, config):
        if not path.exists():
            raise CannotRun(f"{path} does not exist; run this at the top of the project.")
    try:
        pipeline = {component["name"]: component for component in read_yaml_file(config)["pipeline"]}
        examples = load_data(str(folder)).intent_examples
        button_only = pipeline[CLASSIFIER].get("button_only_intents", [])
        threshold = float(pipeline[FALLBACK_CLASSIFIER]["threshold"])
    except RasaException as error:
        raise CannotRun(str(error)) from error
    except (KeyError, TypeError) as error:
        raise CannotRun(f"{config} needs {CLASSIFIER} and {FALLBACK_CLASSIFIER} with a threshold ({error}).") from error
    typed = [example for example in examples if example.get("intent") not in button_only]
    return Data([each.get("text") for each in typed], [each.get("intent") for each in typed], threshold)


def measure(data: Data, encoder: Encoder) -> State:
    """Answer every phrase with a model that has not seen it. Raises CannotRun where an intent has too few phrases."""
    labels, folds = np.array(data.labels), np.array([fold_of(text) for text in data.texts])
    _check(labels, folds)
    cached = CachedEncoder(encoder)
    answers = [""] * len(data.texts)
    with threadpool_limits(1):  # sums in the same order, and so the same result, on any number of cores
        for fold in range(FOLDS):
            known = np.flatnonzero(folds != fold)
            model = IntentModel.train([data.texts[i] for i in known], [data.labels[i] for i in known], cached)
            for i in np.flatnonzero(folds == fold):
                best, confidence = (model.rank(data.texts[i]) or [(OUT_OF_SCOPE, 1.0)])[0]
                answers[i] = best if confidence >= data.threshold else OUT_OF_SCOPE
    return state_of(data.texts, data.labels, answers)


def _check(labels: npt.NDArray[np.str_], folds: npt.NDArray[np.int64]) -> None:
    intents = sorted(set(labels.tolist()))
    if len(intents) < 2:
        raise CannotRun(f"There are phrases of {len(intents)} intents; it takes two to mistake one for the other.")
    for intent in intents:
        own = folds[labels == intent]
        if len(own) - np.bincount(own).max() < 2:
            raise CannotRun(f"{intent} has too few phrases to leave some out ({len(own)}). Give it ten or more.")


def fold_of(text: str) -> int:
    """Return the part, from 0, in which a phrase is tested."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % FOLDS


def state_of(texts: Sequence[str], labels: Sequence[str], answers: Sequence[str]) -> State:
    """Sum up which phrases got which answer."""
    confusions: dict[Pair, list[str]] = {}
    for text, label, answer in sorted(zip(texts, labels, answers, strict=True)):
        if answer != label:
            confusions.setdefault((label, answer), []).append(text)
    wrong = sum(map(len, confusions.values()))
    return State(
        len(texts),
        len(set(labels)),
        round(1 - wrong / len(texts), 4),
        round(macro_f1(list(zip(labels, answers, strict=True))), 4),
        confusions,
    )


def worse_pairs(before: State, now: State) -> list[Pair]:
    """Return the pairs that have grown by more than PAIR_TOLERANCE, the worst first."""
    growth = {pair: len(texts) - len(before.confusions.get(pair, [])) for pair, texts in now.confusions.items()}
    return sorted((pair for pair in growth if growth[pair] > PAIR_TOLERANCE), key=lambda pair: (-growth[pair], pair))


def fallen(before: State, now: State) -> list[str]:
    """Return which of accuracy and macro-F1 have fallen by more than SHARE_TOLERANCE."""
    drops = {"accuracy": before.accuracy - now.accuracy, "macro-F1": before.macro_f1 - now.macro_f1}
    return [name for name, drop in drops.items() if round(drop, 4) > SHARE_TOLERANCE]


def read_report(path: Path) -> State:
    """Read a stored report. Raises CannotRun when there is none or it is not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return State(
            int(content["phrases"]),
            int(content["intents"]),
            float(content["accuracy"]),
            float(content["macro_f1"]),
            {
                (label, answer): list(texts)
                for label, some in content["confusions"].items()
                for answer, texts in some.items()
            },
        )
    except FileNotFoundError as error:
        raise CannotRun(f"There is no report {path} to compare with yet. {HOW_TO_ACCEPT}") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CannotRun(f"{path} is not a report ({error}). {HOW_TO_ACCEPT}") from error


def write_report(path: Path, state: State) -> None:
    """Keep a report: sorted, so that a change of it is easy to review. ``confusions``: intent -> answer -> phrases."""
    content: dict[str, Any] = {name: getattr(state, name) for name in ("phrases", "intents", "accuracy", "macro_f1")}
    content["confusions"] = {}
    for label, answer in sorted(state.confusions):
        content["confusions"].setdefault(label, {})[answer] = state.confusions[label, answer]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def tell(before: State, now: State) -> bool:
    """Print what has changed; returns whether it is worse."""
    print(
        f"{now.phrases} phrases of {now.intents} intents, {FOLDS} folds (report: {before.phrases} of {before.intents})"
    )
    print(f"accuracy  {before.accuracy:.4f} -> {now.accuracy:.4f}  ({now.accuracy - before.accuracy:+.4f})")
    print(f"macro-F1  {before.macro_f1:.4f} -> {now.macro_f1:.4f}  ({now.macro_f1 - before.macro_f1:+.4f})")
    pairs, shares = worse_pairs(before, now), fallen(before, now)
    for pair in pairs:
        _tell_pair(pair, before.confusions, now.confusions)
    for share in shares:
        print(f"\n{share} has fallen by more than {SHARE_TOLERANCE}")
        if not pairs:
            _tell_growth(before, now)
    if pairs or shares:
        print(
            "\nWorse than the report. Look at the phrases above: a wrong label, or phrases of two intents that mean the same?"
            "\nIf it is meant to be so: make nlu-gate ACCEPT=1, and commit the report with your change."
        )
    elif before != now:
        print("Not worse. The report is of an earlier state; make nlu-gate ACCEPT=1 brings it up to date.")
    else:
        print("Exactly as in the report.")
    return bool(pairs or shares)


def _tell_pair(pair: Pair, before: Mapping[Pair, list[str]], now: Mapping[Pair, list[str]]) -> None:
    label, answer = pair
    old = before.get(pair, [])
    new = [text for text in now[pair] if text not in old]
    print(f"\n{label} -> {_named(answer)}: {len(old)} -> {len(now[pair])} phrases of {label}; new ones:")
    for text in new[:EXAMPLES]:
        print(f"    {text}")
    if len(new) > EXAMPLES:
        print(f"    and {len(new) - EXAMPLES} more")


def _tell_growth(before: State, now: State) -> None:
    """Where many pairs have grown a little, name those that have grown most."""
    growth = {pair: len(texts) - len(before.confusions.get(pair, [])) for pair, texts in now.confusions.items()}
    for pair in sorted(growth, key=lambda pair: (-growth[pair], pair))[:EXAMPLES]:
        _tell_pair(pair, before.confusions, now.confusions)


def _named(intent: str) -> str:
    return NOT_UNDERSTOOD if intent == OUT_OF_SCOPE else intent


def main() -> None:
    """Parse the command line, measure, and compare with the report or rewrite it."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], epilog="exit codes: 0 not worse, 1 worse, 2 cannot run"
    )
    parser.add_argument("--data", type=Path, default=Path("data/nlu"), help="folder of the training phrases")
    parser.add_argument("--config", type=Path, default=Path("config.yml"))
    parser.add_argument("--report", type=Path, default=Path("tests/nlu/report.json"))
    parser.add_argument("--accept", action="store_true", help="rewrite the report from the present state")
    arguments = parser.parse_args()
    try:
        before = None if arguments.accept else read_report(arguments.report)
        now = measure(read_data(arguments.data, arguments.config), shared_encoder())
    except (CannotRun, RasaException) as error:
        print(f"nlu-gate: {error}", file=sys.stderr)
        sys.exit(2)
    if before is not None:
        sys.exit(1 if tell(before, now) else 0)
    write_report(arguments.report, now)
    print(
        f"accuracy {now.accuracy:.4f}, macro-F1 {now.macro_f1:.4f} of {now.phrases} phrases: kept in {arguments.report}"
    )


if __name__ == "__main__":
    main()
