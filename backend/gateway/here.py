"""Which customers are connected to this process, noted in the database all together.

One statement every few seconds for all open connections, instead of one for each: with two thousand sockets the
sign of life must not be what the database is busy with.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from backend.conversations import marks
from backend.gateway import duty
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM

BEAT_SECONDS = 5.0
BATCH = 500


class Here:
    """Open connections by conversation, and when each was last noted. Used on one event loop."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._open: Counter[str] = Counter()
        self._touched: set[str] = set()
        self._noted: dict[str, float] = {}

    @contextmanager
    def connected(self, conversation_id: str) -> Iterator[None]:
        """The customer's socket is open for the length of the block."""
        self._open[conversation_id] += 1
        try:
            yield
        finally:
            self._open[conversation_id] -= 1
            if self._open[conversation_id] <= 0:
                del self._open[conversation_id]

    def touch(self, conversation_id: str) -> None:
        """The customer's device asked for news a moment ago."""
        self._touched.add(conversation_id)

    async def run(self, seconds: float = BEAT_SECONDS) -> None:
        """Until cancelled."""
        await duty.every(seconds, self.note, failed="presence_not_noted")

    async def note(self) -> int:
        """Write down whoever is due; returns how many."""
        now = time.monotonic()
        present = self._open.keys() | self._touched
        self._touched = set()
        span = marks.SEEN_EVERY.total_seconds()
        due = [one for one in present if now - self._noted.get(one, -span) >= span]
        self._noted = {one: at for one, at in self._noted.items() if now - at < span}
        for start in range(0, len(due), BATCH):
            batch = due[start:start + BATCH]
            await asyncio.to_thread(self._write, batch)
            self._noted.update(dict.fromkeys(batch, now))
        return len(due)

    def _write(self, conversation_ids: list[str]) -> None:
        with self._works.begin(SYSTEM) as work:
            marks.customer_seen(work, *conversation_ids)
