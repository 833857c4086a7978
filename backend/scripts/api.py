"""The library for programs: staff by bearer token, the bot by its secret."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, UploadFile
from starlette.concurrency import run_in_threadpool

from backend.infra.files import MAX_BYTES
from backend.infra.work import Work, Works
from backend.kernel.actors import BOT, Actor, Permission
from backend.kernel.clock import SHANGHAI
from backend.kernel.errors import Conflict, NotFound
from backend.scripts import attachments, questions, replay, service, store
from backend.scripts.page_parts import Approver, Reader, Writer, study_of, turns_of
from backend.scripts.rules import State
from backend.scripts.schemas import DraftIn, MoveIn, RollbackIn, ScriptOut, VersionOut
from backend.scripts.service import Content
from backend.scripts.speaking import digest_of
from backend.scripts.tables import Script, ScriptVersion
from backend.web.deps import NowDep, WorksDep, bot_only, require

router = APIRouter(prefix="/api")

# A change must be on its way within a third of a second; four questions a second cost next to nothing.
LOOK_EVERY = 0.25
LONGEST_WAIT = 25.0

Withdrawer = Annotated[Actor, Depends(require(Permission.SCRIPT_WITHDRAW))]


# --- the bot ------------------------------------------------------------------------------------


@router.get("/bot/scripts", dependencies=[Depends(bot_only)])
async def bot_scripts(request: Request, works: WorksDep, revision: int = -1,
                      wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0.0) -> dict[str, Any]:
    """All that may be said, or `{"revision", "unchanged": true}`; waits up to ``wait`` seconds for a change.

    No transaction and no thread is held between two looks. What this process publishes is hinted at once; what
    another one publishes is seen at the next look.
    """
    until = monotonic() + wait
    stopping: asyncio.Event | None = getattr(request.app.state, "stopping", None)
    with request.app.state.hub.listen("scripts") as news:
        while True:
            current = await run_in_threadpool(_revision, works)
            if current != revision:
                return await run_in_threadpool(_feed, works)
            if monotonic() >= until or (stopping is not None and stopping.is_set()) or await request.is_disconnected():
                return {"revision": current, "unchanged": True}
            await news.wait(min(LOOK_EVERY, max(0.0, until - monotonic())))


def _revision(works: Works) -> int:
    with works.read(BOT) as work:
        return store.revision(work.session)


def _feed(works: Works) -> dict[str, Any]:
    with works.read(BOT) as work:
        return service.feed(work.session, work.now)


# --- staff --------------------------------------------------------------------------------------


@router.get("/scripts")
def list_scripts(works: WorksDep, actor: Reader, now: NowDep, topic: str | None = None,
                 state: str | None = None) -> dict[str, Any]:
    """Every script with its versions in force or on their way, of one topic or state where asked."""
    with works.read(actor, now) as work:
        scripts = store.scripts(work.session, topic)
        versions: dict[str, list[ScriptVersion]] = {}
        for version in store.living(work.session):
            versions.setdefault(version.key, []).append(version)
        rows = [_script(script, versions.get(script.key, ())) for script in scripts]
        if state:
            rows = [row for row in rows if any(version.state == state for version in row.versions)]
        return {"revision": store.revision(work.session), "scripts": [row.model_dump(mode="json") for row in rows]}


@router.get("/scripts/{key}")
def read_script(key: str, works: WorksDep, actor: Reader, now: NowDep) -> ScriptOut:
    """One script with all its versions, newest first."""
    with works.read(actor, now) as work:
        script = store.script(work.session, key)
        if script is None:
            raise NotFound("script_not_found", "没有这条话术，请核对编号。")
        return _script(script, store.versions(work.session, key))


@router.post("/scripts/{key}/versions", status_code=201)
def draft(key: str, body: DraftIn, works: WorksDep, actor: Writer, now: NowDep) -> VersionOut:
    """Start a draft: of a new script when the key is new."""
    with works.begin(actor, now) as work:
        return _version(service.draft(work, key, content_of(body)))


@router.put("/scripts/{key}/versions/{version}")
def edit(key: str, version: int, body: DraftIn, works: WorksDep, actor: Writer, now: NowDep,
         seen: str | None = None) -> VersionOut:
    """Change a draft of one's own."""
    with works.begin(actor, now) as work:
        found = service.the_version(work.session, key, version)
        return _version(service.edit_draft(work, found.id, content_of(body), seen))


type Mover = Callable[[Work, str, MoveIn], ScriptVersion]


def _move(works: Works, actor: Actor, now: datetime, key: str, body: MoveIn, states: Sequence[State],
          mover: Mover) -> VersionOut:
    with works.begin(actor, now) as work:
        return _version(mover(work, _which(work, key, body.version, states), body))


def _which(work: Work, key: str, number: int | None, states: Sequence[State]) -> str:
    """The version named, or the only one that the move can be about."""
    if number is not None:
        return service.the_version(work.session, key, number).id
    fitting = [version for version in store.versions(work.session, key) if version.state in states]
    if len(fitting) == 1:
        return fitting[0].id
    if not fitting:
        raise Conflict("move_not_allowed", "这条话术现在没有可以这样处理的版本，请刷新后再看。")
    raise Conflict("which_version", "有几个版本都可以，请写明 version。", fields={
        "version": "、".join(str(version.version) for version in fitting)})


@router.post("/scripts/{key}/submit")
def submit(key: str, body: MoveIn, works: WorksDep, actor: Writer, now: NowDep) -> VersionOut:
    return _move(works, actor, now, key, body, [State.DRAFT],
                 lambda work, which, how: service.submit(work, which, how.reason))


@router.post("/scripts/{key}/recall")
def recall(key: str, body: MoveIn, works: WorksDep, actor: Writer, now: NowDep) -> VersionOut:
    return _move(works, actor, now, key, body, [State.IN_REVIEW], lambda work, which, how: service.recall(work, which))


