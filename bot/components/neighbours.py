"""What the nearest training phrases are labelled: an opinion that no straight line through the vectors gives.

The linear model asks which words and directions speak for an intent; neighbours ask which known phrase this one is
like. They err on different messages, so a mixture is better than either (decision 0006).
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from bot.components.softmax import unit

#: Likeness counts by exp(SHARPNESS · cosine): a phrase 0.1 nearer counts seven times as much.
SHARPNESS = 20.0
#: What every intent gets for nothing; a logarithm needs it.
FLOOR = 0.002
#: Rows compared in one go, so that a whole training set does not need a square of itself.
PORTION = 512


class Neighbours:
    """Labelled unit vectors; `vectors` (phrases, dimension), `owners` (phrases,) numbers of classes."""

    def __init__(self, vectors: np.ndarray, owners: np.ndarray, classes: int, count: int) -> None:
        self.vectors = unit(vectors)
        self.owners = np.asarray(owners, dtype=np.int32)
        self.classes = classes
        self.count = min(count, len(self.owners))

    @staticmethod
    def of(vectors: np.ndarray, labels: Sequence[str], classes: Sequence[str], count: int) -> Neighbours:
        number = {name: place for place, name in enumerate(classes)}
        return Neighbours(vectors, np.array([number[label] for label in labels]), len(classes), count)

    def logs(self, vectors: np.ndarray) -> np.ndarray:
        """Log-probabilities of the intents by each row's `count` nearest phrases; shape (rows, classes)."""
        portions = [self._logs(unit(vectors[at : at + PORTION])) for at in range(0, len(vectors), PORTION)]
        return np.concatenate(portions) if portions else np.zeros((0, self.classes), dtype=np.float32)

    def _logs(self, rows: np.ndarray) -> np.ndarray:
        likeness = rows @ self.vectors.T
        nearest = np.argpartition(likeness, -self.count, axis=1)[:, -self.count :]
        weight = np.exp(SHARPNESS * (np.take_along_axis(likeness, nearest, axis=1) - 1.0))
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        chances = np.full((len(rows), self.classes), FLOOR, dtype=np.float32)
        np.add.at(chances, (np.arange(len(rows))[:, None], self.owners[nearest]), weight)
        result: np.ndarray = np.log(chances / chances.sum(axis=1, keepdims=True))
        return result
