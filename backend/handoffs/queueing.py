"""Into the queue and out of it: the wish for a person, the place, the wait that was promised."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.conversations import events as conversation_events
from backend.conversations import service as conversations
from backend.handoffs import callback_store, events, fetching, hours, known, offers, presence, rules, store
from backend.handoffs.groups import group_for, measure_of
from backend.handoffs.presence import on_duty
from backend.handoffs.rules import Reason, Waiting
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.clock import zh_datetime
from backend.kernel.ids import new_id
from backend.scripts import service as scripts

# A repeated wish within this is the same click, not an impatient question about the queue.
SAME_CLICK_SECONDS = 10


def request(work: Work, conversation_id: str, reason: str, told: dict[str, Any] | None = None,
            summary: str = "") -> Handoff:
    """Put the conversation into the queue and tell the customer where they stand. One at a time: asked again
    while one is under way, that one is given back, lifted where the new reason is graver.

    Raises NotFound, Conflict (``conversation_closed``).
    """
    conversation = conversations.lock(work, conversation_id)
    why, told = Reason.of(reason), told or {}
    current = store.open_of(work.session, conversation_id, lock=True)
    if current is not None:
        _asked_again(work, current, why)
        return current
    handoff = new(work, conversation, why, told, summary)
    conversations.change_hands(work, conversation, "queued")
    enqueue(work, handoff)
    first = rules.announcement(why)
    if first:
        say(work, conversation_id, first)
    _tell_place(work, handoff)
    return handoff


def new(work: Work, conversation: conversations.Conversation, why: Reason, told: dict[str, Any],
        summary: str = "") -> Handoff:
    """A handoff with everything known on it, not stored yet."""
    things = known.known_things(work, conversation.id, told)
    group = group_for(why, things.get("intent"), fetching.group_of(told.get("rule")))
    kind, weight = measure_of(group.key, conversation.channel)
    earlier = known.earlier_contacts(work.session, conversation.customer_id, conversation.id)
    return Handoff(
        id=new_id(), conversation_id=conversation.id, reason=why.value, skill_group=group.key,
        priority=rules.priority_of(why, int(things.get("visits", 1))),
        summary=summary or known.summary_for(work, conversation.id, told), known={**things, "earlier": earlier},
        requested_at=work.now, language=things["language"], kind=kind, weight=weight,
        last_agent_id=earlier[0]["staff_id"] if earlier else None,
    )


def _asked_again(work: Work, handoff: Handoff, why: Reason) -> None:
    if handoff.taken_at is not None:
        return
    if rules.priority_of(why) > handoff.priority:
        lift(work, handoff, rules.priority_of(why), why)
        if first := rules.announcement(why):
            say(work, handoff.conversation_id, first)
    elif (work.now - handoff.requested_at).total_seconds() > SAME_CLICK_SECONDS:
        tell_still_queued(work, handoff.conversation_id)


def lift(work: Work, handoff: Handoff, priority: int, why: Reason | None = None) -> None:
    """Further to the front, for a graver reason or because a complaint was urged; nobody is ever moved back."""
    if priority <= handoff.priority:
        return
    work.journal("handoff_lifted", "conversation", handoff.conversation_id, before=handoff.priority, priority=priority,
                 reason=why.value if why else handoff.reason)
    handoff.priority = priority
    if why is not None:
        handoff.reason = why.value
        handoff.skill_group = group_for(why, handoff.known.get("intent")).key
        conversation = conversations.get(work.session, handoff.conversation_id)
        handoff.kind, handoff.weight = measure_of(handoff.skill_group, conversation.channel)
    work.session.add(handoff)
    work.flush()
    _requested(work, handoff)


def add_cases(work: Work, handoff_id: str, cases: Sequence[dict[str, Any]]) -> None:
    """The customer's open complaints stand on the handoff; one that was urged lately brings them forward, once."""
    handoff = store.by_id(work.session, handoff_id)
    if handoff is None or "cases" in handoff.known:
        return
    numbers = [*handoff.known.get("complaint_nos", []), *(one["number"] for one in cases)]
    handoff.known = {**handoff.known, "cases": list(cases), "complaint_nos": list(dict.fromkeys(numbers))}
    work.session.add(handoff)
    if any(one["urged"] for one in cases):
        hurry(work, handoff)


