"""Character and word n-grams with TF-IDF weights; Rasa's char_wb cuts Chinese at the wrong places."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any, Dict, List, Text, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import coo_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.components.normaliser import plain_text
from bot.text import UNDERSTOOD_CHARS


def _words(text: str) -> List[str]:
    """Analyzer of the word vectorizer: the tokens come joined by a separator."""
    words = [word for word in text.split("\x1f") if word]
    return words + [f"{left} {right}" for left, right in itertools.pairwise(words)]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class ZhNgramFeaturizer(GraphComponent):
    """One sparse sentence vector: TF-IDF over `unit: char` or `unit: word` n-grams."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return [Tokenizer]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"unit": "char", "min_ngram": 1, "max_ngram": 4, "min_df": 1, "alias": None}

    def __init__(self, config: Dict[Text, Any], name: Text, model_storage: ModelStorage, resource: Resource) -> None:
        self._config = {**self.get_default_config(), **config}
        self._name = self._config["alias"] or name
        self._storage = model_storage
        self._resource = resource
        self._vectorizer = self._new_vectorizer(None)
        self._analyse = self._vectorizer.build_analyzer()
        self._idf = np.zeros(0)

    def _new_vectorizer(self, vocabulary: Any) -> TfidfVectorizer:
        common = {"sublinear_tf": True, "lowercase": False, "vocabulary": vocabulary, "dtype": np.float32}
        if self._config["unit"] == "word":
            return TfidfVectorizer(analyzer=_words, min_df=self._config["min_df"], **common)
        span = (self._config["min_ngram"], self._config["max_ngram"])
        return TfidfVectorizer(analyzer="char", ngram_range=span, min_df=self._config["min_df"], **common)

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhNgramFeaturizer:
        return cls(config, execution_context.node_name, model_storage, resource)

    def _text(self, message: Message) -> str:
        if self._config["unit"] == "word":
            tokens = message.get(TOKENS_NAMES[TEXT]) or []
            return "\x1f".join(token.text for token in tokens)
        return plain_text(message)[:UNDERSTOOD_CHARS]

    def train(self, training_data: TrainingData) -> Resource:
        texts = [self._text(message) for message in training_data.training_examples if message.get(TEXT)]
        self._vectorizer.fit(texts)
        self._idf = self._vectorizer.idf_  # a property that reckons anew each time
        with self._storage.write_to(self._resource) as folder:
            vocabulary = {term: int(index) for term, index in self._vectorizer.vocabulary_.items()}
            (folder / "vocabulary.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
            np.save(folder / "idf.npy", self._idf)
        return self._resource

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> ZhNgramFeaturizer:
        component = cls(config, execution_context.node_name, model_storage, resource)
        try:
            with model_storage.read_from(resource) as folder:
                vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
                idf = np.load(folder / "idf.npy", allow_pickle=False)
        except (ValueError, OSError) as error:
            raise RasaException(f"模型缺少 n-gram 词表（{error}）。请重新训练：make model") from error
        component._vectorizer = component._new_vectorizer(vocabulary)
        component._vectorizer.vocabulary_ = vocabulary
        component._idf = idf
        return component

    def _row(self, text: str) -> coo_matrix:
        """What the vectorizer's transform gives for one text, (1, vocabulary), without its cost of a batch."""
        vocabulary = self._vectorizer.vocabulary_
        counted = Counter(vocabulary[term] for term in self._analyse(text) if term in vocabulary)
        columns = np.fromiter(counted.keys(), dtype=np.int32, count=len(counted))
        often = np.fromiter(counted.values(), dtype=np.float32, count=len(counted))
        weights = (1.0 + np.log(often)) * self._idf[columns]
        weights /= max(float(np.sqrt(weights @ weights)), 1e-12)
        place = (weights.astype(np.float32), (np.zeros(len(columns), dtype=np.int32), columns))
        return coo_matrix(place, shape=(1, len(vocabulary)))

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            if message.get(TEXT) is not None:
                row = self._row(self._text(message))
                message.add_features(Features(row, FEATURE_TYPE_SENTENCE, TEXT, self._name))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data
