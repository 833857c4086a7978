"""Pages of complaints for staff: the desk and one case. Filing and the customer's receipt have modules of their own."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from backend.complaints import filing_pages, receipt_pages, rules, service, words, work_pages
from backend.complaints.rules import Action, Stage
from backend.complaints.rules.causes import MOST_WHYS
from backend.complaints.thread import SUBJECT
from backend.conversations import service as conversations
from backend.deadlines import service as deadlines
from backend.infra.work import Work, Works
from backend.kernel.actors import Actor, Permission, Role
from backend.kernel.clock import zh_time
from backend.kernel.errors import Invalid, ZhikeError
from backend.people import service as people
from backend.web.deps import NowDep, WorksDep, require
from backend.web.forms import CheckedForm, text_field
from backend.web.render import page
from backend.web.visit import Visit

router = APIRouter()

Reader = Annotated[Actor, Depends(require(Permission.COMPLAINT_READ))]
Handler = Annotated[Actor, Depends(require(Permission.COMPLAINT_HANDLE))]

# --- the desk ---------------------------------------------------------------------------------------------


@router.get("/complaints")
def complaints_page(
    request: Request, works: WorksDep, now: NowDep, actor: Reader, after: str = "", before: str = ""
) -> Response:
    return _desk(request, works, now, actor, after=after, before=before)


def _desk(
    request: Request,
    works: Works,
    now: datetime,
    actor: Actor,
    *,
    after: str = "",
    before: str = "",
    error: ZhikeError | None = None,
) -> Response:
    given = {**request.query_params}
    given["which"] = given.pop("filter", "open")
    given["search"] = given.pop("q", "")
    mine = given.get("owner") == "me"
    if mine:
        given["owner"] = actor.id
    with works.read(actor, now) as work:
        query = service.query_from(given)
        found = service.listing(work.session, now, query, after=after, before=before)
        tallies = service.counts(work.session, now, query)
        views = [
            {
                "id": one.id,
                "name": one.name,
                "href": _href(one.query, actor),
                "now": one.query == query.as_dict(),
            }
            for one in service.views_of(work.session, actor.id)
        ]
        tasks = [
            {
                "what": task.what,
                "number": complaint.number,
                "due_text": _due(task.due_at, now),
                "late": now > task.due_at,
            }
            for task, complaint in service.my_tasks(work.session, actor.id)
        ]
        colleagues = colleagues_of(work)
    policy = service.policy()

    def link(**changes: Any) -> str:
        return _href({**query.as_dict(), **changes}, actor)

    filters = [
        {"key": key, "label": label, "count": tallies[key], "href": link(which=key)}
        for key, label in service.FILTERS
    ]
    return page(
        request,
        "complaints/list.html",
        status=error.status if error else 200,
        nav="complaints",
        live="complaints",
        found=found,
        filters=filters,
        query=query,
        owner="me" if mine or query.owner == actor.id else query.owner,
        views=views,
        tasks=tasks,
        colleagues=colleagues,
        can_handle=actor.can(Permission.COMPLAINT_HANDLE),
        can_file=actor.can(Permission.COMPLAINT_FILE),
        link=link,
        at=[("after", after)] if after else [("before", before)] if before else [],
        tree=policy.tree(),
        levels=[(level.key, level.title) for level in reversed(policy.levels)],
        units=list(policy.units.items()),
        stages=[(stage.value, stage.zh) for stage in Stage],
        narrowed=bool(query.stage or query.category or query.level or query.unit or query.owner == "nobody"),
        error=error,
    )


def _href(query: dict[str, str], actor: Actor) -> str:
    """A query as an address, the way the page reads it."""
    named = {"which": "filter", "search": "q"}
    asked = {
        named.get(key, key): value
        for key, value in query.items()
        if value and (key, value) != ("which", "open")
    }
    if asked.get("owner") == actor.id:
        asked["owner"] = "me"
    return "/complaints" + (f"?{urlencode(asked)}" if asked else "")


def _due(at: datetime, now: datetime) -> str:
    from_words = rules.time_left(at, now)[0].split("，")[0]
    return f"{from_words}，{zh_time(at)}" if at > now else from_words


@router.post("/complaints/owners")
def assign_many(
    request: Request, works: WorksDep, now: NowDep, actor: Handler, form: CheckedForm
) -> Response:
    """Give the ticked cases an owner: all or none."""
    numbers = [str(one) for one in form.getlist("number")]
    try:
        with works.begin(actor, now) as work:
            service.assign_many(work, numbers, text_field(form, "staff_id", required="请选择负责人。"))
    except ZhikeError as error:
        return _desk(request, works, now, actor, error=error)
    back = str(form.get("back") or "")
    return RedirectResponse(back if back.startswith("/complaints") else "/complaints", status_code=303)


@router.post("/complaints/views")
def save_view(request: Request, works: WorksDep, now: NowDep, actor: Reader, form: CheckedForm) -> Response:
    given = {
        name: str(form.get(name) or "")
        for name in ("which", "owner", "stage", "category", "level", "unit", "search")
    }
    query = service.query_from(given)
    try:
        with works.begin(actor, now) as work:
            service.save_view(work, str(form.get("name") or ""), query)
    except ZhikeError as error:
        return _desk(request, works, now, actor, error=error)
    return RedirectResponse(_href(query.as_dict(), actor), status_code=303)


@router.post("/complaints/views/{view_id}/drop")
def drop_view(works: WorksDep, now: NowDep, actor: Reader, view_id: str, form: CheckedForm) -> Response:
    with works.begin(actor, now) as work:
        service.drop_view(work, view_id)
    return RedirectResponse("/complaints", status_code=303)


def colleagues_of(work: Work) -> list[dict[str, str]]:
    """Who may be given a case or a task."""
    able = {Role.AGENT.value, Role.MANAGER.value, Role.QUALITY.value}
    return [
        {"id": one.id, "name": one.display_name}
        for one, roles in people.everybody(work.session)
        if one.active and able & set(roles)
    ]


# --- one case ---------------------------------------------------------------------------------------------

router.include_router(filing_pages.router)


@router.get("/complaints/{number}")
def case_page(to: work_pages.Reading, number: str) -> Response:
    with to.works.begin(to.actor, to.now) as work:
        # Whoever was called here by a ladder has now looked.
        deadlines.seen(work, SUBJECT, service.get(work.session, number).id)
    return show_case(to, number)


def show_case(
    to: Visit,
    number: str,
    *,
    failed: str = "",
    error: ZhikeError | None = None,
    draft: dict[str, str] | None = None,
) -> Response:
    request, actor, now = to.request, to.actor, to.now
    with to.works.read(actor, now) as work:
        complaint = service.get(work.session, number)
        shown = service.case(work.session, complaint, now)
        colleagues = colleagues_of(work)
        replies = (
            service.offered_replies(work.session, complaint, now) if complaint.stage == Stage.DECIDED else []
        )
        talk = _talk(work, complaint.conversation_id, actor)
        rating = request.app.state.complaint_rating.card(work.session, complaint.id, now)
    can_handle = actor.can(Permission.COMPLAINT_HANDLE)
    offered = [action for action in shown["actions"] if can_handle and _offered(action, shown, actor)]
    ahead = [action for action in offered if action in _FORWARD]
    policy = service.policy()
    return page(
        request,
        "complaints/case.html",
        status=error.status if error else 200,
        nav="complaints",
        live="complaints",
        case=shown,
        colleagues=colleagues,
        can_handle=can_handle,
        can_extend=actor.can(Permission.COMPLAINT_EXTEND_DEADLINE),
        primary=ahead[0] if ahead else None,
        others=[action for action in offered if action not in ahead[:1]],
        names={action.value: action.zh for action in Action},
        outcomes=[(one.value, one.zh) for one in rules.Outcome],
        channels=list(rules.FEEDBACK_CHANNELS.items()),
        scales=policy.scales,
        tree=policy.tree(),
        units=list(policy.units.items()),
        pauses=list(policy.pauses.values()),
        replies=replies,
        talk=talk,
        rating=rating,
        failed=failed,
        error=error,
        draft=draft or {},
    )


# The way through the table; the first that is possible is the page's one primary action.
_FORWARD = ("acknowledge", "assess", "investigate", "decide", "communicate", "close")


def _offered(action: str, shown: dict[str, Any], actor: Actor) -> bool:
    if action == "extend":
        return actor.can(Permission.COMPLAINT_EXTEND_DEADLINE)
    if action == "pause":
        return not shown["paused"]
    return shown["paused"] if action == "resume" else True


SHOWN_TALK = 40


def _talk(work: Work, conversation_id: str | None, actor: Actor) -> list[dict[str, Any]] | None:
    """The last words of the conversation beside the case, for who may read conversations."""
    if conversation_id is None or not actor.can(Permission.CONVERSATION_READ):
        return None
    found = conversations.by_id(work.session, conversation_id)
    if found is None:
        return None
    views = conversations.thread(
        work.session, conversation_id, after=max(0, found.last_seq - SHOWN_TALK), notes=True
    )
    names = {"customer": "客户", "bot": "机器人", "system": "系统"}
    return [
        {
            "sender": one.sender,
            "who": one.staff_name or names.get(one.sender, one.sender),
            "text": one.text,
            "at_text": words.short(one.at, work.now),
        }
        for one in views
    ]


@router.post("/complaints/{number}/do/{action}")
def act(to: work_pages.Reading, number: str, action: str, form: CheckedForm) -> Response:
    """One action of the case. What was typed stays on the page when it is refused."""
    given = {name: str(form.get(name) or "").strip()[:5000] for name in _FIELDS}
    # Closing asks for what the case at hand lacks: why each deadline ran out, and the whys of a severe one.
    asked = {name: str(form.get(name) or "").strip()[:5000] for name in form if name.startswith(_ASKED)}
    draft = {name: value for name, value in (given | asked).items() if value}

    def do(work: Work) -> None:
        detail: dict[str, Any] = {name: value for name, value in given.items() if value}
        for name in _NUMBERS:
            if name in detail:
                detail[name] = _whole(str(detail[name]))
        if "remedy_cost" in detail:
            detail["remedy_cost"] = _fen(str(detail["remedy_cost"]))
        if action == Action.CLOSE:
            service.close(
                work, number, given["text"], cause=given["cause"], late=_lateness(asked), whys=_whys(asked)
            )
            return
        service.move(
            work, number, action, **{name: value for name, value in detail.items() if value is not None}
        )

    return attempt(to, number, action, do, draft)


def attempt(to: Visit, number: str, failed: str, do: work_pages.Deed, draft: dict[str, str]) -> Response:
    """Do it and go back to the case; refused, the page says why and keeps what was typed."""
    try:
        with to.works.begin(to.actor, to.now) as work:
            do(work)
    except ZhikeError as error:
        return show_case(to, number, failed=failed, error=error, draft=draft)
    return RedirectResponse(f"/complaints/{number}", status_code=303)


_NUMBERS = ("severity", "complexity", "impact", "urgency", "working_days")
_FIELDS = (
    *_NUMBERS,
    "text",
    "public_text",
    "category",
    "unit",
    "outcome",
    "other_ways",
    "remedy_cost",
    "channel",
    "script",
    "cause",
    "into",
    "referred_to",
    "reason",
    "kind",
    "requested_by",
)


_ASKED = ("late_cause_", "late_text_", "question", "answer")


def _lateness(asked: dict[str, str]) -> dict[str, tuple[str, str]]:
    kinds = [name.removeprefix("late_cause_") for name in asked if name.startswith("late_cause_")]
    return {kind: (asked[f"late_cause_{kind}"], asked.get(f"late_text_{kind}", "")) for kind in kinds}


def _whys(asked: dict[str, str]) -> list[tuple[str, str]]:
    pairs = [(asked.get(f"question{one}", ""), asked.get(f"answer{one}", "")) for one in range(1, MOST_WHYS + 1)]
    while pairs and not any(pairs[-1]):
        pairs.pop()
    return pairs


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _fen(text: str) -> int:
    """128.50 yuan in fen. Raises Invalid (``bad_cost``)."""
    whole, _, rest = text.replace(",", "").partition(".")
    if not (
        whole.isascii()
        and whole.isdigit()
        and len(whole) <= 8
        and len(rest) <= 2
        and (not rest or rest.isdigit())
    ):
        message = "补偿成本写不对，请填元数，例如 128.50。"
        raise Invalid("bad_cost", message, fields={"remedy_cost": message})
    return int(whole) * 100 + int(rest.ljust(2, "0") or 0)


work_pages.install(router, attempt)
router.include_router(receipt_pages.router)
