"""What somebody promised to do after a conversation, with its date: nothing falls under the table."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.handoffs import desk_store, presence
from backend.handoffs.desk_tables import FollowUp
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import Forbidden, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people

MOST_WORDS = 300
FURTHEST = timedelta(days=366)
SOON = timedelta(hours=2)


def add(work: Work, conversation_id: str, text: str, owner_id: str, due_at: datetime) -> FollowUp:
    """Put a task on somebody's list; the same one again (same words, owner and date) is the one that stands.

    Raises Invalid (``follow_up_incomplete``), NotFound (``no_such_target``).
    """
    work.actor.require(Permission.CONVERSATION_TAKE)
    words = " ".join(text.split())[:MOST_WORDS]
    if not words:
        raise Invalid("follow_up_incomplete", "待办还没有写要做什么。", fields={"follow_up_text": "请写要做什么"})
    if not work.now < due_at <= work.now + FURTHEST:
        raise Invalid("follow_up_incomplete", "待办的时间要在现在之后、一年以内。", fields={"follow_up_due": "请选以后的时间"})
    owner = people.staff_by_id(work.session, owner_id)
    if owner is None or not owner.active:
        raise NotFound("no_such_target", "没有这位同事，请重新选。")
    conversation = conversations.get(work.session, conversation_id)
    for known in desk_store.to_do(work.session, owner_id):
        if known.conversation_id == conversation_id and known.text == words and known.due_at == due_at:
            return known
    row = FollowUp(id=new_id(), conversation_id=conversation_id, customer_id=conversation.customer_id, text=words,
                   owner_id=owner_id, due_at=due_at, created_by=work.actor.id, created_at=work.now)
    work.session.add(row)
    work.flush()
    work.journal("follow_up_added", "conversation", conversation_id, follow_up=row.id, owner=owner_id)
    presence.hint_desk(work)
    return row


def done(work: Work, follow_up_id: str) -> FollowUp:
    """It is done; twice is harmless. The owner, whoever promised it, and supervisors may say so."""
    work.actor.require(Permission.CONVERSATION_TAKE)
    row = desk_store.follow_up(work.session, follow_up_id, lock=True)
    if row is None:
        raise NotFound("follow_up_not_found", "没有找到这条待办，请刷新后再看。")
    if work.actor.id not in (row.owner_id, row.created_by) and not work.actor.can(Permission.DESK_SUPERVISE):
        raise Forbidden("not_your_task", f"这条待办是{people.staff_name(work.session, row.owner_id)}的。")
    if row.done_at is None:
        row.done_at, row.done_by = work.now, work.actor.id
        work.session.add(row)
        work.journal("follow_up_done", "conversation", row.conversation_id, follow_up=row.id)
        presence.hint_desk(work)
    return row


def mine(session: Session, staff_id: str, now: datetime) -> list[dict[str, Any]]:
    """My list, the most urgent first."""
    return [_shown(session, one, now) for one in desk_store.to_do(session, staff_id)]


def promised_to(session: Session, customer_id: str, now: datetime) -> list[dict[str, Any]]:
    """What was promised to this customer: the next colleague keeps it or explains it."""
    return [_shown(session, one, now) for one in desk_store.promised_to(session, customer_id)]


def _shown(session: Session, one: FollowUp, now: datetime) -> dict[str, Any]:
    tone = "done" if one.done_at else "breached" if one.due_at <= now else "near" if one.due_at - now <= SOON else "track"
    return {
        "id": one.id, "conversation_id": one.conversation_id, "text": one.text, "due_at": one.due_at,
        "due_text": zh_datetime(one.due_at, now), "tone": tone, "done": one.done_at is not None,
        "name": customers.name_of(session, one.customer_id), "owner": people.staff_name(session, one.owner_id),
        "by": people.staff_name(session, one.created_by),
    }
