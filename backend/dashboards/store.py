"""Every count and the rows behind it, across the rooms' tables; nothing here is ever written.

A number and its rows come from the same conditions, so that they cannot disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, exists, literal, not_, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from backend.complaints.tables import Complaint
from backend.conversations.tables import Conversation, Message
from backend.customers.tables import Customer
from backend.dashboards.rules import NOT_AN_ANSWER_KEYS, NOT_AN_ANSWER_PREFIXES, OWED_KINDS, SATISFIED, UNSATISFIED
from backend.deadlines.tables import Deadline
from backend.handoffs.tables import Handoff
from backend.people.tables import Staff
from backend.scripts.tables import ScriptVersion
from backend.surveys.tables import Invitation, SatisfactionFact

type Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Scope:
    """Which rows are looked at: [since, until) in UTC, one channel or all."""

    since: datetime
    until: datetime
    channel: str | None = None

    def holds(self, at: Any, channel: Any) -> Condition:
        inside = and_(at >= self.since, at < self.until)
        return and_(inside, channel == self.channel) if self.channel else inside


def _any(*conditions: Any, of: Any, within: Any = Conversation) -> Condition:
    """EXISTS, tied to the outer row."""
    return exists(select(of).where(*conditions).correlate(within))


# --- conversations --------------------------------------------------------------------------------


def _wrote(sender: str) -> Condition:
    return _any(Message.conversation_id == Conversation.id, Message.sender == sender, of=Message.id)


def _conversation_flags() -> dict[str, Condition]:
    key = col(ScriptVersion.key)
    bot_answered = exists(
        select(Message.id).join(ScriptVersion, col(ScriptVersion.id) == col(Message.script_version_id))
        .where(
            Message.conversation_id == Conversation.id, Message.sender == "bot", key.not_in(NOT_AN_ANSWER_KEYS),
            *(not_(key.startswith(prefix, autoescape=True)) for prefix in NOT_AN_ANSWER_PREFIXES),
        ).correlate(Conversation)
    )
    person_answered = _wrote("agent")
    handed_off = _any(Handoff.conversation_id == Conversation.id, of=Handoff.id)
    met_a_person = _any(Handoff.conversation_id == Conversation.id, col(Handoff.taken_at).is_not(None), of=Handoff.id)
    complained = _any(Complaint.conversation_id == Conversation.id, of=Complaint.id)
    closed = col(Conversation.state) == "closed"
    unaided = and_(bot_answered, not_(handed_off), not_(complained), not_(person_answered),
                   col(Conversation.had_agent).is_(False))
    return {
        "closed": closed,
        "answered": or_(bot_answered, person_answered),
        "unaided": unaided,
        "bot_resolved": and_(closed, unaided),
        "abandoned": and_(closed, or_(not_(or_(bot_answered, person_answered)),
                                      and_(handed_off, not_(met_a_person), not_(person_answered)))),
        "handoff_share": handed_off,
        # By way of the invitation: both steps are found by a unique index.
        "rated": _any(Invitation.conversation_id == Conversation.id,
                      SatisfactionFact.invitation_id == Invitation.id, of=SatisfactionFact.id),
    }


FLAGS = _conversation_flags()

# Numerator and denominator of each indicator, over the conversations in which the customer spoke.
CONVERSATION_PARTS: Mapping[str, tuple[Condition | None, Condition | None]] = {
    "conversations": (None, None),
    "bot_resolved": (FLAGS["bot_resolved"], FLAGS["closed"]),
    "abandoned": (FLAGS["abandoned"], FLAGS["closed"]),
    "handoff_share": (FLAGS["handoff_share"], None),
    "answered": (FLAGS["answered"], None),
    "unaided": (FLAGS["unaided"], None),
    "rated": (FLAGS["rated"], None),
}


def _asked(scope: Scope) -> Condition:
    return and_(scope.holds(col(Conversation.opened_at), col(Conversation.channel)), _wrote("customer"))


def conversation_counts(session: Session, scope: Scope) -> dict[str, int]:
    """All conversation counts in one pass, under the names of the flags; ``asked`` is their whole."""
    names = list(FLAGS)
    row = session.execute(
        select(func.count(), *(func.coalesce(func.sum(case((FLAGS[name], 1), else_=0)), 0) for name in names))
        .select_from(Conversation).where(_asked(scope))
    ).one()
    return {"asked": int(row[0])} | {name: int(value) for name, value in zip(names, row[1:], strict=True)}


# --- a query of rows, and how to page it --------------------------------------------------------------


@dataclass(frozen=True)
class Query:
    """Rows behind one number. ``counted`` marks those of the numerator; None where there is no such part."""

    select: Any  # a Select; SQLModel's and SQLAlchemy's types of it do not meet
    counted: Condition | None
    order: tuple[Any, ...]

    def part(self, part: str) -> Any:
        """``k`` the numerator's rows, ``rest`` the others, ``n`` all."""
        if self.counted is None or part == "n":
            return self.select
        return self.select.where(self.counted if part == "k" else not_(self.counted))