def hurry(work: Work, handoff: Handoff) -> None:
    """Whoever has urged their complaint is served earlier, though never before a matter of safety."""
    if handoff.taken_at is not None or handoff.known.get("urged"):
        return
    handoff.known = {**handoff.known, "urged": True}
    work.session.add(handoff)
    if handoff.priority < rules.URGENT:
        lift(work, handoff, min(rules.URGENT - 1, handoff.priority + rules.URGED_BONUS))


def urged(work: Work, customer_id: str) -> None:
    """The customer has just urged a complaint: if they are in the queue, they come forward in it."""
    for conversation in conversations.of_customer(work.session, customer_id):
        if conversation.state == "queued":
            conversations.lock(work, conversation.id)
            handoff = store.open_of(work.session, conversation.id, lock=True)
            if handoff is not None:
                hurry(work, handoff)


def enqueue(work: Work, handoff: Handoff) -> None:
    work.session.add(handoff)
    work.flush()
    work.journal("handoff_requested", "conversation", handoff.conversation_id, reason=handoff.reason,
                 group=handoff.skill_group, priority=handoff.priority)
    _requested(work, handoff)


def _requested(work: Work, handoff: Handoff) -> None:
    work.record(events.HandoffRequested(
        at=work.now, handoff_id=handoff.id, conversation_id=handoff.conversation_id, reason=handoff.reason,
        skill_group=handoff.skill_group, priority=handoff.priority))
    presence.hint_desk(work)


def requeue(work: Work, handoff: Handoff, reason: Reason, group: str, preferred_id: str | None = None) -> Handoff:
    """The same matter waits for somebody else."""
    conversation = conversations.lock(work, handoff.conversation_id)
    kind, weight = measure_of(group, conversation.channel)
    again = Handoff(
        id=new_id(), conversation_id=handoff.conversation_id, reason=reason.value, skill_group=group,
        priority=max(handoff.priority, rules.priority_of(reason)), summary=handoff.summary, known=handoff.known,
        requested_at=work.now, preferred_id=preferred_id, language=handoff.language, kind=kind, weight=weight,
        passed_by=work.actor.id if work.actor.is_staff else None,
    )
    conversations.change_hands(work, conversation, "queued")
    enqueue(work, again)
    _tell_place(work, again)
    return again


def end(work: Work, handoff: Handoff, outcome: str, words: str | None = None) -> None:
    """Over, however it ended; an offer of it is over too."""
    handoff.ended_at = work.now
    handoff.outcome = outcome
    handoff.wrap_up = words
    handoff.return_asked_at = None
    work.session.add(handoff)
    work.flush()
    offers.settle(work, handoff.id)
    work.journal("handoff_ended", "conversation", handoff.conversation_id, outcome=outcome, handoff=handoff.id)
    work.record(events.HandoffEnded(
        at=work.now, handoff_id=handoff.id, conversation_id=handoff.conversation_id, staff_id=handoff.taken_by,
        outcome=outcome, requested_at=handoff.requested_at, taken_at=handoff.taken_at))
    presence.hint_desk(work)


# --- what the customer hears ----------------------------------------------------------------------


