"""What is missing, on pages: unanswered questions and agents' edits, and what a script owner does about them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import ZhikeError
from backend.people import service as people
from backend.scripts import proposals, questions, shelves, store, wording
from backend.scripts.page_parts import DONE, Reader, Writer, words
from backend.scripts.tables import QuestionCluster, Script
from backend.web.deps import NowDep, WorksDep
from backend.web.forms import CheckedForm
from backend.web.render import page

router = APIRouter(include_in_schema=False)

DECIDED = {"draft": "起草了，客户的问法已经放进示例问法。", "ignored": "记下了，以后不再提醒这一类。", "reopened": "放回来了。"}
MOST_HINTS = 3
STATES = ("open", "linked", "ignored")
WHYS = {"": "全部", "lost": "没听懂", "default": "只答了主题默认话术"}


@dataclass(frozen=True)
class Asked:
    """Which kinds of questions the reader wants to see: how far they are, why they stand here, of which topic."""

    state: str = "open"
    why: str = ""
    topic: str = ""

    def link(self, **other: str) -> str:
        """The page's address, with something changed."""
        wanted = replace(self, **other)
        given = {"state": wanted.state if wanted.state != "open" else "", "why": wanted.why, "topic": wanted.topic}
        query = urlencode({name: value for name, value in given.items() if value})
        return "/scripts/questions" + (f"?{query}" if query else "")

    def suits(self, cluster: QuestionCluster, topics: Mapping[str, str]) -> bool:
        """``topics``: of every script."""
        if self.why and (cluster.default_key is not None) != (self.why == "default"):
            return False
        return not self.topic or topics.get(cluster.default_key or "") == self.topic


def _asked(given: Mapping[str, Any], state: str = "open") -> Asked:
    """From an address or a form; what makes no sense asks for everything."""
    why, topic = str(given.get("why") or ""), str(given.get("topic") or "")
    return Asked(state if state in STATES else "open", why if why in WHYS else "",
                 topic if why == "default" and topic in shelves.TOPICS else "")


@router.get("/questions")
def list_questions(request: Request, works: WorksDep, actor: Reader, now: NowDep, state: str = "open",
                   done: str = "") -> Response:
    """客户在问但没有话术: kinds of questions, what people said, what to do."""
    with works.read(actor, now) as work:
        return _questions(request, work, _asked(request.query_params, state), DECIDED.get(done, ""))


def _questions(request: Request, work: Work, asked: Asked, done: str, error: ZhikeError | None = None,
               tried: str = "") -> Response:
    since = work.now - questions.WINDOW
    scripts = store.scripts(work.session)
    topics = {script.key: script.topic for script in scripts}
    found = {state: store.clusters(work.session, state, since) for state in STATES}
    here = found[asked.state]
    neighbours = store.neighbours(work.session, "")
    rows = [_row(work, cluster, scripts, neighbours) for cluster in here if asked.suits(cluster, topics)]
    return page(request, "scripts/questions.html", nav="scripts", status=error.status if error else 200, rows=rows,
                asked=asked, scripts=scripts, done=done, error=error, tried=tried, whys=WHYS,
                counts={state: sum(asked.suits(one, topics) for one in found[state]) for state in STATES},
                kinds={why: sum(replace(asked, why=why, topic="").suits(one, topics) for one in here) for why in WHYS},
                by_topic=_by_topic([one for one in here if one.default_key], topics),
                may_write=work.actor.can(Permission.SCRIPT_WRITE),
                may_read_talks=work.actor.can(Permission.CONVERSATION_READ), **words())


def _by_topic(found: list[QuestionCluster], topics: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Topic, its name and how often it had nothing but its default words, the most often first."""
    often: Counter[str] = Counter()
    for one in found:
        often[topics.get(one.default_key or "", "")] += one.count
    return [(topic, shelves.TOPICS.get(topic, topic), count) for topic, count in often.most_common() if topic]


def _row(work: Work, cluster: QuestionCluster, scripts: list[Script],
         neighbours: list[tuple[str, str, list[str]]]) -> dict[str, object]:
    phrases = questions.phrases(cluster)
    near = sorted(((max((wording.likeness(cluster.label, one) for one in [title, *examples]), default=0.0), key)
                   for key, title, examples in neighbours), reverse=True)[:MOST_HINTS]
    titles = {script.key: script.title for script in scripts}
    topics = {script.key: script.topic for script in scripts}
    again = store.asked_after(work.session, cluster.id, cluster.decided_at) if cluster.decided_at else 0
    # Where the default words do answer it, what is missing is only the question among their examples.
    hints = [(key, titles.get(key, key)) for score, key in near if score >= 0.2 and key != cluster.default_key]
    general = cluster.default_key
    return {
        "id": cluster.id, "label": cluster.label, "count": cluster.count, "customers": cluster.customers,
        "first": zh_datetime(cluster.first_at, work.now), "last": zh_datetime(cluster.last_at, work.now),
        "phrases": [one for one in phrases if one["text"] != cluster.label][:5],
        "talk": phrases[0]["conversation_id"] if phrases else None,
        "hints": hints, "general": (general, titles.get(general, general)) if general else None,
        "topic": shelves.TOPICS.get(topics.get(general or "", ""), ""),
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
            return _questions(request, work, _asked(form), "", refusal)
    return RedirectResponse(f"/scripts/versions/{version.id}/edit", status_code=303)


@router.post("/questions/{cluster_id}/ignore")
def ignore(cluster_id: str, request: Request, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    reason = str(form.get("reason") or "")
    try:
        with works.begin(actor, now) as work:
            questions.ignore(work, cluster_id, reason)
    except ZhikeError as refusal:
        with works.read(actor, now) as work:
            return _questions(request, work, _asked(form), "", refusal, reason)
    return _back(form, "ignored")


@router.post("/questions/{cluster_id}/reopen")
def reopen(cluster_id: str, works: WorksDep, actor: Writer, now: NowDep, form: CheckedForm) -> Response:
    with works.begin(actor, now) as work:
        questions.reopen(work, cluster_id)
    return _back(form, "reopened")


def _back(form: Mapping[str, Any], done: str) -> Response:
    """To the list that the reader came from, which now lacks one."""
    where = _asked(form).link()
    return RedirectResponse(f"{where}{'&' if '?' in where else '?'}done={done}", status_code=303)


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
