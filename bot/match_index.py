"""What the matcher searches in: immutable, put together from blocks of one script each."""

from __future__ import annotations

import itertools
import re
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bot.text import for_encoder, normalise

#: Dimensions of the coarse first look; only libraries above EXACT_ROWS need it.
COARSE_DIMENSIONS = 48
EXACT_ROWS = 512
#: Enough rows to find mean and main directions.
FITTED_ON = 5000
#: After so large a share of the questions has changed, mean and directions are found anew.
STALE_SHARE = 0.2
STALE_ROWS = 64

_NO_WORD = re.compile(r"[^\w]+")

#: (key, topic, questions)
Entry = tuple[str, str, Sequence[str]]


class TextEncoder(Protocol):
    """What the matcher needs of bot.components.encoder.CachedEncoder."""

    dimension: int

    def one(self, text: str) -> np.ndarray: ...

    def many(self, texts: Sequence[str]) -> np.ndarray: ...


def unit(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    result: np.ndarray = rows / np.maximum(norms, 1e-9)
    return result.astype(np.float32, copy=False)


def plain(text: str) -> str:
    """The text whose letters are compared: no blanks, no punctuation, a long one by head and tail."""
    return _NO_WORD.sub("", for_encoder(normalise(text)))


def grams(text: str) -> list[str]:
    """Single characters and pairs; `text` is plain."""
    return [*text, *(left + right for left, right in itertools.pairwise(text))]


class Space:
    """Where the vectors lie: mean and main directions, found on a library and kept while it changes little."""

    def __init__(self, views: Sequence[np.ndarray], shares: Sequence[float]) -> None:
        self.fitted_rows = len(views[0])
        self.changed_rows = 0
        self._weights = [float(np.sqrt(share)) for share in shares]
        # A library of one question has no spread to centre: there, the mean would be the question itself.
        self._means = [view.mean(axis=0) if len(view) > 1 else np.zeros(view.shape[1], np.float32) for view in views]
        self.directions: np.ndarray | None = None
        if self.fitted_rows > EXACT_ROWS:
            step = -(-self.fitted_rows // FITTED_ON)
            sample = self.place([view[::step] for view in views])
            _, vectors = np.linalg.eigh(sample.T @ sample)
            self.directions = np.ascontiguousarray(vectors[:, ::-1][:, :COARSE_DIMENSIONS], dtype=np.float32)
        self.vocabulary: dict[str, int] = {}

    def place(self, views: Sequence[np.ndarray]) -> np.ndarray:
        """One unit vector a row of all encoders' views; its products are the weighted mean of their cosines."""
        parts = [
            weight * unit(view - mean) for view, mean, weight in zip(views, self._means, self._weights, strict=False)
        ]
        return np.concatenate(parts, axis=-1).astype(np.float32, copy=False)

    def coarse(self, placed: np.ndarray) -> np.ndarray:
        result: np.ndarray = placed[..., :0] if self.directions is None else placed @ self.directions
        return result

    def words(self, text: str, grow: bool) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the n-grams of a plain text and 1 + log of how often each occurs."""
        counts = Counter(grams(text))
        if grow:
            for gram in counts:
                self.vocabulary.setdefault(gram, len(self.vocabulary))
        known = [(self.vocabulary[gram], count) for gram, count in counts.items() if gram in self.vocabulary]
        numbers = np.array([number for number, _ in known], dtype=np.int32)
        return numbers, (1 + np.log(np.array([count for _, count in known], dtype=np.float32))).astype(np.float32)

    def is_stale(self) -> bool:
        return self.changed_rows > max(STALE_ROWS, STALE_SHARE * self.fitted_rows)


@dataclass(frozen=True)
class Card:
    """What is known of one script besides its vectors."""

    key: str
    topic: str
    given: tuple[str, ...]  # the questions as they came, to see whether they changed
    plain: tuple[str, ...]  # of the questions that say something; one row each


@dataclass(frozen=True)
class Rows:
    """Vectors and letters of some scripts, one after the other."""

    cards: tuple[Card, ...]
    placed: np.ndarray  # float16, a row a question
    coarse: np.ndarray
    lengths: np.ndarray
    gram_counts: np.ndarray
    gram_numbers: np.ndarray
    gram_weights: np.ndarray
    centres: np.ndarray  # a row a script: unit mean of its questions

    @staticmethod
    def make(cards: Sequence[Card], views: Sequence[np.ndarray], space: Space) -> Rows:
        """`views` are the encoders' vectors of all the cards' questions, in order."""
        placed = space.place(views)
        texts = [text for card in cards for text in card.plain]
        letters = [space.words(text, grow=True) for text in texts]
        ends = np.cumsum([len(card.plain) for card in cards])
        means = np.add.reduceat(placed, np.concatenate([[0], ends[:-1]]), axis=0)
        return Rows(
            cards=tuple(cards),
            placed=placed.astype(np.float16),
            coarse=space.coarse(placed),
            lengths=np.array([len(text) for text in texts], dtype=np.float32),
            gram_counts=np.array([len(numbers) for numbers, _ in letters], dtype=np.int32),
            gram_numbers=np.concatenate([numbers for numbers, _ in letters]),
            gram_weights=np.concatenate([weights for _, weights in letters]),
            centres=unit(means).astype(np.float16),
        )

    @staticmethod
    def join(parts: Sequence[Rows]) -> Rows:
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in (
                "placed", "coarse", "lengths", "gram_counts", "gram_numbers", "gram_weights", "centres",
            )
        }  # fmt: skip
        return Rows(cards=tuple(card for part in parts for card in part.cards), **columns)


@dataclass(frozen=True)
class Index:
    """Never changed, so that a refresh swaps it while a message is being matched."""

    space: Space
    rows: Rows
    owner: np.ndarray  # row → number of its card
    row_starts: np.ndarray
    gram_starts: np.ndarray
    topic_of: np.ndarray  # row → number of its topic
    topics: dict[str, int]
    idf: np.ndarray

    @staticmethod
    def over(space: Space, rows: Rows) -> Index:
        sizes = np.array([len(card.plain) for card in rows.cards])
        topics: dict[str, int] = {}
        of_card = np.array([topics.setdefault(card.topic, len(topics)) for card in rows.cards], dtype=np.int32)
        documents = np.bincount(rows.gram_numbers, minlength=len(space.vocabulary))
        return Index(
            space=space,
            rows=rows,
            owner=np.repeat(np.arange(len(rows.cards), dtype=np.int32), sizes),
            row_starts=np.concatenate([[0], np.cumsum(sizes)]),
            gram_starts=np.concatenate([[0], np.cumsum(rows.gram_counts)]),
            topic_of=np.repeat(of_card, sizes),
            topics=topics,
            idf=(np.log((1 + len(rows.placed)) / (1 + documents)) + 1).astype(np.float32),
        )

    def part(self, first: int, end: int) -> Rows:
        """The cards from `first` to before `end`, as views."""
        a, b = int(self.row_starts[first]), int(self.row_starts[end])
        c, d = int(self.gram_starts[a]), int(self.gram_starts[b])
        rows = self.rows
        return Rows(
            rows.cards[first:end], rows.placed[a:b], rows.coarse[a:b], rows.lengths[a:b], rows.gram_counts[a:b],
            rows.gram_numbers[c:d], rows.gram_weights[c:d], rows.centres[first:end],
        )  # fmt: skip

    def parts(self, keep: Sequence[bool]) -> list[Rows]:
        """The kept cards in as few pieces as possible."""
        edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(keep, dtype=np.int8), [0]])))
        return [self.part(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=False)]

    def likeness(self, text: str, rows: np.ndarray) -> np.ndarray:
        """TF-IDF cosine of a plain text with the given rows."""
        numbers, weights = self.space.words(text, grow=False)
        inside = numbers < len(self.idf)  # the vocabulary may grow under a newer index
        query = np.zeros(len(self.idf), dtype=np.float32)
        query[numbers[inside]] = weights[inside] * self.idf[numbers[inside]]
        query /= max(float(np.linalg.norm(query)), 1e-9)
        starts = self.gram_starts[rows]
        counts = self.gram_starts[rows + 1] - starts
        of_row = np.repeat(np.arange(len(rows)), counts)
        places = np.arange(len(of_row)) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
        stored = self.rows.gram_numbers[places]
        weighted = self.rows.gram_weights[places] * self.idf[stored]
        norms = np.sqrt(np.bincount(of_row, weights=weighted * weighted, minlength=len(rows)))
        products = np.bincount(of_row, weights=weighted * query[stored], minlength=len(rows))
        result: np.ndarray = products / np.maximum(norms, 1e-9)
        return result


#: key → (topic, questions as given)
Wanted = dict[str, tuple[str, tuple[str, ...]]]


class Builder:
    """Turns entries into an index, embedding only what it has not seen."""

    def __init__(self, encoders: Sequence[TextEncoder], shares: Sequence[float]) -> None:
        self._encoders = encoders
        self._shares = shares
        self._index: Index | None = None
        self._silent: Wanted = {}  # scripts without a question that says something
        self._lock = threading.Lock()

    def build(self, entries: Iterable[Entry]) -> Index | None:
        """The index of exactly these scripts; None when none of them has a question."""
        wanted = _by_key(entries)
        with self._lock:
            index = self._index
            cards = index.rows.cards if index is not None else ()
            keep = [wanted.get(card.key) == (card.topic, card.given) for card in cards]
            seen = {card.key for card, kept in zip(cards, keep, strict=False) if kept}
            fresh = _cards(
                {key: row for key, row in wanted.items() if key not in seen and self._silent.get(key) != row}
            )
            self._silent = {key: row for key, row in wanted.items() if key not in seen} if wanted else {}
            for card in fresh:
                self._silent.pop(card.key, None)
            gone = sum(len(card.plain) for card, kept in zip(cards, keep, strict=False) if not kept)
            if index is not None and not gone and not fresh:
                return index
            space = index.space if index is not None else None
            if space is not None:
                space.changed_rows += gone + sum(len(card.plain) for card in fresh)
                if space.is_stale():
                    space, keep = None, []
                    fresh = _cards(wanted)
            parts = index.parts(keep) if index is not None and any(keep) else []
            self._index = self._assembled(parts, fresh, space)
            return self._index

    def variant(self, index: Index | None, entries: Iterable[Entry], without: Iterable[str]) -> Index | None:
        """`index` with some scripts replaced, added or left out, for a look at drafts; the live one stays."""
        wanted = _by_key(entries)
        gone = {*without, *wanted}
        with self._lock:
            parts = index.parts([card.key not in gone for card in index.rows.cards]) if index is not None else []
            return self._assembled(parts, _cards(wanted), index.space if index is not None else None)

    def _assembled(self, parts: list[Rows], fresh: list[Card], space: Space | None) -> Index | None:
        if not parts and not fresh:
            return None
        if fresh:
            texts = [question for card in fresh for question in _questions(card.given)]
            views = [encoder.many(texts) for encoder in self._encoders]
            space = space or Space(views, self._shares)
            parts = [*parts, Rows.make(fresh, views, space)]
        assert space is not None  # kept rows have one
        return Index.over(space, Rows.join(parts))


def _by_key(entries: Iterable[Entry]) -> Wanted:
    """One entry a key: a script for several channels is still one answer."""
    found: Wanted = {}
    for key, topic, questions in entries:
        known = found.get(key)
        given = tuple(questions) if known is None else tuple(dict.fromkeys([*known[1], *questions]))
        found[key] = (topic, given)
    return found


def _questions(given: Iterable[str]) -> list[str]:
    return [question for question in dict.fromkeys(given) if plain(question)]


def _cards(wanted: Wanted) -> list[Card]:
    """Cards of the scripts that can be asked for."""
    made = []
    for key, (topic, given) in wanted.items():
        texts = tuple(plain(question) for question in _questions(given))
        if texts:
            made.append(Card(key, topic, given, texts))
    return made
