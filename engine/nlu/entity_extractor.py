"""Rasa component that finds order numbers, amounts, dates and ordinals by rules."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message

from engine.nlu.entity_rules import find_mentions


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class RuleEntityExtractor(GraphComponent, EntityExtractorMixin):
    """Adds the entities ``order_number``, ``order_digits``, ``amount``, ``date`` and ``ordinal`` to a message.

    The rules are in ``engine.nlu.entity_rules``; training examples need no annotated entities.
    """

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> RuleEntityExtractor:
        """Create the component; it has no options."""
        return cls()

    @staticmethod
    def required_packages() -> list[str]:
        """Return the packages that must be installed."""
        return ["spacy"]

    def process(self, messages: list[Message]) -> list[Message]:
        """Append what the rules find to the entities of each message; button payloads are left as they are."""
        for message in messages:
            text = message.get(TEXT) or ""
            mentions = [] if text.lstrip().startswith(INTENT_MESSAGE_PREFIX) else find_mentions(text)
            entities = [
                {
                    ENTITY_ATTRIBUTE_TYPE: mention.kind,
                    ENTITY_ATTRIBUTE_START: mention.start,
                    ENTITY_ATTRIBUTE_END: mention.end,
                    ENTITY_ATTRIBUTE_VALUE: mention.value,
                }
                for mention in mentions
            ]
            found = message.get(ENTITIES, []) + self.add_extractor_name(entities)
            message.set(ENTITIES, found, add_to_output=True)
        return messages
