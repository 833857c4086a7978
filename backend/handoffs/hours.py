"""When a skill group works, from its own hours and the calendar that deadlines go by; and by when it answers."""

from datetime import datetime

from sqlmodel import Session

from backend.deadlines import service as deadlines
from backend.handoffs.groups import SkillGroup, all_groups
from backend.kernel.calendar import Calendar
from backend.kernel.errors import Invalid


def calendar_of(session: Session, group: SkillGroup) -> Calendar | None:
    """The group's working time, its approved changes and closed days over its usual hours; None: always there."""
    return None if group.hours is None else deadlines.calendar_over(session, group.key, group.hours)


def is_open(session: Session, group: str, now: datetime) -> bool:
    found = all_groups().get(group)
    days = calendar_of(session, found) if found is not None else None
    return days is None or days.is_working(now)


def open_groups(session: Session, now: datetime) -> frozenset[str]:
    """The groups that work at this instant."""
    return frozenset(key for key in all_groups() if is_open(session, key, now))


def answer_by(session: Session, group: str, now: datetime) -> datetime:
    """By when a message left now is answered: so much of the group's own working time from now on."""
    groups = all_groups()
    found = groups.get(group) or next(iter(groups.values()))
    days = calendar_of(session, found)
    if days is None:
        return now + found.answer_within
    try:
        return days.add_working_time(now, found.answer_within).due
    except Invalid:  # a group that never works must not keep anybody from asking: the house's own calendar, then
        return deadlines.calendar(session).add_working_time(now, found.answer_within).due
