"""The library's pages. Every post is answered by a redirect when it worked, by the same page when it did not."""

from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from backend.infra.work import Work
from backend.kernel.errors import NotFound, ZhikeError
from backend.scripts import (
    drafting,
    editor,
    library,
    question_pages,
    record,
    replay_pages,
    service,
    writing_pages,
)
from backend.scripts.page_parts import (
    Approver,
    Asked,
    Reader,
    Writer,
    back,
    kept,
    show,
    show_library,
    usage_of,
    version_and_script,
    version_usage,
    words,
)
from backend.scripts.rules import State
from backend.scripts.tables import ScriptVersion
from backend.web.deps import NowDep, WorksDep
from backend.web.forms import CheckedForm
from backend.web.render import page

router = APIRouter(prefix="/scripts", include_in_schema=False)
# Their addresses are plain words; those below begin with a script's key and would swallow them.
router.include_router(question_pages.router)
router.include_router(writing_pages.router)
router.include_router(replay_pages.router)


@router.get("")
def index(request: Request, works: WorksDep, actor: Reader, now: NowDep, query: Asked) -> Response:
    if query.nowhere:
        query = replace(query, shelf=library.WHOLE)
    with works.read(actor, now) as work:
        shown = library.look(work, query, usage=usage_of(request, work))
        detail = None
        if shown.rows:
            # What waits for me opens as what waits, not as what is said today.
            detail = record.open_script(work, shown.rows[0].key)
            shown.rows[0] = replace(shown.rows[0], selected=True)
        return show_library(request, shown, detail, chosen=False)


@router.get("/versions/{version_id}")
def read_version(version_id: str, request: Request, works: WorksDep, actor: Reader, now: NowDep, query: Asked,
                 done: str = "") -> Response:
    """Exactly this record: where a bot's bubble leads."""
    with works.read(actor, now) as work:
        version, script = version_and_script(work, version_id)
        return show(request, work, query, script, version, done=done, exact=True)


@router.get("/{key}")
def read_script(key: str, request: Request, works: WorksDep, actor: Reader, now: NowDep, query: Asked,
                version: int | None = None, done: str = "") -> Response:
    with works.read(actor, now) as work:
        detail = record.open_script(work, key, version)
        return show(request, work, query, detail.script, detail.version, done=done)


@router.get("/{key}/history")
def read_history(key: str, request: Request, works: WorksDep, actor: Reader, now: NowDep, before: int | None = None,
                 after: int | None = None) -> Response:
    with works.read(actor, now) as work:
        return page(request, "scripts/history.html", nav="scripts", history=record.history(work, key, before, after),
                    usage=version_usage(request, work, key), **words())


@router.post("/{key}/reviewed")
def reviewed(key: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    """Looked at again and found right; when next."""
    query, note = kept(form), str(form.get("reason", ""))
    try:
        next_on = editor.day(str(form.get("review_on", "")), "review_on")
        with works.begin(actor, now) as work:
            drafting.reviewed(work, key, next_on, note)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            detail = record.open_script(work, key)
            return show(request, work, query, detail.script, detail.version, error=refusal, reason=note)
    link = query.link()
    return RedirectResponse(f"/scripts/{key}{link}{'&' if link else '?'}done=reviewed", status_code=303)


@router.post("/{key}/rollback")
def rollback(key: str, request: Request, works: WorksDep, actor: Approver, now: NowDep, form: CheckedForm) -> Response:
    reason, query = str(form.get("reason", "")), kept(form)
    number = str(form.get("version", ""))
    try:
        with works.begin(actor, now) as work:
            version = service.rollback(work, key, int(number) if number.isdigit() else 0, reason)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            detail = record.open_script(work, key)
            return show(request, work, query, detail.script, detail.version, error=refusal, reason=reason)
    return back(version, query, "rollback")


MOVES: dict[str, Callable[[Work, str, FormData], ScriptVersion]] = {
    "submit": lambda work, which, form: service.submit(work, which, str(form.get("note", ""))),
    "recall": lambda work, which, form: service.recall(work, which),
    "approve": lambda work, which, form: service.approve(work, which, str(form.get("seen") or "") or None,
                                                         str(form.get("note", ""))),
    "send-back": lambda work, which, form: service.send_back(work, which, str(form.get("reason", ""))),
    "refuse": lambda work, which, form: service.refuse(work, which, str(form.get("reason", ""))),
    "withdraw": lambda work, which, form: service.withdraw(work, which, str(form.get("reason", ""))),
}


@router.post("/versions/{version_id}/{move}")
def make_move(version_id: str, move: str, request: Request, works: WorksDep, actor: Reader, now: NowDep,
              form: CheckedForm) -> Response:
    if move not in MOVES:
        raise NotFound("not_found", "没有这个操作。")
    query = kept(form)
    with works.read(actor, now) as work:
        was = version_and_script(work, version_id)[0].state
    try:
        with works.begin(actor, now) as work:
            version = MOVES[move](work, version_id, form)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            version, script = version_and_script(work, version_id)
            return show(request, work, query, script, version, error=refusal, reason=str(form.get("reason", "")))
    said = {("approve", State.APPROVED): "later", ("approve", State.IN_REVIEW): "first"}.get(
        (move, State(version.state)), move)
    if move == "withdraw" and was != State.EFFECTIVE:
        said = "discard"
    return back(version, query, said)
