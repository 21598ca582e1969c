"""Choose the threshold of the FallbackClassifier: ``python -m engine.calibrate``.

Scores every training phrase with a model that has not seen it, and the phrases of intents that were left out of training
as messages out of scope. Prints what each threshold would do and recommends one; write that into config.yml.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rasa.shared.nlu.training_data.loading import load_data
from rasa.shared.utils.io import read_yaml_file

from engine.nlu.encoder import shared_encoder
from engine.nlu.intent_model import OUT_OF_SCOPE, Unseen, fit_curve, predict_unseen

CLASSIFIER = "engine.nlu.intent_classifier.SentenceIntentClassifier"
KEEP = 0.95  # of the right answers; each that is lost costs a buyer one more question
THRESHOLDS = np.round(np.arange(0.2, 0.71, 0.05), 2)


class Outcome(NamedTuple):
    """What one threshold does, in shares from 0 to 1."""

    threshold: float
    right_kept: float  # of the phrases that the model gets right, those that are not rejected
    wrong_rejected: float  # of the phrases that it gets wrong, those that are rejected
    foreign_rejected: float  # of the phrases of a left-out intent and of nlu_fallback, those that are rejected


def outcomes(unseen: Unseen) -> list[Outcome]:
    """Return what each threshold in THRESHOLDS does to predictions for unseen texts."""
    truth, predicted = np.array(unseen.truth), np.array(unseen.predicted)
    foreign = truth == OUT_OF_SCOPE
    confidence = np.where(predicted == OUT_OF_SCOPE, 0.0, fit_curve(unseen)(unseen.margins))
    right, wrong = ~foreign & (truth == predicted), ~foreign & (truth != predicted)
    return [
        Outcome(
            float(threshold),
            _share(confidence[right] >= threshold),
            _share(confidence[wrong] < threshold),
            _share(confidence[foreign] < threshold),
        )
        for threshold in THRESHOLDS
    ]


def recommended(table: Sequence[Outcome]) -> Outcome:
    """Return the highest threshold that keeps KEEP of the right answers, or the lowest of all when none does."""
    good = [outcome for outcome in table if outcome.right_kept >= KEEP]
    return max(good, default=table[0], key=lambda outcome: outcome.threshold)


def _share(hits: npt.NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else 1.0


def _button_only(config: Path) -> set[str]:
    for component in read_yaml_file(config)["pipeline"]:
        if component["name"] == CLASSIFIER:
            return set(component.get("button_only_intents", []))
    raise SystemExit(f"{config} has no component {CLASSIFIER} in its pipeline.")


def main() -> None:
    """Print the table and the recommendation."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/nlu"), help="folder of the training phrases")
    parser.add_argument("--config", type=Path, default=Path("config.yml"))
    arguments = parser.parse_args()
    for path in (arguments.data, arguments.config):
        if not path.exists():
            parser.error(f"{path} does not exist; run this at the top of the project.")

    button_only = _button_only(arguments.config)
    examples = [e for e in load_data(str(arguments.data)).intent_examples if e.get("intent") not in button_only]
    texts, labels = [e.get("text") for e in examples], [e.get("intent") for e in examples]
    unseen = predict_unseen(texts, labels, shared_encoder())
    seen_once = slice(0, len(texts))
    accuracy = np.mean(np.array(unseen.truth[seen_once]) == np.array(unseen.predicted[seen_once]))
    print(f"{len(texts)} phrases, {len(set(labels))} intents, cross-validated accuracy {accuracy:.3f}")
    print("threshold  right kept  wrong rejected  out of scope rejected")
    table = outcomes(unseen)
    for row in table:
        print(f"{row.threshold:9.2f}{row.right_kept:12.3f}{row.wrong_rejected:16.3f}{row.foreign_rejected:23.3f}")
    print(f"recommended: {recommended(table).threshold:.2f}")


if __name__ == "__main__":
    main()
