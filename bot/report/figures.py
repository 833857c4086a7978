"""The report's figures: pure, from what the model said about labelled phrases."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: 95 % of a normal distribution.
Z = 1.959964
RESAMPLES = 1000
BINS = 10


@dataclass(frozen=True)
class Judged:
    """One labelled phrase and what became of it.

    `guess` is the best intent by probability, `said` what the product acted on (it may refuse), `inside` how sure
    the model is that the phrase is one of ours (0 to 1), `script` the answer it would have given.
    """

    text: str
    truth: str
    guess: str
    said: str
    confidence: float
    inside: float
    refused: bool
    script: str | None = None
    script_score: float = 0.0


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = hits / n, Z * Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def f1_of(truth: Sequence[str], guess: Sequence[str], intents: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each intent; 0 where an intent was never hit."""
    hits = Counter(t for t, g in zip(truth, guess, strict=True) if t == g)
    there, said = Counter(truth), Counter(guess)
    rows = {}
    for intent in intents:
        precision = hits[intent] / said[intent] if said[intent] else 0.0
        recall = hits[intent] / there[intent] if there[intent] else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hits[intent] else 0.0
        rows[intent] = {"precision": precision, "recall": recall, "f1": f1, "n": there[intent], "hits": hits[intent]}
    return rows


def macro_f1_interval(truth: Sequence[str], guess: Sequence[str], intents: Sequence[str]) -> tuple[float, float]:
    """95 % bootstrap interval over phrases, drawn within each intent so that none vanishes; fixed seed."""
    names = sorted({*truth, *guess})
    number = {name: i for i, name in enumerate(names)}
    t = np.array([number[one] for one in truth])
    g = np.array([number[one] for one in guess])
    groups = [np.flatnonzero(t == i) for i in range(len(names))]
    wanted = [number[intent] for intent in intents]
    if not wanted:
        return 0.0, 0.0
    rng = np.random.default_rng(20260917)
    values = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([rng.choice(group, len(group)) for group in groups if len(group)])
        said = np.bincount(g[drawn], minlength=len(names))
        there = np.bincount(t[drawn], minlength=len(names))
        hit = np.bincount(t[drawn][t[drawn] == g[drawn]], minlength=len(names))
        # F1 = 2·hits / (said + there): the same as 2PR/(P+R), without a division by nothing.
        values.append(float(np.mean([2 * hit[i] / max(1, said[i] + there[i]) for i in wanted])))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def reliability(judged: Sequence[Judged]) -> list[dict[str, float]]:
    """Per tenth of confidence: how often the best intent was right, beside how sure the model said it was."""
    bins: dict[int, list[Judged]] = defaultdict(list)
    for one in judged:
        bins[min(BINS - 1, int(one.confidence * BINS))].append(one)
    rows = []
    for i in sorted(bins):
        group = bins[i]
        right = sum(one.guess == one.truth for one in group)
        low, high = wilson(right, len(group))
        mean = sum(one.confidence for one in group) / len(group)
        rows.append({"from": i / BINS, "to": (i + 1) / BINS, "n": len(group), "mean_confidence": mean,
                     "accuracy": right / len(group), "low": low, "high": high})
    return rows


def expected_calibration_error(rows: Sequence[Mapping[str, float]]) -> float:
    """Mean gap between confidence and accuracy, weighted by how many phrases fell in each bin."""
    n = sum(row["n"] for row in rows)
    return sum(row["n"] * abs(row["accuracy"] - row["mean_confidence"]) for row in rows) / n if n else 0.0


def refusal_curve(inside: Sequence[float], outside: Sequence[float]) -> list[dict[str, float]]:
    """At each threshold of the in-scope score: the share of either kind that falls below it, so is refused."""
    ours, strange = np.sort(inside), np.sort(outside)
    rows = []
    for threshold in np.linspace(0, 1, 101):
        rows.append({
            "threshold": float(threshold),
            "inside_refused": float(np.searchsorted(ours, threshold)) / len(ours) if len(ours) else 0.0,
            "outside_refused": float(np.searchsorted(strange, threshold)) / len(strange) if len(strange) else 0.0,
        })
    return rows


def confusions(judged: Sequence[Judged]) -> dict[tuple[str, str], int]:
    """(truth, guess) → how many, right ones included."""
    return dict(Counter((one.truth, one.guess) for one in judged))


def worst(judged: Sequence[Judged], limit: int = 60) -> list[Judged]:
    """The errors that were made with most conviction, first."""
    return sorted((one for one in judged if one.guess != one.truth), key=lambda one: -one.confidence)[:limit]


def coverage(judged: Sequence[Judged], scripts: Sequence[Mapping[str, Any]], fits: float) -> list[dict[str, Any]]:
    """Per topic that has scripts: how many there are, and how often one really fits what customers ask."""
    topics: dict[str, dict[str, Any]] = {}
    topic_of = {}
    for script in scripts:
        topic_of[script["key"]] = script["topic"]
        row = topics.setdefault(script["topic"], {"topic": script["topic"], "scripts": 0, "examples": 0})
        row["scripts"] += 1
        row["examples"] += len(script.get("examples") or ())
    asked: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        asked[one.truth].append(one)
    for topic, row in topics.items():
        group = asked.get(topic, [])
        fitting = [one for one in group if one.script and topic_of.get(one.script) == topic and one.script_score >= fits]
        row["asked"] = len(group)
        row["fitting"] = len(fitting)
        row["low"], row["high"] = wilson(len(fitting), len(group))
    return sorted(topics.values(), key=lambda row: (-(row["asked"] - row["fitting"]), row["topic"]))
