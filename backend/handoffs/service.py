"""Handing conversations to people: ask, take, answer, pass on, give back, wrap up.

Locks are taken in one order everywhere (presence, conversation, handoff), so that two people reaching for the
same conversation wait for each other instead of dead-locking.
"""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.conversations import events as conversation_events
from backend.conversations import service as conversations
from backend.deadlines import service as deadlines
from backend.handoffs import events, presence, rules, store
from backend.handoffs.groups import all_groups, group_for, group_name
from backend.handoffs.known import known_things, summary_for
from backend.handoffs.presence import beat, on_duty, set_status
from backend.handoffs.rules import Reason, Status, Waiting
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_duration
from backend.kernel.errors import Conflict, Forbidden, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people
from backend.scripts import proposals
from backend.scripts import service as scripts

__all__ = [
    "beat", "cancel", "describe", "note", "on_closed", "on_duty", "on_message", "queue_state", "release_abandoned",
    "reply", "request", "return_to_bot", "set_status", "take", "take_next", "transfer", "waiting_for", "wrap_up",
]

# A repeated wish within this is the same click, not an impatient question about the queue.
SAME_CLICK_SECONDS = 10


# --- into the queue -----------------------------------------------------------------------------


def request(work: Work, conversation_id: str, reason: str, known: dict[str, Any] | None = None,
            summary: str = "") -> Handoff:
    """Put the conversation into the queue and tell the customer where they stand. One at a time: asked again
    while one is under way, that one is given back.

    Raises NotFound, Conflict (``conversation_closed``).
    """
    conversation = conversations.lock(work, conversation_id)
    current = store.open_of(work.session, conversation_id, lock=True)
    if current is not None:
        if current.taken_at is None and (work.now - current.requested_at).total_seconds() > SAME_CLICK_SECONDS:
            place = queue_state(work.session, conversation_id, work.now) or {"ahead": 0}
            _say(work, conversation_id, "handoff.already_queued", ahead=str(place["ahead"]))
        return current
    why = Reason.of(reason)
    things = known_things(work, conversation_id, known or {})
    handoff = Handoff(
        id=new_id(), conversation_id=conversation_id, reason=why.value,
        skill_group=group_for(why, things.get("intent")).key,
        priority=rules.priority_of(why, int(things.get("visits", 1))),
        summary=summary or summary_for(work, conversation_id, known or {}), known=things, requested_at=work.now,
    )
    conversations.change_hands(work, conversation, "queued")
    _enqueue(work, handoff)
    first = rules.announcement(why)
    if first:
        _say(work, conversation_id, first)
    _tell_place(work, handoff)
    return handoff


def _enqueue(work: Work, handoff: Handoff) -> None:
    work.session.add(handoff)
    work.flush()
    work.journal("handoff_requested", "conversation", handoff.conversation_id, reason=handoff.reason,
                 group=handoff.skill_group, priority=handoff.priority)
    work.record(events.HandoffRequested(
        at=work.now, handoff_id=handoff.id, conversation_id=handoff.conversation_id, reason=handoff.reason,
        skill_group=handoff.skill_group, priority=handoff.priority))
    presence.hint_desk(work)


