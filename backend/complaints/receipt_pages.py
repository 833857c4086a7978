"""The customer's pages: finding a receipt by number and digits, reading it, and everything that can be done on it."""

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from backend.complaints import proofs, rules, service
from backend.complaints.tables import Complaint
from backend.complaints.work_pages import FILE_HEADERS, read_upload
from backend.infra.work import Work, Works
from backend.kernel.actors import Actor, customer_actor
from backend.kernel.errors import Forbidden, Invalid, TooMany, ZhikeError
from backend.people import service as people
from backend.scripts.service import organisation
from backend.web.deps import NowDep, WorksDep
from backend.web.render import partial

router = APIRouter()

# The link is a secret: no cache keeps it, no other site hears of it.
RECEIPT_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}

SAID = {
    "urged": "催办记下了，负责的同事会看到。",
    "supplemented": "补充的内容已收下，负责的同事看得到。",
    "evidence": "文件已收下，负责的同事看得到。",
    "withdrawn": "已经撤回，不再处理。记录都还在这里。",
    "reopened": "已经重新打开，会重新处理。",
    "rated": "评价收到了，谢谢您。",
}


async def _posted(request: Request) -> FormData:
    return await request.form()


Posted = Annotated[FormData, Depends(_posted)]


# --- finding it -------------------------------------------------------------------------------------------


@router.get("/r")
def find_page() -> Response:
    """For who has lost the link: number and the last four of the phone."""
    return _find_form()


def _find_form(number: str = "", error: ZhikeError | None = None) -> Response:
    html = partial(
        "complaints/find.html",
        shop_name=str(organisation().get("shop_name", "")),
        number=number,
        error=error.message if error else "",
    )
    return HTMLResponse(html, status_code=error.status if error else 200, headers=RECEIPT_HEADERS)


@router.post("/r")
def find(request: Request, works: WorksDep, now: NowDep, form: Posted) -> Response:
    """Wrong tries are counted by the number and by who asks: neither a new browser nor a new number helps a guesser."""
    number, last4 = str(form.get("number") or "")[:64], str(form.get("last4") or "")[:64]
    address = request.client.host if request.client else "?"
    try:
        found = service.find_for_customer(
            works, customer_actor("receipt"), number, last4, f"page:{address}"[:64], now
        )
    except ZhikeError as error:
        return _find_form(number, error)
    return RedirectResponse(proofs.receipt_url(found.id), status_code=303, headers=RECEIPT_HEADERS)


# --- reading it -------------------------------------------------------------------------------------------


@router.get("/r/{token}")
def receipt(request: Request, works: WorksDep, now: NowDep, token: str, said: str = "") -> Response:
    """The customer's page: stage, promised date, what was done; add to it, urge."""
    return _receipt(request, works, now, token, notice=SAID.get(said, ""))


def _receipt(
    request: Request,
    works: Works,
    now: datetime,
    token: str,
    *,
    notice: str = "",
    error: ZhikeError | None = None,
    failed: str = "",
    draft: str = "",
) -> Response:
    with works.read(customer_actor("receipt"), now) as work:
        complaint = service.by_token(
            work.session, token
        )  # raises NotFound: an unknown link says nothing more
        shown = service.receipt(work.session, token, now)
        rating = request.app.state.complaint_rating.card(work.session, complaint.id, now)
    # Rendered without the staff shell: whoever is signed in there sees here what the customer sees.
    html = partial(
        "complaints/receipt.html",
        complaint=shown,
        rating=rating,
        token=token,
        csrf=proofs.form_token(token),
        shop_name=str(organisation().get("shop_name", "")),
        flash=notice,
        notice=notice,
        error=error.message if error else "",
        failed=failed,
        draft=draft,
    )
    return HTMLResponse(html, status_code=error.status if error else 200, headers=RECEIPT_HEADERS)


@router.get("/r/{token}/files/{file_id}")
def read_file(works: WorksDep, now: NowDep, token: str, file_id: str) -> Response:
    """What the customer sent, back again; staff's own files stay inside."""
    with works.read(customer_actor("receipt"), now) as work:
        complaint = service.by_token(work.session, token)
        row, content = service.read_evidence(work, complaint, file_id, for_customer=True)
        return Response(content, media_type=row.kind, headers={**FILE_HEADERS, **RECEIPT_HEADERS})


# --- doing something --------------------------------------------------------------------------------------


def _do(
    request: Request,
    works: Works,
    now: datetime,
    token: str,
    form: FormData,
    said: str,
    act: Callable[[Work, Complaint], object],
    draft: str = "",
) -> Response:
    try:
        actor = _admitted(works, now, token, form)
        with works.begin(actor, now) as work:
            act(work, service.by_token(work.session, token))
    except ZhikeError as error:
        if error.status == 404:
            raise
        kept = draft[: rules.MOST_SUPPLEMENT]
        return _receipt(request, works, now, token, error=error, failed=said, draft=kept)
    return RedirectResponse(f"/r/{token}?said={said}", status_code=303, headers=RECEIPT_HEADERS)


@router.post("/r/{token}/urge")
def urge(request: Request, works: WorksDep, now: NowDep, token: str, form: Posted) -> Response:
    return _do(request, works, now, token, form, "urged", service.urge)


@router.post("/r/{token}/supplement")
def supplement(request: Request, works: WorksDep, now: NowDep, token: str, form: Posted) -> Response:
    """Words, a file, or both: nothing is kept when one of them is refused."""
    text = str(form.get("text") or "")[:20_000]
    upload = form.get("file")
    has_file = bool(getattr(upload, "filename", ""))

    def add(work: Work, complaint: Complaint) -> None:
        if text.strip() or not has_file:
            service.supplement(work, complaint, text)
        if has_file:
            service.add_evidence(work, complaint, *read_upload(upload))

    said = "evidence" if has_file and not text.strip() else "supplemented"
    return _do(request, works, now, token, form, said, add, text)


@router.post("/r/{token}/withdraw")
def withdraw(request: Request, works: WorksDep, now: NowDep, token: str, form: Posted) -> Response:
    """Only with the box ticked: the page has said what it means."""
    confirmed, text = form.get("confirmed") == "1", str(form.get("text") or "")[:20_000]
    return _do(
        request,
        works,
        now,
        token,
        form,
        "withdrawn",
        lambda work, complaint: service.withdraw(work, complaint, text, confirmed=confirmed),
        text,
    )


@router.post("/r/{token}/reopen")
def reopen(request: Request, works: WorksDep, now: NowDep, token: str, form: Posted) -> Response:
    text = str(form.get("text") or "")[:20_000]
    return _do(
        request,
        works,
        now,
        token,
        form,
        "reopened",
        lambda work, complaint: service.not_satisfied(work, complaint, text),
        text,
    )


@router.post("/r/{token}/rate")
def rate(request: Request, works: WorksDep, now: NowDep, token: str, form: Posted) -> Response:
    """The customer's own rating of the handling, once."""
    given = str(form.get("score") or "")
    score = int(given) if given.isascii() and given.isdigit() and len(given) < 3 else None
    reasons = [str(one)[:40] for one in form.getlist("reason")][:20]
    comment = str(form.get("comment") or "")[:5000]

    def answer(work: Work, complaint: Complaint) -> None:
        if score is None:
            raise Invalid("bad_score", "请先选一个分数，1 到 5。", fields={"score": "1 到 5 的整数"})
        request.app.state.complaint_rating.answer(work, complaint.id, score, reasons, comment)

    return _do(request, works, now, token, form, "rated", answer, comment)


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
