"""Intent classifier: multinomial logistic regression over n-grams and the sentence vector."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Text, Tuple, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix, vstack

from bot.components.fingerprint import files_fingerprint
from bot.components.softmax import SoftmaxModel, fit

RANKING = 10


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class ZhIntentClassifier(IntentClassifier, GraphComponent):
    """Sparse n-grams beside the centred, scaled embedding; no pickle in the model."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return []

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        # Chosen by cross-validation on our own phrases.
        return {"C": 8.0, "dense_weight": 3.0, "max_iter": 60, "temperature": 0.7}

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = {**self.get_default_config(), **config}
        self._storage = model_storage
        self._resource = resource
        self._model = SoftmaxModel([], np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0))
        self._mean = np.zeros(0, dtype=np.float32)

    @classmethod
    def fingerprint_addon(cls, config: Dict[Text, Any]) -> Text:
        return files_fingerprint("bot/components/softmax.py")

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhIntentClassifier:
        return cls(config, model_storage, resource)

    @staticmethod
    def _parts(message: Message) -> Tuple[csr_matrix, np.ndarray]:
        _, sparse = message.get_sparse_features(TEXT)
        _, dense = message.get_dense_features(TEXT)
        if sparse is None or dense is None:
            raise RasaException("意图分类器需要 n-gram 与句向量两种特征，请检查 config.yml 的 pipeline 顺序。")
        return csr_matrix(sparse.features), dense.features[0]

    def _blocks(self, messages: List[Message]) -> Tuple[csr_matrix, np.ndarray]:
        parts = [self._parts(message) for message in messages]
        dense = (np.stack([vector for _, vector in parts]) - self._mean) * self._config["dense_weight"]
        return vstack([rows for rows, _ in parts]).tocsr(), dense.astype(np.float32)

    def train(self, training_data: TrainingData) -> Resource:
        examples = [m for m in training_data.intent_examples if m.get(INTENT) and m.get(TEXT)]
        if not examples:
            raise RasaException("没有任何训练例句，无法训练意图分类器。请检查 data/nlu/。")
        self._mean = np.mean([self._parts(message)[1] for message in examples], axis=0).astype(np.float32)
        sparse, dense = self._blocks(examples)
        labels = [str(message.get(INTENT)) for message in examples]
        self._model = fit(sparse, dense, labels, C=self._config["C"], max_iter=self._config["max_iter"])
        with self._storage.write_to(self._resource) as folder:
            np.savez(
                folder / "classifier.npz",
                sparse=self._model.sparse,
                dense=self._model.dense,
                intercept=self._model.intercept,
                mean=self._mean,
                probe_sparse=sparse[:1].toarray(),
                probe_dense=dense[:1],
                expected=self._probabilities(sparse[:1], dense[:1])[0],
            )
            (folder / "classes.json").write_text(json.dumps(self._model.classes), encoding="utf-8")
        return self._resource

    def _probabilities(self, sparse: csr_matrix, dense: np.ndarray) -> np.ndarray:
        return self._model.probabilities(sparse, dense, self._config["temperature"])

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> ZhIntentClassifier:
        """Rasa's own classifier loads silently unfitted; this one proves itself or stops the start."""
        component = cls(config, model_storage, resource)
        try:
            with model_storage.read_from(resource) as folder:
                arrays = np.load(folder / "classifier.npz", allow_pickle=False)
                classes = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
                component._model = SoftmaxModel(classes, arrays["sparse"], arrays["dense"], arrays["intercept"])
                component._mean = arrays["mean"]
                probe = csr_matrix(arrays["probe_sparse"])
                got = component._probabilities(probe, arrays["probe_dense"])[0]
                if not np.allclose(got, arrays["expected"], atol=1e-3):
                    raise ValueError("the trained example is no longer classified as it was")
        except (ValueError, OSError, KeyError) as error:
            raise RasaException(f"意图分类器没有训练好（{error}）。请重新训练：make model") from error
        return component

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            probabilities = self._probabilities(*self._blocks([message]))[0]
            order = np.argsort(-probabilities)[:RANKING]
            ranking = [{"name": self._model.classes[i], "confidence": float(probabilities[i])} for i in order]
            message.set("intent", dict(ranking[0]), add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data
