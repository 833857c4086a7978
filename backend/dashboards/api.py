"""The figures and their rows as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from backend.dashboards import service
from backend.dashboards.asking import AskedDep
from backend.kernel.actors import Actor, Permission
from backend.web.deps import WorksDep, require

router = APIRouter(prefix="/api/dashboards", tags=["dashboards"])


@router.get("/{name}")
def read(name: str, works: WorksDep, asked: AskedDep,
         actor: Annotated[Actor, Depends(require(Permission.DASHBOARD_READ))], part: str = "", page: int = 1,
         reason: str = "") -> dict[str, Any]:
    """``overview``, or the rows behind the figure ``name`` (``part``: k, n or rest). 404 ``figure_not_found``."""
    with works.read(actor, asked.now) as work:
        if name == "overview":
            return service.overview(work.session, asked.window.since, asked.window.until, asked.now,
                                    channel=asked.channel, actor=actor)
        return service.rows(work.session, name, asked.window.since, asked.window.until, asked.now, page,
                            channel=asked.channel, part=part, reason=reason or None)
