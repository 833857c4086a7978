"""Pages of improvement items: the list, a new one from a cluster, and one with its history."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from backend.complaints.learning import service
from backend.complaints.rules.asking import CODES
from backend.complaints.rules.improving import SOURCES, Deed
from backend.complaints.rules.learning import unknown
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date
from backend.kernel.errors import Invalid, ZhikeError
from backend.people import service as people
from backend.web.forms import CheckedForm
from backend.web.render import page
from backend.web.visit import Visit, visit

router = APIRouter()

Reading = Annotated[Visit, visit(Permission.COMPLAINT_READ)]
Improving = Annotated[Visit, visit(Permission.COMPLAINT_IMPROVE)]

QUERY = ("from", "to", "basis", "only", "numbers", *CODES)


def day_of(text: str, field: str, missing: str) -> date:
    """Raises Invalid (``field_missing``, ``bad_date``)."""
    if not text:
        raise Invalid("field_missing", missing, fields={field: missing})
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = "日期要写成 2026-10-09 这样。"
        raise Invalid("bad_date", message, fields={field: message}) from None


def colleagues(work: Work) -> list[dict[str, str]]:
    return [{"id": one.id, "name": one.display_name} for one, _ in people.everybody(work.session) if one.active]


@router.get("/complaints/improvements")
def improvements(to: Reading, tab: str = "open", owner: str = "") -> Response:
    with to.works.read(to.actor, to.now) as work:
        found = service.listing(work.session, tab, to.actor.id if owner == "me" else "", to.now)
    return page(
        to.request,
        "complaints/learning_items.html",
        nav="complaints",
        found=found,
        mine=owner == "me",
        can_improve=to.actor.can(Permission.COMPLAINT_IMPROVE),
    )


@router.get("/complaints/improvements/new")
def new(to: Improving) -> Response:
    return _form(to, dict(to.request.query_params))


def _form(to: Visit, given: dict[str, str], error: ZhikeError | None = None) -> Response:
    now = to.now
    source = given.get("source") or "manual"
    if source not in SOURCES:
        raise unknown("source", "不知道这一项从哪里来，请从学习页打开。")
    with to.works.read(to.actor, now) as work:
        asked = service.ask(work.session, given, now)
        words = service.words_of(work.session, asked, shanghai_date(now))
        found = service.rows(work.session, asked, now, 1)
        people_ = colleagues(work)
        named = next((one for one in ("cause", "category", "script", "product", "unit") if getattr(asked, one)), "")
        about = service.name_of(work.session, named, getattr(asked, named)) if named else ""
    return page(
        to.request,
        "complaints/learning_new.html",
        status=error.status if error else 200,
        nav="complaints",
        source=source,
        source_text=SOURCES[source],
        words=words,
        n=found["n"],
        rows_href=service.link(asked),
        query=asked.as_dict(),
        colleagues=people_,
        today=shanghai_date(now),
        draft={"title": f"减少「{about}」的投诉" if about else "", "owner_id": to.actor.id} | given,
        error=error,
    )


@router.post("/complaints/improvements")
def create(to: Improving, form: CheckedForm) -> Response:
    names = ("source", "title", "owner_id", "due_on", "measure", *QUERY)
    given = {name: str(form.get(name) or "").strip() for name in names if form.get(name)}
    try:
        with to.works.begin(to.actor, to.now) as work:
            item = service.open_item(
                work,
                title=given.get("title", ""),
                source=given.get("source") or "manual",
                asked=service.ask(work.session, given, to.now),
                owner_id=given.get("owner_id", ""),
                due_on=day_of(given.get("due_on", ""), "due_on", "请选什么时候前完成。"),
                measure=given.get("measure", ""),
            )
    except ZhikeError as error:
        # A filter or a source that cannot be read leaves no form to go back to.
        if set(error.fields) & {*QUERY, "source"} or error.status == 403:
            raise
        return _form(to, given, error)
    return RedirectResponse(f"/complaints/improvements/{item.id}", status_code=303)


@router.get("/complaints/improvements/{item_id}")
def item_page(to: Reading, item_id: str) -> Response:
    return _show(to, item_id)


def _show(
    to: Visit,
    item_id: str,
    *,
    failed: str = "",
    error: ZhikeError | None = None,
    draft: dict[str, str] | None = None,
) -> Response:
    with to.works.read(to.actor, to.now) as work:
        item = service.full(work.session, service.get(work.session, item_id), to.now)
        people_ = colleagues(work)
    leads = to.actor.can(Permission.COMPLAINT_IMPROVE)
    return page(
        to.request,
        "complaints/learning_item.html",
        status=error.status if error else 200,
        nav="complaints",
        todo=item,
        colleagues=people_,
        may_act=leads or item["owner_id"] == to.actor.id,
        leads=leads,
        deeds={deed.value: deed.zh for deed in Deed},
        today=shanghai_date(to.now),
        failed=failed,
        error=error,
        draft=draft or {},
    )


@router.post("/complaints/improvements/{item_id}/do/{action}")
def do(to: Reading, item_id: str, action: str, form: CheckedForm) -> Response:
    text, day = str(form.get("text") or ""), str(form.get("effective_on") or "")

    def deed(work: Work) -> Any:
        effective = day_of(day, "effective_on", "请填措施从哪天起生效。") if action == "finish" else None
        return service.act(work, item_id, action, text, effective)

    return _attempt(to, item_id, action, deed, {"text": text, "effective_on": day})


@router.post("/complaints/improvements/{item_id}")
def change(to: Improving, item_id: str, form: CheckedForm) -> Response:
    given = {name: str(form.get(name) or "").strip() for name in ("owner_id", "due_on", "measure")}

    def deed(work: Work) -> Any:
        due = day_of(given["due_on"], "due_on", "请选什么时候前完成。")
        return service.change(work, item_id, owner_id=given["owner_id"], due_on=due, measure=given["measure"])

    return _attempt(to, item_id, "change", deed, given)


def _attempt(to: Visit, item_id: str, failed: str, deed: Callable[[Work], Any], draft: dict[str, str]) -> Response:
    """Do it and go back to the item; refused, the page says why and keeps what was typed."""
    try:
        with to.works.begin(to.actor, to.now) as work:
            deed(work)
    except ZhikeError as error:
        if error.code in ("improvement_not_found", "unknown_action"):
            raise
        return _show(to, item_id, failed=failed, error=error, draft=draft)
    return RedirectResponse(f"/complaints/improvements/{item_id}", status_code=303)
