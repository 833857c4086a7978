"""The desk's page and the parts of it that are fetched again when something changed."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import Session

from backend.handoffs import correction_pages, desk, sending, service, supervising, talk, wall_pages
from backend.infra.work import Work
from backend.kernel.actors import Actor, Permission
from backend.web.deps import NowDep, WorksDep, require
from backend.web.render import page

router = APIRouter(include_in_schema=False)
# Before the pages below: "/desk/{conversation}" would take their addresses for conversations.
router.include_router(wall_pages.router)
router.include_router(correction_pages.router)

DeskActor = Annotated[Actor, Depends(require(Permission.DESK_USE))]
# (session, customer_id, conversation_id, now) -> {"template", "context"} or None: how other rooms stand beside a talk.
type Panel = Callable[[Session, str, str, datetime], dict[str, Any] | None]


def _panels(request: Request, work: Work, room: dict[str, Any]) -> list[dict[str, Any]]:
    """Complaints first: what was promised matters most."""
    others: list[Panel] = getattr(request.app.state, "desk_panels", None) or []
    found = [panel(work.session, room["customer_id"], room["id"], work.now) for panel in others]
    return [one for one in found if one] + desk.side(work.session, room["customer_id"], room["id"], work.now)


@router.get("/desk")
def desk_page(request: Request, works: WorksDep, actor: DeskActor, now: NowDep) -> Response:
    """The desk; whoever opens it is there."""
    with works.begin(actor, now) as work:
        service.beat(work)
    with works.read(actor, now) as work:
        lists = desk.desk(work)
        first = next(iter(lists["mine"]), None)
        return _page(request, work, lists, first["conversation_id"] if first else None)


@router.get("/desk/list")
def desk_list(request: Request, works: WorksDep, actor: DeskActor, now: NowDep, open_id: str = "") -> Response:
    with works.read(actor, now) as work:
        return page(request, "desk/list.html", lists=desk.desk(work), open_id=open_id, at=now)


@router.get("/desk/proposals")
def my_proposals(request: Request, works: WorksDep, actor: DeskActor, now: NowDep) -> Response:
    """What became of my edits of approved answers."""
    with works.read(actor, now) as work:
        return page(request, "desk/proposals.html", proposals=desk.my_proposals(work))


@router.get("/desk/{conversation}")
def desk_room(request: Request, works: WorksDep, actor: DeskActor, now: NowDep, conversation: str,
              part: str = "", all: bool = False) -> Response:
    """One conversation: the whole page, or a part of it (``room``: talk and side, ``log``, ``head``, ``side``)."""
    if part in ("log", "head", "side"):
        with works.read(actor, now) as work:
            room = desk.room(work, conversation, everything=all)
            panels = _panels(request, work, room) if part == "side" else []
            return page(request, f"desk/{part}.html", room=room, panels=panels)
    with works.begin(actor, now) as work:
        supervising.watched(work, conversation)
        if part != "room":
            service.beat(work)
    with works.read(actor, now) as work:
        if part == "room":
            room = _whole(work, conversation, all)
            return page(request, "desk/room.html", room=room, panels=_panels(request, work, room))
        return _page(request, work, desk.desk(work), conversation, everything=all)


def _whole(work: Work, conversation: str, everything: bool) -> dict[str, Any]:
    room = desk.room(work, conversation, everything=everything)
    return room | talk.forms(work, room)


def _page(request: Request, work: Work, lists: dict[str, Any], conversation: str | None,
          everything: bool = False) -> Response:
    room = _whole(work, conversation, everything) if conversation else None
    return page(request, "desk/desk.html", nav="desk", live="queue,desk,at-desk", lists=lists, room=room,
                open_id=conversation or "", at=work.now, panels=_panels(request, work, room) if room else [])


@router.get("/desk/{conversation}/attachments/{attachment}")
def attachment(works: WorksDep, actor: DeskActor, now: NowDep, conversation: str, attachment: str) -> Response:
    """A file of a conversation, for who may read conversations. Only pictures, sound and film open in the page."""
    with works.read(actor, now) as work:
        row, content = sending.file_of(work, conversation, attachment)
        kind, name = row.kind, row.name
    inside = kind.startswith(sending.SHOWN_INSIDE)
    return Response(content, media_type=kind, headers={
        "Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": f"{'inline' if inside else 'attachment'}; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff"})
