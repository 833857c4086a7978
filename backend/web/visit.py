"""One visit of a member of staff to a page: the request, who, when, on which database; named once by a route."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from backend.infra.work import Works
from backend.kernel.actors import Actor, Permission
from backend.web.deps import NowDep, WorksDep, require


@dataclass(frozen=True)
class Visit:
    """What every page of staff needs to answer."""

    request: Request
    works: Works
    now: datetime
    actor: Actor


def visit(permission: Permission) -> Any:
    """For ``Annotated[Visit, visit(Permission.X)]``: the visit of somebody who may do this."""

    async def dependency(
        request: Request, works: WorksDep, now: NowDep, actor: Annotated[Actor, Depends(require(permission))]
    ) -> Visit:
        return Visit(request, works, now, actor)

    return Depends(dependency)
