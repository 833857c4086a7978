"""The supervisor's wall and the rows behind its numbers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from backend.handoffs import wall, wall_rows
from backend.kernel.actors import Actor, Permission
from backend.kernel.errors import NotFound
from backend.web.deps import NowDep, WorksDep, require
from backend.web.render import page

router = APIRouter(include_in_schema=False)

Supervisor = Annotated[Actor, Depends(require(Permission.DESK_SUPERVISE))]


@router.get("/desk/wall")
def the_wall(request: Request, works: WorksDep, actor: Supervisor, now: NowDep, part: str = "") -> Response:
    """Queue, people, today; ``part=board`` is what is fetched again on every hint."""
    with works.read(actor, now) as work:
        template = "desk/wall_board.html" if part == "board" else "desk/wall.html"
        return page(request, template, nav="desk", live="queue,desk,alerts", board=wall.board(work))


@router.get("/desk/wall/rows/{name}")
def rows(request: Request, works: WorksDep, actor: Supervisor, now: NowDep, name: str, group: str = "",
         staff: str = "") -> Response:
    """The rows behind one number."""
    if name not in wall_rows.NAMES:
        raise NotFound("no_such_rows", "没有这张明细，请从大屏上的数字点进来。")
    with works.read(actor, now) as work:
        return page(request, "desk/wall_rows.html", nav="desk", title=wall_rows.NAMES[name], at=now,
                    **wall_rows.rows(work, name, group=group, staff=staff))
