"""The library's pages. Every post is answered by a redirect when it worked, by the same page when it did not."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from backend.infra.work import Work, Works
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import to_shanghai
from backend.kernel.errors import Invalid, NotFound, ZhikeError
from backend.scripts import editor, exchange, library, record, service, shelves, store, wording
from backend.scripts.library import Query
from backend.scripts.rules import CHANNELS, State
from backend.scripts.service import Content
from backend.scripts.tables import Script, ScriptVersion
from backend.web.deps import NowDep, WorksDep, require
from backend.web.forms import CheckedForm
from backend.web.render import page

router = APIRouter(prefix="/scripts", include_in_schema=False)

Reader = Annotated[Actor, Depends(require(Permission.SCRIPT_READ))]
Writer = Annotated[Actor, Depends(require(Permission.SCRIPT_WRITE))]
Approver = Annotated[Actor, Depends(require(Permission.SCRIPT_APPROVE))]

MAX_UPLOAD = 5 * 1024 * 1024
STATE_NAMES = {state.value: state.zh for state in State}

# What is said after a post that worked.
DONE = {
    "submit": "提交了，等另一位同事审批。",
    "recall": "收回来了，可以接着改。",
    "approve": "批准了，机器人 1 秒内就用这一版。",
    "later": "批准了，到时间自动生效。",
    "send-back": "退回给作者了。",
    "refuse": "记下了，不用这一版。",
    "withdraw": "撤回了，机器人已经不说这一条。",
    "discard": "弃用了，记录还在。",
    "rollback": "换回来了，机器人 1 秒内就用这一版。",
    "save": "草稿存好了。",
}


def asked(topic: str = "", q: str = "", need: str = "") -> Query:
    """The list's question from the address; anything unknown is simply not asked."""
    return Query(shelf=topic if topic in shelves.SHELVES else "", words=q.strip()[:60],
                 need=need if need in ("waiting", "expiring", "mine") else "")


Asked = Annotated[Query, Depends(asked)]


# --- reading ------------------------------------------------------------------------------------


@router.get("")
def index(request: Request, works: WorksDep, actor: Reader, now: NowDep, query: Asked) -> Response:
    with works.read(actor, now) as work:
        shown = library.look(work, query, usage=_usage(request, work))
        detail = None
        if shown.rows:
            # What waits for me opens as what waits, not as what is said today.
            detail = record.open_script(work, shown.rows[0].key)
            shown.rows[0] = replace(shown.rows[0], selected=True)
        return _library(request, shown, detail)


@router.get("/new")
def new_form(request: Request, works: WorksDep, actor: Writer, now: NowDep, topic: str = "") -> Response:
    with works.read(actor, now) as work:
        form = editor.blank() | {"topic": topic if topic in shelves.TOPICS else "ask_logistics"}
        return _editor(request, work, form, "起草话术", "/scripts/new")


@router.get("/import")
def import_form(request: Request, actor: Writer) -> Response:
    return page(request, "scripts/import.html", nav="scripts", report=None, error=None)


@router.get("/export/{kind}")
def export(kind: str, works: WorksDep, actor: Reader, now: NowDep) -> Response:
    """The effective set as a file."""
    if kind not in ("xlsx", "json"):
        raise NotFound("not_found", "只有 xlsx 和 json 两种格式。")
    with works.read(actor, now) as work:
        rows = exchange.export_rows(work.session)
    body = exchange.to_xlsx(rows) if kind == "xlsx" else exchange.to_json(rows)
    media = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" if kind == "xlsx"
             else "application/json; charset=utf-8")
    name = quote(f"话术 {to_shanghai(now):%Y-%m-%d}.{kind}")
    return Response(body, media_type=media, headers={
        "Content-Disposition": f"attachment; filename=\"scripts.{kind}\"; filename*=UTF-8''{name}",
        "Cache-Control": "no-store",
    })


@router.get("/versions/{version_id}")
def read_version(version_id: str, request: Request, works: WorksDep, actor: Reader, now: NowDep, query: Asked,
                 done: str = "") -> Response:
    """Exactly this record: where a bot's bubble leads."""
    with works.read(actor, now) as work:
        version, script = _version(work, version_id)
        return _show(request, work, query, script, version, done=done, exact=True)


@router.get("/versions/{version_id}/edit")
def edit_form(version_id: str, request: Request, works: WorksDep, actor: Writer, now: NowDep) -> Response:
    with works.read(actor, now) as work:
        version, script = _version(work, version_id)
        heading = f"修改草稿 v{version.version}"
        form = editor.filled(script, version)
        return _editor(request, work, form, heading, f"/scripts/versions/{version_id}/edit", script)


@router.get("/{key}")
def read_script(key: str, request: Request, works: WorksDep, actor: Reader, now: NowDep, query: Asked,
                version: int | None = None, done: str = "") -> Response:
    with works.read(actor, now) as work:
        detail = record.open_script(work, key, version)
        return _show(request, work, query, detail.script, detail.version, done=done)


