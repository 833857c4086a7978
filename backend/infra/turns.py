"""Whose turn it is to write on SQLite: first come, first served.

SQLite has one writer at a time and no queue. Whoever finds the database locked sleeps and asks again, for longer and
longer; a newcomer who asks at the right moment goes first. Under steady writing somebody waits beyond any time-out
("database is locked") although every transaction is short. So writers of this process line up here, in order, and
only the first of the line asks SQLite, where at most another process is in the way.
"""

import threading
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

from sqlalchemy.engine import Engine

from backend.kernel.errors import Unavailable

# While another process keeps the database for itself, nobody here waits for ever: a clear refusal comes in time.
PATIENCE_SECONDS = 12.0


class Turn:
    """A lock that is handed over in the order of asking. Raises Unavailable (``database_busy``) after ``patience``."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._mutex = threading.Lock()
        self._line: deque[threading.Lock] = deque()
        self._holder: int | None = None

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._mutex:
            if self._holder is None:
                self._holder = me
                return
            if self._holder == me:
                raise RuntimeError("a writing transaction inside another one would wait for itself")
            place = threading.Lock()
            place.acquire()
            self._line.append(place)
        # Released by whoever goes before.
        if not place.acquire(timeout=self._patience) and self._gave_up(place):
            raise Unavailable("database_busy", "系统正忙，这次还没有存上。请过几秒再试一次。")
        self._holder = me

    def _gave_up(self, place: threading.Lock) -> bool:
        """Out of the line; False where the turn was handed over at this very moment."""
        with self._mutex:
            if place not in self._line:
                return False
            self._line.remove(place)
            return True

    def __exit__(self, *_: object) -> None:
        with self._mutex:
            if self._line:
                self._holder = -1  # on its way to the next: nobody cuts in
                self._line.popleft().release()
            else:
                self._holder = None


@lru_cache(maxsize=64)
def _turn(database: str) -> Turn:
    return Turn()


def turn_of(engine: Engine) -> AbstractContextManager[None]:
    """The one line before this SQLite file; on PostgreSQL nobody lines up."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return nullcontext()
    return _turn(engine.url.database)
