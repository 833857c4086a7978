"""Instead of waiting: a message left, or a call asked for, with a number and the time by which somebody answers.

The customer keeps their place until everything is known; then they have the number and leave the queue. At every
step there is a way back.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.conversations import alerts
from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.handoffs import callback_store, hours, known, queueing, rules, store
from backend.handoffs.groups import group_for, group_name, keys_by_name
from backend.handoffs.routing_tables import Callback
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date, zh_datetime
from backend.kernel.contacts import parse_contact
from backend.kernel.errors import Conflict, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.kernel.masking import mask_contact
from backend.people import service as people

MESSAGE, CALLBACK = "message", "callback"
KINDS: Mapping[str, str] = {MESSAGE: "留言", CALLBACK: "回电"}
OUTCOMES: Mapping[str, str] = {
    "reached": "已联系上", "answered_in_chat": "已在会话里答复", "no_answer": "没人接", "wrong_contact": "联系方式不对",
    "not_needed": "客户不需要了",
}
MOST_TRIES = 3  # calls that nobody answered; after them it is closed as not reached
NEAR = timedelta(minutes=30)
MOST_MISREADS = 2  # answers without a contact; after them nobody is asked any more
DUE, OVERDUE = "callback_due", "callback_overdue"


# --- asking the customer --------------------------------------------------------------------------


def ask(work: Work, conversation_id: str, kind: str) -> Callback:
    """Begin: what is the matter (a message), how to reach them (a call). Asked anew, the other way is taken."""
    conversation = conversations.lock(work, conversation_id)
    callback_store.drop_question(work.session, conversation_id)
    handoff = store.open_of(work.session, conversation_id)
    if handoff is not None:
        group, text = handoff.skill_group, handoff.summary
    else:
        things = known.known_things(work, conversation_id, {})
        group = group_for(rules.Reason.CUSTOMER_REQUEST, things.get("intent")).key
        text = known.summary_for(work, conversation_id, {})
    row = Callback(
        id=new_id(), kind=kind, state="asking_text" if kind == MESSAGE else "asking_contact",
        conversation_id=conversation_id, customer_id=conversation.customer_id,
        handoff_id=handoff.id if handoff else None, skill_group=group, text="" if kind == MESSAGE else text,
        asked_at=work.now)
    work.session.add(row)
    work.flush()
    queueing.say(work, conversation_id, "handoff.ask_message" if kind == MESSAGE else "handoff.ask_contact")
    return row


def is_asking(session: Session, conversation_id: str) -> bool:
    """Whether the customer's next words answer a question of ours."""
    return callback_store.question(session, conversation_id) is not None


def hear(work: Work, conversation_id: str, words: str) -> bool:
    """The customer's words, while we are asking; False where they were meant for somebody else."""
    row = callback_store.question(work.session, conversation_id, lock=True)
    if row is None:
        return False
    if rules.wants_out(words):
        stay(work, conversation_id)
        return True
    if row.state == "asking_text":
        row.text, row.state = words.strip(), "asking_contact"
        work.session.add(row)
        queueing.say(work, conversation_id, "handoff.ask_contact_optional")
        return True
    try:
        row.contact_kind, row.contact = parse_contact(words)
    except Invalid:
        row.misreads += 1
        work.session.add(row)
        if row.misreads < MOST_MISREADS:
            queueing.say(work, conversation_id, "handoff.contact_unread")
            return True
        _drop(work, row)
        return False  # they speak of something else: whoever answers here reads it
    _file(work, row)
    return True


def skip_contact(work: Work, conversation_id: str) -> bool:
    """A message without a way to reach them is answered in the conversation. A call cannot do without."""
    row = callback_store.question(work.session, conversation_id, lock=True)
    if row is None or row.kind != MESSAGE or row.state != "asking_contact":
        return False
    _file(work, row)
    return True


def stay(work: Work, conversation_id: str) -> None:
    """Nothing is registered; whoever was in the queue still is."""
    row = callback_store.question(work.session, conversation_id, lock=True)
    if row is not None:
        _drop(work, row, say=False)
    if conversations.get(work.session, conversation_id).state == "queued":
        queueing.tell_still_queued(work, conversation_id)
    elif row is not None:
        queueing.say(work, conversation_id, "handoff.contact_given_up")


def _drop(work: Work, row: Callback, *, say: bool = True) -> None:
    row.state = "cancelled"
    work.session.add(row)
    work.flush()
    if say:
        queueing.say(work, row.conversation_id, "handoff.contact_given_up")


def _file(work: Work, row: Callback) -> None:
    day = f"{shanghai_date(work.now):%Y%m%d}"
    row.number = f"LY{day}-{callback_store.next_running_number(work.session, day):04}"
    row.state, row.filed_at = "open", work.now
    row.due_at = hours.answer_by(work.session, row.skill_group, work.now)
    work.session.add(row)
    work.flush()
    work.journal("callback_filed", "callback", row.id, number=row.number, kind=row.kind, group=row.skill_group,
                 due=row.due_at.isoformat())
    queueing.leave(work, row.conversation_id, "message_left" if row.kind == MESSAGE else "callback_booked")
    by = zh_datetime(row.due_at, work.now)
    if row.kind == CALLBACK:
        queueing.say(work, row.conversation_id, "handoff.callback_booked", ticket_no=row.number, promised_at=by,
                     contact_masked=masked(row))
    else:
        queueing.say(work, row.conversation_id, "handoff.message_taken", ticket_no=row.number, promised_at=by)
    _hint(work)


