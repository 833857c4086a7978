"""Live hints inside this process: "topic X changed, look again". Messages themselves never travel here.

A hint may be lost without harm: every listener reads the database from the last number it has seen, and the net
(``gateway.net``) finds what no hint told. Hints of other processes come by ``infra.hints``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backend.infra.hints import EVERYTHING


class Listener:
    """One connection's ear: remembers which of its topics were hinted since it last looked."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._woken = asyncio.Event()
        self._heard: set[str] = set()
        self.topics: set[str] = set()

    def hear(self, topic: str) -> None:
        self._heard.add(topic)
        self._woken.set()

    def also(self, topic: str, wanted: bool = True) -> None:
        """Listen to ``topic`` too; not any more where it is not ``wanted``."""
        if wanted and topic not in self.topics:
            self._hub._join(self, topic)
        elif not wanted and topic in self.topics:
            self._hub._leave(self, topic)

    async def wait(self, seconds: float) -> set[str]:
        """The topics hinted since the last call; empty after ``seconds`` of silence."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return set()
        self._woken.clear()
        heard, self._heard = self._heard, set()
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
        # That somebody types is no news that can be missed: "everything" leaves it out.
        topics = [one for one in self._listeners if not one.startswith("typing")] if EVERYTHING in hints else hints
        for topic in topics:
            for listener in tuple(self._listeners.get(topic, ())):
                listener.hear(topic)

    @contextmanager
    def listen(self, *topics: str) -> Iterator[Listener]:
        """A listener to ``topics`` for the length of the block; it may take further ones in and leave them."""
        listener = Listener(self)
        for topic in topics:
            self._join(listener, topic)
        try:
            yield listener
        finally:
            for topic in tuple(listener.topics):
                self._leave(listener, topic)

    def _join(self, listener: Listener, topic: str) -> None:
        listener.topics.add(topic)
        self._listeners[topic].add(listener)

    def _leave(self, listener: Listener, topic: str) -> None:
        listener.topics.discard(topic)
        self._listeners[topic].discard(listener)
        if not self._listeners[topic]:
            del self._listeners[topic]

    def listened(self, prefix: str) -> list[str]:
        """What follows ``prefix`` in the topics that somebody listens to."""
        return [topic[len(prefix):] for topic in self._listeners if topic.startswith(prefix)]

    @property
    def size(self) -> int:
        """How many topics somebody listens to."""
        return len(self._listeners)
