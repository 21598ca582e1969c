"""The intent model: sentence vectors and TF-IDF under a logistic regression, with a confidence that knows its limits.

A classifier's probability says which of its intents is the likeliest, not whether the text is about any of them. So an
intent's score also counts how close the text is to that intent's examples:

    score = 0.5 * probability + cosine to the intent's mean vector + cosine to its nearest example

and the confidence is the estimated probability that the intent is right, given how far its score stands above half the
score of its best rival. That estimate is a logistic curve fitted to texts the model had not seen: each fold of a
cross-validation, and each intent in turn left out of the training as if it were out of scope.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from engine.nlu.text import Speller, mask, terms, tidy, words

Floats = npt.NDArray[np.floating[Any]]

OUT_OF_SCOPE = "nlu_fallback"
FOLDS = 5
SEED = 0
# Chosen by cross-validation: logistic regression needs features of like size, and unit vectors are small.
VECTOR_SCALE = 6.0
TFIDF_SCALE = 4.0
REGULARISATION = 2.0
FINE, ROUGH = 0.01, 0.05  # when the regression has converged; rough will do for the curve and takes half the time
PROBABILITY_WEIGHT = 0.5
RIVAL_WEIGHT = 0.5
FOREIGN_SHARE = 0.2  # of the messages of a day, those that are about none of the intents


class Encoder(Protocol):
    """What the model needs of a sentence encoder."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one unit vector per text."""
        ...

    def knows_word(self, word: str) -> bool:
        """Say whether a word is a frequent one, and so no typo."""
        ...


class Curve(NamedTuple):
    """Turns a margin into a confidence: ``1 / (1 + exp(-(slope * margin + offset)))``."""

    slope: float
    offset: float

    def __call__(self, margins: Floats) -> Floats:
        """Return a confidence between 0 and 1 for each margin."""
        confidence: Floats = 1.0 / (1.0 + np.exp(-(self.slope * margins + self.offset)))
        return confidence


_PLAUSIBLE_CURVE = Curve(slope=4.0, offset=-3.0)


class Unseen(NamedTuple):
    """Predictions for training texts by models that had not seen them."""

    texts: list[str]
    truth: list[str]  # the right intent, or OUT_OF_SCOPE for the texts of an intent that was left out
    predicted: list[str]
    margins: Floats


