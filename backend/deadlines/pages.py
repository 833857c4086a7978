"""Pages of regimes and of the calendar: read by all staff, changed by two of those who may."""

import json
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from backend.deadlines import changes, forms, reckoning, regime_editing, showing
from backend.deadlines.regime_editing import Wanted
from backend.deadlines.years import YEARS, year_view
from backend.infra.work import Works
from backend.kernel.actors import Actor, Permission, Role
from backend.kernel.clock import shanghai_date
from backend.kernel.errors import Invalid, NotFound, ZhikeError
from backend.web.deps import NowDep, WorksDep, require
from backend.web.forms import CheckedForm, text_field
from backend.web.render import page

router = APIRouter(prefix="/admin")

Reader = Annotated[Actor, Depends(require(Permission.REGIME_READ))]
Manager = Annotated[Actor, Depends(require(Permission.REGIME_MANAGE))]
CalendarManager = Annotated[Actor, Depends(require(Permission.CALENDAR_MANAGE))]
# A calendar file holds some fifty short rows.
MOST_BYTES = 100_000


def _rail(actor: Actor) -> str:
    """Where the rail stands: who has no administration comes here from the complaints."""
    return "admin" if actor.can(Permission.STAFF_MANAGE) else "complaints"


# --- regimes ----------------------------------------------------------------------------------------------


@router.get("/regimes")
def regimes(request: Request, works: WorksDep, now: NowDep, actor: Reader) -> Response:
    with works.read(actor, now) as work:
        shown = showing.regimes_page(work.session, now)
    return page(request, "deadlines/regimes.html", nav=_rail(actor), section="regimes", **shown)


@router.get("/regimes/{key}")
def regime(request: Request, works: WorksDep, now: NowDep, actor: Reader, key: str) -> Response:
    return _regime(request, works, now, actor, key)


def _regime(request: Request, works: Works, now: datetime, actor: Actor, key: str, error: ZhikeError | None = None,
            said: str = "") -> Response:
    with works.read(actor, now) as work:
        shown = showing.regime_page(work.session, key, now)
    if shown is None:
        raise NotFound("regime_not_found", "没有这套时限规则，请回到列表再选。")
    return page(request, "deadlines/regime.html", nav=_rail(actor), section="regimes", status=error.status if error else 200,
                regime=shown, error=error, said=said, can_manage=actor.can(Permission.REGIME_MANAGE))


@router.post("/regimes/{key}/rebase")
def rebase(request: Request, works: WorksDep, now: NowDep, actor: Manager, key: str, form: CheckedForm) -> Response:
    try:
        with works.begin(actor, now) as work:
            version = reckoning.version_by_id(work, text_field(form, "version_id"))
            counts = reckoning.rebase(work, version, text_field(form, "reason", most=300))
    except ZhikeError as error:
        return _regime(request, works, now, actor, key, error)
    said = f"已改按 v{version.version}：{counts['moved']} 个期限变动，{counts['kept']} 个日期不变，{counts['left']} 个没有动。"
    return _regime(request, works, now, actor, key, said=said)


@router.get("/regimes/{key}/draft")
def new_draft(request: Request, works: WorksDep, now: NowDep, actor: Manager, key: str) -> Response:
    with works.read(actor, now) as work:
        shown = showing.regime_page(work.session, key, now)
        if shown is None:
            raise NotFound("regime_not_found", "没有这套时限规则，请回到列表再选。")
        base = shown["current"] or reckoning.version_by_id(work, shown["versions"][0]["id"])
        reference = base.valid_from is None
        values = {
            "key": base.key.removeprefix("ref_") if reference else base.key,
            "title": base.title.removesuffix("（参照）"),
            "source": base.source, "binds": "company", "valid_from": "", "valid_to": "", "reason": "",
            "rows": [forms.fields_of(rule) for rule in base.rules],
        }  # fmt: skip
    return _draft_form(request, actor, values, None, None)


def _draft_form(request: Request, actor: Actor, values: dict[str, Any], draft: dict[str, Any] | None,
                error: ZhikeError | None) -> Response:
    rows = [*values["rows"], *[forms.blank() for _ in range(2)]][: forms.MOST_ROWS]
    return page(request, "deadlines/draft.html", nav=_rail(actor), section="regimes", status=error.status if error else 200,
                values=values, rows=rows, draft=draft, error=error, stages=forms.stages(), starts=forms.starts(),
                units=forms.UNITS, roles=[(role.value, role.zh) for role in Role])


