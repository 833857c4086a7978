"""Taking down a complaint for a customer who phoned, wrote or came by: the form, and what is known already."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from backend.complaints import rules, service
from backend.customers import service as customers
from backend.infra.work import Work, Works
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.contacts import parse_contact
from backend.kernel.errors import Conflict, Invalid, ZhikeError
from backend.kernel.ids import new_id
from backend.web.deps import NowDep, WorksDep, require
from backend.web.forms import CheckedForm
from backend.web.render import page

router = APIRouter()

Filer = Annotated[Actor, Depends(require(Permission.COMPLAINT_FILE))]
FIELDS = ("channel", "customer_name", "contact", "order_no", "description", "remedy", "key")


@router.get("/complaints/new")
def new_page(request: Request, works: WorksDep, now: NowDep, actor: Filer) -> Response:
    return _form(request, works, now, actor, {"channel": "phone", "key": f"staff:{new_id()}"})


def _form(
    request: Request,
    works: Works,
    now: datetime,
    actor: Actor,
    draft: dict[str, str],
    error: ZhikeError | None = None,
    known: list[dict[str, str]] | None = None,
) -> Response:
    return page(
        request,
        "complaints/new.html",
        status=error.status if error else 200,
        nav="complaints",
        draft=draft,
        error=error,
        known=known or [],
        channels=list(service.policy().channels.items()),
    )


@router.post("/complaints/new")
def file(request: Request, works: WorksDep, now: NowDep, actor: Filer, form: CheckedForm) -> Response:
    """File it; where it is probably known already, show what is known and ask first."""
    draft = {name: str(form.get(name) or "").strip()[:20_000] for name in FIELDS}
    force = form.get("force") == "1"
    try:
        with works.begin(actor, now) as work:
            number = _file(work, draft, force=force)
    except Conflict as error:
        if error.code != "complaint_probably_known":
            raise
        return _form(request, works, now, actor, draft, error, _known(works, actor, now, draft))
    except ZhikeError as error:
        return _form(request, works, now, actor, draft, error)
    return RedirectResponse(f"/complaints/{number}", status_code=303)


def _file(work: Work, draft: dict[str, str], *, force: bool) -> str:
    channel = draft["channel"]
    if channel not in service.policy().channels:
        message = "请选这件投诉是怎么来的。"
        raise Invalid("unknown_channel", message, fields={"channel": message})
    # Judged before the customer is remembered: a form that is refused leaves nothing behind.
    filing = rules.check_filing(
        draft["description"], draft["remedy"], draft["order_no"] or None, draft["contact"]
    )
    customer = customers.recognise(work, channel, filing.contact, draft["customer_name"] or None)
    return service.file(
        work,
        idempotency_key=draft["key"] or f"staff:{new_id()}",
        customer_id=customer.id,
        conversation_id=None,
        channel=channel,
        description=draft["description"],
        remedy=draft["remedy"],
        order_no=draft["order_no"] or None,
        contact=draft["contact"],
        ask_first=not force,
    ).number


def _known(works: Works, actor: Actor, now: datetime, draft: dict[str, str]) -> list[dict[str, str]]:
    """The cases that it probably is, in full, for whoever takes the call."""
    with works.read(actor, now) as work:
        try:
            contact = parse_contact(draft["contact"])[1]
            order_no = rules.check_filing(
                draft["description"], draft["remedy"], draft["order_no"] or None, draft["contact"]
            ).order_no
        except Invalid:
            return []
        matches = service.probable(
            work.session,
            now,
            customer_id="",
            contact=contact,
            order_no=order_no,
            description=draft["description"],
        )
        return [
            {
                "number": match.complaint.number,
                "title": rules.title(match.complaint.description),
                "stage_text": rules.Stage(match.complaint.stage).zh,
                "why": match.likeness.why,
                "filed_text": zh_datetime(match.complaint.filed_at, now),
            }
            for match in matches[:5]
        ]
