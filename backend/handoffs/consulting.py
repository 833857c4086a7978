"""Asking a colleague silently: they read along and add notes; the customer notices nothing, the holder keeps the talk."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.handoffs import desk_store, presence, rules
from backend.handoffs.desk_tables import Consultation
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_duration
from backend.kernel.errors import Conflict, Forbidden, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people


def ask(work: Work, conversation_id: str, asked_id: str, question: str) -> Consultation:
    """Ask a colleague who is there. Asked again while it is open, the same question stands.

    Raises Invalid (``empty_message``), NotFound (``no_such_target``), Conflict (``colleague_away``, ``not_holder``).
    """
    work.actor.require(Permission.CONVERSATION_TAKE)
    words = rules.check_words(question, to_customer=False)[:500]
    conversation = conversations.lock(work, conversation_id)
    if conversation.state != "agent" or conversation.holder_id != work.actor.id:
        raise Conflict("not_holder", "这次对话现在不由你接待，请刷新后再看。")
    target = people.staff_by_id(work.session, asked_id)
    if target is None or not target.active or asked_id == work.actor.id:
        raise NotFound("no_such_target", "没有这位同事，请重新选。")
    if not any(one.id == asked_id for one in presence.on_duty(work.session, work.now)):
        raise Conflict("colleague_away", f"{target.display_name}现在不在线，请换一位，或写内部备注。")
    known = desk_store.open_consultation(work.session, conversation_id, asked_id)
    if known is not None:
        return known
    row = Consultation(id=new_id(), conversation_id=conversation_id, asked_by=work.actor.id, asked_id=asked_id,
                       question=words, asked_at=work.now)
    work.session.add(row)
    work.flush()
    # The question is a note too: whoever reads the thread later sees why the colleague wrote in it.
    conversations.add_note(work, conversation, f"请教{target.display_name}：{words}", f"consult-{row.id}")
    work.journal("consulted", "conversation", conversation_id, asked=asked_id, consultation=row.id)
    presence.hint_desk(work)
    return row


def end(work: Work, consultation_id: str) -> Consultation:
    """Either of the two ends it (a supervisor may too); ending it twice is harmless."""
    row = desk_store.consultation(work.session, consultation_id, lock=True)
    if row is None:
        raise NotFound("consultation_not_found", "没有找到这次请教，请刷新后再看。")
    if work.actor.id not in (row.asked_by, row.asked_id) and not work.actor.can(Permission.DESK_SUPERVISE):
        raise Forbidden("not_consulted", "这次请教不是你的，只有问的人和被问的人能结束。")
    if row.ended_at is None:
        row.ended_at, row.ended_by = work.now, work.actor.id
        work.session.add(row)
        work.journal("consultation_ended", "conversation", row.conversation_id, consultation=row.id)
        work.hint(conversations.topic(row.conversation_id))
        presence.hint_desk(work)
    return row


def end_all(work: Work, conversation_id: str) -> None:
    """Nobody answers questions about a conversation that is over."""
    for row in desk_store.consultations_of(work.session, conversation_id):
        row.ended_at, row.ended_by = work.now, work.actor.id if work.actor.is_staff else None
        work.session.add(row)


def asked_of_me(session: Session, staff_id: str, now: datetime) -> list[dict[str, Any]]:
    """What colleagues ask this person, for the list."""
    rows = []
    for one in desk_store.asked_of(session, staff_id):
        conversation = conversations.by_id(session, one.conversation_id)
        if conversation is None or conversation.state != "agent":
            continue  # given back or over: nobody waits for an answer
        rows.append({
            "consultation_id": one.id, "conversation_id": one.conversation_id, "question": one.question,
            "by": people.staff_name(session, one.asked_by), "name": customers.name_of(session, conversation.customer_id),
            "asked_at": one.asked_at, "asked_text": zh_duration(now - one.asked_at),
        })
    return rows


def about(session: Session, conversation_id: str, me: str) -> list[dict[str, Any]]:
    """Open questions about a conversation, for its head; ``mine``: this person asked or is asked."""
    return [{"id": one.id, "asked_id": one.asked_id, "asked": people.staff_name(session, one.asked_id),
             "by": people.staff_name(session, one.asked_by), "question": one.question,
             "of_me": one.asked_id == me, "by_me": one.asked_by == me}
            for one in desk_store.consultations_of(session, conversation_id)]
