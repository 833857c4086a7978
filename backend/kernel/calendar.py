"""Working-time arithmetic. UTC instants in and out; days are Shanghai days; the calendar itself is data.

China has had no daylight saving since 1991, so a Shanghai day is always 24 hours from its midnight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from backend.kernel.clock import SHANGHAI, shanghai_date, to_utc, zh_duration
from backend.kernel.errors import Invalid
from backend.kernel.hours import OFFICE_HOURS, Frame, Hours, WorkingHours
from backend.kernel.workdays import (
    MAKEUPS_PER_HOLIDAY,
    PROVISIONAL,
    DayKind,
    DaySource,
    DayType,
    ProvisionalDays,
    TableDays,
    parse_official_year,
)

__all__ = [
    "OFFICE_HOURS",
    "PROVISIONAL",
    "Calendar",
    "Counted",
    "DayCount",
    "DayKind",
    "DaySource",
    "DayType",
    "Frame",
    "ProvisionalDays",
    "TableDays",
    "WorkingHours",
    "parse_official_year",
]

_ONE = timedelta(days=1)
_ZERO = timedelta(0)
# A table of hours with nothing in it would be searched for ever; ten years of closed days mean a wrong table.
_HORIZON_DAYS = 3660
START_DAY = "受理当天不计"


@dataclass(frozen=True, slots=True)
class DayCount:
    """One day of the reckoning. `ordinal` numbers the counted days from 1; `reason` is one Chinese word.

    `minutes` is the working time used on this day, when time rather than days was counted.
    """

    date: date
    counted: bool
    ordinal: int | None
    reason: str
    official: bool = True
    minutes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape kept with a deadline."""
        return {
            "date": self.date.isoformat(),
            "counted": self.counted,
            "ordinal": self.ordinal,
            "reason": self.reason,
            "official": self.official,
            "minutes": self.minutes,
        }


@dataclass(frozen=True, slots=True)
class Counted:
    """A due instant (UTC) and how it came about, day by day, the start day first.

    `nominal_day` is the last day before a holiday moved it; it equals `last_day` when nothing moved.
    """

    due: datetime
    last_day: date
    nominal_day: date
    days: tuple[DayCount, ...]

    @property
    def provisional(self) -> bool:
        """True if any day that was looked at rests on a year without its official notice."""
        return any(not day.official for day in self.days)

    @property
    def moved(self) -> bool:
        return self.last_day != self.nominal_day

    @property
    def counted_days(self) -> int:
        return sum(day.counted for day in self.days)

    @property
    def skipped(self) -> list[tuple[str, int]]:
        """Why days after the start day did not count, and how many: [(中秋, 3), (国庆, 7), (周日, 1)]."""
        return list(Counter(day.reason for day in self.days[1:] if not day.counted).items())


@dataclass(frozen=True, slots=True)
class _Day:
    """Summary of one day, computed once."""

    kind: DayKind
    midnight: datetime
    frames: tuple[tuple[datetime, datetime], ...]
    total: timedelta


@dataclass(slots=True)
class _Earliest:
    """Decides which uncertain days off the earliest variant works: the first two met of each holiday."""

    active: bool
    used: Counter[str] = field(default_factory=Counter)

    def works(self, kind: DayKind) -> bool:
        if not (self.active and kind.may_work) or self.used[kind.may_work] >= MAKEUPS_PER_HOLIDAY:
            return False
        self.used[kind.may_work] += 1
        return True


