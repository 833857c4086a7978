"""Writing on pages: drafts new and old, their files, previews, import and export. What was typed is never lost."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from backend.infra.files import MAX_BYTES
from backend.infra.work import Work, Works
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import to_shanghai
from backend.kernel.errors import Invalid, NotFound, ZhikeError
from backend.people import service as people
from backend.scripts import attachments, editor, exchange, nearness, questions, record, service, shelves, store, wording
from backend.scripts.library import Query
from backend.scripts.page_parts import Reader, Writer, back, study_of, turns_of, version_and_script, words
from backend.scripts.rules import CHANNELS
from backend.scripts.service import Content
from backend.scripts.tables import Script, ScriptVersion
from backend.web.deps import NowDep, WorksDep
from backend.web.forms import CheckedForm
from backend.web.render import page

router = APIRouter(include_in_schema=False)

MAX_UPLOAD = 5 * 1024 * 1024


# --- forms --------------------------------------------------------------------------------------


@router.get("/new")
def new_form(request: Request, works: WorksDep, actor: Writer, now: NowDep, topic: str = "", question: str = "") -> Response:
    """An empty page, or one begun for a kind of unanswered questions."""
    with works.read(actor, now) as work:
        form = editor.blank() | {"topic": topic if topic in shelves.TOPICS else "ask_logistics", "owner": actor.id}
        if question:
            cluster = questions.get(work.session, question)
            said = store.script(work.session, cluster.default_key) if cluster.default_key else None
            so_far = "还没有话术" if said is None else f"只答了主题默认话术「{said.title}」"
            form |= {"question": cluster.id, "examples": "\n".join(questions.example_questions(cluster)),
                     "title": cluster.label[:20], "topic": said.topic if said else form["topic"],
                     "note": f"客户在问，{cluster.customers} 人问过 {cluster.count} 次，{so_far}"}
        return _editor(request, work, form, "起草话术", "/scripts/new")


@router.get("/versions/{version_id}/edit")
def edit_form(version_id: str, request: Request, works: WorksDep, actor: Writer, now: NowDep) -> Response:
    with works.read(actor, now) as work:
        version, script = version_and_script(work, version_id)
        heading = f"修改草稿 v{version.version}"
        form = editor.filled(script, version)
        return _editor(request, work, form, heading, f"/scripts/versions/{version_id}/edit", script)


@router.get("/{key}/draft")
def draft_form(key: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, channel: str = "") -> Response:
    """A new version, beginning with the words of an existing one (``from``, else those in force)."""
    with works.read(actor, now) as work:
        number = request.query_params.get("from", "")
        detail = record.open_script(work, key, int(number) if number.isdigit() else None)
        fresh = {"note": "", "seen": "", "effective_from": "", "effective_to": ""}
        if channel in CHANNELS and channel != detail.version.channel:
            # A channel's own wording is matched by the common one's questions.
            fresh |= {"channel": channel, "examples": "", "note": f"{CHANNELS[channel]}专用"}
        form = editor.filled(detail.script, detail.version) | fresh
        return _editor(request, work, form, "起草新版本", f"/scripts/{key}/draft", detail.script)


@router.post("/preview")
def preview(request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    """How the words on the screen would look and what the checks say; nothing is stored."""
    given = editor.typed(form)
    with works.read(actor, now) as work:
        return page(request, "scripts/_preview.html", preview=editor.preview(work, given), **words())


@router.post("/preview/near")
def near(request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    """Which example questions the bot would answer with another script today: asked of the bot itself."""
    given = editor.typed(form)
    with works.read(actor, now) as work:
        titles = {script.key: script.title for script in store.scripts(work.session)}
    found = nearness.near(study_of(request), given["key"].strip(), wording.clean_examples(given["examples"].splitlines()),
                          titles)
    return page(request, "scripts/_near.html", near=found, **words())


# --- storing ------------------------------------------------------------------------------------


@router.post("/new")
def create(request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    def write(work: Work, content: Content) -> ScriptVersion:
        key = str(form.get("key", "")).strip()
        if store.script(work.session, key):
            raise Invalid("key_taken", "这个编号已经有话术了，换一个，或者到那一条里起草新版本。",
                          fields={"key": "已经用了"})
        version = service.draft(work, key, content)
        if question := str(form.get("question") or ""):
            questions.adopt(work, question, version)
        return version

    return _write(request, works, actor, now, form, write, "起草话术", "/scripts/new", None)


@router.post("/versions/{version_id}/edit")
def save(version_id: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    with works.read(actor, now) as work:
        version, script = version_and_script(work, version_id)
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


# --- files --------------------------------------------------------------------------------------


@router.get("/files/{file_id}")
def read_file(file_id: str, works: WorksDep, actor: Reader, now: NowDep) -> Response:
    """A script's picture or PDF, for whoever reads the library."""
    with works.read(actor, now) as work:
        name = attachments.named(work.session, file_id).name
        kind, content = attachments.content(work.session, file_id)
    return Response(content, media_type=kind, headers={
        "Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name)}", "X-Content-Type-Options": "nosniff"})


