"""The replay on pages: the whole of it, and the summary beside an approval."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from backend.kernel.actors import Permission
from backend.kernel.errors import NotFound
from backend.scripts import record, replay
from backend.scripts.page_parts import Reader, study_of, turns_of, words
from backend.scripts.replay import USUAL
from backend.web.deps import NowDep, WorksDep
from backend.web.render import page

router = APIRouter(include_in_schema=False)

LIMITS = (50, 200, 500, 1000)
SUMMARY_ROWS = 3


@router.get("/{key}/replay")
def of_script(key: str, works: WorksDep, actor: Reader, now: NowDep) -> Response:
    """The replay of whatever waits or is being written; a script with nothing on its way is shown instead."""
    with works.read(actor, now) as work:
        detail = record.open_script(work, key)
    at = f"/scripts/versions/{detail.version.id}/replay" if detail.version.started_at is None else f"/scripts/{key}"
    return RedirectResponse(at, status_code=303)


@router.get("/versions/{version_id}/replay")
def of_version(version_id: str, request: Request, works: WorksDep, actor: Reader, now: NowDep, n: int = USUAL,
               part: str = "") -> Response:
    """What would change. Customers' words are masked; the bot is asked with no transaction open."""
    turns = turns_of(request)
    if turns is None:
        raise NotFound("replay_not_there", "这个安装没有接上对话记录，不能回放。")
    with works.read(actor, now) as work:
        plan = replay.prepare(work, version_id, turns, n)
    found = replay.run(plan, study_of(request))
    shown = found.changes[:SUMMARY_ROWS] if part == "summary" else found.changes
    template = "scripts/_replay.html" if part == "summary" else "scripts/replay.html"
    return page(request, template, nav="scripts", replay=found, changes=shown, limits=LIMITS, summary=part == "summary",
                may_read_talks=actor.can(Permission.CONVERSATION_READ), **words())
