"""The desk for programs, and for its own page's writes.

Every route needs ``desk:use``; what more it needs stands in its own words. Errors are coded JSON. Writes that
carry a ``client_id`` may be repeated: the same id gives the same message.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, UploadFile

from backend.conversations import marks
from backend.conversations.service import Message
from backend.customers import service as customers
from backend.handoffs import callbacks, consulting, followups, offers, sending, service, supervising, talk, wrapping
from backend.handoffs import desk as view
from backend.handoffs.routing_tables import Callback
from backend.handoffs.schemas import (
    CallbackDoneBody,
    ConsultBody,
    CustomerNoteBody,
    FollowUpBody,
    NoteBody,
    ReadBody,
    ReplyBody,
    StatusBody,
    TransferBody,
    WrapUpBody,
)
from backend.handoffs.tables import Handoff
from backend.infra import files
from backend.infra.work import Work
from backend.kernel.actors import Actor, Permission
from backend.web.deps import NowDep, WorksDep, require

router = APIRouter(prefix="/api/desk", tags=["desk"])

DeskActor = Annotated[Actor, Depends(require(Permission.DESK_USE))]


def _desk(work: Work) -> dict[str, Any]:
    found = view.desk(work)
    for row in (*found["mine"], *found["queue"]):
        row["clock"] = {"tone": row["clock"].tone, "text": row["clock"].text}
    return found


def _handoff(work: Work, handoff: Handoff) -> dict[str, Any]:
    return service.describe(work.session, handoff, work.now)


def _callback(work: Work, row: Callback) -> dict[str, Any]:
    return callbacks.describe(work.session, row, work.actor.id, work.now)


def _sent(message: Message) -> dict[str, Any]:
    return {"seq": message.seq, "id": message.id, "at": message.at}


@router.get("")
def get_desk(works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """My conversations, the queue in the order of serving, questions to me, my tasks, my presence, counts."""
    with works.read(actor, now) as work:
        return _desk(work)


@router.post("/status")
def set_status(body: StatusBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """My own word: online, busy, break (with its reason) or offline. 422 ``unknown_status``, ``unknown_reason``."""
    with works.begin(actor, now) as work:
        presence = service.set_status(work, body.status, body.reason)
        return {"status": presence.status, "reason": presence.reason, "since": presence.since}


@router.post("/beat")
def beat(works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """A sign of life, every ten seconds: without it nobody is counted as there."""
    with works.begin(actor, now) as work:
        presence = service.beat(work)
        return {"status": presence.status, "at": now}


@router.post("/next")
def take_next(works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Take whoever I should serve next. 409 ``queue_empty``, ``at_capacity``, ``off_duty``."""
    with works.begin(actor, now) as work:
        return _handoff(work, service.take_next(work))


@router.get("/suggestions")
def suggestions(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep,
                q: Annotated[str, Query(max_length=200)] = "") -> dict[str, Any]:
    """Approved answers for the customer's last message, or for a search."""
    with works.read(actor, now) as work:
        asked, found = view.suggestions(work, conversation, q)
        return {"asked": asked, "suggestions": [asdict(one) for one in found]}


# --- tasks and questions --------------------------------------------------------------------------


