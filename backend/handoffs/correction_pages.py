"""Corrected turns for whoever keeps the training material: read, decide, take away."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from backend.handoffs import correcting
from backend.infra.work import Work
from backend.kernel.actors import Actor
from backend.kernel.clock import shanghai_date
from backend.kernel.errors import ZhikeError
from backend.web.deps import NowDep, WorksDep, current_staff
from backend.web.forms import CheckedForm
from backend.web.render import page

router = APIRouter(include_in_schema=False)

DONE = {"kept": "采用了，导出时会带上。", "dropped": "记下了，不进训练材料。", "open": "放回来了。"}


def reader(actor: Annotated[Actor, Depends(current_staff)]) -> Actor:
    """Script owners, approvers and quality; agents correct, they do not decide what is trained."""
    correcting.may_read(actor)
    return actor


Reader = Annotated[Actor, Depends(reader)]


@router.get("/desk/corrections")
def corrections(request: Request, works: WorksDep, actor: Reader, now: NowDep, state: str = "open",
                done: str = "") -> Response:
    """What agents corrected: masked words, what the bot took them for, what they were, how often."""
    with works.read(actor, now) as work:
        return _page(request, work, state, DONE.get(done, ""))


def _page(request: Request, work: Work, state: str, done: str, error: ZhikeError | None = None) -> Response:
    state = state if state in correcting.STATES else "open"
    return page(request, "desk/corrections.html", nav="scripts", status=error.status if error else 200, state=state,
                states=correcting.STATES, may_decide=correcting.may_decide(work.actor), done=done, error=error,
                **correcting.listing(work.session, state, work.now))


@router.post("/desk/corrections")
def decide(request: Request, works: WorksDep, actor: Reader, now: NowDep, form: CheckedForm) -> Response:
    """Decide one kind of turn (all the same words together). ``state``: kept | dropped | open."""
    state, back = str(form.get("state") or ""), str(form.get("from") or "open")
    ids = [one for one in str(form.get("ids") or "").split(",") if one][:500]
    try:
        with works.begin(actor, now) as work:
            for one in ids:
                correcting.decide(work, one, state)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            return _page(request, work, back, "", refusal)
    return RedirectResponse(f"/desk/corrections?state={back if back in correcting.STATES else 'open'}&done={state}",
                            status_code=303)


@router.get("/desk/corrections.tsv")
def export(works: WorksDep, actor: Reader, now: NowDep) -> Response:
    """What was kept, for the training material; each export is journalled."""
    with works.begin(actor, now) as work:
        lines = correcting.export(work)
    name = f"corrections-{shanghai_date(now):%Y%m%d}.tsv"
    return Response(lines, media_type="text/tab-separated-values; charset=utf-8", headers={
        "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"})
