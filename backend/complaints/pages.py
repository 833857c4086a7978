"""Pages of complaints: the list and the case for staff, the receipt for the customer."""

import hmac
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from backend.complaints import proofs, rules, service
from backend.complaints.rules import Action
from backend.infra.work import Works
from backend.kernel.actors import Actor, Permission, Role, customer_actor
from backend.kernel.errors import Forbidden, TooMany, ZhikeError
from backend.people import service as people
from backend.scripts.service import organisation
from backend.web.deps import NowDep, WorksDep, require
from backend.web.forms import CheckedForm, text_field
from backend.web.render import page, partial

router = APIRouter()

Reader = Annotated[Actor, Depends(require(Permission.COMPLAINT_READ))]
Handler = Annotated[Actor, Depends(require(Permission.COMPLAINT_HANDLE))]

# --- the list ---------------------------------------------------------------------------------------------


@router.get("/complaints")
def complaints_page(
    request: Request,
    works: WorksDep,
    now: NowDep,
    actor: Reader,
    filter: str = "open",
    q: str = "",
    owner: str = "",
    page_no: int = 1,
) -> Response:
    owner_id = actor.id if owner == "me" else None
    with works.read(actor, now) as work:
        found = service.listing(work.session, now, filter, owner_id, q, page_no)
        tallies = service.counts(work.session, now, owner_id)

    def link(**changes: Any) -> str:
        asked = {"filter": found["which"], "q": found["search"], "owner": owner, "page_no": 1} | changes
        return "/complaints?" + urlencode(
            {key: value for key, value in asked.items() if value not in ("", 1)}
        )

    filters = [
        {"key": key, "label": label, "count": tallies[key], "href": link(filter=key)}
        for key, label in service.FILTERS
    ]
    return page(
        request,
        "complaints/list.html",
        nav="complaints",
        live="complaints",
        found=found,
        filters=filters,
        owner=owner,
        link=link,
    )


# --- one case ---------------------------------------------------------------------------------------------


@router.get("/complaints/{number}")
def case_page(request: Request, works: WorksDep, now: NowDep, actor: Reader, number: str) -> Response:
    return _case(request, works, now, actor, number)


def _case(
    request: Request,
    works: Works,
    now: datetime,
    actor: Actor,
    number: str,
    *,
    failed: str = "",
    error: ZhikeError | None = None,
    draft: dict[str, str] | None = None,
) -> Response:
    with works.read(actor, now) as work:
        shown = service.case(work.session, service.get(work.session, number), now)
        colleagues = [
            {"id": one.id, "name": one.display_name}
            for one, roles in people.everybody(work.session)
            if one.active and {Role.AGENT.value, Role.MANAGER.value} & set(roles)
        ]
    can_handle = actor.can(Permission.COMPLAINT_HANDLE)
    offered = [action for action in shown["actions"] if can_handle and _offered(action, shown, actor)]
    ahead = [action for action in offered if action in _FORWARD]
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


@router.post("/complaints/{number}/notes")
def note(
    request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
) -> Response:
    text = text_field(form, "text", most=20_000)
    public = form.get("public") == "1"
    try:
        with works.begin(actor, now) as work:
            service.add_note(work, number, text, public=public)
    except ZhikeError as error:
        return _case(request, works, now, actor, number, failed="note", error=error, draft={"text": text})
    return _back(number)


@router.post("/complaints/{number}/owner")
def owner(works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm) -> Response:
    with works.begin(actor, now) as work:
        service.assign(work, number, text_field(form, "staff_id", required="请选择负责人。"))
    return _back(number)


@router.post("/complaints/{number}/do/{action}")
def act(
    request: Request, works: WorksDep, now: NowDep, actor: Reader, number: str, action: str, form: CheckedForm
) -> Response:
    """One action of the case. What was typed stays on the page when it is refused."""
    given = {name: str(form.get(name) or "").strip()[:5000] for name in _FIELDS}
    numbers = {name: _whole(given.pop(name)) for name in ("severity", "working_days")}
    detail: dict[str, Any] = {
        name: value for name, value in {**given, **numbers}.items() if value not in ("", None)
    }
    try:
        with works.begin(actor, now) as work:
            service.move(work, number, action, **detail)
    except ZhikeError as error:
        draft = {name: str(value) for name, value in detail.items()}
        return _case(request, works, now, actor, number, failed=action, error=error, draft=draft)
    return _back(number)


