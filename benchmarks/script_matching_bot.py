"""Runs in the bot's environment: our matcher and its peer over one synthetic library, one process after the other.

Prints one JSON object. The library is composed from the pack's scripts and the training phrases; nothing is trained.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

#: Ways to say the same want; the library needs many questions, not good ones.
FRAMES = (
    "{}", "请问{}", "{}怎么办", "我想问一下{}", "你好，{}", "{}，急", "麻烦看看{}", "{}可以吗", "为什么{}", "关于{}",
)  # fmt: skip
SEED = 20260924
WARM = 20

Entry = tuple[str, str, list[str]]
#: First phrase, second phrase, frame.
Made = tuple[int, int, int]


def library(scripts: int, questions: int, phrases: list[str]) -> tuple[list[Entry], dict[str, Made]]:
    """Scripts about two phrases put together, each asked in several frames; and what each question is made of."""
    draw = random.Random(SEED)
    entries, made = [], {}
    for number in range(scripts):
        first, second = draw.randrange(len(phrases)), draw.randrange(len(phrases))
        about = phrases[first][:12] + phrases[second][:8]
        asked = [frame.format(about) for frame in FRAMES[:questions]]
        made.update((text, (first, second, place)) for place, text in enumerate(asked))
        entries.append((f"s{number}", f"topic{number % 40}", asked))
    return entries, made


class Composed:
    """Vectors put together from an encoder's own: its time is not what is measured here.

    Each is near those of the phrases it is about, as an encoder would have it, with a little of its own.
    """

    def __init__(self, phrases: list[str], vectors: np.ndarray, made: dict[str, Made]) -> None:
        self._vectors, self._made = vectors, made
        self._place = {text: place for place, text in enumerate(phrases)}
        self.dimension = vectors.shape[1]
        self._spread = float(np.std(vectors - vectors.mean(axis=0)))

    def one(self, text: str) -> np.ndarray:
        if text in self._place:
            found: np.ndarray = self._vectors[self._place[text]]
            return found
        known = text if text in self._made else text[:-1]  # asked with one more particle at the end
        first, second, _ = self._made.get(known, (len(text), 0, 0))
        seed = np.random.default_rng([ord(char) for char in text])
        own = seed.standard_normal(self.dimension) * self._spread * 0.4
        mixed = 0.6 * self._vectors[first] + 0.4 * self._vectors[second] + own
        result: np.ndarray = (mixed / np.linalg.norm(mixed)).astype(np.float32)
        return result

    def many(self, texts: Sequence[str]) -> np.ndarray:
        if not len(texts):
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([self.one(text) for text in texts])


class Known:
    """An encoder whose work is done: the sentences asked have their vectors already."""

    def __init__(self, inner: Composed, texts: Sequence[str]) -> None:
        self.dimension = inner.dimension
        self.many = inner.many
        self._inner = inner
        self._vectors = {text: inner.one(text) for text in texts}

    def one(self, text: str) -> np.ndarray:
        found = self._vectors.get(text)
        return self._inner.one(text) if found is None else found


def milliseconds(work: Callable[[str], Any], texts: list[str]) -> dict[str, float]:
    """By the clock, and by the processor alone: the second holds on a busy machine too."""
    taken, busy = [], []
    for text in texts:
        began, began_cpu = time.perf_counter(), time.thread_time()
        work(text)
        busy.append((time.thread_time() - began_cpu) * 1000)
        taken.append((time.perf_counter() - began) * 1000)
    return {
        "p50": round(statistics.median(taken), 3),
        "p99": round(float(np.percentile(taken, 99)), 3),
        "cpu_p50": round(statistics.median(busy), 3),
    }


def memory_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def ours(
    entries: list[Entry], made: dict[str, Made], phrases: list[str], asked: list[str], changes: int
) -> dict[str, Any]:
    from bot.components.encoder import second_encoder, shared_encoder
    from bot.matcher import ScriptMatcher

    encoders = [
        Known(Composed(phrases, encoder.many(phrases), made), asked)
        for encoder in (shared_encoder(), second_encoder())
        if encoder is not None
    ]
    matcher = ScriptMatcher(*encoders)
    began = time.perf_counter()
    matcher.rebuild(entries)
    built = time.perf_counter() - began
    for text in asked[:WARM]:
        matcher.match(text)
    matching = milliseconds(matcher.match, asked[WARM:])
    same = [
        matcher.match(text, k=1)[0].key == matcher.match_every(text, k=1)[0].key for text in asked[WARM : WARM + 100]
    ]
    before = memory_mb()
    swapped = []
    for number in range(changes):
        key, topic, questions = entries[number % len(entries)]
        entries[number % len(entries)] = (key, topic, [f"{question}{number % 10}" for question in questions])
        began = time.perf_counter()
        matcher.rebuild(entries)
        swapped.append((time.perf_counter() - began) * 1000)
    return {
        "encoders": len(encoders),
        "match_ms": matching,
        "first_build_s": round(built, 2),
        "rebuild_ms": {"p50": round(statistics.median(swapped), 1), "max": round(max(swapped), 1)},
        "memory_mb": {"before_changes": before, "after_changes": memory_mb()},
        "same_first_as_exact": round(sum(same) / len(same), 3),
    }


def peer(entries: list[Entry], asked: list[str], changes: int) -> dict[str, Any]:
    """Character TF-IDF of scikit-learn, every stored question compared; a change fits it anew."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [question for _, _, questions in entries for question in questions]

    def fit() -> Any:
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2))
        return vectorizer, vectorizer.fit_transform(texts)

    began = time.perf_counter()
    vectorizer, rows = fit()
    built = time.perf_counter() - began

    def find(text: str) -> int:
        return int(np.asarray((rows @ vectorizer.transform([text]).T).todense()).ravel().argmax())

    for text in asked[:WARM]:
        find(text)
    matching = milliseconds(find, asked[WARM:])
    refits = []
    for _ in range(min(changes, 5)):
        began = time.perf_counter()
        fit()
        refits.append((time.perf_counter() - began) * 1000)
    return {
        "match_ms": matching,
        "first_build_s": round(built, 2),
        "rebuild_ms": {"p50": round(statistics.median(refits), 1), "max": round(max(refits), 1)},
        "memory_mb": {"after": memory_mb()},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=("ours", "peer"))
    parser.add_argument("phrases", type=Path, help="JSON list of phrases")
    parser.add_argument("--scripts", type=int, required=True)
    parser.add_argument("--questions", type=int, required=True)
    parser.add_argument("--asked", type=int, required=True)
    parser.add_argument("--changes", type=int, required=True)
    given = parser.parse_args()
    phrases = json.loads(given.phrases.read_text(encoding="utf-8"))
    phrases = list(dict.fromkeys(phrases))
    entries, made = library(given.scripts, given.questions, phrases)
    draw = random.Random(SEED + 1)
    # Half are the customers' own words, half lie close to a stored question.
    asked = [
        draw.choice(phrases) if n % 2 else draw.choice(draw.choice(entries)[2]) + "呢"
        for n in range(given.asked + WARM)
    ]
    asked = list(dict.fromkeys(asked))
    if given.side == "ours":
        print(json.dumps(ours(entries, made, phrases, asked, given.changes)))
    else:
        print(json.dumps(peer(entries, asked, given.changes)))


if __name__ == "__main__":
    main()
