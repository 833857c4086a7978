"""Intent classifier: multinomial logistic regression over n-grams and the sentence vectors (decision 0006)."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Sequence, Text, Tuple, Type
from zipfile import BadZipFile

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

from bot.components.decision import OUT_OF_SCOPE
from bot.components.fingerprint import files_fingerprint
from bot.components.softmax import SoftmaxModel, fit, unit

RANKING = 10


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class ZhIntentClassifier(IntentClassifier, GraphComponent):
    """Sparse n-grams beside each encoder's centred unit vector; no pickle in the model."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return []

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        # Chosen by cross-validation on our own phrases: bot/crossvalidate.py, decision 0006.
        return {"C": 8.0, "dense_weight": 1.2, "balance": 0.5, "max_iter": 40, "temperature": 1.0}

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = {**self.get_default_config(), **config}
        self._storage = model_storage
        self._resource = resource
        self._model = SoftmaxModel([], np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0))
        self._means: List[np.ndarray] = []

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
    def _parts(message: Message) -> Tuple[csr_matrix, List[np.ndarray]]:
        """The n-grams, and the vector of each encoder by its place in the pipeline."""
        _, sparse = message.get_sparse_features(TEXT)
        dense = [one for one in message.features if one.attribute == TEXT and one.is_dense()]
        if sparse is None or not dense:
            raise RasaException("意图分类器需要 n-gram 与句向量两种特征，请检查 config.yml 的 pipeline 顺序。")
        return csr_matrix(sparse.features), [one.features[0] for one in dense]

    def _blocks(self, messages: List[Message]) -> Tuple[csr_matrix, np.ndarray]:
        parts = [self._parts(message) for message in messages]
        views = [np.stack(view) for view in zip(*(vectors for _, vectors in parts), strict=True)]
        if [view.shape[1] for view in views] != [len(mean) for mean in self._means]:
            raise RasaException("意图分类器是用别的句向量训练的。请重新训练：make model")
        dense = [unit(view - mean) for view, mean in zip(views, self._means, strict=True)]
        return vstack([rows for rows, _ in parts]).tocsr(), np.hstack(dense) * np.float32(self._config["dense_weight"])

    def prepared(self, examples: List[Message]) -> Tuple[csr_matrix, np.ndarray]:
        """The training phrases' features; from now on vectors are centred by their means."""
        vectors = zip(*(self._parts(message)[1] for message in examples), strict=True)
        self._means = [np.mean(view, axis=0).astype(np.float32) for view in vectors]
        return self._blocks(examples)

    def train(self, training_data: TrainingData) -> Resource:
        examples = [m for m in training_data.intent_examples if m.get(INTENT) and m.get(TEXT)]
        if not examples:
            raise RasaException("没有任何训练例句，无法训练意图分类器。请检查 data/nlu/。")
        sparse, dense = self.prepared(examples)
        labels = [str(message.get(INTENT)) for message in examples]
        self._model = self.fitted(self._config, sparse, dense, labels)
        with self._storage.write_to(self._resource) as folder:
            np.savez(
                folder / "classifier.npz",
                sparse=self._model.sparse,
                dense=self._model.dense,
                intercept=self._model.intercept,
                mean=np.concatenate(self._means),
                widths=[len(mean) for mean in self._means],
                probe_sparse=sparse[:1].toarray(),
                probe_dense=dense[:1],
                expected=self._probabilities(sparse[:1], dense[:1])[0],
            )
            (folder / "classes.json").write_text(json.dumps(self._model.classes), encoding="utf-8")
        return self._resource

    @staticmethod
    def fitted(config: Dict[Text, Any], sparse: csr_matrix, dense: np.ndarray, labels: Sequence[str]) -> SoftmaxModel:
        return fit(
            sparse, dense, labels, C=config["C"], max_iter=config["max_iter"], balance=float(config["balance"])
        )

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
                component._means = np.split(arrays["mean"], np.cumsum(arrays["widths"])[:-1])
                probe = csr_matrix(arrays["probe_sparse"])
                got = component._probabilities(probe, arrays["probe_dense"])[0]
                if not np.allclose(got, arrays["expected"], atol=1e-3):
                    raise ValueError("the trained example is no longer classified as it was")
        except (ValueError, OSError, KeyError, BadZipFile) as error:
            raise RasaException(f"意图分类器没有训练好（{error}）。请重新训练：make model") from error
        return component

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            probabilities = self._probabilities(*self._blocks([message]))[0]
            order = np.argsort(-probabilities)
            # The foreign class is always told: the refusal rests on it.
            told = [i for place, i in enumerate(order) if place < RANKING or self._model.classes[i] == OUT_OF_SCOPE]
            ranking = [{"name": self._model.classes[i], "confidence": float(probabilities[i])} for i in told]
            message.set("intent", dict(ranking[0]), add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data