def _wanted(form: FormData, key: str) -> Wanted:
    return Wanted(
        key=key,
        title=text_field(form, "title", required="请写规则的名称。", most=120),
        source=text_field(form, "source", required="请写依据的来源。", most=300),
        rules=forms.rules_of(forms.typed(form)),
        reason=text_field(form, "reason", most=300),
        valid_from=forms.day_of(str(form.get("valid_from") or ""), "生效日期"),
        valid_to=forms.day_of(str(form.get("valid_to") or ""), "失效日期"),
    )


def _typed(form: FormData, key: str) -> dict[str, Any]:
    names = ("title", "source", "reason", "valid_from", "valid_to")
    return {"key": key, "binds": "company", "rows": forms.typed(form)} | {
        name: str(form.get(name) or "") for name in names}


@router.post("/regimes/{key}/draft")
def create_draft(request: Request, works: WorksDep, now: NowDep, actor: Manager, key: str, form: CheckedForm) -> Response:
    key = text_field(form, "key", required="请写规则的代号。", most=64)
    try:
        with works.begin(actor, now) as work:
            draft = regime_editing.draft(work, _wanted(form, key))
    except ZhikeError as error:
        return _draft_form(request, actor, _typed(form, key), None, error)
    return RedirectResponse(f"/admin/regime-drafts/{draft.id}", status_code=303)


@router.get("/regime-drafts/{draft_id}")
def show_draft(request: Request, works: WorksDep, now: NowDep, actor: Manager, draft_id: str) -> Response:
    return _draft_page(request, works, now, actor, draft_id)


def _draft_page(request: Request, works: Works, now: datetime, actor: Actor, draft_id: str,
                error: ZhikeError | None = None) -> Response:
    from_store = _draft_row(works, now, actor, draft_id)
    return page(request, "deadlines/draft_detail.html", nav=_rail(actor), section="regimes",
                status=error.status if error else 200, draft=from_store, error=error, mine=from_store["author_id"] == actor.id)


def _draft_row(works: Works, now: datetime, actor: Actor, draft_id: str) -> dict[str, Any]:
    with works.read(actor, now) as work:
        return showing.draft_row(work.session, regime_editing.by_id(work.session, draft_id), now)


@router.get("/regime-drafts/{draft_id}/edit")
def edit_draft_page(request: Request, works: WorksDep, now: NowDep, actor: Manager, draft_id: str) -> Response:
    row = _draft_row(works, now, actor, draft_id)
    return _draft_form(request, actor, row, row, None)


@router.post("/regime-drafts/{draft_id}/edit")
def edit_draft(request: Request, works: WorksDep, now: NowDep, actor: Manager, draft_id: str, form: CheckedForm) -> Response:
    row = _draft_row(works, now, actor, draft_id)
    try:
        with works.begin(actor, now) as work:
            regime_editing.edit(work, draft_id, _wanted(form, row["key"]))
    except ZhikeError as error:
        return _draft_form(request, actor, _typed(form, row["key"]), row, error)
    return RedirectResponse(f"/admin/regime-drafts/{draft_id}", status_code=303)


@router.post("/regime-drafts/{draft_id}/{act}")
def decide_draft(request: Request, works: WorksDep, now: NowDep, actor: Manager, draft_id: str, act: str,
                 form: CheckedForm) -> Response:
    key = _draft_row(works, now, actor, draft_id)["key"]
    try:
        with works.begin(actor, now) as work:
            if act == "submit":
                regime_editing.submit(work, draft_id)
            elif act == "approve":
                regime_editing.approve(work, draft_id)
            elif act == "return":
                regime_editing.send_back(work, draft_id, text_field(form, "note", most=300))
            elif act == "drop":
                regime_editing.drop(work, draft_id)
            else:
                raise NotFound("unknown_action", "没有这个操作，请刷新后再试。")
    except ZhikeError as error:
        return _draft_page(request, works, now, actor, draft_id, error)
    target = f"/admin/regimes/{quote(key)}" if act == "approve" else f"/admin/regime-drafts/{draft_id}"
    return RedirectResponse("/admin/regimes" if act == "drop" else target, status_code=303)


