"""From an approved rule to due dates, and from a due date to its state. Pure: rules and calendar are data.

Three instants matter. The *legal* due date follows the rule to the letter. The *internal* one is what staff
work to: never later, never resting on a holiday's move, and reckoned by the earliest variant while a year is
provisional. The *promise* to the customer is the legal date, or nothing yet while that date is provisional.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any

from backend.kernel.calendar import Calendar, Counted, DayCount
from backend.kernel.clock import shanghai_date, to_utc
from backend.kernel.deadline_rules import DAY_UNITS, LENGTHS, NEAR, WORKING_UNITS, Rule, Unit
from backend.kernel.deadline_words import long_words, plain_words, short_words

__all__ = [
    "NEAR",
    "DeadlineState",
    "DueDates",
    "Rule",
    "Unit",
    "compute_due",
    "overdue_point",
    "remaining",
    "resumed_due",
    "same_distance",
    "state",
    "warning_points",
]

_ONE = timedelta(days=1)


@dataclass(frozen=True)
class DueDates:
    """Both due instants (UTC), the reckoning of the legal one, when to warn, and words that explain it."""

    legal_due: datetime
    internal_due: datetime
    provisional: bool
    days: tuple[DayCount, ...]
    warnings: tuple[tuple[float, datetime], ...]
    explanation_short: str
    explanation_long: str
    explanation_plain: str  # as the customer reads it; empty while provisional

    @property
    def promised_at(self) -> datetime | None:
        """What may be told to the customer: nothing while the year's official notice is missing."""
        return None if self.provisional else self.legal_due

    @property
    def near_at(self) -> datetime:
        """From here on the internal date is near: 80 % of the way, or the rule's first warning after that."""
        before = [at for share, at in self.warnings if share >= NEAR]
        return before[0] if before else self.internal_due

    def as_dict(self) -> dict[str, Any]:
        """JSON to keep with a running deadline."""
        return {
            "legal_due": self.legal_due.isoformat(),
            "internal_due": self.internal_due.isoformat(),
            "provisional": self.provisional,
            "short": self.explanation_short,
            "long": self.explanation_long,
            "plain": self.explanation_plain,
            "warnings": [[share, at.isoformat()] for share, at in self.warnings],
            "days": [day.as_dict() for day in self.days],
        }


class DeadlineState(StrEnum):
    ON_TRACK = "on_track"
    NEAR = "near"
    BREACHED = "breached"
    PAUSED = "paused"
    MET = "met"

    @property
    def zh(self) -> str:
        return {
            "on_track": "按时",
            "near": "临近",
            "breached": "逾期",
            "paused": "停表",
            "met": "已按时完成",
        }[self]


def compute_due(rule: Rule, start: datetime, calendar: Calendar) -> DueDates:
    """Due dates of `rule` for a clock started at `start` (aware).

    Deterministic: same rule, start, calendar → same answer.
    """
    start = to_utc(start)
    legal = _count(rule, rule.amount, start, calendar)
    internal = min(_internal_due(rule, start, calendar, legal), legal.due)
    return DueDates(
        legal_due=legal.due,
        internal_due=internal,
        provisional=legal.provisional and rule.unit not in (Unit.HOURS, Unit.MINUTES),
        days=legal.days,
        warnings=warning_points(rule, start, internal, calendar),
        explanation_short=short_words(rule, legal, start),
        explanation_long=long_words(rule, legal, start),
        explanation_plain=plain_words(rule, legal, start),
    )


def _count(
    rule: Rule, amount: int, start: datetime, calendar: Calendar, *, internal: bool = False
) -> Counted:
    start_reason = f"{rule.start_zh}当天不计"
    if rule.unit is Unit.WORKING_DAYS:
        return calendar.add_working_days(
            start, amount, rule.end_time, start_reason=start_reason, earliest=internal
        )
    if rule.unit is Unit.CALENDAR_DAYS:
        return calendar.add_calendar_days(
            start, amount, rule.end_time, start_reason=start_reason, move=not internal
        )
    span = amount * LENGTHS[rule.unit]
    if rule.unit in WORKING_UNITS:
        return calendar.add_working_time(start, span, earliest=internal)
    due = start + span
    first, last = shanghai_date(start), shanghai_date(due)
    days = [DayCount(first + n * _ONE, True, n + 1, "连续计时") for n in range((last - first).days + 1)]
    return Counted(due, last, last, tuple(days))


def _internal_due(rule: Rule, start: datetime, calendar: Calendar, legal: Counted) -> datetime:
    """At most the legal date, by the shorter amount if there is one.

    See the module's text for why it is earlier.
    """
    amount = rule.internal or rule.amount
    counted = _count(rule, amount, start, calendar, internal=True)
    if rule.unit is Unit.WORKING_DAYS:
        return _on_an_own_working_day(calendar, rule, start, counted)
    if rule.unit is not Unit.CALENDAR_DAYS:
        return counted.due
    # Nobody is at work on a holiday: step back to the last day that is worked, but not before the
    # clock started.
    day = counted.last_day
    while not calendar.is_workday(day) and day > shanghai_date(start):
        day -= _ONE
    stepped = calendar.end_of(day, rule.end_time)
    return stepped if stepped > start and calendar.is_workday(day) else counted.due


