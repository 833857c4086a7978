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


class Turn:
    """A lock that is handed over in the order of asking."""

    def __init__(self) -> None:
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
        place.acquire()  # released by whoever goes before
        self._holder = me

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