def masked(row: Callback) -> str:
    return mask_contact(row.contact_kind or "phone", row.contact) if row.contact else ""


# --- on the desk ----------------------------------------------------------------------------------


def open_for_team(session: Session, staff_id: str, now: datetime) -> list[dict[str, Any]]:
    """What the person's groups have to answer, the most urgent first; a colleague's own ones last."""
    staff = people.staff_by_id(session, staff_id)
    groups = rules.groups_served(staff.skill_groups if staff else "", keys_by_name())
    rows = [one for one in callback_store.still_open(session)
            if one.taken_by == staff_id or not groups or one.skill_group in groups]
    shown = [describe(session, one, staff_id, now) for one in rows]
    return sorted(shown, key=lambda one: (one["taken_by"] not in (None, staff_id), one["due_at"]))


def describe(session: Session, row: Callback, staff_id: str, now: datetime) -> dict[str, Any]:
    """One for the desk. The contact itself is for whoever has taken it."""
    due = row.due_at or now
    return {
        "id": row.id, "number": row.number, "kind": row.kind, "kind_text": KINDS[row.kind], "state": row.state,
        "conversation_id": row.conversation_id, "customer_id": row.customer_id,
        "name": customers.name_of(session, row.customer_id), "text": row.text, "contact_masked": masked(row),
        "contact": row.contact if row.taken_by == staff_id else None, "contact_kind": row.contact_kind,
        "group": row.skill_group, "group_text": group_name(row.skill_group), "filed_at": row.filed_at,
        "due_at": due, "due_text": zh_datetime(due, now), "overdue": due < now,
        "tone": "breached" if due < now else "near" if due - now <= NEAR else "track",
        "taken_by": row.taken_by, "taken_by_name": people.staff_name(session, row.taken_by) if row.taken_by else None,
        "mine": row.taken_by == staff_id, "tries": row.tries,
        "outcomes": OUTCOMES,
    }


def take(work: Work, callback_id: str) -> Callback:
    """The acting agent will answer it; of two, one wins. Raises NotFound, Conflict (``already_taken``,
    ``callback_closed``)."""
    work.actor.require(Permission.CONVERSATION_TAKE)
    row = _open(work, callback_id)
    if row.taken_by == work.actor.id:
        return row
    if row.taken_by is not None and not work.actor.can(Permission.DESK_SUPERVISE):
        raise Conflict("already_taken", f"{people.staff_name(work.session, row.taken_by)}已经在联系这位客户。")
    row.state, row.taken_by, row.taken_at = "taken", work.actor.id, work.now
    work.session.add(row)
    work.journal("callback_taken", "callback", row.id, number=row.number)
    _hint(work)
    return row


def done(work: Work, callback_id: str, outcome: str, note: str = "") -> Callback:
    """What came of it. Where nobody answered it stays open, and is closed as not reached after the third try.

    Raises NotFound, Invalid (``outcome_missing``), Conflict (``callback_closed``, ``not_holder``).
    """
    work.actor.require(Permission.CONVERSATION_TAKE)
    if outcome not in OUTCOMES:
        raise Invalid("outcome_missing", "请选联系的结果，再提交。", fields={"outcome": "请选一个结果"})
    row = _open(work, callback_id)
    if row.taken_by != work.actor.id and not work.actor.can(Permission.DESK_SUPERVISE):
        raise Conflict("not_holder", "这一条还不在你名下，先领取再填结果。")
    row.note = note.strip()[: rules.MAX_NOTE] or row.note
    if outcome == "no_answer":
        row.tries += 1
    if outcome != "no_answer" or row.tries >= MOST_TRIES:
        row.state, row.outcome = "done", outcome
        row.done_at, row.done_by = work.now, work.actor.id
        for kind in (DUE, OVERDUE):
            alerts.resolve(work, kind, str(row.number))
    work.session.add(row)
    work.journal("callback_tried" if row.state != "done" else "callback_done", "callback", row.id, number=row.number,
                 outcome=outcome, tries=row.tries, late=bool(row.due_at and work.now > row.due_at))
    _hint(work)
    return row


def _open(work: Work, callback_id: str) -> Callback:
    row = callback_store.locked(work.session, callback_id)
    if row is None or row.number is None:
        raise NotFound("callback_not_found", "没有找到这条留言，请刷新后再看。")
    if row.state not in callback_store.OPEN:
        raise Conflict("callback_closed", "这一条已经处理完了，请刷新后再看。")
    return row


def watch(work: Work) -> int:
    """Alerts for what is due within half an hour, and for what is late; returns how many are late."""
    late = 0
    for row in callback_store.due_before(work.session, work.now + NEAR):
        by = zh_datetime(row.due_at or work.now, work.now)
        kind = DUE if row.due_at and row.due_at > work.now else OVERDUE
        if kind == OVERDUE:
            late += 1
            alerts.resolve(work, DUE, str(row.number))
        if not alerts.is_open(work.session, kind, str(row.number)):
            said = f"{row.number}（{KINDS[row.kind]}，{group_name(row.skill_group)}）应在 {by} 前答复"
            alerts.raise_alert(work, kind, str(row.number), f"{said}，还没有{'人接' if row.taken_by is None else '结果'}。")
    return late


def _hint(work: Work) -> None:
    work.hint("queue")
    work.hint("desk")