def _tell_place(work: Work, handoff: Handoff) -> None:
    """The customer's place and time, or the hours when nobody is there. Out of hours they still keep the place."""
    place = queue_state(work.session, handoff.conversation_id, work.now)
    if place is None or place["eta_seconds"] is None or not hours.is_open(work.session, handoff.skill_group, work.now):
        by = hours.answer_by(work.session, handoff.skill_group, work.now)
        say(work, handoff.conversation_id, "handoff.out_of_hours", promised_at=zh_datetime(by, work.now))
        return
    handoff.eta_seconds = place["eta_seconds"]  # what was promised is held against what came of it
    work.session.add(handoff)
    if place["ahead"] == 0:
        say(work, handoff.conversation_id, "handoff.next_in_line")
    else:
        say(work, handoff.conversation_id, "handoff.queued", ahead=str(place["ahead"]),
            eta_minutes=str(place["eta_seconds"] // 60))


def tell_still_queued(work: Work, conversation_id: str) -> None:
    place = queue_state(work.session, conversation_id, work.now) or {"ahead": 0}
    say(work, conversation_id, "handoff.already_queued", ahead=str(place["ahead"]))


def queue_state(session: Session, conversation_id: str, now: datetime) -> dict[str, Any] | None:
    """How many are served before, and in how many seconds somebody comes (None: nobody is there); None outside
    the queue."""
    queue = store.places(session)
    mine = next((place for place, of in queue if of == conversation_id), None)
    if mine is None:
        return None
    everybody = on_duty(session, now)
    ahead = rules.ahead_of(mine, (place for place, _ in queue), everybody, now)
    serving = [one for one in everybody if one.serves(mine.group)] or everybody
    return {"ahead": ahead, "eta_seconds": rules.wait_seconds(ahead, serving, store.recent_handling(session, now))}


# --- out of the queue -----------------------------------------------------------------------------


def cancel(work: Work, conversation_id: str) -> Handoff | None:
    """The customer leaves the queue and goes on with the bot; None when they were not in it (any more)."""
    handoff = leave(work, conversation_id, "cancelled")
    if handoff is not None:
        say(work, conversation_id, "handoff.cancelled")
    return handoff


def leave(work: Work, conversation_id: str, outcome: str) -> Handoff | None:
    """Out of the queue without a word; None for somebody who is not in it."""
    conversation = conversations.lock(work, conversation_id)
    handoff = store.open_of(work.session, conversation_id, lock=True)
    if handoff is None or handoff.taken_at is not None:
        return None
    end(work, handoff, outcome)
    callback_store.drop_question(work.session, conversation_id)
    conversations.change_hands(work, conversation, "bot")
    return handoff


def go_on_with_bot(work: Work, conversation_id: str) -> bool:
    """The customer wants the bot to answer until somebody comes; their place stays theirs. False outside the queue."""
    conversation = conversations.lock(work, conversation_id)
    handoff = store.open_of(work.session, conversation_id, lock=True)
    if handoff is None or handoff.taken_at is not None:
        return False
    conversations.let_bot_answer(work, conversation)
    say(work, conversation_id, "handoff.bot_meanwhile")
    return True


# --- reactions (see backend.wiring) ---------------------------------------------------------------


def on_closed(work: Work, fact: conversation_events.ConversationClosed) -> None:
    """The customer ended the conversation: what was under way here is over too."""
    callback_store.drop_question(work.session, fact.conversation_id)
    handoff = store.open_of(work.session, fact.conversation_id, lock=True)
    if handoff is not None:
        end(work, handoff, "abandoned" if handoff.taken_at is None else "customer_left")


def on_message(work: Work, fact: conversation_events.MessageReceived) -> None:
    """A customer wrote while a person is concerned: the desk looks again."""
    if fact.state != "bot":
        presence.hint_desk(work)


# --- reading, and small change --------------------------------------------------------------------


def as_waiting(row: Handoff) -> Waiting:
    return Waiting(row.id, row.skill_group, row.priority, row.requested_at, row.preferred_id, row.last_agent_id,
                   row.language, row.kind, row.weight)


def waiting_for(session: Session, staff_id: str) -> int:
    """How many of a person's conversations have an unanswered word."""
    held = (conversations.by_id(session, one.conversation_id) for one in store.held_by(session, staff_id))
    return sum(1 for one in held if one is not None and one.waiting_since is not None)


def say(work: Work, conversation_id: str, key: str, **variables: str) -> None:
    """Approved words in the system's voice: they stand although the bot is silent."""
    conversation = conversations.lock(work, conversation_id)
    conversations.say(work, conversation, scripts.speak(work, key, variables, conversation.channel), sender="system")
