"""Multinomial logistic regression on a sparse and a dense block at once.

scikit-learn wants one matrix; stored as CSR the dense block alone makes a fit five times slower, and as
a dense array the n-grams do not fit in memory. The loss is scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class SoftmaxModel:
    """Weights of one row a class."""

    classes: list[str]
    sparse: np.ndarray  # (features, classes)
    dense: np.ndarray  # (dimension, classes)
    intercept: np.ndarray  # (classes,)

    def probabilities(self, sparse: csr_matrix, dense: np.ndarray) -> np.ndarray:
        return softmax(self.scores(sparse, dense))

    def scores(self, sparse: csr_matrix, dense: np.ndarray) -> np.ndarray:
        return np.asarray(sparse @ self.sparse + dense @ self.dense + self.intercept)


def softmax(scores: np.ndarray) -> np.ndarray:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return result


def unit(rows: np.ndarray) -> np.ndarray:
    """Each row at length 1; a row of nothing stays nothing."""
    result: np.ndarray = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return result


def fit(
    sparse: csr_matrix,
    dense: np.ndarray,
    labels: Sequence[str],
    C: float,
    max_iter: int = 150,
    balance: float = 1.0,
) -> SoftmaxModel:
    """Minimise C · Σ weight·cross-entropy + ½‖w‖² by L-BFGS; the intercept is not punished.

    `balance` 1 makes all classes count alike however many phrases they have, 0 lets their sizes speak.
    """
    classes = sorted(set(labels))
    number = {name: index for index, name in enumerate(classes)}
    target = np.array([number[name] for name in labels])
    rows, width, depth, k = len(labels), sparse.shape[1], dense.shape[1], len(classes)
    truth = np.zeros((rows, k), dtype=np.float32)
    truth[np.arange(rows), target] = 1.0
    counts = np.bincount(target, minlength=k)
    weight = ((rows / (k * np.maximum(counts, 1))) ** balance)[target].astype(np.float32)[:, None]
    sparse = sparse.astype(np.float32)
    transposed = sparse.T.tocsr()
    dense = dense.astype(np.float32)
    # Dividing the whole by C·rows keeps the loss near 1, which suits the optimiser's tolerance.
    punish = 1.0 / (C * rows)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(width + depth + 1, k).astype(np.float32)
        scores = sparse @ weights[:width] + dense @ weights[width:-1] + weights[-1]
        chances = softmax(scores)
        right = np.maximum(chances[np.arange(rows), target], 1e-12)
        value = float(-(weight[:, 0] * np.log(right)).sum() / rows)
        value += 0.5 * punish * float((flat[: (width + depth) * k] ** 2).sum())
        error = weight * (chances - truth) / rows
        slope = np.empty_like(weights, dtype=np.float64)
        slope[:width] = transposed @ error
        slope[width:-1] = dense.T @ error
        slope[-1] = error.sum(axis=0)
        slope[:-1] += punish * weights[:-1]
        return value, slope.ravel()

    start = np.zeros((width + depth + 1) * k)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": max_iter, "maxcor": 8})
    weights = best.x.reshape(width + depth + 1, k).astype(np.float32)
    return SoftmaxModel(classes, weights[:width], weights[width:-1], weights[-1])
