"""Server-sent hints for staff pages: which topics changed. The page then asks for what it shows."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from backend.gateway.at_desk import AtDesk
from backend.kernel.actors import Actor, Permission
from backend.web.deps import current_staff

router = APIRouter()

HEARTBEAT_SECONDS = 10.0
MAX_TOPICS = 20


@router.get("/api/events")
async def events(request: Request, topics: str, actor: Annotated[Actor, Depends(current_staff)],
                 desk: bool = False) -> StreamingResponse:
    """A stream of ``event: hint`` with ``data: {"topic": …}``; a beat every ten seconds keeps it open.

    With ``desk=1`` (or the topic ``at-desk``) the page is somebody's desk: while it is open they are there.
    """
    wanted = [topic for topic in topics.split(",") if topic][:MAX_TOPICS]
    there = None
    if (desk or "at-desk" in wanted) and actor.can(Permission.DESK_USE):
        there = AtDesk(request.app.state.works, actor, request.app.state.intake.owner)
    return StreamingResponse(_hints(request, wanted, there), media_type="text/event-stream",
                             headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _hints(request: Request, topics: list[str], there: AtDesk | None) -> AsyncIterator[str]:
    try:
        async for line in _heard(request, topics, there):
            yield line
    finally:
        if there is not None:
            there.close()


async def _heard(request: Request, topics: list[str], there: AtDesk | None) -> AsyncIterator[str]:
    with request.app.state.hub.listen(*topics) as ear:
        yield "retry: 2000\n\n"
        while not request.app.state.stopping.is_set():
            if there is not None:
                await there.hold()
            heard = await ear.wait(HEARTBEAT_SECONDS)
            if await request.is_disconnected():
                return
            if not heard:
                yield "event: beat\ndata: {}\n\n"  # a comment would not reach the page, which must notice a dead line
            for topic in sorted(heard):
                yield f"event: hint\ndata: {json.dumps({'topic': topic})}\n\n"
            await asyncio.sleep(0.05)  # a burst of hints is one look