def total(session: Session, query: Query, part: str) -> int:
    inner = query.part(part).order_by(None).subquery()
    return int(session.execute(select(func.count()).select_from(inner)).scalar_one())


def page(session: Session, query: Query, part: str, offset: int, limit: int) -> Sequence[Row[Any]]:
    """The rows, and as each one's last column whether it counts."""
    counted = literal(True) if query.counted is None else case((query.counted, True), else_=False)
    rows = query.part(part).add_columns(counted.label("counted"))
    return session.execute(rows.order_by(*query.order).offset(offset).limit(limit)).all()


def query(name: str, scope: Scope, now: datetime, today_ends: datetime) -> Query:
    """The rows of an indicator. Ordered newest first, or what is most urgent first."""
    if name in CONVERSATION_PARTS:
        counted, among = CONVERSATION_PARTS[name]
        rows = select(Conversation).where(_asked(scope))
        return Query(rows if among is None else rows.where(among), counted,
                     (col(Conversation.opened_at).desc(), Conversation.id))
    if name in ("handoffs", "waiting", "first_reply"):
        return _handoffs(name, scope)
    if name in ("csat", "unsatisfied"):
        return _answers(name, scope)
    if name == "response":
        answered = _any(SatisfactionFact.invitation_id == Invitation.id, of=SatisfactionFact.id, within=Invitation)
        return Query(select(Invitation).where(scope.holds(col(Invitation.sent_at), col(Invitation.channel))), answered,
                     (col(Invitation.sent_at).desc(), Invitation.id))
    if name == "on_time":
        return _promises(scope, now)
    conditions: dict[str, Condition] = {
        "complaints_filed": scope.holds(col(Complaint.filed_at), col(Complaint.channel)),
        "complaints_open": complaint_open(now, scope.channel),
        "complaints_overdue": complaint_overdue(now, scope.channel),
        "complaints_due_today": complaint_due_today(now, today_ends, scope.channel),
    }
    return Query(select(Complaint).where(conditions[name]), None, (col(Complaint.filed_at).desc(), Complaint.id))


# --- handoffs ---------------------------------------------------------------------------------------

# Passing on between colleagues is not a new request of the customer's.
ASKED_BY_CUSTOMER = col(Handoff.reason) != "transfer"


def _handoffs(name: str, scope: Scope) -> Query:
    rows = (select(Handoff, Conversation).join(Conversation, col(Conversation.id) == col(Handoff.conversation_id))
            .where(scope.holds(col(Handoff.requested_at), col(Conversation.channel)), ASKED_BY_CUSTOMER))
    if name == "waiting":
        rows = rows.where(col(Handoff.taken_at).is_not(None))
    if name == "first_reply":
        rows = rows.where(col(Handoff.first_reply_at).is_not(None))
    return Query(rows, None, (col(Handoff.requested_at).desc(), Handoff.id))


def handoff_times(session: Session, scope: Scope) -> tuple[int, list[float], list[float]]:
    """How many were asked for; seconds until taken; seconds until a person's first word.

    The seconds are worked out here and not in SQL: the two dialects subtract instants differently, and a
    window holds thousands of handoffs, not millions.
    """
    rows = session.execute(
        select(Handoff.requested_at, Handoff.taken_at, Handoff.first_reply_at)
        .join(Conversation, col(Conversation.id) == col(Handoff.conversation_id))
        .where(scope.holds(col(Handoff.requested_at), col(Conversation.channel)), ASKED_BY_CUSTOMER)
    ).all()
    taken = [(at - asked).total_seconds() for asked, at, _ in rows if at is not None]
    replied = [(at - asked).total_seconds() for asked, _, at in rows if at is not None]
    return len(rows), taken, replied


def queue(session: Session, channel: str | None) -> tuple[int, datetime | None]:
    """Customers waiting for a person right now, and since when the first of them."""
    rows = (select(func.count(), func.min(Handoff.requested_at))
            .join(Conversation, col(Conversation.id) == col(Handoff.conversation_id))
            .where(col(Handoff.taken_at).is_(None), col(Handoff.ended_at).is_(None)))
    if channel:
        rows = rows.where(Conversation.channel == channel)
    number, oldest = session.execute(rows).one()
    return int(number), oldest