class Calendar:
    """Days and hours together. Immutable; make a new one when a year is published or hours change.

    `earliest=True` asks for the earliest date that any plausible notice could still lead to, for internal due
    dates.
    """

    def __init__(self, days: DaySource = PROVISIONAL, hours: Hours = OFFICE_HOURS) -> None:
        self._source = days
        self.hours = hours
        self._cache: dict[date, _Day] = {}

    # --- looking ---

    def kind(self, day: date) -> DayKind:
        return self._day(day).kind

    def is_workday(self, day: date) -> bool:
        """A legal working day, whatever the organisation's hours."""
        return self._day(day).kind.is_workday

    def frames_on(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The working frames of a Shanghai day as UTC instants."""
        return self._day(day).frames

    def is_staffed(self, day: date) -> bool:
        """Whether anybody is at work on this day at all."""
        return bool(self._day(day).frames)

    def is_working(self, instant: datetime) -> bool:
        """Inside a frame. A frame's start is inside, its end is not."""
        instant = to_utc(instant)
        return any(start <= instant < end for start, end in self._day(shanghai_date(instant)).frames)

    def next_working_instant(self, instant: datetime) -> datetime:
        """The instant itself if it is working time, else the start of the next frame.

        Raises Invalid (`no_working_time`).
        """
        instant = to_utc(instant)
        for day in self._days_from(shanghai_date(instant)):
            for start, end in self._day(day).frames:
                if instant < end:
                    return max(start, instant)
        raise _no_working_time()

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """Exact working time; negative when `end` is before `start`."""
        start, end = to_utc(start), to_utc(end)
        if end < start:
            return -self.working_time_between(end, start)
        first, last = shanghai_date(start), shanghai_date(end)
        if first == last:
            return self._worked(first, start, end)
        total = self._worked(first, start, end) + self._worked(last, start, end)
        day = first + _ONE
        while day < last:
            total += self._day(day).total
            day += _ONE
        return total

    def working_minutes_between(self, start: datetime, end: datetime) -> int:
        """Whole working minutes, rounded towards zero."""
        return int(self.working_time_between(start, end) / timedelta(minutes=1))

    # --- counting ---

    def take_working_time(self, end: datetime, amount: timedelta) -> datetime:
        """The latest instant from which ``amount`` of working time is left until ``end``.

        Raises ValueError for a negative amount, Invalid (`no_working_time`) if there are no hours.
        """
        end = to_utc(end)
        if amount < _ZERO:
            raise ValueError("working time to take must not be negative")
        if not amount:
            return end
        last = shanghai_date(end)
        for offset in range(_HORIZON_DAYS):
            for opens, closes in reversed(self._day(last - offset * _ONE).frames):
                closes = min(closes, end)
                if opens >= closes:
                    continue
                if amount <= closes - opens:
                    return closes - amount
                amount -= closes - opens
        raise _no_working_time()

    def add_working_minutes(self, start: datetime, minutes: float, *, earliest: bool = False) -> Counted:
        return self.add_working_time(start, timedelta(minutes=minutes), earliest=earliest)

    def add_working_hours(self, start: datetime, hours: float, *, earliest: bool = False) -> Counted:
        return self.add_working_time(start, timedelta(hours=hours), earliest=earliest)

    def add_working_time(self, start: datetime, amount: timedelta, *, earliest: bool = False) -> Counted:
        """The first instant at which `amount` of working time has passed since `start`.

        Ends at a frame's end rather than at the next frame's start. Nothing to add gives `start` back.
        Raises ValueError for a negative amount, Invalid (`no_working_time`) if there are no hours.
        """
        start = to_utc(start)
        if amount < _ZERO:
            raise ValueError("working time to add must not be negative")
        first = shanghai_date(start)
        if not amount:
            kind = self._day(first).kind
            return Counted(start, first, first, (DayCount(first, False, None, "无需计时", kind.official),))
        chance = _Earliest(earliest)
        left = amount
        days: list[DayCount] = []
        ordinal = 0
        for day in self._days_from(first):
            summary = self._day(day)
            frames = summary.frames
            if not frames and chance.works(summary.kind):
                frames = self._frames(day, DayKind(DayType.MAKEUP), summary.midnight)
            used, due = _ZERO, None
            for opens, closes in frames:
                opens = max(opens, start)
                if opens >= closes:
                    continue
                if left <= closes - opens:
                    used, due = used + left, opens + left
                    break
                used += closes - opens
                left -= closes - opens
            if used:
                ordinal += 1
                minutes = round(used / timedelta(minutes=1))
                reason = f"计 {zh_duration(used)}"
                days.append(DayCount(day, True, ordinal, reason, summary.kind.official, minutes))
            else:
                reason = "已过工作时间" if frames else self._closed_reason(day)
                days.append(DayCount(day, False, None, reason, summary.kind.official))
            if due is not None:
                return Counted(due, day, day, tuple(days))
        raise _no_working_time()

    def add_working_days(
        self,
        start: datetime,
        count: int,
        end_time: time | None = None,
        *,
        start_reason: str = START_DAY,
        earliest: bool = False,
    ) -> Counted:
        """The `count`-th working day after the start day, at `end_time` (Shanghai).

        The start day is not counted (民法典 201). Without `end_time` the day ends when business does (民法典
        203), or at 24:00 if there are no hours that day. Raises ValueError for a count below 1.
        """
        if count < 1:
            raise ValueError("count working days from 1")
        first = shanghai_date(start)
        days = [DayCount(first, False, None, start_reason, self._day(first).kind.official)]
        chance = _Earliest(earliest)
        ordinal = 0
        horizon = first + (_HORIZON_DAYS + 10 * count) * _ONE
        day = first
        while day < horizon:
            day += _ONE
            kind = self._day(day).kind
            counted = kind.is_workday or chance.works(kind)
            ordinal += counted
            reason = "可能调休上班" if counted and not kind.is_workday else kind.reason(day)
            days.append(DayCount(day, counted, ordinal if counted else None, reason, kind.official))
            if ordinal == count:
                return Counted(self.end_of(day, end_time), day, day, tuple(days))
        raise _no_working_time()

    def add_calendar_days(
        self,
        start: datetime,
        count: int,
        end_time: time | None = None,
        *,
        start_reason: str = START_DAY,
        move: bool = True,
    ) -> Counted:
        """`count` calendar days after the start day, which is not counted (民法典 201).

        A last day that is not a working day moves to the first working day after it (民法典 203), unless
        `move` is False. Raises ValueError for a count below 1.
        """
        if count < 1:
            raise ValueError("count calendar days from 1")
        first = shanghai_date(start)
        days = [DayCount(first, False, None, start_reason, self._day(first).kind.official)]
        for number in range(1, count + 1):
            day = first + number * _ONE
            kind = self._day(day).kind
            days.append(DayCount(day, True, number, kind.reason(day), kind.official))
        nominal = last = first + count * _ONE
        while move and not self.is_workday(last):
            last += _ONE
            kind = self._day(last).kind
            reason = "顺延到此日" if kind.is_workday else f"{kind.reason(last)}顺延"
            days.append(DayCount(last, False, None, reason, kind.official))
        return Counted(self.end_of(last, end_time), last, nominal, tuple(days))

    def end_of(self, day: date, end_time: time | None = None) -> datetime:
        """When a day runs out: at `end_time`, else at close of business, else at 24:00. UTC."""
        if end_time is not None:
            return datetime.combine(day, end_time, SHANGHAI).astimezone(UTC)
        summary = self._day(day)
        return summary.frames[-1][1] if summary.frames else summary.midnight + _ONE

    # --- inside ---

    def _day(self, day: date) -> _Day:
        known = self._cache.get(day)
        if known is None:
            kind = self._source.kind(day)
            midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC)
            frames = self._frames(day, kind, midnight)
            total = sum((end - start for start, end in frames), _ZERO)
            known = self._cache[day] = _Day(kind, midnight, frames, total)
        return known

    def _frames(self, day: date, kind: DayKind, midnight: datetime) -> tuple[tuple[datetime, datetime], ...]:
        return tuple(
            (midnight + timedelta(minutes=frame.start), midnight + timedelta(minutes=frame.end))
            for frame in self.hours.frames(day, kind)
        )

    def _worked(self, day: date, start: datetime, end: datetime) -> timedelta:
        return sum(
            (max(min(closes, end) - max(opens, start), _ZERO) for opens, closes in self._day(day).frames),
            _ZERO,
        )

    def _closed_reason(self, day: date) -> str:
        kind = self._day(day).kind
        return self.hours.name(day) or ("不上班" if kind.is_workday else kind.reason(day))

    @staticmethod
    def _days_from(first: date) -> Iterator[date]:
        return (first + offset * _ONE for offset in range(_HORIZON_DAYS))


def _no_working_time() -> Invalid:
    return Invalid("no_working_time", "工作时间表里没有可用的工作时间，请先在设置中填写。")