_FIELDS = (
    "text",
    "public_text",
    "severity",
    "category",
    "outcome",
    "channel",
    "kind",
    "working_days",
    "requested_by",
)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _back(number: str) -> Response:
    return RedirectResponse(f"/complaints/{number}", status_code=303)


# --- the customer's receipt --------------------------------------------------------------------------------

# The link is a secret: no cache keeps it, no other site hears of it.
RECEIPT_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}

SAID = {
    "urged": "催办记下了，负责的同事会看到。",
    "supplemented": "补充的内容已收下，负责的同事看得到。",
}


async def _posted(request: Request) -> FormData:
    return await request.form()


Posted = Annotated[FormData, Depends(_posted)]


@router.get("/r/{token}")
def receipt(works: WorksDep, now: NowDep, token: str, said: str = "") -> Response:
    """The customer's page: stage, promised date, what was done; add to it, urge."""
    return _receipt(works, now, token, notice=SAID.get(said, ""))


def _receipt(
    works: Works,
    now: datetime,
    token: str,
    *,
    notice: str = "",
    error: ZhikeError | None = None,
    draft: str = "",
) -> Response:
    with works.read(customer_actor("receipt"), now) as work:
        service.by_token(work.session, token)  # raises NotFound: an unknown link says nothing more
        shown = service.receipt(work.session, token, now)
    # Rendered without the staff shell: whoever is signed in there sees here what the customer sees.
    html = partial(
        "complaints/receipt.html",
        complaint=shown,
        token=token,
        csrf=proofs.form_token(token),
        shop_name=str(organisation().get("shop_name", "")),
        flash=notice,
        notice=notice,
        error=error.message if error else "",
        draft=draft,
    )
    return HTMLResponse(html, status_code=error.status if error else 200, headers=RECEIPT_HEADERS)


@router.post("/r/{token}/urge")
def urge(works: WorksDep, now: NowDep, token: str, form: Posted) -> Response:
    try:
        actor = _admitted(works, now, token, form)
        with works.begin(actor, now) as work:
            service.urge(work, service.by_token(work.session, token))
    except ZhikeError as error:
        if error.status == 404:
            raise
        return _receipt(works, now, token, error=error)
    return _to_receipt(token, "urged")


@router.post("/r/{token}/supplement")
def supplement(works: WorksDep, now: NowDep, token: str, form: Posted) -> Response:
    text = str(form.get("text") or "")[:20_000]
    try:
        actor = _admitted(works, now, token, form)
        with works.begin(actor, now) as work:
            service.supplement(work, service.by_token(work.session, token), text)
    except ZhikeError as error:
        if error.status == 404:
            raise
        return _receipt(works, now, token, error=error, draft=text[: rules.MOST_SUPPLEMENT])
    return _to_receipt(token, "supplemented")


def _to_receipt(token: str, said: str) -> Response:
    return RedirectResponse(f"/r/{token}?said={said}", status_code=303, headers=RECEIPT_HEADERS)


def _admitted(works: Works, now: datetime, token: str, form: FormData) -> Actor:
    """The customer of this link, if the form came from the page and not too often (counted per receipt).

    Raises NotFound, Forbidden (``csrf_failed``), TooMany (``too_many_posts``).
    """
    with works.begin(customer_actor("receipt"), now) as work:
        complaint = service.by_token(work.session, token)
        if not hmac.compare_digest(str(form.get("csrf") or "").encode(), proofs.form_token(token).encode()):
            raise Forbidden("csrf_failed", "页面已过期，内容没有提交。请刷新后再试。")
        if people.attempts(work, "receipt_post", complaint.id, rules.TRY_WINDOW) >= rules.RECEIPT_POSTS:
            raise TooMany(
                "too_many_posts",
                "提交得太频繁了，内容没有收下。请过一会儿再试，或在在线客服里说。",
                retry_after=int(rules.TRY_WINDOW.total_seconds()),
            )
        people.count_attempt(work, "receipt_post", complaint.id)
        return customer_actor(complaint.customer_id)