def _take_files(works: Works, actor: Actor, now: datetime, form: FormData, typed: dict[str, Any]) -> None:
    """Store what was chosen; files that were added before stay in the form."""
    for upload in form.getlist("upload"):
        if not isinstance(upload, UploadFile) or not upload.filename:
            continue
        content = upload.file.read(MAX_BYTES + 1)
        with works.begin(actor, now) as work:
            row = attachments.add(work, upload.filename, content)
            known = {"id": row.id, "name": row.name, "kind": row.kind, "size": row.size}
        if all(file["id"] != known["id"] for file in typed["files"]):
            typed["files"].append(known)


# --- the editor ---------------------------------------------------------------------------------


def _editor(request: Request, work: Work, form: dict[str, Any], heading: str, action: str,
            script: Script | None = None, error: ZhikeError | None = None, note: str = "") -> Response:
    # A script that customers have heard keeps its name and shelf: reports are told apart by them.
    heard = script is not None and any(v.approved_at for v in store.versions(work.session, script.key))
    topics = shelves.TOPICS if form["topic"] in shelves.TOPICS else shelves.TOPICS | {form["topic"]: form["topic"]}
    fields = dict.fromkeys(("key", "title", "topic", "channel", "text", "buttons", "examples", "effective_from",
                            "effective_to", "owner", "tags", "review_on", "attachments"), "")
    return page(
        request, "scripts/edit.html", nav="scripts", status=error.status if error else 200, form=form, heading=heading,
        action=action, key_fixed=script is not None, name_fixed=heard, error=note + error.message if error else "",
        fields=fields | (error.fields if error else {}), topics=topics, variables=wording.VARIABLES,
        owners=_owners(work, form["owner"]), preview=editor.preview(work, form), max_files=attachments.MAX_FILES,
        replayable=turns_of(request) is not None, **words(),
    )


def _owners(work: Work, current: str) -> dict[str, str]:
    """Who can answer for a script: those who may write; whoever it is now stays in the list."""
    able = {staff.id: staff.display_name for staff, _ in people.everybody(work.session)
            if staff.active and people.actor_of(work.session, staff).can(Permission.SCRIPT_WRITE)}
    return able if not current or current in able else able | record.names(work.session, [current])


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
        _take_files(works, actor, now, form, typed)
        with works.begin(actor, now) as work:
            version = write(work, editor.content(typed, form))
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            known = store.script(work.session, key) if key else None
            return _editor(request, work, typed, heading, action, known, refusal, "没有保存，内容还在。")
    if form.get("then") == "replay":
        return RedirectResponse(f"/scripts/versions/{version.id}/replay", status_code=303)
    if form.get("then") != "submit":
        return back(version, Query(), "save")
    try:
        with works.begin(actor, now) as work:
            version = service.submit(work, version.id)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            saved, script = version_and_script(work, version.id)
            return _editor(request, work, editor.filled(script, saved), f"修改草稿 v{saved.version}",
                           f"/scripts/versions/{saved.id}/edit", script, refusal, "草稿存好了。")
    return back(version, Query(), "submit")


# --- files of the whole library -----------------------------------------------------------------


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