@dataclass
class IntentModel:
    """A trained model. Texts go in as they were typed; see ``rank``."""

    encoder: Encoder
    speller: Speller
    tfidf: TfidfVectorizer
    intents: list[str]
    coefficients: Floats  # (intents, features)
    intercepts: Floats  # (intents,)
    examples: npt.NDArray[np.float32]  # (examples, 512), unit vectors
    labels: npt.NDArray[np.int64]  # (examples,), positions in `intents`
    curve: Curve

    @classmethod
    def train(cls, texts: Sequence[str], labels: Sequence[str], encoder: Encoder) -> IntentModel:
        """Train on texts and their intents; the same input always gives the same model.

        Raises:
            ValueError: with fewer than two intents, or an intent with fewer than two examples.
        """
        _check(labels)
        cached = CachedEncoder(encoder)
        model = _fit(texts, labels, cached)
        model.curve = fit_curve(predict_unseen(texts, labels, cached))
        model.encoder = encoder
        return model

    def rank(self, text: str) -> list[tuple[str, float]]:
        """Return every intent with its confidence, best first; an empty list when the text has no word or number.

        Where OUT_OF_SCOPE has a confidence, no other intent has more than what that leaves of 1.
        """
        prepared = self._prepare(text)
        if not words(prepared):
            return []
        margins = self.margins([prepared])[0]
        order = np.argsort(-margins, kind="stable")
        confidences = self.curve(margins)
        if OUT_OF_SCOPE in self.intents:
            foreign = self.intents.index(OUT_OF_SCOPE)
            others = np.arange(len(confidences)) != foreign
            confidences[others] = np.minimum(confidences[others], 1.0 - confidences[foreign])
        return [(self.intents[i], float(confidences[i])) for i in order]

    def margins(self, prepared: Sequence[str]) -> Floats:
        """Return, per text and intent, the score less half the score of the best other intent."""
        vectors = self.encoder.encode(prepared)
        scores = PROBABILITY_WEIGHT * self._probabilities(prepared, vectors) + self._closeness(vectors)
        best = np.partition(scores, -2, axis=1)[:, -2:]
        rivals = np.where(scores == best[:, 1:], best[:, :1], best[:, 1:])
        margins: Floats = scores - RIVAL_WEIGHT * rivals
        return margins

    def save(self, folder: Path) -> None:
        """Write the model to two files: arrays in ``intents.npz`` (no pickle), words in ``intents.json``."""
        np.savez_compressed(
            folder / "intents.npz",
            coefficients=self.coefficients,
            intercepts=self.intercepts,
            examples=self.examples,
            labels=self.labels,
            idf=self.tfidf.idf_,
        )
        known = sorted(self.tfidf.vocabulary_, key=self.tfidf.vocabulary_.__getitem__)
        content = {"intents": self.intents, "terms": known, "words": self.speller.counts, "curve": list(self.curve)}
        (folder / "intents.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> IntentModel:
        """Read what ``save`` wrote; raises OSError, ValueError or KeyError when the files are not whole."""
        content = json.loads((folder / "intents.json").read_text(encoding="utf-8"))
        with np.load(folder / "intents.npz", allow_pickle=False) as arrays:
            tfidf = _new_tfidf(vocabulary={term: position for position, term in enumerate(content["terms"])})
            tfidf.idf_ = arrays["idf"]
            return cls(
                encoder=encoder,
                speller=Speller(content["words"], encoder.knows_word),
                tfidf=tfidf,
                intents=content["intents"],
                coefficients=arrays["coefficients"],
                intercepts=arrays["intercepts"],
                examples=arrays["examples"],
                labels=arrays["labels"],
                curve=Curve(*content["curve"]),
            )

    def _prepare(self, text: str) -> str:
        return self.speller.correct(tidy(mask(text)))

    def _probabilities(self, prepared: Sequence[str], vectors: npt.NDArray[np.float32]) -> Floats:
        logits = np.asarray(_features(self.tfidf, prepared, vectors) @ self.coefficients.T + self.intercepts)
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        probabilities: Floats = odds / odds.sum(axis=1, keepdims=True)
        return probabilities

    def _closeness(self, vectors: npt.NDArray[np.float32]) -> Floats:
        """Return the cosine to each intent's mean vector plus the cosine to its nearest example."""
        cosines = vectors @ self.examples.T
        nearest = np.empty((len(vectors), len(self.intents)))
        mean = np.empty_like(nearest)
        for position in range(len(self.intents)):
            own = self.labels == position
            nearest[:, position] = cosines[:, own].max(axis=1)
            mean[:, position] = cosines[:, own].mean(axis=1) / np.linalg.norm(self.examples[own].mean(axis=0))
        closeness: Floats = nearest + mean
        return closeness


def predict_unseen(texts: Sequence[str], labels: Sequence[str], encoder: Encoder) -> Unseen:
    """Predict every text with a model that has not seen it (5 folds), and once more with its whole intent left out.

    The intents are left out in five groups; their texts then count as out of scope. Ten models are trained (about 2 s).
    """
    wanted = np.array(labels)
    cached = encoder if isinstance(encoder, CachedEncoder) else CachedEncoder(encoder)
    splits = [(fit, test, False) for fit, test in _folds(wanted).split(wanted, wanted)]
    in_scope = [intent for intent in sorted(set(labels)) if intent != OUT_OF_SCOPE]
    for start in range(FOLDS):
        left_out = np.isin(wanted, in_scope[start::FOLDS])
        if left_out.any() and len(set(wanted[~left_out])) > 1:
            splits.append((np.flatnonzero(~left_out), np.flatnonzero(left_out), True))

    result = Unseen([], [], [], np.zeros(0))
    for fit, test, foreign in splits:
        model = _fit([texts[i] for i in fit], [labels[i] for i in fit], cached, tolerance=ROUGH)
        margins = model.margins([model._prepare(texts[i]) for i in test])
        result.texts.extend(texts[i] for i in test)
        result.truth.extend(OUT_OF_SCOPE if foreign else labels[i] for i in test)
        result.predicted.extend(model.intents[i] for i in margins.argmax(axis=1))
        result = result._replace(margins=np.append(result.margins, margins.max(axis=1)))
    return result


def fit_curve(unseen: Unseen) -> Curve:
    """Fit the confidence: how likely a prediction with this margin is right, texts out of scope included."""
    truth, predicted = np.array(unseen.truth), np.array(unseen.predicted)
    claims = predicted != OUT_OF_SCOPE
    right = (truth == predicted)[claims]
    if right.all() or not right.any():
        return _PLAUSIBLE_CURVE  # too little data to tell
    foreign = truth == OUT_OF_SCOPE
    weights = np.where(foreign, FOREIGN_SHARE / foreign.mean(), (1 - FOREIGN_SHARE) / (~foreign).mean())
    regression = LogisticRegression(C=1e3).fit(unseen.margins[claims, None], right, sample_weight=weights[claims])
    return Curve(float(regression.coef_[0, 0]), float(regression.intercept_[0]))


class CachedEncoder:
    """Encodes each text once, for the many models of a cross-validation."""

    def __init__(self, encoder: Encoder) -> None:
        """Wrap ``encoder``."""
        self._encoder = encoder
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}
        self.knows_word = encoder.knows_word

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one vector for each text."""
        missing = sorted(set(texts).difference(self._vectors))
        if missing:
            self._vectors.update(zip(missing, self._encoder.encode(missing), strict=True))
        return np.stack([self._vectors[text] for text in texts]) if texts else self._encoder.encode([])


def _check(labels: Sequence[str]) -> None:
    counts = {intent: list(labels).count(intent) for intent in set(labels)}
    if len(counts) < 2:
        raise ValueError("The intent classifier needs training phrases of at least two intents in data/nlu/.")
    rare = sorted(intent for intent, count in counts.items() if count < 2)
    if rare:
        raise ValueError(f"Give each of these intents at least two training phrases: {', '.join(rare)}.")


def _folds(labels: npt.NDArray[np.str_]) -> StratifiedKFold:
    rarest = int(np.unique(labels, return_counts=True)[1].min())
    return StratifiedKFold(n_splits=min(FOLDS, rarest), shuffle=True, random_state=SEED)


def _fit(texts: Sequence[str], labels: Sequence[str], encoder: Encoder, tolerance: float = FINE) -> IntentModel:
    tidied = [tidy(mask(text)) for text in texts]
    tfidf = _new_tfidf().fit(tidied)
    vectors = encoder.encode(tidied)
    regression = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=1000, tol=tolerance)
    regression.fit(_features(tfidf, tidied, vectors), labels)
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(coefficients) == 1:  # scikit-learn keeps one row for two classes
        coefficients, intercepts = np.vstack([0 * coefficients, coefficients]), np.append([0.0], intercepts)
    intents = [str(intent) for intent in regression.classes_]
    return IntentModel(
        encoder=encoder,
        speller=Speller(Speller.count(tidied), encoder.knows_word),
        tfidf=tfidf,
        intents=intents,
        coefficients=coefficients,
        intercepts=intercepts,
        examples=vectors,
        labels=np.array([intents.index(label) for label in labels]),
        curve=_PLAUSIBLE_CURVE,
    )


def _features(tfidf: TfidfVectorizer, tidied: Sequence[str], vectors: npt.NDArray[np.float32]) -> csr_matrix:
    """Return the rows (512 + terms) that the regression sees; sparse, because that trains ten times as fast."""
    return hstack([csr_matrix(VECTOR_SCALE * vectors), TFIDF_SCALE * tfidf.transform(tidied)], format="csr")


def _new_tfidf(**options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=terms, **options)