@router.get("/follow-ups")
def follow_ups(works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """What I still have to do, the most urgent first."""
    with works.read(actor, now) as work:
        return {"follow_ups": followups.mine(work.session, actor.id, now)}


@router.post("/follow-ups/{follow_up}/done")
def follow_up_done(follow_up: str, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """It is done; twice is harmless. Its owner, its author, a supervisor: else 403 ``not_your_task``."""
    with works.begin(actor, now) as work:
        row = followups.done(work, follow_up)
        return {"id": row.id, "done_at": row.done_at}


@router.get("/callbacks")
def open_callbacks(works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Messages left and calls asked for that my groups have to answer; the contact itself once I have taken one."""
    with works.read(actor, now) as work:
        return {"callbacks": callbacks.open_for_team(work.session, actor.id, now)}


@router.post("/callbacks/{callback}/take")
def take_callback(callback: str, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """I will answer it; of two, one wins: 409 ``already_taken``."""
    with works.begin(actor, now) as work:
        return _callback(work, callbacks.take(work, callback))


@router.post("/callbacks/{callback}/done")
def finish_callback(callback: str, body: CallbackDoneBody, works: WorksDep, actor: DeskActor,
                    now: NowDep) -> dict[str, Any]:
    """What came of it; where nobody answered it stays open. 422 ``outcome_missing``, 409 ``not_holder``."""
    with works.begin(actor, now) as work:
        return _callback(work, callbacks.done(work, callback, body.outcome, body.note))


@router.post("/consultations/{consultation}/end")
def end_consultation(consultation: str, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Either of the two ends it; twice is harmless. 403 ``not_consulted`` for anybody else."""
    with works.begin(actor, now) as work:
        row = consulting.end(work, consultation)
        return {"id": row.id, "ended_at": row.ended_at}


# --- one conversation -----------------------------------------------------------------------------


@router.get("/{conversation}/messages")
def messages(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep, after: int = 0) -> dict[str, Any]:
    """The thread after ``after`` with notes; whispers only to and from oneself (supervisors: all)."""
    with works.read(actor, now) as work:
        shown = view.room(work, conversation, everything=True)
        return {"messages": [one for one in shown["messages"] if one["seq"] > after], "state": shown["state"]}


@router.post("/{conversation}/take")
def take(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Of two agents one wins; the other reads 409 ``already_taken``. What is offered to somebody else is theirs
    while the offer stands: 409 ``offered_to_other``."""
    with works.begin(actor, now) as work:
        return _handoff(work, service.take(work, conversation))


@router.post("/{conversation}/decline", status_code=204)
def decline(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep) -> None:
    """Let a customer who is offered to me pass to the next colleague. 409 ``no_offer``."""
    with works.begin(actor, now) as work:
        offers.decline(work, conversation)


@router.post("/{conversation}/reply", status_code=201)
def reply(conversation: str, body: ReplyBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Idempotent by ``client_id``: the same again gives the same ``seq``. 409 ``not_holder``."""
    with works.begin(actor, now) as work:
        message = service.reply(work, conversation, body.text, body.client_id, body.based_on, body.kept)
        return _sent(message)


@router.post("/{conversation}/attachments", status_code=201)
def attach(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep, file: UploadFile,
           client_id: Annotated[str, Form(min_length=1, max_length=64, pattern=r"^[\w.:-]+$")]) -> dict[str, Any]:
    """Send a picture, PDF, recording or video, judged by its bytes, at most 10 MB. Idempotent by ``client_id``.

    422 ``file_type``, ``file_empty``; 413 ``file_too_large``; 409 ``not_holder``.
    """
    content = file.file.read(files.MAX_BYTES + 1)
    with works.begin(actor, now) as work:
        message = sending.send_file(work, conversation, content, file.filename or "", client_id)
        return _sent(message) | {"attachment_id": message.attachment_id}


@router.post("/{conversation}/note", status_code=201)
def note(conversation: str, body: NoteBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """An internal note, never sent out; any colleague of the desk may add one."""
    with works.begin(actor, now) as work:
        message = service.note(work, conversation, body.text, body.client_id)
        return _sent(message)


@router.post("/{conversation}/typing", status_code=204)
def typing(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep) -> None:
    """The customer sees that whoever holds the conversation writes: a hint only, nothing is kept."""
    with works.read(actor, now) as work:
        mine = talk.is_mine(work, conversation)
    if mine:
        works.publish([f"typing:{conversation}"])


@router.post("/{conversation}/read", status_code=204)
def read(conversation: str, body: ReadBody, works: WorksDep, actor: DeskActor, now: NowDep) -> None:
    """The holder has seen everything up to ``seq``: the customer's 已读. From anybody else nothing is marked."""
    with works.begin(actor, now) as work:
        if talk.is_mine(work, conversation):
            marks.read_by_agent(work, conversation, body.seq)


@router.post("/{conversation}/customer-note", status_code=201)
def customer_note(conversation: str, body: CustomerNoteBody, works: WorksDep, actor: DeskActor,
                  now: NowDep) -> dict[str, Any]:
    """A note that stays with the customer, for the next colleague."""
    with works.begin(actor, now) as work:
        row = customers.add_note(work, talk.customer_of(work, conversation), body.text)
        return {"id": row.id}


@router.post("/{conversation}/transfer")
def transfer(conversation: str, body: TransferBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """To one colleague who is there, or to a group. 404 ``no_such_target``, 409 ``colleague_away``."""
    with works.begin(actor, now) as work:
        handoff = service.transfer(work, conversation, to_staff=body.to_staff, to_group=body.to_group,
                                   note_text=body.note)
        return _handoff(work, handoff)


@router.post("/{conversation}/return")
def return_to_bot(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Give the conversation back to the bot, with notice to the customer."""
    with works.begin(actor, now) as work:
        return _handoff(work, service.return_to_bot(work, conversation))


@router.post("/{conversation}/consult", status_code=201)
def consult(conversation: str, body: ConsultBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Ask a colleague silently: they read along and add notes. Only the holder; asked twice it is one question."""
    with works.begin(actor, now) as work:
        row = consulting.ask(work, conversation, body.asked, body.question)
        return {"id": row.id, "asked_at": row.asked_at}


@router.post("/{conversation}/follow-up", status_code=201)
def follow_up(conversation: str, body: FollowUpBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Put something that is still to be done on somebody's list. 422 ``follow_up_incomplete``."""
    with works.begin(actor, now) as work:
        row = followups.add(work, conversation, body.text, body.owner or actor.id, body.due_at)
        return {"id": row.id, "due_at": row.due_at}


@router.post("/{conversation}/wrap-up")
def wrap_up(conversation: str, body: WrapUpBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Close the conversation with outcome, words, corrected intent, tags and a follow-up: all of it or nothing.
    The rating invitation follows by itself. 422 ``outcome_missing``, ``unknown_tag``, ``follow_up_incomplete``."""
    todo = body.follow_up
    wish = None if todo is None else wrapping.FollowUpWish(todo.text, todo.owner or actor.id, todo.due_at)
    with works.begin(actor, now) as work:
        handoff = wrapping.wrap_up(work, conversation, wrapping.Summary(
            body.outcome, body.note, body.correct_intent, body.tags, wish))
        return _handoff(work, handoff)


# --- supervisors ----------------------------------------------------------------------------------


@router.post("/{conversation}/whisper", status_code=201)
def whisper(conversation: str, body: NoteBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """A word to whoever holds the conversation; nobody else reads it. ``desk:supervise``; 409 ``nobody_holds``."""
    with works.begin(actor, now) as work:
        message = supervising.whisper(work, conversation, body.text, body.client_id)
        return _sent(message)


@router.post("/{conversation}/take-over")
def take_over(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """A supervisor goes on in a colleague's stead; the colleague is told. ``desk:supervise``; 409 ``not_holder``."""
    with works.begin(actor, now) as work:
        return _handoff(work, service.take_over(work, conversation))
