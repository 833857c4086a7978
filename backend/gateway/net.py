"""The net under the hints: every few seconds one look for all of this process's open connections together.

A hint may be lost (another process died before sending it, the line was down, SQLite has no line at all). One
question names every conversation that somebody listens to; whichever has moved is hinted here. So an open
connection costs no query of its own while nothing happens.
"""

import asyncio

from backend.conversations import progress
from backend.conversations import service as conversations
from backend.gateway import duty
from backend.gateway.hub import Hub
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM

NET_SECONDS = 5.0


class Net:
    """Remembers how far each listened conversation was at the last look."""

    def __init__(self, works: Works, hub: Hub) -> None:
        self._works = works
        self._hub = hub
        self._known: dict[str, tuple[int, ...]] = {}

    async def run(self, seconds: float = NET_SECONDS) -> None:
        """Until cancelled."""
        await duty.every(seconds, self.look, failed="net_failed")

    async def look(self) -> int:
        """Hint the conversations that have moved since the last look; returns how many.

        One seen for the first time counts as moved: what was written between its connection's first reading and
        now may have gone unheard.
        """
        listened = self._hub.listened(conversations.topic(""))
        found = await asyncio.to_thread(self._positions, listened) if listened else {}
        moved = [one for one, place in found.items() if self._known.get(one) != place]
        self._known = found
        if moved:
            self._hub.publish([conversations.topic(one) for one in moved])
        return len(moved)

    def _positions(self, conversation_ids: list[str]) -> dict[str, tuple[int, ...]]:
        with self._works.read(SYSTEM) as work:
            return progress.positions(work.session, conversation_ids)