# --- satisfaction -----------------------------------------------------------------------------------


def _answers(name: str, scope: Scope) -> Query:
    rows = select(SatisfactionFact).where(scope.holds(col(SatisfactionFact.answered_at), col(SatisfactionFact.channel)))
    order = (col(SatisfactionFact.answered_at).desc(), SatisfactionFact.id)
    if name == "csat":
        return Query(rows, col(SatisfactionFact.score) >= SATISFIED, order)
    return Query(rows.where(SatisfactionFact.score <= UNSATISFIED), None, order)


def scores(session: Session, scope: Scope) -> list[tuple[datetime, int]]:
    """Answers in order: when, and the score."""
    rows = session.execute(
        select(SatisfactionFact.answered_at, SatisfactionFact.score)
        .where(scope.holds(col(SatisfactionFact.answered_at), col(SatisfactionFact.channel)))
        .order_by(col(SatisfactionFact.answered_at))
    )
    return [(at, score) for at, score in rows]


def first_answer(session: Session, channel: str | None) -> datetime | None:
    rows = select(func.min(SatisfactionFact.answered_at))
    if channel:
        rows = rows.where(SatisfactionFact.channel == channel)
    return session.execute(rows).scalar_one()


def responses(session: Session, scope: Scope) -> tuple[int, int]:
    """Answered and sent, of the invitations sent in the window."""
    sent = scope.holds(col(Invitation.sent_at), col(Invitation.channel))
    answered = _any(SatisfactionFact.invitation_id == Invitation.id, of=SatisfactionFact.id, within=Invitation)
    row = session.execute(
        select(func.coalesce(func.sum(case((answered, 1), else_=0)), 0), func.count())
        .select_from(Invitation).where(sent)
    ).one()
    return int(row[0]), int(row[1])


def reasons_of_unsatisfied(session: Session, scope: Scope) -> dict[str, list[str]]:
    """The reasons of each unsatisfied answer by its id; an empty list where none was given."""
    rows = session.execute(
        select(SatisfactionFact.id, SatisfactionFact.reasons).where(
            scope.holds(col(SatisfactionFact.answered_at), col(SatisfactionFact.channel)),
            SatisfactionFact.score <= UNSATISFIED)
    )
    return {fact_id: list(reasons) for fact_id, reasons in rows}


def with_reason(session: Session, rows: Query, scope: Scope, reason: str) -> Query:
    """Only unsatisfied answers that named this reason. Chosen here: the dialects search JSON differently."""
    ids = [fact_id for fact_id, reasons in reasons_of_unsatisfied(session, scope).items() if reason in reasons]
    return replace(rows, select=rows.select.where(col(SatisfactionFact.id).in_(ids)))


# --- complaints -------------------------------------------------------------------------------------


def _of_channel(channel: str | None) -> list[Condition]:
    return [col(Complaint.channel) == channel] if channel else []


def complaint_open(at: datetime, channel: str | None) -> Condition:
    """Filed and not closed at this instant, which may be an earlier one."""
    closed = col(Complaint.closed_at)
    return and_(col(Complaint.filed_at) <= at, or_(closed.is_(None), closed > at), *_of_channel(channel))


def _owes(at: datetime, *due: Any) -> Condition:
    """Something promised, running at this instant, whose due date fits."""
    met, dropped, paused = col(Deadline.met_at), col(Deadline.dropped_at), col(Deadline.paused_at)
    return _any(
        Deadline.subject_kind == "complaint", Deadline.subject_id == Complaint.id,
        col(Deadline.kind).in_(OWED_KINDS), or_(met.is_(None), met > at), or_(dropped.is_(None), dropped > at),
        or_(paused.is_(None), paused > at), *due, of=Deadline.id, within=Complaint,
    )


def complaint_overdue(at: datetime, channel: str | None) -> Condition:
    """The due instant itself is still in time."""
    return and_(complaint_open(at, channel), _owes(at, col(Deadline.due_at) < at))


def complaint_due_today(at: datetime, today_ends: datetime, channel: str | None) -> Condition:
    soon = _owes(at, col(Deadline.due_at) >= at, col(Deadline.due_at) < today_ends)
    return and_(complaint_open(at, channel), not_(_owes(at, col(Deadline.due_at) < at)), soon)


