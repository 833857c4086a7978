"""The table: fact → reactions. Every "when this happened, then that" of the house stands here and nowhere else.

Reactions run inside the transaction that recorded the fact. The second half hangs one room's view into another
room's page, for the same reason: neighbours do not import each other.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.complaints import belonging
from backend.complaints import service as complaints
from backend.complaints.events import (
    ComplaintExtended,
    ComplaintFiled,
    ComplaintMoved,
    ComplaintPaused,
    ComplaintResumed,
    ComplaintUrged,
)
from backend.complaints.learning import service as learning
from backend.conversations import alerts, understanding
from backend.conversations import service as conversations
from backend.conversations.events import ConversationClosed, ConversationStarted, CustomerIdentified, MessageReceived
from backend.deadlines import service as deadlines
from backend.deadlines.events import DeadlineBreached, DeadlineMoved, DeadlineNeared, EscalationDue, TakeOverDue
from backend.handoffs import offers, queueing
from backend.handoffs import service as handoffs
from backend.handoffs.events import HandoffEnded, HandoffRequested, HandoffTaken, OfferEnded, PresenceChanged
from backend.handoffs.pages import Panel
from backend.infra import mail
from backend.infra.outbox import OutboxJob
from backend.infra.work import Reactions, Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.scripts import service as scripts
from backend.scripts.events import ScriptMissing, ScriptPublished
from backend.scripts.questions import Question
from backend.surveys import handling
from backend.surveys import service as surveys
from backend.surveys.events import HandlingRated


def _tell_staff_of_missing_words(work: Work, fact: ScriptMissing) -> None:
    alerts.raise_alert(work, "script_missing", fact.key, f"「{fact.key}」现在没有可以说的版本，客户听到的是兜底话术。")


def _words_are_back(work: Work, fact: ScriptPublished) -> None:
    alerts.resolve(work, "script_missing", fact.key)


def _ask_about_the_handling(work: Work, fact: ComplaintMoved) -> None:
    if fact.to_stage == "closed":
        handling.ask(work, fact.complaint_id, fact.owner_id, fact.channel)


def _handling_was_rated(work: Work, fact: HandlingRated) -> None:
    complaints.on_rated(work, fact.complaint_id, fact.score, fact.comment)


# So long an urging counts in the queue.
URGED_LATELY = timedelta(days=3)


def _complaints_go_along(work: Work, fact: HandoffRequested) -> None:
    """Whoever takes the customer knows their open cases; one urged lately brings them forward."""
    conversation = conversations.get(work.session, fact.conversation_id)
    found = {one.id: one for one in (*complaints.of_conversation(work.session, conversation.id),
                                     *complaints.of_customer(work.session, conversation.customer_id))
             if one.closed_at is None}
    queueing.add_cases(work, fact.handoff_id, [
        {"number": one.number, "stage_text": complaints.summary(work.session, one, work.now)["stage_text"],
         "urged": one.last_urged_at is not None and work.now - one.last_urged_at <= URGED_LATELY}
        for one in list(found.values())[:3]])


def _urged_comes_forward(work: Work, fact: ComplaintUrged) -> None:
    complaint = complaints.by_id(work.session, fact.complaint_id)
    if complaint is not None:
        queueing.urged(work, complaint.customer_id)


# The fourth try in vain, some minutes on: worth a look. Sooner is a blink of the line.
LETTER_IS_LATE = 4


def watch_letters(work: Work, job: OutboxJob) -> None:
    """How a letter fares: staff hear of what is parked, slow or refused, and no longer once it is through."""
    if job.kind != mail.KIND:
        return
    subject = str(job.payload["subject"])
    if job.parked_at is not None:
        # One for all of them: they wait for the same hand.
        alerts.raise_alert(work, "mail_parked", "mail", f"{job.error} 信都留着，配好以后自动补发。")
    elif job.gave_up_at is not None:
        alerts.resolve(work, "mail_late", subject)
        alerts.raise_alert(work, "mail_failed", subject, f"「{subject}」没有发到，不再重试。{job.error}")
    elif job.done_at is not None:
        alerts.resolve(work, "mail_late", subject)
        alerts.resolve(work, "mail_parked", "mail")
    elif job.tries == LETTER_IS_LATE:
        alerts.raise_alert(work, "mail_late", subject, f"「{subject}」试了 {job.tries} 次还没发出去，会继续试。")


REACTIONS: Reactions = {
    ConversationClosed: [handoffs.on_closed, surveys.on_conversation_closed],
    MessageReceived: [complaints.telling.on_message, handoffs.on_message],
    DeadlineNeared: [complaints.on_deadline],
    DeadlineBreached: [complaints.on_deadline],
    DeadlineMoved: [complaints.on_deadline],
    EscalationDue: [complaints.on_escalation],
    TakeOverDue: [complaints.on_take_over],
    ScriptMissing: [_tell_staff_of_missing_words],
    ScriptPublished: [_words_are_back],
    ConversationStarted: [complaints.telling.on_started],
    CustomerIdentified: [belonging.follow],
    ComplaintFiled: [learning.on_filed],
    ComplaintMoved: [complaints.telling.on_moved, _ask_about_the_handling],
    ComplaintPaused: [complaints.telling.on_paused],
    ComplaintResumed: [complaints.telling.on_resumed],
    ComplaintExtended: [complaints.telling.on_extended],
    HandlingRated: [_handling_was_rated],
    HandoffRequested: [_complaints_go_along, offers.on_fact],
    ComplaintUrged: [_urged_comes_forward],
    HandoffTaken: [offers.on_fact],
    HandoffEnded: [offers.on_fact],
    PresenceChanged: [offers.on_fact],
    OfferEnded: [offers.on_fact],
}


# --- one room's view inside another room's page -------------------------------------------------


def shell_counts(work: Work) -> dict[str, Any]:
    """The numbers and alerts of the staff shell, for whoever may see them."""
    actor = work.actor
    counts: dict[str, int] = {}
    if actor.can(Permission.DESK_USE):
        counts["handoffs"] = handoffs.waiting_for(work.session, actor.id)
    if actor.can(Permission.COMPLAINT_READ):
        counts["complaints"] = complaints.due_today(work.session, work.now)
    if actor.can(Permission.SCRIPT_APPROVE):
        counts["scripts"] = scripts.waiting_for(work.session, actor)
    shown = [] if not actor.can(Permission.ALERT_READ) else [
        {"text": f"{alerts.title_of(one.kind)}：{one.detail or one.subject}", "href": _where(one.kind, one.subject),
         "at_text": zh_datetime(one.last_at, work.now)}
        for one in alerts.still_open(work.session)[:20]]
    return {"counts": counts, "alerts": [*_called(work), *shown]}


def _where(kind: str, subject: str) -> str:
    """Where an alert is dealt with: at the case it is about, else on the page of alerts."""
    return f"/complaints/{subject}" if kind in ("complaint_major", "complaint_plan_late") else "/alerts"


def _called(work: Work) -> list[dict[str, str]]:
    """Cases to whose deadlines this person was called and has not looked since: a line a case, the newest first."""
    calls: dict[str, list[dict[str, Any]]] = {}
    for one in deadlines.waiting_for(work.session, work.actor.id, limit=60):
        if one["subject_kind"] == "complaint":
            calls.setdefault(one["subject_id"], []).append(one)
    found = []
    for complaint_id, own in list(calls.items())[:20]:
        complaint = complaints.by_id(work.session, complaint_id)
        if complaint is not None:
            first = min(own, key=lambda one: one["due_at"])
            names = "、".join(dict.fromkeys(one["name"] for one in sorted(own, key=lambda one: one["due_at"])))
            state = "逾期了" if first["due_at"] < work.now else "快到期"
            told = max(one["told_at"] for one in own)
            found.append({"text": f"{complaint.number}：{names}{state}，{zh_datetime(first['due_at'], work.now)} 到期",
                          "href": f"/complaints/{complaint.number}", "at_text": f"{zh_datetime(told, work.now)} 叫到你"})
    return found


def _complaint_panel(session: Session, customer_id: str, conversation_id: str, now: datetime) -> dict[str, Any] | None:
    found = {one.id: one for one in (*complaints.of_conversation(session, conversation_id),
                                     *complaints.of_customer(session, customer_id))}
    if not found:
        return None
    return {"template": "desk/panel_complaint.html",
            "context": {"complaints": [complaints.panel(session, one, now) for one in found.values()]}}


def _rating_panel(session: Session, customer_id: str, conversation_id: str, now: datetime) -> dict[str, Any] | None:
    talks = [one.id for one in conversations.of_customer(session, customer_id)]
    ratings = [{"score": fact.score, "at_text": zh_datetime(fact.answered_at, now)}
               for fact in surveys.answers_of(session, talks)]
    return {"template": "desk/panel_ratings.html", "context": {"ratings": ratings}} if ratings else None


def unanswered_questions(session: Session, since: datetime) -> list[Question]:
    """What the bot did not understand or answered in general, with who asked: the script owners' list of what is missing."""
    asked: list[tuple[understanding.Misunderstood | understanding.Generally, str | None]] = [
        *((one, None) for one in understanding.misunderstood(session, since)),
        *((one, one.key) for one in understanding.answered_generally(session, since))]
    return [Question(message_id=one.message_id, conversation_id=one.conversation_id, customer_id=conversation.customer_id,
                     text=one.text, at=one.at, default_key=key)
            for one, key in asked
            if (conversation := conversations.by_id(session, one.conversation_id)) is not None]


def desk_panels() -> list[Panel]:
    """What other rooms show beside a conversation on the desk."""
    return [_complaint_panel, _rating_panel]