def _on_an_own_working_day(calendar: Calendar, rule: Rule, start: datetime, counted: Counted) -> datetime:
    """A holiday of the organisation's own does not lengthen what the law counts: staff finish before it."""
    day = counted.last_day
    if not calendar.is_workday(day) or calendar.is_staffed(day):
        return counted.due
    while day > shanghai_date(start):
        day -= _ONE
        if calendar.is_workday(day) and calendar.is_staffed(day):
            stepped = calendar.end_of(day, rule.end_time)
            return stepped if stepped > start else counted.due
    return counted.due


def warning_points(
    rule: Rule, start: datetime, due: datetime, calendar: Calendar
) -> tuple[tuple[float, datetime], ...]:
    """Warnings fall into working time, where someone reads them; shares are of working time for working
    units.

    Day units do not count the start day, so their way begins at the next midnight.
    """
    begin = start
    if rule.unit in DAY_UNITS:
        begin = min(calendar.end_of(shanghai_date(start), time(0)) + _ONE, due)
    working = calendar.working_time_between(begin, due) if rule.unit in WORKING_UNITS else timedelta(0)
    found: list[tuple[float, datetime]] = []
    for share in rule.warn_at:
        if share == 1:
            at = due
        elif working:
            at = calendar.next_working_instant(calendar.add_working_time(begin, working * share).due)
        else:
            at = begin + (due - begin) * share
        found.append((share, min(at, due)))
    return tuple(found)


# --- state ---


def state(
    due: datetime,
    now: datetime,
    *,
    near_at: datetime | None = None,
    started_at: datetime | None = None,
    met_at: datetime | None = None,
    paused_at: datetime | None = None,
) -> DeadlineState:
    """The state of one running deadline, from its row and `now` alone.

    Done late stays breached: on-time closure must not improve by closing. A clock that ran out before it was
    stopped is breached, not paused. Without `near_at`, near means 80 % of the elapsed time since
    `started_at`. The last instant itself is still on time.
    """
    if met_at is not None:
        return DeadlineState.MET if met_at <= due else DeadlineState.BREACHED
    if paused_at is not None:
        return DeadlineState.PAUSED if paused_at <= due else DeadlineState.BREACHED
    if now > due:
        return DeadlineState.BREACHED
    if near_at is None and started_at is not None:
        near_at = started_at + (due - started_at) * NEAR
    return DeadlineState.NEAR if near_at is not None and now >= near_at else DeadlineState.ON_TRACK


def remaining(due: datetime, now: datetime) -> timedelta:
    """Time left; negative when overdue."""
    return due - now


def resumed_due(
    due: datetime, paused_at: datetime, resumed_at: datetime, unit: Unit, calendar: Calendar
) -> datetime:
    """The due instant after a stopped clock starts again: the time that was left is left again, in the rule's
    unit.

    Days are moved as whole days at the same wall-clock time: as many as passed after the day of the stop, and
    on until the date lies ahead again. A clock that had run out before it was stopped does not move. Raises ValueError if it resumes before it
    stopped.
    """
    if resumed_at < paused_at:
        raise ValueError("a clock cannot resume before it stopped")
    if paused_at >= due:
        return due
    if unit in (Unit.HOURS, Unit.MINUTES):
        return due + (resumed_at - paused_at)
    if unit in WORKING_UNITS and unit is not Unit.WORKING_DAYS:
        return calendar.add_working_time(resumed_at, calendar.working_time_between(paused_at, due)).due
    stopped, again = shanghai_date(paused_at), shanghai_date(resumed_at)
    passed = [stopped + n * _ONE for n in range(1, (again - stopped).days + 1)]
    count = len(passed) if unit is Unit.CALENDAR_DAYS else sum(map(calendar.is_workday, passed))
    moved = _days_on(due, count, unit, calendar) if count else due
    while moved <= resumed_at:
        # Stopped on its last day: what was left of that day is left on the first day that serves.
        moved = _days_on(moved, 1, unit, calendar)
    return moved


def _days_on(due: datetime, count: int, unit: Unit, calendar: Calendar) -> datetime:
    wall_clock = _wall_clock(due, calendar)
    if unit is Unit.CALENDAR_DAYS:
        return calendar.add_calendar_days(due, count, time(0)).due + wall_clock
    return calendar.add_working_days(due, count, time(0)).due + wall_clock


def same_distance(
    point: datetime, old_due: datetime, new_due: datetime, unit: Unit, calendar: Calendar
) -> datetime:
    """Where a warning point stands after its due date moved: as much time before it as it was before.

    In working time for working units, so that a stop before a holiday does not put a warning into it.
    """
    if unit in WORKING_UNITS and calendar.working_time_between(point, old_due) > timedelta(0):
        return calendar.take_working_time(new_due, calendar.working_time_between(point, old_due))
    return new_due - (old_due - point)


def overdue_point(due: datetime, amount: int, unit: Unit, calendar: Calendar) -> datetime:
    """So long after time ran out: the moment of a rung above the breach."""
    if unit is Unit.WORKING_DAYS:
        return calendar.add_working_days(due, amount, time(0)).due + _wall_clock(due, calendar)
    if unit is Unit.CALENDAR_DAYS:
        return due + amount * _ONE
    if unit in WORKING_UNITS:
        return calendar.add_working_time(due, amount * LENGTHS[unit]).due
    return due + amount * LENGTHS[unit]


def _wall_clock(instant: datetime, calendar: Calendar) -> timedelta:
    return instant - calendar.end_of(shanghai_date(instant), time(0))
