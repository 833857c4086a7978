"""Rows as people and programs read them: plain values under named columns, with where each one leads."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlmodel import Session

from backend.complaints.rules import Stage
from backend.complaints.tables import Complaint
from backend.conversations import service as conversations
from backend.conversations.tables import Conversation
from backend.dashboards import store
from backend.dashboards.figures import wait_words
from backend.dashboards.rules import Family, Indicator
from backend.dashboards.words import CHANNELS, CLOSED_BY, STATES, named
from backend.deadlines.rules import Clock, clock_tag, kind_name
from backend.deadlines.tables import Deadline
from backend.handoffs.rules import Reason
from backend.handoffs.tables import Handoff
from backend.kernel.clock import zh_datetime, zh_duration
from backend.surveys import service as surveys
from backend.surveys.tables import Invitation, SatisfactionFact

# Column keys and titles of each family of rows; ``counted`` is added where a number has a numerator.
COLUMNS: Mapping[Family, tuple[tuple[str, str], ...]] = {
    "conversation": (("conversation", "会话"), ("opened", "开始"), ("channel", "渠道"), ("state", "状态"), ("agent", "客服")),
    "handoff": (("conversation", "会话"), ("requested", "提出"), ("reason", "原因"), ("waited", "等待接入"),
                ("replied", "等到第一句话"), ("agent", "接手")),
    "survey": (("conversation", "会话"), ("answered", "评价时间"), ("score", "分数"), ("reasons", "原因"),
               ("channel", "渠道"), ("agent", "客服")),
    "invitation": (("conversation", "会话"), ("sent", "发出"), ("answer", "结果"), ("channel", "渠道"), ("agent", "客服")),
    "complaint": (("complaint", "投诉"), ("filed", "登记"), ("stage", "阶段"), ("due", "最近的期限"), ("clock", "计时"),
                  ("owner", "负责人")),
    "promise": (("complaint", "投诉"), ("filed", "登记"), ("kind", "期限"), ("due", "到期"), ("done", "办到"),
                ("clock", "结果"), ("owner", "负责人")),
}


def columns(indicator: Indicator, *, split: bool) -> list[dict[str, str]]:
    """The columns of an indicator's rows."""
    found = [{"key": key, "title": title} for key, title in COLUMNS[indicator.family]]
    return [*found, {"key": "counted", "title": "计入"}] if split else found


def dress(session: Session, indicator: Indicator, rows: Sequence[Row[Any]], now: datetime) -> list[dict[str, Any]]:
    """The rows as they are shown. Ids and links stand beside the words."""
    dressed = {"conversation": _conversations, "handoff": _handoffs, "survey": _answers, "invitation": _invitations,
               "complaint": _complaints, "promise": _promises}[indicator.family](session, rows, now)
    for row, shown in zip(rows, dressed, strict=True):
        shown["counted"] = bool(row[-1])
    return dressed


def clock_of(row: Deadline) -> Clock:
    """A stored deadline as its room's rules judge it."""
    return Clock(row.due_at, row.near_at, row.neared_at, row.breached_at, row.paused_at, row.met_at, row.dropped_at)


def _link(conversation_id: str) -> dict[str, Any]:
    return {"conversation_id": conversation_id, "conversation": conversation_id[:8],
            "href": f"/dashboard/rows/conversations/{conversation_id}"}


def _names(session: Session, ids: Sequence[str | None]) -> dict[str | None, str]:
    names: dict[str | None, str] = {None: ""}
    names.update(store.staff_names(session, {one for one in ids if one}).items())
    return names


def _conversations(session: Session, rows: Sequence[Row[Any]], now: datetime) -> list[dict[str, Any]]:
    found: list[Conversation] = [row[0] for row in rows]
    agents = store.last_agents(session, [one.id for one in found])
    names = _names(session, list(agents.values()))
    return [_link(one.id) | {
        "opened_at": one.opened_at, "opened": zh_datetime(one.opened_at, now), "channel": named(CHANNELS, one.channel),
        "state": named(CLOSED_BY, one.closed_by) if one.closed_by else named(STATES, one.state),
        "agent": names.get(agents.get(one.id), ""),
    } for one in found]


def _handoffs(session: Session, rows: Sequence[Row[Any]], now: datetime) -> list[dict[str, Any]]:
    found: list[Handoff] = [row[0] for row in rows]
    names = _names(session, [one.taken_by for one in found])

    def took(one: Handoff, at: datetime | None, pending: str) -> str:
        return wait_words((at - one.requested_at).total_seconds()) if at else pending

    return [_link(one.conversation_id) | {
        "requested_at": one.requested_at, "requested": zh_datetime(one.requested_at, now),
        "reason": Reason(one.reason).zh if one.reason in Reason else one.reason,
        "waited": took(one, one.taken_at, "没等到" if one.ended_at else "还在排队"),
        "replied": took(one, one.first_reply_at, "还没有"), "agent": names.get(one.taken_by, ""),
    } for one in found]