@router.post("/scripts/{key}/approve")
def approve(key: str, body: MoveIn, works: WorksDep, actor: Approver, now: NowDep) -> VersionOut:
    return _move(works, actor, now, key, body, [State.IN_REVIEW],
                 lambda work, which, how: service.approve(work, which, how.seen, how.reason))


@router.post("/scripts/{key}/send-back")
def send_back(key: str, body: MoveIn, works: WorksDep, actor: Approver, now: NowDep) -> VersionOut:
    return _move(works, actor, now, key, body, [State.IN_REVIEW],
                 lambda work, which, how: service.send_back(work, which, how.reason))


@router.post("/scripts/{key}/refuse")
def refuse(key: str, body: MoveIn, works: WorksDep, actor: Approver, now: NowDep) -> VersionOut:
    return _move(works, actor, now, key, body, [State.IN_REVIEW],
                 lambda work, which, how: service.refuse(work, which, how.reason))


@router.post("/scripts/{key}/withdraw")
def withdraw(key: str, body: MoveIn, works: WorksDep, actor: Withdrawer, now: NowDep) -> VersionOut:
    return _move(works, actor, now, key, body, [State.EFFECTIVE],
                 lambda work, which, how: service.withdraw(work, which, how.reason))


@router.get("/scripts/{key}/versions/{version}/checks")
def checks(key: str, version: int, works: WorksDep, actor: Reader, now: NowDep) -> dict[str, Any]:
    """What every check says, each with its reason and what to do; and who must still approve."""
    with works.read(actor, now) as work:
        found = service.the_version(work.session, key, version)
        needed = max(found.approvals_needed, service.approvals_needed(found.text, found.buttons))
        signed = [one for one in (found.first_approver_id, found.approver_id) if one]
        return {"findings": [asdict(one) for one in service.findings(work.session, found)],
                "approvals": {"needed": needed, "by": signed, "missing": max(0, needed - len(signed))}}


@router.get("/scripts/{key}/versions/{version}/replay")
def replay_version(key: str, version: int, request: Request, works: WorksDep, actor: Reader, now: NowDep,
                   limit: Annotated[int, Query(ge=1, le=replay.MOST)] = replay.USUAL) -> dict[str, Any]:
    """Which answers to the last real questions would change. Questions come masked."""
    with works.read(actor, now) as work:
        plan = replay.prepare(work, service.the_version(work.session, key, version).id, turns_of(request), limit)
    found = replay.run(plan, study_of(request))
    return {"turns": found.total, "same": found.same, "changed": found.changed, "worse": found.wrong,
            "matched": found.matched, "why": found.why, "changes": [
                {"kind": one.kind, "count": one.count, "worse": one.wrong, "questions": [s["text"] for s in one.samples],
                 "before": asdict(one.before) if one.before else None,
                 "after": asdict(one.after) if one.after else None} for one in found.changes]}


@router.post("/scripts/files", status_code=201)
async def add_file(works: WorksDep, actor: Writer, now: NowDep, file: UploadFile) -> dict[str, Any]:
    """Keep a picture or PDF; its id then goes into a draft's ``attachments``."""
    content = await file.read(MAX_BYTES + 1)

    def keep() -> dict[str, Any]:
        with works.begin(actor, now) as work:
            row = attachments.add(work, file.filename or "附件", content)
            return {"id": row.id, "name": row.name, "kind": row.kind, "size": row.size, "sha256": row.sha256}

    return await run_in_threadpool(keep)


@router.get("/questions")
def list_questions(works: WorksDep, actor: Reader, now: NowDep, state: str = "open") -> dict[str, Any]:
    """Kinds of questions that got no answer of their own in 30 days, masked, those that most customers asked first.

    ``default_key``: the default script of their topic that was said to them; null: they were not understood.
    """
    with works.read(actor, now) as work:
        rows = store.clusters(work.session, state, work.now - questions.WINDOW)
        return {"questions": [
            {"id": one.id, "label": one.label, "count": one.count, "customers": one.customers, "first_at": one.first_at,
             "last_at": one.last_at, "state": one.state, "script_key": one.script_key, "reason": one.reason,
             "default_key": one.default_key, "phrases": [phrase["text"] for phrase in questions.phrases(one)]} for one in rows]}


@router.post("/scripts/{key}/rollback")
def rollback(key: str, body: RollbackIn, works: WorksDep, actor: Approver, now: NowDep) -> VersionOut:
    with works.begin(actor, now) as work:
        return _version(service.rollback(work, key, body.version, body.reason))


def content_of(body: DraftIn) -> Content:
    """Times without a zone are Shanghai times: that is what people type."""
    return Content(
        text=body.text, topic=body.topic, title=body.title, channel=body.channel, note=body.note, source=body.source,
        buttons=[button.model_dump(exclude_none=True) for button in body.buttons], examples=body.examples,
        effective_from=_aware(body.effective_from), effective_to=_aware(body.effective_to),
        attachments=body.attachments, owner=body.owner, tags=body.tags, review_on=body.review_on,
        review_given="review_on" in body.model_fields_set,
    )


def _aware(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=SHANGHAI) if value is not None and value.tzinfo is None else value


def _version(version: ScriptVersion) -> VersionOut:
    fields = version.model_dump(exclude={"digest"})
    return VersionOut(**fields, hash=digest_of(version))


def _script(script: Script, versions: Sequence[ScriptVersion]) -> ScriptOut:
    return ScriptOut(key=script.key, topic=script.topic, title=script.title, owner=script.owner, source=script.source,
                     tags=script.tags, review_on=script.review_on,
                     versions=[_version(version) for version in versions])
