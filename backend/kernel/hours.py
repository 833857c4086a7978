"""Working hours on Shanghai wall clocks: several frames a day, other hours on single dates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from itertools import pairwise
from typing import Protocol

from backend.kernel.errors import Invalid
from backend.kernel.workdays import DayKind, DayType

_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, order=True)
class Frame:
    """From `start` up to, not including, `end`: minutes since Shanghai midnight. 24:00 is 1440.

    A night shift is two frames, one on each day.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= _DAY_MINUTES:
            raise Invalid("bad_hours", "工作时间的开始要早于结束，跨零点请分成两段填写。")

    @classmethod
    def parse(cls, text: str) -> Frame:
        """`9:00-18:00`, `09:00–24:00`, `9:00 至 21:00`. Raises Invalid (`bad_hours`)."""
        match = re.fullmatch(
            r"\s*(\d{1,2})[:：](\d{2})\s*(?:[-–—~～]|至|到)\s*(\d{1,2})[:：](\d{2})\s*", text
        )
        if not match:
            raise Invalid("bad_hours", f"看不懂工作时间“{text}”，请写成 9:00-18:00。")
        h1, m1, h2, m2 = (int(part) for part in match.groups())
        if m1 > 59 or m2 > 59:
            raise Invalid("bad_hours", f"工作时间“{text}”的分钟要在 0 到 59 之间。")
        return cls(h1 * 60 + m1, h2 * 60 + m2)

    @classmethod
    def between(cls, start: time, end: time) -> Frame:
        """`time(0, 0)` as an end means midnight at the end of the day."""
        last = end.hour * 60 + end.minute
        return cls(start.hour * 60 + start.minute, last or _DAY_MINUTES)

    def zh(self) -> str:
        """9:00 至 18:00."""
        return f"{self.start // 60}:{self.start % 60:02} 至 {self.end // 60}:{self.end % 60:02}"


Frames = tuple[Frame, ...]


class Hours(Protocol):
    """When somebody is at work on a date."""

    def frames(self, day: date, kind: DayKind) -> Frames: ...

    def name(self, day: date) -> str:
        """What the organisation calls a day of its own (店庆), or nothing."""
        ...


def _ordered(frames: Sequence[Frame]) -> Frames:
    ordered = tuple(sorted(frames))
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise Invalid("bad_hours", f"两段工作时间重叠：{before.zh()}，{after.zh()}。")
    return ordered


@dataclass(frozen=True)
class WorkingHours:
    """Frames per weekday (0 = Monday), `dates` for single days (they win over everything), and what holidays
    do.

    With `follows_holidays` (offices) a holiday is closed and a make-up day is worked: by the weekday's own
    frames if it has any, else by `makeup`, else by Monday's. Without it (a shop open every day) only weekday
    and `dates` matter.
    """

    weekdays: Mapping[int, Frames]
    dates: Mapping[date, Frames] = field(default_factory=dict)
    makeup: Frames = ()
    follows_holidays: bool = True
    names: Mapping[date, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not set(self.weekdays) <= set(range(7)):
            raise Invalid("bad_hours", "工作时间的星期要用 0（周一）到 6（周日）。")
        object.__setattr__(self, "weekdays", {day: _ordered(frames) for day, frames in self.weekdays.items()})
        object.__setattr__(self, "dates", {day: _ordered(frames) for day, frames in self.dates.items()})
        object.__setattr__(self, "makeup", _ordered(self.makeup))

    @classmethod
    def parse(
        cls,
        weekdays: Mapping[int, Sequence[str]],
        dates: Mapping[date, Sequence[str]] | None = None,
        makeup: Sequence[str] = (),
        follows_holidays: bool = True,
    ) -> WorkingHours:
        """From written frames: `{0: ["9:00-12:00", "13:30-18:00"], …}`. Raises Invalid (`bad_hours`)."""
        return cls(
            {day: tuple(map(Frame.parse, frames)) for day, frames in weekdays.items()},
            {day: tuple(map(Frame.parse, frames)) for day, frames in (dates or {}).items()},
            tuple(map(Frame.parse, makeup)),
            follows_holidays,
        )

    @classmethod
    def every_day(cls, *frames: str) -> WorkingHours:
        """Open on all days of the year, such as a shop's chat from 9:00 to 21:00."""
        return cls.parse(dict.fromkeys(range(7), frames), follows_holidays=False)

    @classmethod
    def office(cls, *frames: str) -> WorkingHours:
        """Monday to Friday, holidays closed, make-up days worked."""
        return cls.parse(dict.fromkeys(range(5), frames))

    def frames(self, day: date, kind: DayKind) -> Frames:
        """The frames of one date."""
        if day in self.dates:
            return self.dates[day]
        own = self.weekdays.get(day.weekday(), ())
        if not self.follows_holidays:
            return own
        if kind.type is DayType.HOLIDAY:
            return ()
        if kind.type is DayType.MAKEUP:
            return own or self.makeup or self.weekdays.get(0, ())
        return own

    def name(self, day: date) -> str:
        return self.names.get(day, "")


type MonthDay = tuple[int, int]


@dataclass(frozen=True)
class Season:
    """Other hours for a part of every year (夏令 5-1 to 9-30; 11-1 to 3-31 runs over New Year).

    ``since`` and ``until`` (both included) bound the years in which the season is kept; a season of the whole
    year, 1-1 to 12-31, is a change of hours from a day on.
    """

    hours: WorkingHours
    first: MonthDay = (1, 1)
    last: MonthDay = (12, 31)
    since: date | None = None
    until: date | None = None

    def covers(self, day: date) -> bool:
        if (self.since and day < self.since) or (self.until and day > self.until):
            return False
        here = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= here <= self.last
        return here >= self.first or here <= self.last


@dataclass(frozen=True)
class LayeredHours:
    """Hours with seasons over them (a later one wins) and single days over all (holidays of one's own, half days)."""

    base: WorkingHours
    seasons: tuple[Season, ...] = ()
    dates: Mapping[date, Frames] = field(default_factory=dict)
    names: Mapping[date, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dates", {day: _ordered(frames) for day, frames in self.dates.items()})

    def frames(self, day: date, kind: DayKind) -> Frames:
        if day in self.dates:
            return self.dates[day]
        for season in reversed(self.seasons):
            if season.covers(day):
                return season.hours.frames(day, kind)
        return self.base.frames(day, kind)

    def name(self, day: date) -> str:
        return self.names.get(day, "") or self.base.name(day)


OFFICE_HOURS = WorkingHours.office("9:00-18:00")
