"""Finding the script among many: centred embeddings and character n-grams, fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.text import normalise

#: Share of the embedding in the fused score: a judgement, not yet a measured choice.
DENSE_SHARE = 0.6


class TextEncoder(Protocol):
    """What the matcher needs of bot.components.encoder.CachedEncoder."""

    dimension: int

    def one(self, text: str) -> np.ndarray: ...

    def many(self, texts: Sequence[str]) -> np.ndarray: ...


@dataclass(frozen=True)
class Match:
    """A script and how well its best question fits, 0 to 1."""

    key: str
    topic: str
    score: float


@dataclass(frozen=True)
class _Index:
    """Immutable, so that a refresh swaps it while a message is being matched."""

    keys: tuple[str, ...]
    topics: tuple[str, ...]
    owner: np.ndarray  # row → number of its script
    mean: np.ndarray
    dense: np.ndarray
    vectorizer: TfidfVectorizer
    sparse: csr_matrix


def _unit(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    result: np.ndarray = rows / np.maximum(norms, 1e-9)
    return result


class ScriptMatcher:
    """Rebuilt when the approved scripts change; embeds only sentences it has not seen."""

    def __init__(self, encoder: TextEncoder, dense_share: float = DENSE_SHARE) -> None:
        self._encoder = encoder
        self._share = dense_share
        self._index: _Index | None = None
        self._last: tuple[_Index | None, str, np.ndarray] = (None, "", np.zeros(0))
        self.ready = False

    def rebuild(self, entries: Sequence[tuple[str, str, Sequence[str]]]) -> None:
        """Take (key, topic, questions) of every script."""
        self._index = self._build(entries)
        self.ready = True

    def _build(self, entries: Sequence[tuple[str, str, Sequence[str]]]) -> _Index | None:
        texts: list[str] = []
        owner: list[int] = []
        keys: list[str] = []
        topics: list[str] = []
        for key, topic, questions in entries:
            usable = [question for question in dict.fromkeys(questions) if normalise(question)]
            if not usable:
                continue
            keys.append(key)
            topics.append(topic)
            texts.extend(usable)
            owner.extend([len(keys) - 1] * len(usable))
        if not texts:
            return None
        vectors = self._encoder.many(texts)
        mean = vectors.mean(axis=0)
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, lowercase=False)
        sparse = csr_matrix(vectorizer.fit_transform([normalise(text) for text in texts]))
        dense = _unit(vectors - mean)
        return _Index(tuple(keys), tuple(topics), np.array(owner), mean, dense, vectorizer, sparse)

    def _scores(self, index: _Index, text: str) -> np.ndarray:
        """The score of every script; one turn asks for the same text two or three times."""
        known_index, known_text, known = self._last
        if known_index is index and known_text == text:
            return known
        query = _unit(self._encoder.one(text) - index.mean)
        close = np.clip(index.dense @ query, 0.0, 1.0)
        plain = index.vectorizer.transform([normalise(text)])
        alike = np.asarray((index.sparse @ plain.T).todense()).ravel()
        rows = self._share * close + (1 - self._share) * alike
        best = np.zeros(len(index.keys))
        np.maximum.at(best, index.owner, rows)
        self._last = (index, text, best)
        return best

    def match(self, text: str, topic: str | None = None, k: int = 3) -> list[Match]:
        """The k best scripts, best first; within one topic where it is given."""
        index = self._index
        if index is None or not normalise(text):
            return []
        best = self._scores(index, text)
        order = [i for i in np.argsort(-best, kind="stable") if topic is None or index.topics[i] == topic]
        return [Match(index.keys[i], index.topics[i], float(round(best[i], 4))) for i in order[:k]]
