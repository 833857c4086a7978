"""The desk for programs, and for its own page's writes."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from backend.customers import service as customers
from backend.handoffs import desk as view
from backend.handoffs import service
from backend.handoffs.schemas import CustomerNoteBody, NoteBody, ReplyBody, StatusBody, TransferBody, WrapUpBody
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


@router.get("")
def get_desk(works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """My conversations, the queue in the order of serving, my presence, counts."""
    with works.read(actor, now) as work:
        return _desk(work)


@router.post("/status")
def set_status(body: StatusBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        presence = service.set_status(work, body.status)
        return {"status": presence.status, "since": presence.since}


@router.post("/beat")
def beat(works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """A sign of life, every ten seconds: without it nobody is counted as there."""
    with works.begin(actor, now) as work:
        presence = service.beat(work)
        return {"status": presence.status, "at": now}


@router.post("/next")
def take_next(works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        return service.describe(work.session, service.take_next(work), now)


@router.get("/suggestions")
def suggestions(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep,
                q: Annotated[str, Query(max_length=200)] = "") -> dict[str, Any]:
    """Approved answers for the customer's last message, or for a search."""
    with works.read(actor, now) as work:
        asked, found = view.suggestions(work, conversation, q)
        return {"asked": asked, "suggestions": [asdict(one) for one in found]}


@router.get("/{conversation}/messages")
def messages(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep, after: int = 0) -> dict[str, Any]:
    with works.read(actor, now) as work:
        shown = view.room(work, conversation, everything=True)
        return {"messages": [one for one in shown["messages"] if one["seq"] > after], "state": shown["state"]}


@router.post("/{conversation}/take")
def take(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Of two agents one wins; the other reads 409 ``already_taken``."""
    with works.begin(actor, now) as work:
        return service.describe(work.session, service.take(work, conversation), now)


@router.post("/{conversation}/reply", status_code=201)
def reply(conversation: str, body: ReplyBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Idempotent by ``client_id``: the same again gives the same ``seq``."""
    with works.begin(actor, now) as work:
        message = service.reply(work, conversation, body.text, body.client_id, body.based_on, body.kept)
        return {"seq": message.seq, "id": message.id, "at": message.at}


@router.post("/{conversation}/note", status_code=201)
def note(conversation: str, body: NoteBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        message = service.note(work, conversation, body.text, body.client_id)
        return {"seq": message.seq, "id": message.id, "at": message.at}


@router.post("/{conversation}/typing", status_code=204)
def typing(conversation: str, works: WorksDep, actor: DeskActor) -> None:
    """The customer sees that somebody writes: a hint only, nothing is kept."""
    works.publish([f"typing:{conversation}"])


@router.post("/{conversation}/customer-note", status_code=201)
def customer_note(conversation: str, body: CustomerNoteBody, works: WorksDep, actor: DeskActor,
                  now: NowDep) -> dict[str, Any]:
    """A note that stays with the customer, for the next colleague."""
    with works.begin(actor, now) as work:
        shown = view.room(work, conversation)
        row = customers.add_note(work, shown["customer_id"], body.text)
        return {"id": row.id}


@router.post("/{conversation}/transfer")
def transfer(conversation: str, body: TransferBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        handoff = service.transfer(work, conversation, to_staff=body.to_staff, to_group=body.to_group,
                                   note_text=body.note)
        return service.describe(work.session, handoff, now)


@router.post("/{conversation}/return")
def return_to_bot(conversation: str, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        return service.describe(work.session, service.return_to_bot(work, conversation), now)


@router.post("/{conversation}/wrap-up")
def wrap_up(conversation: str, body: WrapUpBody, works: WorksDep, actor: DeskActor, now: NowDep) -> dict[str, Any]:
    """Close the conversation with its outcome; the rating invitation follows by itself."""
    with works.begin(actor, now) as work:
        handoff = service.wrap_up(work, conversation, body.outcome, body.note, body.correct_intent)
        return service.describe(work.session, handoff, now)
