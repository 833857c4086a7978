"""A second opinion on deadlines: minute by minute, day by day, from the published lists, sharing no code with the house.

Slow and simple on purpose. Years are those of the package; 2027, whose notice is not out, is written down here by
hand from the law: weekdays less the statutory days.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone

import chinese_calendar

CHINA = timezone(timedelta(hours=8))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
STATUTORY_2027 = {
    date(2027, *one)
    for one in (
        (1, 1), (2, 5), (2, 6), (2, 7), (2, 8), (4, 5), (5, 1), (5, 2), (6, 9), (9, 15), (10, 1), (10, 2), (10, 3),
    )
}  # fmt: skip

Week = dict[int, list[tuple[int, int]]]
Stops = Sequence[tuple[datetime, datetime]]


class Walked:
    """How much was looked at, for the report."""

    minutes = 0
    days = 0


def worked_day(day: date) -> bool:
    Walked.days += 1
    if day.year <= 2026:
        return bool(chinese_calendar.is_workday(day))
    return day.weekday() < 5 and day not in STATUTORY_2027


def open_minutes(day: date, week: Week, follows_holidays: bool) -> bytearray:
    """One flag for each minute of a day."""
    frames = week.get(day.weekday(), [])
    if follows_holidays:
        free = not worked_day(day)
        if day.weekday() >= 5 and not free:
            frames = frames or week.get(0, [])  # a worked weekend day goes by Monday's hours
        elif (day.weekday() < 5 and free) or (day.weekday() >= 5 and _is_holiday(day)):
            frames = []
    flags = bytearray(1440)
    for begin, end in frames:
        for minute in range(begin, end):
            flags[minute] = 1
    return flags


def _is_holiday(day: date) -> bool:
    if day.year <= 2026:
        return day in chinese_calendar.holidays
    return day in STATUTORY_2027


def by_minutes(start: datetime, minutes: int, stops: Stops, week: Week | None, follows_holidays: bool) -> datetime:
    """Walk from ``start``; a minute counts when somebody is at work (``week`` None: always) and no clock is stopped.

    A stop that begins once everything has been counted comes too late to matter.
    """
    now = start.astimezone(CHINA)
    left = minutes
    table: dict[date, bytearray] = {}
    while left:
        Walked.minutes += 1
        counts = True
        if week is not None:
            day = now.date()
            if day not in table:
                table[day] = open_minutes(day, week, follows_holidays)
            counts = bool(table[day][now.hour * 60 + now.minute])
        if counts and not any(stopped <= now < again for stopped, again in stops):
            left -= 1
        now += MINUTE
    return now


def by_working_days(start: datetime, count: int, stops: Stops, hour: int = 18) -> date:
    """The start day is not counted; what was left at a stop is left after it, in whole days."""
    return _by_days(start, count, stops, hour, working=True)


def by_calendar_days(start: datetime, count: int, stops: Stops, hour: int = 18) -> date:
    """The same with every day; a last day that nobody works moves to the first that somebody does."""
    return _by_days(start, count, stops, hour, working=False)


def _by_days(start: datetime, count: int, stops: Stops, hour: int, *, working: bool) -> date:
    begin, left = start.astimezone(CHINA).date(), count
    last = _walk(begin, left, working)
    for stopped, again in stops:
        stop_day, go_day = stopped.astimezone(CHINA).date(), again.astimezone(CHINA).date()
        left = sum(1 for day in _between(stop_day, last) if worked_day(day) or not working)
        if left:
            last = _walk(go_day, left, working)
            continue
        # Nothing but the rest of a day was left: it is left on the first day that has not passed. A last day on a
        # holiday stays there until all is counted, so that a later stop does not carry the holiday along.
        last = max(last, go_day)
        while True:
            day = _served(last)
            if datetime(day.year, day.month, day.day, hour, tzinfo=CHINA) > again:
                break
            last += DAY
        last = day if working else last
    return _served(last)


def _served(day: date) -> date:
    """The first day from here on that is worked."""
    while not worked_day(day):
        day += DAY
    return day


def _walk(day: date, count: int, working: bool) -> date:
    while count:
        day += DAY
        count -= worked_day(day) or not working
    return day


def _between(first: date, last: date) -> list[date]:
    """The days after ``first`` up to ``last``."""
    return [first + n * DAY for n in range(1, (last - first).days + 1)]
