"""Pages of what complaints teach: the figures, their rows and files, and the panel of causes on a case."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from backend.complaints import finding
from backend.complaints.learning import improvement_pages, service
from backend.complaints.rules import learning as rules
from backend.complaints.rules.asking import CODES, Ask
from backend.complaints.rules.causes import MOST_WHYS, fen_of
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date
from backend.kernel.errors import ZhikeError
from backend.web.forms import CheckedForm
from backend.web.render import page
from backend.web.visit import Visit, visit

router = APIRouter()

Reading = Annotated[Visit, visit(Permission.COMPLAINT_READ)]
Handling = Annotated[Visit, visit(Permission.COMPLAINT_HANDLE)]
Improving = Annotated[Visit, visit(Permission.COMPLAINT_IMPROVE)]


def given(request: Request) -> dict[str, str]:
    return dict(request.query_params)


@router.get("/complaints/learning")
def learning_page(to: Reading) -> Response:
    return show(to, given(to.request))


def show(to: Visit, asked_for: dict[str, str], error: ZhikeError | None = None) -> Response:
    """The page; a filter that cannot be read is said above the usual one, which is shown instead."""
    now = to.now
    by = asked_for.get("by") or "category"
    with to.works.read(to.actor, now) as work:
        try:
            if by not in rules.DIMENSIONS:
                raise rules.unknown("by", "没有这种看法，请从列表里选。")
            asked = service.ask(work.session, asked_for, now)
        except ZhikeError as wrong:
            error, by, asked = error or wrong, "category", service.ask(work.session, {}, now)
        # The page counts everything by the day it was filed; single cases are looked at among the rows.
        asked = replace(asked, basis="filed", only="", numbers=())
        seen = service.overview(work.session, asked, by, now)
        offered = service.choices(work.session, asked)
    today = shanghai_date(now)
    kept = {key: value for key, value in asked.as_dict().items() if key not in ("from", "to")}

    def href(**changed: str) -> str:
        return "/complaints/learning?" + urlencode({**asked.as_dict(), "by": by, **changed})

    return page(
        to.request,
        "complaints/learning.html",
        status=error.status if error else 200,
        nav="complaints",
        seen=seen,
        asked=asked,
        by=by,
        offered=offered,
        dimensions=[(key, title, href(by=key)) for key, title in rules.DIMENSIONS.items()],
        presets=[
            (key, title, "/complaints/learning?" + urlencode({"window": key, "by": by, **kept}))
            for key, (title, _) in rules.PRESETS.items()
        ],
        span=service.zh_span(asked.first, asked.last, today),
        narrowed=bool(kept),
        clear_href="/complaints/learning?"
        + urlencode({"from": asked.first.isoformat(), "to": asked.last.isoformat(), "by": by}),
        file_query=urlencode(asked.as_dict()),
        chart={
            "pareto": seen["pareto"],
            "weekly": seen["weekly"],
            "days": seen["days"],
        },
        error=error,
    )


@router.get("/complaints/learning/rows")
def rows_page(to: Reading, number: Annotated[int, Query(alias="page", ge=1)] = 1) -> Response:
    """The complaints behind a number."""
    with to.works.read(to.actor, to.now) as work:
        asked = service.ask(work.session, given(to.request), to.now)
        found = service.rows(work.session, asked, to.now, number)
    query = urlencode(asked.as_dict())
    return page(
        to.request,
        "complaints/learning_rows.html",
        nav="complaints",
        found=found,
        asked=asked,
        query=query,
        back="/complaints/learning?" + urlencode(_of_page(asked)),
    )


def _of_page(asked: Ask) -> dict[str, str]:
    return replace(asked, basis="filed", only="", numbers=()).as_dict()


@router.get("/complaints/learning/export.{form}")
def export(to: Reading, form: str) -> Response:
    """The complaints of a filter as a file, written while it is sent."""
    with to.works.begin(to.actor, to.now) as work:
        asked = service.ask(work.session, given(to.request), to.now)
        cases, again = service.begin_export(work, asked, form)

    def pieces() -> Iterator[bytes]:
        with to.works.read(to.actor, to.now) as work:
            lines = service.export_rows(work.session, cases, again, to.actor)
            yield from service.as_csv(lines) if form == "csv" else service.as_xlsx(lines)

    name = f"complaints-{asked.first}-{asked.last}.{form}"
    return StreamingResponse(
        pieces(),
        media_type=service.FORMATS[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@router.post("/complaints/learning/baselines")
def freeze(to: Improving, form: CheckedForm) -> Response:
    """Freeze the limits that a chart shows now."""
    names = ("from", "to", "by", *CODES)
    asked_for = {name: str(form.get(name) or "") for name in names if form.get(name)}
    chart = str(form.get("chart") or "")
    try:
        with to.works.begin(to.actor, to.now) as work:
            service.freeze(work, chart, service.ask(work.session, asked_for, to.now))
    except ZhikeError as error:
        return show(to, asked_for, error)
    anchor = f"#{chart}" if chart in ("rate", "days") else ""
    return RedirectResponse(f"/complaints/learning?{urlencode(asked_for)}{anchor}", status_code=303)


# --- causes and remedies of one case --------------------------------------------------------------------------


@router.get("/complaints/{number}/causes")
def causes_page(to: Reading, number: str) -> Response:
    """The panel: alone for the case page, which fetches it, and a page of its own otherwise."""
    return show_causes(to, number)


def show_causes(
    to: Visit,
    number: str,
    *,
    error: ZhikeError | None = None,
    failed: str = "",
    draft: dict[str, Any] | None = None,
) -> Response:
    with to.works.read(to.actor, to.now) as work:
        complaint = finding.get(work.session, number)
        panel = service.panel(work.session, complaint, to.now)
    alone = to.request.headers.get("hx-request") == "true"
    return page(
        to.request,
        "complaints/learning_panel.html" if alone else "complaints/learning_causes.html",
        status=error.status if error else 200,
        nav="complaints",
        panel=panel,
        can_handle=to.actor.can(Permission.COMPLAINT_HANDLE),
        error=error,
        failed=failed,
        draft=draft or {},
    )


@router.post("/complaints/{number}/causes")
def record(to: Handling, number: str, form: CheckedForm) -> Response:
    whys = [(str(form.get(f"question{i}") or ""), str(form.get(f"answer{i}") or "")) for i in range(1, MOST_WHYS + 1)]
    cause = str(form.get("cause") or "")

    def do(work: Work) -> object:
        return service.record(work, number, whys, cause)

    return _attempt(to, number, "causes", do, {"whys": whys, "cause": cause})


@router.post("/complaints/{number}/remedies")
def remedy(to: Handling, number: str, form: CheckedForm) -> Response:
    kind, amount = str(form.get("kind") or ""), str(form.get("amount") or "")

    def do(work: Work) -> object:
        return service.add_remedy(work, number, kind, fen_of(amount))

    return _attempt(to, number, "remedies", do, {"kind": kind, "amount": amount})


def _attempt(to: Visit, number: str, failed: str, do: Callable[[Work], object], draft: dict[str, Any]) -> Response:
    """Do it and go back to the causes; refused, the page says why and keeps what was typed."""
    try:
        with to.works.begin(to.actor, to.now) as work:
            do(work)
    except ZhikeError as error:
        return show_causes(to, number, error=error, failed=failed, draft=draft)
    return RedirectResponse(f"/complaints/{number}/causes", status_code=303)


router.include_router(improvement_pages.router)
