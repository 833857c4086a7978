"""What a process does every few seconds beside answering, for as long as it runs."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


async def every(seconds: float, duty: Callable[[], Awaitable[object]], *, failed: str, at_once: bool = False) -> None:
    """Do it after each pause, until cancelled; ``at_once``: before the first pause too.

    One that fails is logged as ``failed``: the next may find the database back.
    """
    if not at_once:
        await asyncio.sleep(seconds)
    while True:
        try:
            await duty()
        except Exception:
            log.exception(failed)
        await asyncio.sleep(seconds)
