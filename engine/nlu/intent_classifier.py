"""Rasa component around the intent model."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any, Optional

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.exceptions import InvalidConfigException, RasaException
from rasa.shared.nlu.constants import (
    ENTITIES,
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from engine.nlu.consent import is_plain
from engine.nlu.encoder import CHECKSUMS, shared_encoder
from engine.nlu.intent_model import OUT_OF_SCOPE, IntentModel
from engine.nlu.text import tidy

logger = logging.getLogger(__name__)

Ranking = list[dict[str, Any]]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SentenceIntentClassifier(GraphComponent, IntentClassifier):
    """Gives each message an intent, a confidence that estimates how likely it is right, and the full ranking.

    A text without words, or one that is nearest to the phrases of ``nlu_fallback`` in the training data, gets no intent and
    confidence 0, so that Rasa's FallbackClassifier, which must stand behind this component, makes it ``nlu_fallback``.
    The ranking names only the other intents. Button payloads ("/intent{...}") are left to Rasa.

    Options in config.yml:
        button_only_intents: intents that only buttons send; their phrases are not trained, so no typed text gets them.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the default options."""
        return {"button_only_intents": []}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: Optional[IntentModel] = None,
    ) -> None:
        """Keep the options, the place where the model is stored, and the model when it is trained."""
        self._config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceIntentClassifier:
        """Create an untrained component."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SentenceIntentClassifier:
        """Load a trained component and warm its encoder (about 2 s).

        Raises:
            EncoderFilesChanged: when the encoder's files are not those that were reviewed.
            RasaException: when the model's own files are not whole.
        """
        encoder = shared_encoder()
        try:
            with model_storage.read_from(resource) as folder:
                model = IntentModel.load(folder, encoder)
        except (OSError, ValueError, KeyError) as error:
            raise RasaException(f"The intent model cannot be read ({error}). Train a new one: rasa train") from error
        model.rank("hello")
        return cls(config, model_storage, resource, model)

    @staticmethod
    def required_packages() -> list[str]:
        """Return the packages that must be installed."""
        return ["sklearn", "spacy"]

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> Optional[str]:
        """Return a digest of all that shapes a model besides its data, so that a code change trains anew."""
        digest = hashlib.sha256(repr(sorted(CHECKSUMS.items())).encode())
        for source in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(source.read_bytes())
        return digest.hexdigest()

    def train(self, training_data: TrainingData) -> Resource:
        """Train on the phrases of all intents but the button-only ones, and store the model."""
        button_only = set(self._config["button_only_intents"])
        examples = [e for e in training_data.intent_examples if e.get(TEXT) and e.get(INTENT) not in button_only]
        texts = [example.get(TEXT) for example in examples]
        labels = [example.get(INTENT) for example in examples]
        try:
            self._model = IntentModel.train(texts, labels, shared_encoder())
        except ValueError as error:
            raise InvalidConfigException(str(error)) from error
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set the intent and the ranking of each message that has no intent yet."""
        for message in messages:
            if not _has_intent(message):
                self._classify(message)
        return messages

    def _classify(self, message: Message) -> None:
        ranking = self._rank(message)
        in_scope = [entry for entry in ranking if entry[INTENT_NAME_KEY] != OUT_OF_SCOPE]
        understood = ranking[:1] == in_scope[:1] != []
        # Without an intent and with confidence 0, the FallbackClassifier makes the message `nlu_fallback`.
        best = in_scope[0] if understood else {INTENT_NAME_KEY: None, PREDICTED_CONFIDENCE_KEY: 0.0}
        message.set(INTENT, dict(best), add_to_output=True)
        message.set(INTENT_RANKING_KEY, in_scope, add_to_output=True)

    def _rank(self, message: Message) -> Ranking:
        text = message.get(TEXT) or ""
        if self._model is None or text.lstrip().startswith(INTENT_MESSAGE_PREFIX):
            return []
        ranked = self._model.rank(text)
        if ranked and not is_plain(ranked[0][0], tidy(text), bool(message.get(ENTITIES))):
            ranked = [*ranked[1:], (ranked[0][0], 0.0)]
        return [{INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: confidence} for name, confidence in ranked]


def _has_intent(message: Message) -> bool:
    intent = message.get(INTENT)
    return isinstance(intent, dict) and bool(intent.get(INTENT_NAME_KEY))