@router.get("/{key}/history")
def read_history(key: str, request: Request, works: WorksDep, actor: Reader, now: NowDep, before: int | None = None,
                 after: int | None = None) -> Response:
    with works.read(actor, now) as work:
        return page(request, "scripts/history.html", nav="scripts", history=record.history(work, key, before, after),
                    **_words())


@router.get("/{key}/draft")
def draft_form(key: str, request: Request, works: WorksDep, actor: Writer, now: NowDep) -> Response:
    """A new version, beginning with the words of an existing one (``from``, else those in force)."""
    with works.read(actor, now) as work:
        number = request.query_params.get("from", "")
        detail = record.open_script(work, key, int(number) if number.isdigit() else None)
        fresh = {"note": "", "seen": "", "effective_from": "", "effective_to": ""}
        form = editor.filled(detail.script, detail.version) | fresh
        return _editor(request, work, form, "起草新版本", f"/scripts/{key}/draft", detail.script)


# --- writing ------------------------------------------------------------------------------------


@router.post("/preview")
def preview(request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    """How the words on the screen would look and what the checks say; nothing is stored."""
    given = editor.typed(form)
    with works.read(actor, now) as work:
        return page(request, "scripts/_preview.html", preview=editor.preview(work, given), **_words())


@router.post("/new")
def create(request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    def write(work: Work, content: Content) -> ScriptVersion:
        key = str(form.get("key", "")).strip()
        if store.script(work.session, key):
            raise Invalid("key_taken", "这个编号已经有话术了，换一个，或者到那一条里起草新版本。",
                          fields={"key": "已经用了"})
        return service.draft(work, key, content)

    return _write(request, works, actor, now, form, write, "起草话术", "/scripts/new", None)


@router.post("/import")
def take_import(request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    report, error, status = None, None, 200
    try:
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise Invalid("file_missing", "还没有选文件。")
        content = upload.file.read(MAX_UPLOAD + 1)
        if len(content) > MAX_UPLOAD:
            raise Invalid("file_too_big", "文件超过 5 MB，请分成几个。")
        rows = exchange.read_file(upload.filename, content)
        with works.begin(actor, now) as work:
            report = exchange.import_rows(work, rows)
    except ZhikeError as refusal:
        error, status = refusal.message, refusal.status
    return page(request, "scripts/import.html", nav="scripts", status=status, report=report, error=error)


@router.post("/versions/{version_id}/edit")
def save(version_id: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    with works.read(actor, now) as work:
        version, script = _version(work, version_id)
        heading, key = f"修改草稿 v{version.version}", script.key

    def write(work: Work, content: Content) -> ScriptVersion:
        return service.edit_draft(work, version_id, content, str(form.get("seen") or "") or None)

    return _write(request, works, actor, now, form, write, heading, f"/scripts/versions/{version_id}/edit", key)


@router.post("/{key}/draft")
def new_version(key: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    with works.read(actor, now) as work:
        record.open_script(work, key)  # a key that is not there is said so before anything is written

    def write(work: Work, content: Content) -> ScriptVersion:
        return service.draft(work, key, content)

    return _write(request, works, actor, now, form, write, "起草新版本", f"/scripts/{key}/draft", key)


@router.post("/{key}/rollback")
def rollback(key: str, request: Request, works: WorksDep, actor: Approver, now: NowDep, form: CheckedForm) -> Response:
    reason, query = str(form.get("reason", "")), _kept(form)
    number = str(form.get("version", ""))
    try:
        with works.begin(actor, now) as work:
            version = service.rollback(work, key, int(number) if number.isdigit() else 0, reason)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            detail = record.open_script(work, key)
            return _show(request, work, query, detail.script, detail.version, error=refusal, reason=reason)
    return _back(version, query, "rollback")


MOVES: dict[str, Callable[[Work, str, FormData], ScriptVersion]] = {
    "submit": lambda work, which, form: service.submit(work, which, str(form.get("note", ""))),
    "recall": lambda work, which, form: service.recall(work, which),
    "approve": lambda work, which, form: service.approve(work, which, str(form.get("seen") or "") or None),
    "send-back": lambda work, which, form: service.send_back(work, which, str(form.get("reason", ""))),
    "refuse": lambda work, which, form: service.refuse(work, which, str(form.get("reason", ""))),
    "withdraw": lambda work, which, form: service.withdraw(work, which, str(form.get("reason", ""))),
}


@router.post("/versions/{version_id}/{move}")
def make_move(version_id: str, move: str, request: Request, works: WorksDep, actor: Reader, now: NowDep,
              form: CheckedForm) -> Response:
    if move not in MOVES:
        raise NotFound("not_found", "没有这个操作。")
    query = _kept(form)
    with works.read(actor, now) as work:
        was = _version(work, version_id)[0].state
    try:
        with works.begin(actor, now) as work:
            version = MOVES[move](work, version_id, form)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            version, script = _version(work, version_id)
            return _show(request, work, query, script, version, error=refusal, reason=str(form.get("reason", "")))
    said = {("approve", State.APPROVED): "later"}.get((move, State(version.state)), move)
    if move == "withdraw" and was != State.EFFECTIVE:
        said = "discard"
    return _back(version, query, said)


# --- small things -------------------------------------------------------------------------------


def _usage(request: Request, work: Work) -> Mapping[str, library.Usage] | None:
    """30-day figures, where the application hangs a counter on its state (`app.state.script_usage`)."""
    counter: Callable[[Work], Mapping[str, library.Usage]] | None = getattr(request.app.state, "script_usage", None)
    return counter(work) if counter else None


def _words() -> dict[str, Any]:
    return {"state_names": STATE_NAMES, "channels": CHANNELS, "button_actions": wording.BUTTON_ACTIONS}


def _library(request: Request, shown: library.Library, detail: record.Detail | None, *, done: str = "",
             error: ZhikeError | None = None, reason: str = "", exact: bool = False) -> Response:
    return page(
        request, "scripts/library.html", nav="scripts", status=error.status if error else 200, library=shown,
        detail=detail, usage_known=hasattr(request.app.state, "script_usage"), done=DONE.get(done, ""), error=error,
        tried={"reason": reason}, record=exact, **_words(),
    )


def _show(request: Request, work: Work, query: Query, script: Script, version: ScriptVersion, *, done: str = "",
          error: ZhikeError | None = None, reason: str = "", exact: bool = False) -> Response:
    if query == Query():  # opened by its address: show it among its neighbours
        query = Query(shelf=shelves.shelf_of(script.topic, script.key))
    shown = library.look(work, query, script.key, _usage(request, work))
    detail = record.detail(work, script, store.versions(work.session, script.key), version)
    return _library(request, shown, detail, done=done, error=error, reason=reason, exact=exact)


def _version(work: Work, version_id: str) -> tuple[ScriptVersion, Script]:
    version = service.get(work.session, version_id)
    return version, work.session.get_one(Script, version.key)


def _kept(form: FormData) -> Query:
    return asked(*(str(form.get(name, "")) for name in ("topic", "q", "need")))


def _back(version: ScriptVersion, query: Query, said: str) -> Response:
    """To the version that was touched, in the list that it was found in."""
    link = query.link()
    where = f"/scripts/{version.key}{link}{'&' if link else '?'}{urlencode({'version': version.version, 'done': said})}"
    return RedirectResponse(where, status_code=303)


# --- the editor ---------------------------------------------------------------------------------


def _editor(request: Request, work: Work, form: dict[str, Any], heading: str, action: str,
            script: Script | None = None, error: ZhikeError | None = None, note: str = "") -> Response:
    # A script that customers have heard keeps its name and shelf: reports are told apart by them.
    heard = script is not None and any(v.approved_at for v in store.versions(work.session, script.key))
    topics = shelves.TOPICS if form["topic"] in shelves.TOPICS else shelves.TOPICS | {form["topic"]: form["topic"]}
    fields = dict.fromkeys(("key", "title", "topic", "channel", "text", "buttons", "examples", "effective_from",
                            "effective_to"), "") | (error.fields if error else {})
    return page(
        request, "scripts/edit.html", nav="scripts", status=error.status if error else 200, form=form, heading=heading,
        action=action, key_fixed=script is not None, name_fixed=heard, error=note + error.message if error else "",
        fields=fields, topics=topics, variables=wording.VARIABLES, preview=editor.preview(work, form), **_words(),
    )


def _write(request: Request, works: Works, actor: Actor, now: datetime, form: FormData,
           write: Callable[[Work, Content], ScriptVersion], heading: str, action: str, key: str | None) -> Response:
    """Store the draft; then submit it, if that was asked. What was typed is never lost on the way."""
    typed = editor.typed(form)
    if key is not None:
        with works.read(actor, now) as work:
            script = work.session.get_one(Script, key)
            # A locked field is not sent by the browser.
            typed |= {"key": key, "title": typed["title"] or script.title,
                      "topic": str(form.get("topic") or script.topic)}
    try:
        with works.begin(actor, now) as work:
            version = write(work, editor.content(typed, form))
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            known = store.script(work.session, key) if key else None
            return _editor(request, work, typed, heading, action, known, refusal, "没有保存，内容还在。")
    if form.get("then") != "submit":
        return _back(version, Query(), "save")
    try:
        with works.begin(actor, now) as work:
            version = service.submit(work, version.id)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            saved, script = _version(work, version.id)
            return _editor(request, work, editor.filled(script, saved), f"修改草稿 v{saved.version}",
                           f"/scripts/versions/{saved.id}/edit", script, refusal, "草稿存好了。")
    return _back(version, Query(), "submit")
