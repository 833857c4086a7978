"""An open stream of a desk page is the sign that somebody is there: opened, held every few seconds, closed."""

import asyncio
import time

import structlog
from sqlalchemy.exc import DBAPIError

from backend.gateway.intake import in_thread
from backend.handoffs import presence
from backend.infra.work import Works
from backend.kernel.actors import Actor

log = structlog.get_logger(__name__)

HOLD_SECONDS = 8.0  # well within the half minute after which a silent connection counts as gone


class AtDesk:
    """One page's connection in the database. What cannot be written is tried again with the next beat."""

    def __init__(self, works: Works, actor: Actor, process: str) -> None:
        self._works, self._actor, self._process = works, actor, process
        self._id: str | None = None
        self._held = 0.0

    async def hold(self) -> None:
        """Open it, or say that the page is still there; cheap to call often."""
        if time.monotonic() - self._held < HOLD_SECONDS:
            return
        try:
            await in_thread(self._hold)
            self._held = time.monotonic()
        except DBAPIError:
            log.warning("desk_connection_not_held", staff=self._actor.id, exc_info=True)

    def _hold(self) -> None:
        with self._works.begin(self._actor) as work:
            if self._id is None:
                self._id = presence.connect(work, self._process)
            else:
                presence.hold(work, self._id, self._process)

    def close(self) -> None:
        """The page is gone. Not awaited: whoever closes a stream is usually being cancelled; should this be lost, the
        connection falls silent and counts as gone half a minute later."""
        if self._id is not None:
            asyncio.get_running_loop().run_in_executor(None, self._close, self._id)

    def _close(self, connection_id: str) -> None:
        try:
            with self._works.begin(self._actor) as work:
                presence.disconnect(work, connection_id)
        except Exception:
            log.warning("desk_connection_not_closed", staff=self._actor.id, exc_info=True)
