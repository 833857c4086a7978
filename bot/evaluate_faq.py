"""`zhike faq evaluate FILE`: the product's matcher on labelled questions, beside plain character TF-IDF."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bot.settings import quiet_environment


class UnusableSet(Exception):
    """The file does not serve; the message says what is wrong with it."""


def read(path: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(id, question) of the stored questions, (query, id) of the customers' ones."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableSet(f"读不了 {path}：{error}") from error
    questions: list[tuple[str, str]] = []
    queries: list[tuple[str, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if row["type"] == "faq":
                questions.append((str(row["id"]), str(row["question"])))
            else:
                queries.append((str(row["query"]), str(row["faq_id"])))
        except (ValueError, KeyError, TypeError) as error:
            raise UnusableSet(f"{path} 第 {number} 行不是合法的 faq 或 query：{error}") from error
    if not questions or not queries:
        raise UnusableSet(f"{path} 里需要 faq 和 query 两种行。")
    return questions, queries


def faq(path: Path) -> dict[str, Any]:
    """MRR and top-k of both sides; milliseconds of our side, with the sentence vector and without."""
    quiet_environment()
    from sklearn.feature_extraction.text import TfidfVectorizer

    from bot.components.encoder import second_encoder, shared_encoder
    from bot.matcher import ScriptMatcher
    from bot.text import normalise

    questions, queries = read(path)
    # Measured phrases are nobody's training data: they stay out of the cache on disk.
    first, second = shared_encoder(), second_encoder()
    encoders = [encoder.without_disk() for encoder in (first, second) if encoder is not None]
    matcher = ScriptMatcher(*encoders)
    matcher.rebuild([(key, "faq", [text]) for key, text in questions])
    keys = [key for key, _ in questions]
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), lowercase=False)
    stored = vectorizer.fit_transform([normalise(text) for _, text in questions])
    ranks: list[float] = []
    base: list[float] = []
    embedding: list[float] = []
    matching: list[float] = []
    for text, wanted in queries:
        started = time.perf_counter()
        for encoder in encoders:
            encoder.one(text)
        embedded = time.perf_counter()
        found = [match.key for match in matcher.match(text, k=len(keys))]
        matching.append((time.perf_counter() - embedded) * 1000)
        embedding.append((embedded - started) * 1000)
        ranks.append(_rank(found, wanted))
        alike = np.asarray((stored @ vectorizer.transform([normalise(text)]).T).todense()).ravel()
        base.append(_rank([keys[i] for i in np.argsort(-alike, kind="stable")], wanted))
    ours, plain = _retrieval(ranks), _retrieval(base)
    return {
        "questions": len(questions),
        "queries": len(queries),
        "encoders": [encoder.name for encoder in encoders],
        "matcher": ours,
        "char_tfidf": plain,
        "ratio": round(ours["mrr"] / plain["mrr"], 3) if plain["mrr"] else None,
        "milliseconds": {"embedding": _times(embedding), "matching": _times(matching)},
    }


def _times(values: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": round(float(np.percentile(values, share)), 2) for share in (50, 95)}


def _rank(found: Sequence[str], wanted: str) -> float:
    return found.index(wanted) + 1 if wanted in found else float("inf")


def _retrieval(ranks: Sequence[float]) -> dict[str, float]:
    places = np.array(ranks)
    top = {f"top_{k}": float((places <= k).mean()) for k in (1, 3, 10)}
    return {**top, "mrr": float((1 / places).mean())}