def _tell_place(work: Work, handoff: Handoff) -> None:
    """The customer's place and time, or the hours when nobody is there. Out of hours they still keep the place."""
    group = all_groups().get(handoff.skill_group)
    place = queue_state(work.session, handoff.conversation_id, work.now)
    shut = group is not None and not group.is_open(deadlines.calendar(work.session), work.now)
    if shut or place is None or place["eta_seconds"] is None:
        _say(work, handoff.conversation_id, "handoff.out_of_hours")
    elif place["ahead"] == 0:
        _say(work, handoff.conversation_id, "handoff.next_in_line")
    else:
        _say(work, handoff.conversation_id, "handoff.queued", ahead=str(place["ahead"]),
             eta_minutes=str(place["eta_seconds"] // 60))


def queue_state(session: Session, conversation_id: str, now: datetime) -> dict[str, Any] | None:
    """How many are served before, and in how many seconds somebody comes (None: nobody is there); None outside
    the queue."""
    mine = store.open_of(session, conversation_id)
    if mine is None or mine.taken_at is not None:
        return None
    everybody = on_duty(session, now)
    ahead = rules.ahead_of(as_waiting(mine), [as_waiting(one) for one in store.waiting(session)], everybody, now)
    return {"ahead": ahead, "eta_seconds": rules.wait_seconds(ahead, everybody, store.recent_handling(session, now))}


def cancel(work: Work, conversation_id: str) -> Handoff | None:
    """The customer leaves the queue and goes on with the bot; None when they were not in it (any more)."""
    conversation = conversations.lock(work, conversation_id)
    handoff = store.open_of(work.session, conversation_id, lock=True)
    if handoff is None or handoff.taken_at is not None:
        return None
    _end(work, handoff, "cancelled")
    conversations.change_hands(work, conversation, "bot")
    _say(work, conversation_id, "handoff.cancelled")
    return handoff


# --- taking -------------------------------------------------------------------------------------


def take(work: Work, conversation_id: str) -> Handoff:
    """The acting agent takes the conversation; of two, one wins. Taking one's own again is harmless.

    Raises Conflict (``already_taken``, ``not_in_queue``, ``at_capacity``, ``off_duty``), Forbidden.
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
    if len(store.held_by(work.session, work.actor.id)) >= own.capacity:
        raise Conflict("at_capacity", f"你已经在接待 {own.capacity} 位，先结束一位再领取。")
    if not store.claim(work.session, handoff.id, work.actor.id, work.now):
        raise _taken(work.session, handoff)
    work.session.refresh(handoff)
    conversations.change_hands(work, conversation, "agent", work.actor.id)
    _say(work, conversation_id, "handoff.agent_joined", agent_name=work.actor.name)
    work.journal("handoff_taken", "conversation", conversation_id, handoff=handoff.id)
    work.record(events.HandoffTaken(at=work.now, handoff_id=handoff.id, conversation_id=conversation_id,
                                    staff_id=work.actor.id, requested_at=handoff.requested_at))
    presence.hint_desk(work)
    return handoff


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
    for one in rules.in_order(map(as_waiting, rows.values()), work.now):
        if not rules.suits(one, me, team, work.now):
            continue
        try:
            return take(work, rows[one.id].conversation_id)
        except Conflict as conflict:
            if conflict.code not in ("already_taken", "not_in_queue"):
                raise
            lost = conflict  # a colleague was faster: the next one, then
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
          similarity: float | None = None) -> Any:
    """Say something to the customer. ``based_on`` names the script version that was inserted; what became of it
    is noted without the words. Idempotent by ``client_id``. Raises Invalid, Conflict (``not_holder``)."""
    work.actor.require(Permission.CONVERSATION_TAKE)
    words = rules.check_words(text, to_customer=True)
    conversation = conversations.get(work.session, conversation_id)
    message = conversations.say_as_agent(work, conversation, words, client_id)
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
    _end(work, handoff, "transferred", note_text.strip() or None)
    return _requeue(work, handoff, Reason.TRANSFER, group, preferred_id=to_staff)


def _requeue(work: Work, handoff: Handoff, reason: Reason, group: str, preferred_id: str | None = None) -> Handoff:
    again = Handoff(
        id=new_id(), conversation_id=handoff.conversation_id, reason=reason.value, skill_group=group,
        priority=max(handoff.priority, rules.priority_of(reason)), summary=handoff.summary, known=handoff.known,
        requested_at=work.now, preferred_id=preferred_id,
        passed_by=work.actor.id if work.actor.is_staff else None,
    )
    conversations.change_hands(work, conversations.lock(work, handoff.conversation_id), "queued")
    _enqueue(work, again)
    _tell_place(work, again)
    return again


def return_to_bot(work: Work, conversation_id: str) -> Handoff:
    """The person steps back, with notice to the customer; the bot answers again."""
    handoff = _held(work, conversation_id)
    _end(work, handoff, "returned")
    conversations.change_hands(work, conversations.lock(work, conversation_id), "bot")
    _say(work, conversation_id, "handoff.back_to_bot")
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
    _end(work, handoff, outcome, words)
    conversations.close(work, conversations.lock(work, conversation_id), "agent")
    return handoff


def _end(work: Work, handoff: Handoff, outcome: str, words: str | None = None) -> None:
    handoff.ended_at = work.now
    handoff.outcome = outcome
    handoff.wrap_up = words
    work.session.add(handoff)
    work.flush()
    work.journal("handoff_ended", "conversation", handoff.conversation_id, outcome=outcome, handoff=handoff.id)
    work.record(events.HandoffEnded(
        at=work.now, handoff_id=handoff.id, conversation_id=handoff.conversation_id, staff_id=handoff.taken_by,
        outcome=outcome, requested_at=handoff.requested_at, taken_at=handoff.taken_at))
    presence.hint_desk(work)


# --- reactions (see backend.wiring) ---------------------------------------------------------------


def on_closed(work: Work, fact: conversation_events.ConversationClosed) -> None:
    """The customer ended the conversation: what was under way here is over too."""
    handoff = store.open_of(work.session, fact.conversation_id, lock=True)
    if handoff is not None:
        _end(work, handoff, "abandoned" if handoff.taken_at is None else "customer_left")


def on_message(work: Work, fact: conversation_events.MessageReceived) -> None:
    """A customer wrote while a person is concerned: the desk looks again."""
    if fact.state != "bot":
        presence.hint_desk(work)


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
        _end(work, held, "requeued")
        _requeue(work, held, Reason.TRANSFER, held.skill_group)
        released += 1
    return released


# --- reading -------------------------------------------------------------------------------------


def as_waiting(row: Handoff) -> Waiting:
    return Waiting(row.id, row.skill_group, row.priority, row.requested_at, row.preferred_id)


def waiting_for(session: Session, staff_id: str) -> int:
    """How many of a person's conversations have an unanswered word."""
    held = (conversations.by_id(session, one.conversation_id) for one in store.held_by(session, staff_id))
    return sum(1 for one in held if one is not None and one.waiting_since is not None)


# --- small change -------------------------------------------------------------------------------


def _say(work: Work, conversation_id: str, key: str, **variables: str) -> None:
    """Approved words in the system's voice: they stand although the bot is silent."""
    conversation = conversations.lock(work, conversation_id)
    conversations.say(work, conversation, scripts.speak(work, key, variables, conversation.channel), sender="system")


def describe(session: Session, handoff: Handoff, now: datetime) -> dict[str, Any]:
    """A handoff for programs."""
    return {
        "id": handoff.id, "conversation_id": handoff.conversation_id, "reason": handoff.reason,
        "reason_text": Reason.of(handoff.reason).zh, "skill_group": handoff.skill_group,
        "skill_group_text": group_name(handoff.skill_group), "priority": handoff.priority,
        "requested_at": handoff.requested_at, "waited_text": zh_duration((handoff.taken_at or now) - handoff.requested_at),
        "taken_at": handoff.taken_at, "taken_by": handoff.taken_by,
        "taken_by_name": people.staff_name(session, handoff.taken_by) if handoff.taken_by else None,
        "ended_at": handoff.ended_at, "outcome": handoff.outcome,
    }