def _answers(session: Session, rows: Sequence[Row[Any]], now: datetime) -> list[dict[str, Any]]:
    found: list[SatisfactionFact] = [row[0] for row in rows]
    names = _names(session, [one.agent_id for one in found])
    return [_link(one.conversation_id) | {
        "answered_at": one.answered_at, "answered": zh_datetime(one.answered_at, now), "score": one.score,
        "reasons": "、".join(one.reasons), "channel": named(CHANNELS, one.channel),
        "agent": names.get(one.agent_id, "") or "机器人",
    } for one in found]


def _invitations(session: Session, rows: Sequence[Row[Any]], now: datetime) -> list[dict[str, Any]]:
    found: list[Invitation] = [row[0] for row in rows]
    names = _names(session, [one.agent_id for one in found])
    answers = store.answers_of(session, [one.id for one in found])

    def result(one: Invitation) -> str:
        if one.id in answers:
            return f"{answers[one.id].score} 分"
        return "这次不评" if one.declined_at else "过期没回" if one.expires_at <= now else "还没回"

    return [_link(one.conversation_id) | {
        "sent_at": one.sent_at, "sent": zh_datetime(one.sent_at, now), "answer": result(one),
        "channel": named(CHANNELS, one.channel), "agent": names.get(one.agent_id, "") or "机器人",
    } for one in found]


def _complaint(one: Complaint, now: datetime, names: Mapping[str | None, str]) -> dict[str, Any]:
    return {
        "complaint": one.number, "href": f"/complaints/{one.number}", "filed_at": one.filed_at,
        "filed": zh_datetime(one.filed_at, now), "stage": Stage(one.stage).zh if one.stage in Stage else one.stage,
        "owner": names.get(one.owner_id, "") or "还没人接手",
    }


def _complaints(session: Session, rows: Sequence[Row[Any]], now: datetime) -> list[dict[str, Any]]:
    found: list[Complaint] = [row[0] for row in rows]
    names = _names(session, [one.owner_id for one in found])
    dates = store.owed(session, [one.id for one in found if one.closed_at is None])
    shown = []
    for one in found:
        date = dates.get(one.id)
        tone, words = clock_tag(clock_of(date), now, provisional=date.provisional) if date else ("", "不在计时")
        shown.append(_complaint(one, now, names) | {
            "due": f"{kind_name(date.kind)}，{zh_datetime(date.due_at, now)}" if date else "",
            "tone": tone, "clock": words})
    return shown


def _promises(session: Session, rows: Sequence[Row[Any]], now: datetime) -> list[dict[str, Any]]:
    found: list[tuple[Deadline, Complaint]] = [tuple(row)[:2] for row in rows]
    names = _names(session, [one.owner_id for _, one in found])
    shown = []
    for date, one in found:
        tone, words = clock_tag(clock_of(date), now, provisional=date.provisional)
        shown.append(_complaint(one, now, names) | {
            "kind": kind_name(date.kind), "due": zh_datetime(date.due_at, now),
            "done": zh_datetime(date.met_at, now) if date.met_at else "还没办到", "tone": tone, "clock": words})
    return shown


def one_conversation(session: Session, conversation_id: str, now: datetime) -> dict[str, Any]:
    """A whole conversation to read."""
    talk = conversations.get(session, conversation_id)
    messages, after = [], 0
    while views := conversations.thread(session, conversation_id, after=after, notes=True):
        messages += views
        after = views[-1].seq
    handoffs = store.handoffs_of(session, conversation_id)
    names = _names(session, [one.taken_by for one in handoffs])
    return {
        "id": talk.id, "channel": named(CHANNELS, talk.channel), "state": named(STATES, talk.state),
        "opened_at": talk.opened_at, "closed_at": talk.closed_at, "closed_by": named(CLOSED_BY, talk.closed_by),
        "lasted": zh_duration((talk.closed_at or now) - talk.opened_at),
        "messages": [view for view in messages if view.text or view.attachment or view.card],
        "complaints": [{"number": one.number, "href": f"/complaints/{one.number}",
                        "stage": Stage(one.stage).zh if one.stage in Stage else one.stage}
                       for one in store.complaints_of(session, conversation_id)],
        "handoffs": [{"at": one.requested_at, "reason": Reason(one.reason).zh if one.reason in Reason else one.reason,
                      "agent": names.get(one.taken_by, ""), "taken_at": one.taken_at} for one in handoffs],
        "survey": surveys.of_conversation(session, conversation_id),
    }
