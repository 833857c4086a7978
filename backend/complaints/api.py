"""Complaints over HTTP: for the bot's actions, and for staff programs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response, UploadFile

from backend.complaints import service
from backend.complaints.schemas import (
    BotFiling,
    BotLookup,
    BotReopen,
    BotSupplement,
    BotUrge,
    BotWithdraw,
    MoveBody,
    NoteBody,
    OwnerBody,
    OwnersBody,
    PlanBody,
    ResultBody,
    StaffFiling,
    TaskBody,
)
from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.infra import files
from backend.kernel.actors import BOT, Actor, Permission
from backend.kernel.clock import parse_shanghai
from backend.kernel.contacts import parse_contact
from backend.kernel.errors import Invalid
from backend.kernel.ids import new_id
from backend.web.deps import NowDep, WorksDep, bot_only, require

router = APIRouter(prefix="/api")
bot = APIRouter(prefix="/bot/complaints", dependencies=[Depends(bot_only)])
staff = APIRouter(prefix="/complaints")

Reader = Annotated[Actor, Depends(require(Permission.COMPLAINT_READ))]
Handler = Annotated[Actor, Depends(require(Permission.COMPLAINT_HANDLE))]


# --- the bot --------------------------------------------------------------------------------------------


@bot.post("")
def file_by_bot(body: BotFiling, works: WorksDep, now: NowDep, response: Response) -> dict[str, Any]:
    """File once per key: 201 for a new complaint, 200 for one that stands already.

    409 ``complaint_probably_known`` names the complaint that it probably is (fields number, likeness in percent,
    title, stage_text, filed_text, promised_text, and receipt_url where it was filed in this conversation); with
    ``force`` it is filed all the same.
    """
    with works.begin(BOT, now) as work:
        conversation = conversations.get(work.session, body.conversation_id)
        complaint = service.file(
            work,
            idempotency_key=body.idempotency_key,
            customer_id=conversation.customer_id,
            conversation_id=conversation.id,
            channel=conversation.channel,
            description=body.description,
            remedy=body.remedy,
            order_no=body.order_no,
            contact=body.contact,
            ask_first=not body.force,
        )
        response.status_code = 201 if complaint.filed_at == now else 200
        return service.summary(work.session, complaint, now)


@bot.get("")
def of_conversation(conversation_id: str, works: WorksDep, now: NowDep) -> dict[str, Any]:
    """Complaints filed in this conversation, newest first."""
    with works.read(BOT, now) as work:
        found = service.of_conversation(work.session, conversation_id)
        return {"complaints": [service.summary(work.session, one, now) for one in found]}


@bot.post("/lookup")
def lookup(body: BotLookup, works: WorksDep, now: NowDep) -> dict[str, Any]:
    """By number and the contact's last four; wrong tries are limited."""
    found = service.find_for_customer(works, BOT, body.number, body.last4, body.conversation_id, now)
    with works.read(BOT, now) as work:
        return service.summary(work.session, found, now)


@bot.post("/{number}/urge")
def urge_by_bot(number: str, body: BotUrge, works: WorksDep, now: NowDep) -> dict[str, Any]:
    with works.begin(BOT, now) as work:
        complaint = service.found_in(work, body.conversation_id, number)
        return service.summary(work.session, service.urge(work, complaint), now)


@bot.post("/{number}/supplement")
def supplement_by_bot(number: str, body: BotSupplement, works: WorksDep, now: NowDep) -> dict[str, Any]:
    with works.begin(BOT, now) as work:
        complaint = service.found_in(work, body.conversation_id, number)
        return service.summary(work.session, service.supplement(work, complaint, body.text), now)


@bot.post("/{number}/withdraw")
def withdraw_by_bot(number: str, body: BotWithdraw, works: WorksDep, now: NowDep) -> dict[str, Any]:
    """409 ``withdraw_not_confirmed`` until the customer has confirmed it; then it is done.

    This and ``move_not_allowed`` name the complaint in their fields: number, title, stage, stage_text, receipt_url.
    The customer hears of the withdrawal from the bot, so the house says nothing of it in the same breath.
    """
    with works.begin(BOT, now) as work:
        complaint = service.found_in(work, body.conversation_id, number)
        done = service.withdraw(
            work, complaint, body.text, confirmed=body.confirmed, conversation_id=body.conversation_id
        )
        return service.summary(work.session, done, now)


@bot.post("/{number}/reopen")
def reopen_by_bot(number: str, body: BotReopen, works: WorksDep, now: NowDep) -> dict[str, Any]:
    """Not satisfied with the result, within the set days."""
    with works.begin(BOT, now) as work:
        complaint = service.found_in(work, body.conversation_id, number)
        return service.summary(work.session, service.not_satisfied(work, complaint, body.text), now)


# --- staff ----------------------------------------------------------------------------------------------


@staff.get("")
def list_complaints(
    request: Request,
    works: WorksDep,
    now: NowDep,
    actor: Reader,
    filter: str = "open",
    owner: str = "",
    q: str = "",
    after: str = "",
) -> dict[str, Any]:
    """One page of cases by what is due next; ``owner=me`` for one's own, ``after`` from the page before.

    Other parameters as on the desk: stage, category, level, unit.
    """
    given = {
        **request.query_params,
        "which": filter,
        "owner": actor.id if owner == "me" else owner,
        "search": q,
    }
    with works.read(actor, now) as work:
        return service.listing(work.session, now, service.query_from(given), after=after)


