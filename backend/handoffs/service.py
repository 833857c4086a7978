"""Handing conversations to people: ask, take, answer, pass on, give back, wrap up.

Locks are taken in one order everywhere (presence, conversation, handoff), so that two people reaching for the
same conversation wait for each other instead of dead-locking.
"""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.conversations import service as conversations
from backend.handoffs import callback_store, events, offers, presence, queueing, rules, store
from backend.handoffs.groups import all_groups, book, group_name
from backend.handoffs.presence import beat, on_duty, set_status
from backend.handoffs.queueing import (
    as_waiting,
    cancel,
    go_on_with_bot,
    on_closed,
    on_message,
    queue_state,
    request,
    waiting_for,
)
from backend.handoffs.routing import COMPLAINT
from backend.handoffs.rules import Reason, Status
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_duration
from backend.kernel.errors import Conflict, Forbidden, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people
from backend.scripts import proposals

__all__ = [
    "answer_return", "as_waiting", "beat", "cancel", "describe", "go_on_with_bot", "note", "offers", "on_closed", "on_duty",
    "on_message", "presence", "queue_state", "release_abandoned", "reply", "request", "return_to_bot", "set_status", "take",
    "take_next", "take_over", "transfer", "waiting_for", "wrap_up",
]


# --- taking -------------------------------------------------------------------------------------


def take(work: Work, conversation_id: str) -> Handoff:
    """The acting agent takes the conversation; of two, one wins. Taking one's own again is harmless.

    Raises Conflict (``already_taken``, ``not_in_queue``, ``offered_to_other``, ``at_capacity``, ``off_duty``),
    Forbidden.
    """
    work.actor.require(Permission.CONVERSATION_TAKE)
    own = presence.mine(work)
    conversation = conversations.lock(work, conversation_id)
    handoff = store.open_of(work.session, conversation_id, lock=True)
    if handoff is None:
        raise Conflict("not_in_queue", "这次对话已经不在排队，请刷新后再看。")
    if handoff.taken_by == work.actor.id:
        return handoff
    if handoff.taken_by is not None:
        raise _taken(work.session, handoff)
    if own.status == Status.OFFLINE:
        raise Conflict("off_duty", "你现在是离线状态，先改成在线再领取。")
    offers.check_may_take(work, handoff)
    if not presence.has_room(work.session, own, handoff.kind, handoff.weight):
        raise Conflict("at_capacity", "你手上的投诉会话已经满了，先结束一位再领取。" if handoff.kind == COMPLAINT else
                       f"你已经在接待 {own.capacity} 位，先结束一位再领取。")
    if not store.claim(work.session, handoff.id, work.actor.id, work.now):
        raise _taken(work.session, handoff)
    work.session.refresh(handoff)
    offers.settle(work, handoff.id)
    own.misses = 0
    work.session.add(own)
    _begin(work, conversation, handoff)
    return handoff


def _begin(work: Work, conversation: conversations.Conversation, handoff: Handoff) -> None:
    """The acting agent speaks from here on; what the bot had prepared is void, what was being asked is dropped."""
    conversation_id = conversation.id
    greeted = conversation.bot_meanwhile
    callback_store.drop_question(work.session, conversation_id)
    conversation = conversations.change_hands(work, conversation, "agent", work.actor.id)
    if greeted and conversation.waiting_since is None:
        conversation.waiting_since = work.now  # the bot has answered, but not the one who was asked for
        work.session.add(conversation)
    queueing.say(work, conversation_id, "handoff.agent_joined", agent_name=work.actor.name)
    work.journal("handoff_taken", "conversation", conversation_id, handoff=handoff.id)
    work.record(events.HandoffTaken(at=work.now, handoff_id=handoff.id, conversation_id=conversation_id,
                                    staff_id=work.actor.id, requested_at=handoff.requested_at))
    presence.hint_desk(work)


def _taken(session: Session, handoff: Handoff) -> Conflict:
    return Conflict("already_taken", f"{people.staff_name(session, handoff.taken_by)}已经接了这位客户，去看下一位吧。")


def take_next(work: Work) -> Handoff:
    """Take whoever should be served next by the acting agent. Raises Conflict (``queue_empty`` and take's)."""
    work.actor.require(Permission.CONVERSATION_TAKE)
    presence.mine(work)
    team = on_duty(work.session, work.now)
    me = next((one for one in team if one.id == work.actor.id), None) or presence.as_duty(work)
    rows = {row.id: row for row in store.waiting(work.session)}
    lost: Conflict | None = None
    for one in rules.in_order(map(queueing.as_waiting, rows.values()), work.now):
        if not rules.suits(one, me, team, work.now, book().policy):
            continue
        try:
            return take(work, rows[one.id].conversation_id)
        except Conflict as conflict:
            if conflict.code not in ("already_taken", "not_in_queue", "offered_to_other", "at_capacity"):
                raise
            lost = conflict  # a colleague was faster, or no room for this kind: the next one, then
    raise lost or Conflict("queue_empty", "排队里没有要你接的客户，可以先回复手上的会话。")


