"""The complaints that a question means, and the conversations that they are counted against."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session

from backend.complaints.learning import store
from backend.complaints.learning.books import causes
from backend.complaints.rules import learning as rules
from backend.complaints.rules.asking import Ask
from backend.complaints.rules.learning import Case
from backend.conversations import tallies

DAY = 86_400


def link(asked: Ask, **changed: Any) -> str:
    """The rows of a number: the same question, narrowed."""
    return f"/complaints/learning/rows?{urlencode(replace(asked, **changed).as_dict())}"


def selected(session: Session, asked: Ask, now: datetime) -> tuple[list[Case], set[str]]:
    """The cases that a question means, and which of them are recurrences."""
    cases = store.cases(session, asked, now)
    if not cases:
        return [], set()
    days = causes().recurrence_days
    oldest = min(one.filed_at for one in cases)
    newest = max(one.filed_at for one in cases)
    kin = store.kin(session, oldest - timedelta(days=days), newest + timedelta(seconds=1))
    again = rules.recurrences(kin, days) & {one.id for one in cases}
    if asked.only == "recurring":
        cases = [one for one in cases if one.id in again]
    return cases, again


def talked(session: Session, asked: Ask, now: datetime) -> dict[date, int]:
    """Conversations by day on the same channel: what complaints are counted against."""
    until = min(store.day_start(asked.last + timedelta(days=1)), now)
    channel = asked.channel if asked.channel not in ("", rules.NOTHING) else None
    return tallies.opened_by_day(session, store.day_start(asked.first), until, channel)


def days_taken(case: Case) -> float:
    """Calendar days from filing to the (last) closing."""
    return (case.closed_at - case.filed_at).total_seconds() / DAY if case.closed_at else 0.0
