"""Engine, column types and the two dialects' house rules.

SQLite runs in WAL mode with foreign keys on and a busy time-out; PostgreSQL through psycopg 3. A writing
transaction on SQLite begins IMMEDIATE: a transaction that reads first and writes later would otherwise fail
at once with "database is locked" when another writer came between, whatever the time-out.
"""

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import DateTime, LargeBinary, create_engine, event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.types import TypeDecorator

from backend.settings import settings

# Only other processes are waited for here: writers of one process line up before (``infra.turns``).
BUSY_TIMEOUT_MS = 12_000


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware instant, stored as UTC. Naive values are refused: they hide a wrong assumption."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: say which zone it is in")
        value = value.astimezone(UTC)
        # SQLite stores text without a zone; keep it UTC and comparable.
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@lru_cache(maxsize=4)
def _cipher(key: str) -> AESGCM:
    return AESGCM(urlsafe_b64decode(key))


class EncryptedText(TypeDecorator[str]):
    """Text encrypted at rest (AES-256-GCM, 12-byte nonce in front): for whatever a customer may have written."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        nonce = os.urandom(12)
        return nonce + _cipher(settings().secrets.column_key).encrypt(nonce, value.encode(), None)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        raw = bytes(value)
        return _cipher(settings().secrets.column_key).decrypt(raw[:12], raw[12:], None).decode()


def blind_index(purpose: str, value: str) -> str:
    """Keyed hash of a personal value: equal values meet, the value itself cannot be read back.

    ``purpose`` keeps indexes of different columns apart, so that a phone number in one cannot be linked to
    the same digits in another.
    """
    key = urlsafe_b64decode(settings().secrets.index_key)
    return hmac.new(key, f"{purpose}\x00{value}".encode(), hashlib.sha256).hexdigest()


def make_engine(url: str) -> Engine:
    """An engine that follows the house rules of its dialect."""
    if url.startswith("sqlite"):
        # Last in, first out: each connection keeps pages of its own, so the fewer are in turn, the less memory.
        engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
                               pool_use_lifo=True)
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        return engine
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(url, pool_size=20, max_overflow=20, pool_pre_ping=True)


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    # The driver must not open transactions on its own: "begin" below decides which kind it is.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("zhike_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
