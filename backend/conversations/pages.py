"""What the system noticed and a person should look at."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from backend.conversations import alerts
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import zh_datetime
from backend.web.deps import NowDep, WorksDep, current_staff, require
from backend.web.forms import CheckedForm
from backend.web.render import page

router = APIRouter()


@router.get("/api/shell")
def shell(request: Request, now: NowDep, actor: Annotated[Actor, Depends(current_staff)]) -> JSONResponse:
    """The rail's numbers and the bell, for a page that heard that something changed."""
    return JSONResponse(request.app.state.shell_counts(actor, now), headers={"Cache-Control": "no-store"})


@router.get("/alerts")
def alerts_page(request: Request, works: WorksDep,
           actor: Annotated[Actor, Depends(require(Permission.ALERT_READ))]) -> Response:
    with works.read(actor) as work:
        rows = [{"id": one.id, "title": alerts.title_of(one.kind), "detail": one.detail or one.subject,
                 "count": one.count, "at_text": zh_datetime(one.last_at, work.now)}
                for one in alerts.still_open(work.session)]
    return page(request, "conversations/alerts.html", alerts_open=rows)


@router.post("/alerts/{alert_id}/done")
def done(alert_id: str, works: WorksDep, form: CheckedForm,
         actor: Annotated[Actor, Depends(require(Permission.ALERT_READ))]) -> Response:
    with works.begin(actor) as work:
        alerts.finish(work, alert_id)
    return RedirectResponse("/alerts", status_code=303)