@staff.post("", status_code=201)
def file_by_staff(
    body: StaffFiling,
    works: WorksDep,
    now: NowDep,
    actor: Annotated[Actor, Depends(require(Permission.COMPLAINT_FILE))],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Take down a complaint for a customer: of a conversation, or known by their contact."""
    with works.begin(actor, now) as work:
        conversation_id, channel = None, body.channel
        if body.conversation_id:
            conversation = conversations.get(work.session, body.conversation_id)
            conversation_id, channel = conversation.id, conversation.channel
            customer_id = conversation.customer_id
        else:
            customer_id = customers.recognise(work, channel, _reference(body.contact), body.customer_name).id
        complaint = service.file(
            work,
            idempotency_key=body.idempotency_key or idempotency_key or f"staff:{new_id()}",
            customer_id=customer_id,
            conversation_id=conversation_id,
            channel=channel,
            description=body.description,
            remedy=body.remedy,
            order_no=body.order_no,
            contact=body.contact,
            ask_first=not body.force,
        )
        return service.case(work.session, complaint, now)


def _reference(contact: str) -> str:
    """The same phone is the same customer; what is wrong with a contact is said by the filing."""
    try:
        return parse_contact(contact)[1]
    except Invalid:
        return contact


@staff.post("/owners")
def assign_many(body: OwnersBody, works: WorksDep, now: NowDep, actor: Handler) -> dict[str, Any]:
    """Give many cases an owner: all or none."""
    with works.begin(actor, now) as work:
        return {"assigned": len(service.assign_many(work, body.numbers, body.staff_id))}


@staff.get("/{number}")
def read_complaint(number: str, works: WorksDep, now: NowDep, actor: Reader) -> dict[str, Any]:
    with works.read(actor, now) as work:
        return service.case(work.session, service.get(work.session, number), now)


@staff.post("/{number}/notes", status_code=201)
def note(number: str, body: NoteBody, works: WorksDep, now: NowDep, actor: Handler) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        complaint = service.add_note(work, number, body.text, public=body.public)
        return service.case(work.session, complaint, now)


@staff.post("/{number}/owner")
def assign(number: str, body: OwnerBody, works: WorksDep, now: NowDep, actor: Handler) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        return service.case(work.session, service.assign(work, number, body.staff_id), now)


@staff.post("/{number}/tasks", status_code=201)
def add_task(number: str, body: TaskBody, works: WorksDep, now: NowDep, actor: Handler) -> dict[str, Any]:
    try:
        due = parse_shanghai(body.due)
    except ValueError as error:
        raise Invalid(
            "bad_time", "完成时间写不对，例如 2026-10-09 18:00。", fields={"due": "写不对"}
        ) from error
    with works.begin(actor, now) as work:
        service.add_task(work, number, body.what, body.assignee_id, due)
        return service.case(work.session, service.get(work.session, number), now)


@staff.post("/{number}/tasks/{task_id}/done")
def finish_task(
    number: str, task_id: str, body: ResultBody, works: WorksDep, now: NowDep, actor: Reader
) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        service.finish_task(work, number, task_id, body.result)
        return service.case(work.session, service.get(work.session, number), now)


@staff.post("/{number}/findings", status_code=201)
def finding(number: str, body: NoteBody, works: WorksDep, now: NowDep, actor: Handler) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        return service.case(work.session, service.add_finding(work, number, body.text), now)


@staff.post("/{number}/evidence", status_code=201)
def add_evidence(
    number: str, works: WorksDep, now: NowDep, actor: Handler, file: UploadFile
) -> dict[str, Any]:
    """One file, judged by its bytes."""
    content = file.file.read(files.MAX_BYTES + 1)
    with works.begin(actor, now) as work:
        complaint = service.get(work.session, number)
        service.add_evidence(work, complaint, file.filename or "", content)
        return service.case(work.session, complaint, now)


@staff.post("/{number}/major", status_code=201)
def declare_major(
    number: str, body: PlanBody, works: WorksDep, now: NowDep, actor: Handler
) -> dict[str, Any]:
    """Start the emergency plan by a person's judgement."""
    with works.begin(actor, now) as work:
        return service.case(work.session, service.declare_major(work, number, body.text), now)


@staff.post("/{number}/major/updates", status_code=201)
def plan_update(number: str, body: PlanBody, works: WorksDep, now: NowDep, actor: Handler) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        service.update_plan(work, number, body.text)
        return service.case(work.session, service.get(work.session, number), now)


@staff.post("/{number}/{action}")
def move(
    number: str, action: str, works: WorksDep, now: NowDep, actor: Reader, body: MoveBody | None = None
) -> dict[str, Any]:
    """Any action of the table, or extend, pause and resume on the clocks."""
    given = (body or MoveBody()).model_dump(exclude_none=True)
    with works.begin(actor, now) as work:
        return service.case(work.session, service.move(work, number, action, **given), now)


router.include_router(bot)
router.include_router(staff)