def complaints(session: Session, condition: Condition) -> int:
    return int(session.execute(select(func.count()).select_from(Complaint).where(condition)).scalar_one())


def complaints_filed(session: Session, scope: Scope) -> int:
    return complaints(session, scope.holds(col(Complaint.filed_at), col(Complaint.channel)))


def _promises(scope: Scope, now: datetime) -> Query:
    """Promises whose time is up. Without a promise the internal date stands for it."""
    twin = aliased(Deadline)
    promised = exists(
        select(twin.id).where(twin.subject_kind == "complaint", twin.subject_id == Deadline.subject_id,
                              twin.kind == "promise").correlate(Deadline))
    due = col(Deadline.due_at)
    paused_unmet = and_(col(Deadline.paused_at).is_not(None), col(Deadline.met_at).is_(None))
    rows = (select(Deadline, Complaint).join(Complaint, col(Complaint.id) == col(Deadline.subject_id)).where(
        Deadline.subject_kind == "complaint",
        or_(col(Deadline.kind) == "promise", and_(col(Deadline.kind) == "decide", not_(promised))),
        scope.holds(due, col(Complaint.channel)), due < now, col(Deadline.dropped_at).is_(None), not_(paused_unmet)))
    met = col(Deadline.met_at)
    return Query(rows, and_(met.is_not(None), met <= due), (due.desc(), Deadline.id))


def on_time(session: Session, scope: Scope, now: datetime) -> tuple[int, int]:
    rows = _promises(scope, now)
    return total(session, rows, "k"), total(session, rows, "n")


def owed(session: Session, complaint_ids: Sequence[str]) -> dict[str, Deadline]:
    """Of each complaint the running deadline that runs out first."""
    rows = session.execute(
        select(Deadline).where(
            Deadline.subject_kind == "complaint", col(Deadline.subject_id).in_(complaint_ids),
            col(Deadline.kind).in_(OWED_KINDS), col(Deadline.met_at).is_(None), col(Deadline.dropped_at).is_(None),
            col(Deadline.paused_at).is_(None))
        .order_by(col(Deadline.due_at).desc())
    ).scalars()
    return {row.subject_id: row for row in rows}


def pressing(session: Session, now: datetime, today_ends: datetime, channel: str | None,
             limit: int) -> list[tuple[Complaint, Deadline, Customer | None]]:
    """Overdue and due today, the longest overdue first."""
    wanted = or_(complaint_overdue(now, channel), complaint_due_today(now, today_ends, channel))
    rows = list(session.execute(select(Complaint).where(wanted)).scalars())
    dates = owed(session, [row.id for row in rows])
    rows = sorted((row for row in rows if row.id in dates), key=lambda row: dates[row.id].due_at)[:limit]
    return [(row, dates[row.id], session.get(Customer, row.customer_id)) for row in rows]


# --- names for rows ---------------------------------------------------------------------------------


def staff_names(session: Session, ids: set[str]) -> dict[str, str]:
    rows = session.execute(select(Staff.id, Staff.display_name).where(col(Staff.id).in_(ids)))
    return {row[0]: row[1] for row in rows}


def last_agents(session: Session, conversation_ids: Sequence[str]) -> dict[str, str]:
    """Who spoke last as a person in each of these conversations."""
    rows = session.execute(
        select(Message.conversation_id, Message.staff_id)
        .where(col(Message.conversation_id).in_(conversation_ids), Message.sender == "agent")
        .order_by(col(Message.conversation_id), col(Message.seq))
    )
    return {conversation_id: staff_id for conversation_id, staff_id in rows if staff_id}


def answers_of(session: Session, invitation_ids: Sequence[str]) -> dict[str, SatisfactionFact]:
    rows = session.execute(
        select(SatisfactionFact).where(col(SatisfactionFact.invitation_id).in_(invitation_ids))).scalars()
    return {row.invitation_id: row for row in rows}


def channels(session: Session) -> list[str]:
    """The channels that have been used, for the page's choice."""
    return list(session.execute(select(Conversation.channel).distinct().order_by(col(Conversation.channel))).scalars())


def complaints_of(session: Session, conversation_id: str) -> Sequence[Complaint]:
    return session.execute(
        select(Complaint).where(Complaint.conversation_id == conversation_id).order_by(col(Complaint.filed_at))
    ).scalars().all()


def handoffs_of(session: Session, conversation_id: str) -> Sequence[Handoff]:
    return session.execute(
        select(Handoff).where(Handoff.conversation_id == conversation_id).order_by(col(Handoff.requested_at))
    ).scalars().all()
