"""Intent classifier: multinomial logistic regression over n-grams and sentence vectors, and the vectors' neighbours
among the training phrases (decision 0006).

It may stand in the pipeline several times, each with more features than the one before (decision 0017).
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Sequence, Text, Tuple, Type
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
from scipy.sparse import csr_matrix, hstack, vstack

from bot.components.decision import OUT_OF_SCOPE
from bot.components.fingerprint import files_fingerprint
from bot.components.ladder import features_of, first_look, is_settled, mixed, remember_look, settle, sure_enough
from bot.components.neighbours import Neighbours
from bot.components.softmax import SoftmaxModel, fit, softmax, unit

RANKING = 10


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class ZhIntentClassifier(IntentClassifier, GraphComponent):
    """Sparse n-grams beside each encoder's centred unit vector; no pickle in the model."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return []

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {
            # Chosen by cross-validation on our own phrases: bot/crossvalidate.py, decision 0006.
            "C": 8.0,
            "dense_weight": 1.2,
            "balance": 0.5,
            "max_iter": 40,
            "temperature": 1.0,
            # Aliases of the features it looks at; none: all that stand before it.
            "featurizers": [],
            # How much of the first look's opinion a later one takes over.
            "first_share": 0.0,
            # How many neighbours are asked, and how much of their opinion is taken over; 0: none.
            "neighbours": 0,
            "neighbour_share": 0.3,
            # From this lead over the second best on the message is settled here; above 1: never (decision 0017).
            "settle_lead": 2.0,
            # … but not while one of these intents has this probability.
            "watch": [],
            "watch_below": 0.03,
        }

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = {**self.get_default_config(), **config}
        self._storage = model_storage
        self._resource = resource
        self._model = SoftmaxModel([], np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0))
        self._means: List[np.ndarray] = []
        self._near: Optional[Neighbours] = None

    @classmethod
    def fingerprint_addon(cls, config: Dict[Text, Any]) -> Text:
        return files_fingerprint(*(f"bot/components/{name}.py" for name in ("softmax", "ladder", "neighbours")))

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhIntentClassifier:
        return cls(config, model_storage, resource)

    def _views(self, messages: Sequence[Message]) -> Tuple[csr_matrix, List[np.ndarray]]:
        """The n-grams of all messages side by side, and each encoder's vectors; shapes (messages, …)."""
        columns = list(zip(*(features_of(message, self._config["featurizers"]) for message in messages), strict=True))
        sparse = [vstack([one.features for one in column]) for column in columns if column[0].is_sparse()]
        dense = [np.stack([one.features[0] for one in column]) for column in columns if column[0].is_dense()]
        if not sparse:
            raise RasaException("意图分类器需要 n-gram 特征，请检查 config.yml 的 pipeline 顺序与 featurizers。")
        return hstack(sparse).tocsr(), dense

    def _dense(self, views: Sequence[np.ndarray]) -> np.ndarray:
        """Each encoder's vectors centred, of one length, side by side; no column without an encoder."""
        if [view.shape[1] for view in views] != [len(mean) for mean in self._means]:
            raise RasaException("意图分类器是用别的句向量训练的。请重新训练：make model")
        units = [unit(view - mean) for view, mean in zip(views, self._means, strict=True)]
        rows = len(views[0]) if views else 1
        return np.hstack([np.zeros((rows, 0), dtype=np.float32), *units]) * np.float32(self._config["dense_weight"])

    def prepared(self, examples: List[Message]) -> Tuple[csr_matrix, np.ndarray]:
        """The training phrases' features; from now on vectors are centred by their means."""
        sparse, views = self._views(examples)
        self._means = [np.mean(view, axis=0).astype(np.float32) for view in views]
        dense = self._dense(views) if views else np.zeros((len(examples), 0), dtype=np.float32)
        return sparse, dense

    def _opinion(self, message: Message) -> np.ndarray:
        """One message's log-probabilities, the first look's and the neighbours' opinions mixed in."""
        # Its few n-grams pick their rows, which a sparse product would do ten times slower.
        found = features_of(message, self._config["featurizers"])
        scores = self._model.intercept.copy()
        start = 0
        for one in found:
            if one.is_sparse():
                scores += one.features.data @ self._model.sparse[start + one.features.col]
                start += one.features.shape[1]
        if start != len(self._model.sparse):
            raise RasaException("意图分类器是用别的 n-gram 词表训练的。请重新训练：make model")
        dense = self._dense([one.features for one in found if one.is_dense()])
        scores += (dense @ self._model.dense)[0]
        logs = np.log(softmax(scores[None, :])[0] + 1e-12)
        return mixed(self._config, logs, first_look(message), self._near.logs(dense)[0] if self._near else None)

    def train(self, training_data: TrainingData) -> Resource:
        examples = [m for m in training_data.intent_examples if m.get(INTENT) and m.get(TEXT)]
        if not examples:
            raise RasaException("没有任何训练例句，无法训练意图分类器。请检查 data/nlu/。")
        sparse, dense = self.prepared(examples)
        labels = [str(message.get(INTENT)) for message in examples]
        self._model = self.fitted(self._config, sparse, dense, labels)
        self._near = self.neighbours_of(self._config, dense, labels, self._model.classes)
        near = {} if self._near is None else {
            "near_vectors": self._near.vectors.astype(np.float16), "near_owners": self._near.owners,
        }  # fmt: skip
        with self._storage.write_to(self._resource) as folder:
            np.savez(
                folder / "classifier.npz",
                sparse=self._model.sparse,
                dense=self._model.dense,
                intercept=self._model.intercept,
                mean=np.concatenate([np.zeros(0, dtype=np.float32), *self._means]),
                widths=[len(mean) for mean in self._means],
                probe_sparse=sparse[:1].toarray(),
                probe_dense=dense[:1],
                expected=self._probabilities(sparse[:1], dense[:1])[0],
                **near,
            )
            (folder / "classes.json").write_text(json.dumps(self._model.classes), encoding="utf-8")
        return self._resource

    @staticmethod
    def fitted(config: Dict[Text, Any], sparse: csr_matrix, dense: np.ndarray, labels: Sequence[str]) -> SoftmaxModel:
        return fit(
            sparse, dense, labels, C=config["C"], max_iter=config["max_iter"], balance=float(config["balance"])
        )

    @staticmethod
    def neighbours_of(
        config: Dict[Text, Any], dense: np.ndarray, labels: Sequence[str], classes: Sequence[str]
    ) -> Optional[Neighbours]:
        return Neighbours.of(dense, labels, classes, config["neighbours"]) if config["neighbours"] else None

    def _probabilities(self, sparse: csr_matrix, dense: np.ndarray) -> np.ndarray:
        return self._model.probabilities(sparse, dense)

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
                ends = np.cumsum(arrays["widths"], dtype=int)
                component._means = np.split(arrays["mean"], ends[:-1]) if len(ends) else []
                if component._config["neighbours"]:
                    near = (arrays["near_vectors"], arrays["near_owners"])
                    component._near = Neighbours(*near, len(classes), component._config["neighbours"])
                probe = csr_matrix(arrays["probe_sparse"])
                got = component._probabilities(probe, arrays["probe_dense"])[0]
                if not np.allclose(got, arrays["expected"], atol=1e-3):
                    raise ValueError("the trained example is no longer classified as it was")
        except (ValueError, OSError, KeyError, BadZipFile) as error:
            raise RasaException(f"意图分类器没有训练好（{error}）。请重新训练：make model") from error
        return component

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            if not is_settled(message):
                logs = self._opinion(message)
                remember_look(message, logs)
                self._tell(message, np.exp(logs))
        return messages

    def _tell(self, message: Message, chances: np.ndarray) -> None:
        classes, given = self._model.classes, self._config
        order = np.argsort(-chances)
        # The foreign class is always told: the refusal rests on it.
        told = [i for place, i in enumerate(order) if place < RANKING or classes[i] == OUT_OF_SCOPE]
        ranking = [{"name": classes[i], "confidence": float(chances[i])} for i in told]
        message.set("intent", dict(ranking[0]), add_to_output=True)
        message.set("intent_ranking", ranking, add_to_output=True)
        if sure_enough(chances, classes, given["settle_lead"], given["watch"], given["watch_below"]):
            settle(message)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data