# --- while it is held ---------------------------------------------------------------------------


def _held(work: Work, conversation_id: str, *, supervised: bool = True) -> Handoff:
    """The handoff that the acting agent holds; supervisors may act on a colleague's. Raises Conflict, Forbidden."""
    conversations.lock(work, conversation_id)
    handoff = store.open_of(work.session, conversation_id, lock=True)
    if handoff is None or handoff.taken_by is None:
        raise Conflict("not_holder", "这次对话现在不由你接待，请刷新后再看。")
    if handoff.taken_by != work.actor.id and not (supervised and work.actor.can(Permission.DESK_SUPERVISE)):
        raise Forbidden("not_holder", f"这次对话由{people.staff_name(work.session, handoff.taken_by)}接待。")
    return handoff


def reply(work: Work, conversation_id: str, text: str, client_id: str, based_on: str | None = None,
          similarity: float | None = None, attachment_id: str | None = None) -> Any:
    """Say something to the customer. ``based_on`` names the script version that was inserted; what became of it
    is noted without the words. Idempotent by ``client_id``. Raises Invalid, Conflict (``not_holder``)."""
    work.actor.require(Permission.CONVERSATION_TAKE)
    words = rules.check_words(text, to_customer=True)
    conversation = conversations.get(work.session, conversation_id)
    message = conversations.say_as_agent(work, conversation, words, client_id, attachment_id)
    if message.at == work.now:
        handoff = store.open_of(work.session, conversation_id)
        if handoff is not None and handoff.first_reply_at is None:
            handoff.first_reply_at = work.now
            work.session.add(handoff)
        if based_on:
            work.journal("script_used_by_agent", "script_version", based_on, message=message.id,
                         kept=None if similarity is None else round(similarity, 3))
            # Changed words become a proposal to the script's owner; the same words become nothing.
            proposals.note(work, based_on, words, message.id, conversation_id)
        presence.hint_desk(work)
    return message


def note(work: Work, conversation_id: str, text: str, client_id: str | None = None) -> Any:
    """An internal note; any colleague of the desk may add one."""
    work.actor.require(Permission.CONVERSATION_TAKE)
    words = rules.check_words(text, to_customer=False)
    return conversations.add_note(work, conversations.get(work.session, conversation_id), words, client_id)


def transfer(work: Work, conversation_id: str, *, to_staff: str | None = None, to_group: str | None = None,
             note_text: str = "") -> Handoff:
    """Pass the conversation on, with a note. It goes back into the queue, ahead of those who have not been
    served yet; a colleague asked for by name has it for themselves first.

    Raises NotFound (``no_such_target``), Conflict (``colleague_away``, ``not_holder``).
    """
    handoff = _held(work, conversation_id)
    group = handoff.skill_group
    if to_staff:
        target = people.staff_by_id(work.session, to_staff)
        if target is None or not target.active or to_staff == handoff.taken_by:
            raise NotFound("no_such_target", "没有这位同事，请重新选。")
        if not any(one.id == to_staff for one in on_duty(work.session, work.now)):
            raise Conflict("colleague_away", f"{target.display_name}现在不在线，请换一位，或转给技能组。")
    elif to_group in all_groups():
        group = str(to_group)
    else:
        raise NotFound("no_such_target", "请选要转给哪位同事或哪个技能组。")
    if note_text.strip():
        note(work, conversation_id, note_text)
    queueing.end(work, handoff, "transferred", note_text.strip() or None)
    return queueing.requeue(work, handoff, Reason.TRANSFER, group, preferred_id=to_staff)


def return_to_bot(work: Work, conversation_id: str) -> Handoff:
    """Ask the customer whether the bot may go on. The person stays until they say yes."""
    handoff = _held(work, conversation_id)
    if handoff.return_asked_at is None:
        handoff.return_asked_at = work.now
        work.session.add(handoff)
        queueing.say(work, conversation_id, "handoff.return_ask",
                     agent_name=people.staff_name(work.session, handoff.taken_by))
        work.journal("return_asked", "conversation", conversation_id, handoff=handoff.id)
        presence.hint_desk(work)
    return handoff


def answer_return(work: Work, conversation_id: str, agreed: bool) -> bool:
    """The customer's word on going on with the bot; False where nobody had asked."""
    conversation = conversations.lock(work, conversation_id)
    handoff = store.open_of(work.session, conversation_id, lock=True)
    if handoff is None or handoff.taken_by is None or handoff.return_asked_at is None:
        return False
    work.journal("return_answered", "conversation", conversation_id, handoff=handoff.id, agreed=agreed)
    if agreed:
        queueing.end(work, handoff, "returned")
        conversations.change_hands(work, conversation, "bot")
        queueing.say(work, conversation_id, "handoff.back_to_bot")
        return True
    handoff.return_asked_at = None
    work.session.add(handoff)
    queueing.say(work, conversation_id, "handoff.return_declined",
                 agent_name=people.staff_name(work.session, handoff.taken_by))
    presence.hint_desk(work)
    return True