# --- the calendar -----------------------------------------------------------------------------------------


@router.get("/calendar")
def calendar(request: Request, works: WorksDep, now: NowDep, actor: Reader, year: str = "", unit: str = "") -> Response:
    return _calendar(request, works, now, actor, year, unit)


def _calendar(request: Request, works: Works, now: datetime, actor: Actor, year: str, unit: str,
              error: ZhikeError | None = None, said: str = "", kept: dict[str, str] | None = None) -> Response:
    today = shanghai_date(now)
    number = int(year) if year.isdecimal() and len(year) == 4 else today.year
    with works.read(actor, now) as work:
        try:
            view = year_view(work.session, number, unit or None, today)
        except Invalid as wrong:
            error = error or wrong
            view = year_view(work.session, today.year, unit or None, today)
        shown = showing.changes_list(work.session, now)
        groups = showing.units(work.session)
    return page(request, "deadlines/calendar.html", nav=_rail(actor), section="calendar", status=error.status if error else 200,
                view=view, unit=unit if unit in groups else "", groups=groups, changes=shown, error=error, said=said,
                kept=kept or {}, first=YEARS[0], last=YEARS[-1], weekdays=forms.WEEKDAY_NAMES,
                can_manage=actor.can(Permission.CALENDAR_MANAGE))


@router.post("/calendar/changes")
async def propose_change(request: Request, works: WorksDep, now: NowDep, actor: CalendarManager, form: CheckedForm) -> Response:
    kind, unit = str(form.get("kind") or ""), str(form.get("unit") or "")
    typed = {name: str(value) for name, value in form.items() if isinstance(value, str) and name != "csrf"}
    try:
        content = await _content(kind, form)
        with works.begin(actor, now) as work:
            changes.propose(work, kind, content, str(form.get("reason") or ""), unit or None)
    except ZhikeError as error:
        return _calendar(request, works, now, actor, "", unit, error, kept=typed)
    return _calendar(request, works, now, actor, "", unit, said="已提交，等另一位同事批准后生效。")


async def _content(kind: str, form: FormData) -> dict[str, Any]:
    if kind == "hours":
        return forms.hours_content(form)
    if kind == "days":
        return forms.days_content(str(form.get("days") or ""))
    return await _file(form)


async def _file(form: FormData) -> dict[str, Any]:
    given = form.get("file")
    if not isinstance(given, UploadFile) or not given.filename:
        raise Invalid("bad_file", "请选一个 JSON 文件。")
    raw = await given.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise Invalid("bad_file", "文件太大了，放假安排的 JSON 不会超过 100 KB，请核对。")
    try:
        data = json.loads(raw.decode("utf-8"))
    except ValueError as error:
        raise Invalid("bad_file", "读不了这个文件：需要 UTF-8 的 JSON。") from error
    if not isinstance(data, dict):
        raise Invalid("bad_calendar_file", "日历文件格式不对：需要 year、source 和 days。")
    return data


@router.post("/calendar/import")
async def import_calendar(request: Request, works: WorksDep, now: NowDep, actor: CalendarManager, form: CheckedForm) -> Response:
    try:
        data = await _file(form)
        with works.begin(actor, now) as work:
            year = changes.import_year(work, data)
    except ZhikeError as error:
        return _calendar(request, works, now, actor, "", "", error)
    return _calendar(request, works, now, actor, str(year), "", said=f"{year} 年的放假安排已导入，在办的期限已重新计算。")


@router.post("/calendar/changes/{change_id}/{act}")
def decide_change(request: Request, works: WorksDep, now: NowDep, actor: CalendarManager, change_id: str, act: str,
                  form: CheckedForm) -> Response:
    try:
        if act not in ("approve", "refuse"):
            raise NotFound("unknown_action", "没有这个操作，请刷新后再试。")
        with works.begin(actor, now) as work:
            row = changes.decide(work, change_id, approve=act == "approve")
    except ZhikeError as error:
        return _calendar(request, works, now, actor, "", "", error)
    said = "已批准，马上生效；在办的期限不变。" if row.state == "approved" else "没有批准，日历不变。"
    return _calendar(request, works, now, actor, "", row.unit or "", said=said)
