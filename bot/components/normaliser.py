"""First in the pipeline: leaves the comparable form beside the customer's own words."""

from __future__ import annotations

from typing import Any, Dict, List, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.fingerprint import files_fingerprint
from bot.text import normalise

#: Message attribute with the normalised text.
PLAIN = "zh_plain"


def plain_text(message: Message) -> str:
    """The normalised text of a message, made on demand."""
    plain = message.get(PLAIN)
    if plain is None:
        plain = normalise(message.get(TEXT) or "")
        message.set(PLAIN, plain)
    return str(plain)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class ZhNormaliser(GraphComponent):
    """Width, case, traditional characters, repeats and invisible characters; see bot/text.py."""

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhNormaliser:
        return cls()

    @classmethod
    def fingerprint_addon(cls, config: Dict[Text, Any]) -> Text:
        """A changed normalisation is a changed model."""
        return files_fingerprint("bot/text.py", "bot/simplified.py")

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            plain_text(message)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data