def take_over(work: Work, conversation_id: str) -> Handoff:
    """A supervisor steps in, whoever speaks at the moment; a colleague who held it is told by a note.

    Raises Forbidden, Conflict (``conversation_closed``).
    """
    work.actor.require(Permission.DESK_SUPERVISE)
    presence.mine(work)
    conversation = conversations.lock(work, conversation_id)
    before = store.open_of(work.session, conversation_id, lock=True)
    if before is not None and before.taken_by == work.actor.id:
        return before
    holder = before.taken_by if before is not None else None
    if before is None:
        handoff = queueing.new(work, conversation, Reason.TAKE_OVER, {})
    elif holder is None:
        handoff = before
    else:
        queueing.end(work, before, "taken_over")
        handoff = Handoff(
            id=new_id(), conversation_id=conversation_id, reason=Reason.TAKE_OVER.value, skill_group=before.skill_group,
            priority=before.priority, summary=before.summary, known=before.known, requested_at=work.now,
            passed_by=holder, language=before.language, kind=before.kind, weight=before.weight)
        conversations.add_note(work, conversation, f"{work.actor.name}接手了这次会话，{people.staff_name(work.session, holder)}不用再回复。")
    handoff.taken_at, handoff.taken_by = work.now, work.actor.id
    work.session.add(handoff)
    work.flush()
    offers.settle(work, handoff.id)
    work.journal("taken_over", "conversation", conversation_id, handoff=handoff.id, before=holder)
    _begin(work, conversation, handoff)
    return handoff


def wrap_up(work: Work, conversation_id: str, outcome: str, note_text: str = "",
            correct_intent: str | None = None) -> Handoff:
    """Close the conversation with its outcome. Where the customer left first, the summary is added to the end
    that was noted then. Raises Invalid (``outcome_missing``), Conflict (``not_holder``)."""
    rules.check_outcome(outcome)
    words = note_text.strip()[: rules.MAX_NOTE] or None
    last = store.latest_of(work.session, conversation_id)
    if last is not None and last.ended_at is not None and last.taken_by == work.actor.id and last.wrap_up is None:
        last.outcome, last.wrap_up, last.correct_intent = outcome, words, correct_intent or None
        work.session.add(last)
        work.journal("wrapped_up_late", "conversation", conversation_id, outcome=outcome)
        return last
    handoff = _held(work, conversation_id)
    handoff.correct_intent = correct_intent or None
    queueing.end(work, handoff, outcome, words)
    conversations.close(work, conversations.lock(work, conversation_id), "agent")
    return handoff


# --- reactions (see backend.wiring) ---------------------------------------------------------------


def release_abandoned(work: Work) -> int:
    """Customers whose agent has vanished while they wait go back into the queue; returns how many."""
    there = {one.id for one in on_duty(work.session, work.now)}
    released = 0
    for handoff in store.held(work.session):
        if handoff.taken_by in there:
            continue
        last = store.presence(work.session, handoff.taken_by or "")
        conversation = conversations.get(work.session, handoff.conversation_id)
        if (conversation.waiting_since is None
                or (last is not None and work.now - last.seen_at < rules.GONE_AFTER)
                or work.now - conversation.waiting_since < rules.GONE_AFTER):
            continue
        conversations.lock(work, handoff.conversation_id)
        held = store.open_of(work.session, handoff.conversation_id, lock=True)
        if held is None or held.id != handoff.id:
            continue
        queueing.end(work, held, "requeued")
        queueing.requeue(work, held, Reason.TRANSFER, held.skill_group)
        released += 1
    return released


# --- reading -------------------------------------------------------------------------------------


# --- small change -------------------------------------------------------------------------------


def describe(session: Session, handoff: Handoff, now: datetime) -> dict[str, Any]:
    """A handoff for programs."""
    return {
        "id": handoff.id, "conversation_id": handoff.conversation_id, "reason": handoff.reason,
        "reason_text": Reason.of(handoff.reason).zh, "skill_group": handoff.skill_group,
        "skill_group_text": group_name(handoff.skill_group), "priority": handoff.priority,
        "requested_at": handoff.requested_at, "waited_text": zh_duration((handoff.taken_at or now) - handoff.requested_at),
        "taken_at": handoff.taken_at, "taken_by": handoff.taken_by,
        "taken_by_name": people.staff_name(session, handoff.taken_by) if handoff.taken_by else None,
        "ended_at": handoff.ended_at, "outcome": handoff.outcome, "eta_seconds": handoff.eta_seconds,
        "return_asked_at": handoff.return_asked_at,
    }
