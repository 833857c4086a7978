"""Server-sent hints for staff pages: which topics changed. The page then asks for what it shows."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from backend.kernel.actors import Actor
from backend.web.deps import current_staff

router = APIRouter()

HEARTBEAT_SECONDS = 10.0
MAX_TOPICS = 20


@router.get("/api/events")
async def events(request: Request, topics: str, actor: Annotated[Actor, Depends(current_staff)]) -> StreamingResponse:
    """A stream of ``event: hint`` with ``data: {"topic": …}``; a comment every ten seconds keeps it open."""
    wanted = [topic for topic in topics.split(",") if topic][:MAX_TOPICS]
    return StreamingResponse(_hints(request, wanted), media_type="text/event-stream",
                             headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _hints(request: Request, topics: list[str]) -> AsyncIterator[str]:
    with request.app.state.hub.listen(*topics) as ear:
        yield "retry: 2000\n\n"
        while not request.app.state.stopping.is_set():
            heard = await ear.wait(HEARTBEAT_SECONDS)
            if await request.is_disconnected():
                return
            if not heard:
                yield ": still here\n\n"
            for topic in sorted(heard):
                yield f"event: hint\ndata: {json.dumps({'topic': topic})}\n\n"
            await asyncio.sleep(0.05)  # a burst of hints is one look
