"""Live hints inside this process: "topic X changed, look again". Messages themselves never travel here.

A hint may be lost without harm: every listener reads the database from the last number it has seen, and looks
by itself every now and then.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Listener:
    """One connection's ear: remembers which of its topics were hinted since it last looked."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._topics: set[str] = set()

    def hear(self, topic: str) -> None:
        self._topics.add(topic)
        self._woken.set()

    async def wait(self, seconds: float) -> set[str]:
        """The topics hinted since the last call; empty after ``seconds`` of silence."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return set()
        self._woken.clear()
        heard, self._topics = self._topics, set()
        return heard


class Hub:
    """Who listens to what. Created and used on one event loop; ``publish`` may be called from any thread."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop on which listeners wait; hints before this go nowhere, and need not."""
        self._loop = loop

    def publish(self, hints: Sequence[str]) -> None:
        """Wake whoever listens to these topics."""
        if self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._deliver, tuple(hints))

    def _deliver(self, hints: Sequence[str]) -> None:
        for topic in hints:
            for listener in tuple(self._listeners.get(topic, ())):
                listener.hear(topic)

    @contextmanager
    def listen(self, *topics: str) -> Iterator[Listener]:
        """A listener to ``topics`` for the length of the block."""
        listener = Listener()
        for topic in topics:
            self._listeners[topic].add(listener)
        try:
            yield listener
        finally:
            for topic in topics:
                self._listeners[topic].discard(listener)
                if not self._listeners[topic]:
                    del self._listeners[topic]

    @property
    def size(self) -> int:
        """How many topics somebody listens to."""
        return len(self._listeners)
