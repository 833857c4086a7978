"""Finding the script among many: sentence vectors of two encoders, letters, and how crowded a question's place is.

What was tried, and what each part brings: docs/decisions/0007-the-script-matcher.md.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bot.match_index import EXACT_ROWS, Builder, Entry, Index, TextEncoder, plain

__all__ = ["Match", "ScriptMatcher", "TextEncoder"]

#: Share of the first encoder where there are two.
FIRST_SHARE = 0.6
#: Weight of the letters beside the vectors' 1.
LETTERS = 0.2
#: Share of the script's centre, against its single question, in the vectors' part.
CENTRE = 0.5
#: A stored question longer than the customer's asks for things the customer did not say; with its upper bound.
OVER_LENGTH = 0.3
OVER_LENGTH_BOUND = 0.5
#: A question close to many other scripts' questions is near to everything: it yields (as in CSLS, there 0.5).
CROWDING = 0.4
NEIGHBOURS = 5
#: How many rows are looked at exactly, and how many of those compete for the first places.
CANDIDATES = 256
POOL = 128
REMEMBERED = 32


@dataclass(frozen=True)
class Match:
    """A script and how well it fits, 0 to 1."""

    key: str
    topic: str
    score: float


@dataclass(frozen=True)
class _Query:
    text: str
    vector: np.ndarray
    coarse: np.ndarray | None  # nearness of every row at a first look; None in a small library


class ScriptMatcher:
    """Rebuilt when the approved scripts change; embeds only sentences it has not seen."""

    def __init__(self, encoder: TextEncoder, second: TextEncoder | None = None) -> None:
        self._encoders = [encoder] if second is None else [encoder, second]
        self._builder = Builder(self._encoders, [1.0] if second is None else [FIRST_SHARE, 1 - FIRST_SHARE])
        self._index: Index | None = None
        self._answers: OrderedDict[tuple[int, str, str | None], list[Match]] = OrderedDict()
        self._lock = threading.Lock()
        self.ready = False

    def rebuild(self, entries: Iterable[Entry]) -> None:
        """Take (key, topic, questions) of every script. A failure leaves the index as it was."""
        index = self._builder.build(entries)
        with self._lock:
            self._index = index
            self._answers.clear()
        self.ready = True

    def variant(self, entries: Iterable[Entry], without: Iterable[str] = (), of: Index | None = None) -> Index | None:
        """A library as it would be with these drafts (the live one unless `of` says which); for `match(index=…)`."""
        return self._builder.variant(of or self._index, entries, without)

    @property
    def index(self) -> Index | None:
        """The library of this moment."""
        return self._index

    @property
    def size(self) -> int:
        return len(self._index.owner) if self._index is not None else 0

    def match(self, text: str, topic: str | None = None, k: int = 3, index: Index | None = None) -> list[Match]:
        """The k best scripts, best first; within one topic where it is given."""
        index = index or self._index
        words = plain(text)
        if index is None or not words:
            return []
        # One turn asks for the same text several times: all scripts, one topic, and the log of the answer.
        remembered = (id(index), text, topic)
        with self._lock:
            found = self._answers.get(remembered) if index is self._index else None
        if found is None:
            found = self._find(index, self._query(index, text, words), topic)
            with self._lock:
                if index is self._index:
                    self._answers[remembered] = found
                    while len(self._answers) > REMEMBERED:
                        self._answers.popitem(last=False)
        return found[:k]

    def match_every(self, text: str, k: int = 3) -> list[Match]:
        """As `match`, but looking at every row closely: the measure of what the first look loses."""
        index, words = self._index, plain(text)
        if index is None or not words:
            return []
        query = self._query(index, text, words)
        return self._find(index, _Query(query.text, query.vector, None), None)[:k]

    def _query(self, index: Index, text: str, words: str) -> _Query:
        vector = index.space.place([encoder.one(text)[None] for encoder in self._encoders])[0]
        few = len(index.owner) <= EXACT_ROWS or index.space.directions is None
        return _Query(words, vector, None if few else index.rows.coarse @ index.space.coarse(vector))

    def _find(self, index: Index, query: _Query, topic: str | None) -> list[Match]:
        """The pool is the same whatever the topic, so that a script has one score."""
        rows = np.arange(len(index.owner)) if query.coarse is None else _best(query.coarse, CANDIDATES)
        scores, vectors = self._scores(index, query, rows)
        pool = _best(scores, POOL)
        scores[pool] -= CROWDING * _crowding(vectors[pool], index.owner[rows[pool]])
        if topic is not None:
            if topic not in index.topics:
                return []
            of_topic = np.flatnonzero(index.topic_of == index.topics[topic])
            inside = np.isin(rows, of_topic)
            rows, scores = rows[inside], scores[inside]
            if query.coarse is not None:
                near = of_topic[_best(query.coarse[of_topic], CANDIDATES)]
                more = near[~np.isin(near, rows)]
                if len(more):
                    rows = np.concatenate([rows, more])
                    scores = np.concatenate([scores, self._scores(index, query, more)[0]])
        return self._ranked(index, query, rows, scores)

    @staticmethod
    def _scores(index: Index, query: _Query, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score of each row before crowding, and the rows' vectors."""
        vectors = index.rows.placed[rows].astype(np.float32)
        near = vectors @ query.vector
        owners, of = np.unique(index.owner[rows], return_inverse=True)
        central = index.rows.centres[owners].astype(np.float32) @ query.vector
        over = np.clip(np.log(index.rows.lengths[rows] / max(1, len(query.text))), 0.0, OVER_LENGTH_BOUND)
        alike = index.likeness(query.text, rows)
        return (1 - CENTRE) * near + CENTRE * central[of] + LETTERS * alike - OVER_LENGTH * over, vectors

    @staticmethod
    def _ranked(index: Index, query: _Query, rows: np.ndarray, scores: np.ndarray) -> list[Match]:
        best: dict[int, float] = {}
        order = np.argsort(-scores, kind="stable")
        for block, score in zip(index.owner[rows[order]].tolist(), scores[order].tolist(), strict=False):
            best.setdefault(block, score / (1 + LETTERS))
        ranked = list(best)
        # A stored question word for word is certain, however crowded its place.
        asked = {number for number in ranked if query.text in index.rows.cards[number].plain}
        if asked:
            ranked.sort(key=lambda number: number not in asked)
        return [
            Match(
                index.rows.cards[number].key,
                index.rows.cards[number].topic,
                1.0 if number in asked else round(min(1.0, max(0.0, best[number])), 4),
            )
            for number in ranked
        ]


def _best(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the largest values, in no order."""
    if len(values) <= count:
        return np.arange(len(values))
    found: np.ndarray = np.argpartition(values, len(values) - count)[len(values) - count :]
    return found


def _crowding(vectors: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """How near each row's neighbours of other scripts are, against the average of the pool."""
    if len(vectors) < 3:
        return np.zeros(len(vectors))
    near = vectors @ vectors.T
    near[owner[:, None] == owner[None, :]] = 0.0
    count = min(NEIGHBOURS, len(vectors) - 1)
    closest = np.partition(near, near.shape[1] - count, axis=1)[:, -count:]
    crowd = np.clip(closest, 0.0, None).mean(axis=1)
    result: np.ndarray = crowd - crowd.mean()
    return result
