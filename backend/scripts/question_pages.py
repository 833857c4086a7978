"""What is missing, on pages: unanswered questions and agents' edits, and what a script owner does about them."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import ZhikeError
from backend.people import service as people
from backend.scripts import proposals, questions, store, wording
from backend.scripts.page_parts import DONE, Reader, Writer, words
from backend.scripts.tables import QuestionCluster, Script
from backend.web.deps import NowDep, WorksDep
from backend.web.forms import CheckedForm
from backend.web.render import page

router = APIRouter(include_in_schema=False)

DECIDED = {"draft": "起草了，客户的问法已经放进示例问法。", "ignored": "记下了，以后不再提醒这一类。", "reopened": "放回来了。"}
MOST_HINTS = 3


@router.get("/questions")
def list_questions(request: Request, works: WorksDep, actor: Reader, now: NowDep, state: str = "open",
                   done: str = "") -> Response:
    """客户在问但没有话术: kinds of questions, what people said, what to do."""
    with works.read(actor, now) as work:
        return _questions(request, work, state, DECIDED.get(done, ""))


def _questions(request: Request, work: Work, state: str, done: str, error: ZhikeError | None = None,
               tried: str = "") -> Response:
    state = state if state in ("open", "linked", "ignored") else "open"
    since = work.now - questions.WINDOW
    scripts = store.scripts(work.session)
    neighbours = store.neighbours(work.session, "")
    rows = [_row(work, cluster, scripts, neighbours) for cluster in store.clusters(work.session, state, since)]
    counts = {one: len(store.clusters(work.session, one, since)) for one in ("open", "linked", "ignored")}
    return page(request, "scripts/questions.html", nav="scripts", status=error.status if error else 200, rows=rows,
                state=state, counts=counts, scripts=scripts, done=done, error=error, tried=tried,
                may_write=work.actor.can(Permission.SCRIPT_WRITE),
                may_read_talks=work.actor.can(Permission.CONVERSATION_READ), **words())


def _row(work: Work, cluster: QuestionCluster, scripts: list[Script],
         neighbours: list[tuple[str, str, list[str]]]) -> dict[str, object]:
    phrases = questions.phrases(cluster)
    near = sorted(((max((wording.likeness(cluster.label, one) for one in [title, *examples]), default=0.0), key)
                   for key, title, examples in neighbours), reverse=True)[:MOST_HINTS]
    titles = {script.key: script.title for script in scripts}
    again = store.asked_after(work.session, cluster.id, cluster.decided_at) if cluster.decided_at else 0
    return {
        "id": cluster.id, "label": cluster.label, "count": cluster.count, "customers": cluster.customers,
        "first": zh_datetime(cluster.first_at, work.now), "last": zh_datetime(cluster.last_at, work.now),
        "phrases": [one for one in phrases if one["text"] != cluster.label][:5],
        "talk": phrases[0]["conversation_id"] if phrases else None,
        "hints": [(key, titles.get(key, key)) for score, key in near if score >= 0.2],
        "script": (cluster.script_key, titles.get(cluster.script_key, cluster.script_key)) if cluster.script_key else None,
        "reason": cluster.reason, "decided_by": people.staff_name(work.session, cluster.decided_by) if cluster.decided_by
        else "", "decided_at": zh_datetime(cluster.decided_at, work.now) if cluster.decided_at else "", "again": again,
    }


@router.post("/questions/{cluster_id}/link")
def link(cluster_id: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    """To an existing script: its draft opens with the new example questions in it."""
    try:
        with works.begin(actor, now) as work:
            version = questions.link(work, cluster_id, str(form.get("key") or "").strip())
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            return _questions(request, work, "open", "", refusal)
    return RedirectResponse(f"/scripts/versions/{version.id}/edit", status_code=303)


@router.post("/questions/{cluster_id}/ignore")
def ignore(cluster_id: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    reason = str(form.get("reason") or "")
    try:
        with works.begin(actor, now) as work:
            questions.ignore(work, cluster_id, reason)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            return _questions(request, work, "open", "", refusal, reason)
    return RedirectResponse("/scripts/questions?done=ignored", status_code=303)


@router.post("/questions/{cluster_id}/reopen")
def reopen(cluster_id: str, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    with works.begin(actor, now) as work:
        questions.reopen(work, cluster_id)
    return RedirectResponse("/scripts/questions?done=reopened", status_code=303)


# --- agents' edits ------------------------------------------------------------------------------


@router.get("/proposals")
def list_proposals(request: Request, works: WorksDep, actor: Reader, now: NowDep, whose: str = "", done: str = "") -> Response:
    """客服的改动: what waits for a decision; ``whose=mine``: what became of one's own."""
    with works.read(actor, now) as work:
        return _proposals(request, work, whose, DONE.get(done, ""))


def _proposals(request: Request, work: Work, whose: str, done: str, error: ZhikeError | None = None,
               tried: str = "") -> Response:
    may_write = work.actor.can(Permission.SCRIPT_WRITE)
    mine = whose == "mine" or not may_write
    views = (proposals.views_of(work.session, work.actor.id, work.now) if mine
             else proposals.open_views(work.session, work.now))
    counts = {"open": store.count_proposals(work.session, state="open"),
              "mine": store.count_proposals(work.session, staff_id=work.actor.id)}
    return page(request, "scripts/proposals.html", nav="scripts", status=error.status if error else 200, views=views,
                mine=mine, may_write=may_write, counts=counts, done=done, error=error, tried=tried, **words())


@router.post("/proposals/{proposal_id}/accept")
def accept(proposal_id: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    """A draft with these words opens; from there it goes the usual way."""
    try:
        with works.begin(actor, now) as work:
            draft = proposals.accept(work, proposal_id)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            return _proposals(request, work, "", "", refusal)
    return RedirectResponse(f"/scripts/versions/{draft.id}/edit", status_code=303)


@router.post("/proposals/{proposal_id}/decline")
def decline(proposal_id: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    reason = str(form.get("reason") or "")
    try:
        with works.begin(actor, now) as work:
            declined = proposals.decline(work, proposal_id, reason)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            return _proposals(request, work, "", "", refusal, reason)
    where = f"/scripts/{declined.key}?done=declined" if form.get("from") == "script" else "/scripts/proposals?done=declined"
    return RedirectResponse(where, status_code=303)
