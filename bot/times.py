"""Dates and times in a Chinese sentence: 上周三, 国庆前, 10月3号下午, 大后天, 48小时内. Pure; `now` is given.

The rules of bot/clock_words.py read single words; here they are joined: day, time of day, 到 …, 前 or 后.
Conventions (weeks from Monday, 月底 the last five days …) stand at the head of tests/nlu/dates.yml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Optional

from bot.clock_words import Clock, Days, read_clock, read_days, read_part
from bot.feasts import after_working_days
from bot.numbers import WRITTEN, whole


@dataclass(frozen=True)
class When:
    """`first` and `last` are dates or datetimes, both ends included; None is an open end."""

    start: int
    end: int
    kind: str
    first: date | datetime | None
    last: date | datetime | None

    @property
    def iso(self) -> str:
        """2026-10-03, 2026-10-07T20:30, 2026-10-01/2026-10-07, ../2026-09-30."""
        ends = [_iso(self.first), _iso(self.last)]
        return ends[0] if self.kind != "range" else "/".join(ends)


def _iso(end: date | datetime | None) -> str:
    if end is None:
        return ".."
    return end.isoformat(timespec="minutes") if isinstance(end, datetime) else end.isoformat()


_N = rf"(?P<n>半|\d{{1,4}}|[{WRITTEN}]{{1,5}})"
_UNIT = r"(?P<unit>个?工作日|天|日|个?星期|个?礼拜|周|个?月|年|个?小时|个?钟头|分钟|刻钟)"
_LENGTH = rf"{_N}(?:个?(?P<half>半))?(?:多|来)?{_UNIT}(?P<half2>半)?"
_NOT_THERE = r"(?![台面门端往言提景途者车期程嘴排])"
#: n 天前, n 小时后
_AGO = re.compile(rf"(?<![\d.第每这近最{WRITTEN}]){_LENGTH}(?:之|以)?(?P<way>前{_NOT_THERE}|后(?![台面门来续果备]))")
_WITHIN = re.compile(rf"(?<![\d.第每{WRITTEN}]){_LENGTH}(?:之|以)?内(?!无理由|可?退|包|免费|质保|容|部)")
_LATELY = re.compile(rf"(?:最近|近|过去|这|前)(?:这)?{_LENGTH}(?!前|后|内|以|之)")
_JUST_NOW = re.compile(r"刚才|刚刚(?!好)|方才|头先")
_BEFORE = re.compile(rf"\s*(?:之前|以前|前{_NOT_THERE})")
_AFTER = re.compile(r"\s*(?:之后|以后|后(?![台面门来续果备天儿]))")
_TO = re.compile(r"\s*(?:到|至|[-~—－～])\s*")
_FILL = re.compile(r"\s*(?:的|那天|当天|那个|,|，)?\s*")
_LOOSE = re.compile(r"\s*(?:左右|多|来|钟|之间|的时候|那会儿?)?")
_MONTHS = {"月": 1, "年": 12}


#: No expression begins with another character: most of a sentence is passed over at once.
_STARTS = re.compile(
    rf"[\d{WRITTEN}半刚方头最近过这前昨今明后寻琴听大上下本当周星礼月年去春元清劳端中国双圣除重情妇儿平凌正晌午傍黄早晚夜]"
)


def find_times(text: str, now: datetime) -> list[When]:
    """All expressions, left to right; `text` is folded (half width, simplified, lower case; same offsets)."""
    found: list[When] = []
    position = 0
    while (start := _STARTS.search(text, position)) is not None:
        when = _read(text, start.start(), now)
        if when is not None:
            found.append(when)
        position = when.end if when else start.end()
    return found


def _read(text: str, position: int, now: datetime) -> Optional[When]:
    for rule in (_just_now, _ago, _within, _lately, _joined):
        when = rule(text, position, now)
        if when is not None:
            return when
    return None


# ── lengths of time ──────────────────────────────────────────────────────────


def _just_now(text: str, position: int, now: datetime) -> Optional[When]:
    match = _JUST_NOW.match(text, position)
    return When(position, match.end(), "datetime", _minute(now), _minute(now)) if match else None


def _ago(text: str, position: int, now: datetime) -> Optional[When]:
    match = _AGO.match(text, position)
    length = _length(match) if match else None
    if match is None or length is None:
        return None
    sign = -1 if match.group("way").startswith("前") else 1
    if (isinstance(length, timedelta) and length < timedelta(days=1)) or _is_clock(match):
        assert isinstance(length, timedelta)
        moment = _minute(now + sign * length)
        return When(position, match.end(), "datetime", moment, moment)
    day = now.date() + sign * length if isinstance(length, timedelta) else _add_months(now.date(), sign * length)
    return When(position, match.end(), "date", day, day)


def _within(text: str, position: int, now: datetime) -> Optional[When]:
    match = _WITHIN.match(text, position)
    if match is None:
        return None
    if "工作日" in match.group("unit"):
        count = whole(match.group("n"))
        if count is None or count > 100:
            return None
        return _range(position, match.end(), now.date(), after_working_days(now.date(), count))
    length = _length(match)
    if length is None:
        return None
    if _is_clock(match):
        assert isinstance(length, timedelta)
        return _range(position, match.end(), _minute(now), _minute(now + length))
    last = now.date() + length if isinstance(length, timedelta) else _add_months(now.date(), length)
    return _range(position, match.end(), now.date(), last)


def _lately(text: str, position: int, now: datetime) -> Optional[When]:
    match = _LATELY.match(text, position)
    length = _length(match) if match else None
    if match is None or length is None or _is_clock(match):
        return None
    today = now.date()
    first = today - length + timedelta(days=1) if isinstance(length, timedelta) else _add_months(today, -length)
    return _range(position, match.end(), first, today)


def _is_clock(match: re.Match[str]) -> bool:
    return match.group("unit").lstrip("个") in ("小时", "钟头", "分钟", "刻钟")


def _length(match: re.Match[str]) -> timedelta | int | None:
    """A span of time, or a number of months; None where the number is none, or absurd."""
    unit, half = match.group("unit").lstrip("个"), bool(match.group("half") or match.group("half2"))
    count = 0 if match.group("n") == "半" else whole(match.group("n"))
    half = half or match.group("n") == "半"
    if count is None or count > 5000:
        return None
    if unit in ("小时", "钟头"):
        return timedelta(hours=count, minutes=30 if half else 0)
    if unit in ("分钟", "刻钟"):
        return timedelta(minutes=(count + (0.5 if half else 0)) * (15 if unit == "刻钟" else 1))
    if unit in ("天", "日", "工作日"):
        return None if half else timedelta(days=count)
    if unit in ("周", "星期", "礼拜"):
        return timedelta(days=7 * count + (3 if half else 0))
    if unit == "月" and half:
        return timedelta(days=15) if count == 0 else timedelta(days=30 * count + 15)
    months = count * _MONTHS[unit] + (6 if half and unit == "年" else 0)
    return months if months <= 1200 else None


def _add_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    return day


# ── day and time of day ──────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Point:
    """Day and time joined, before 到, 前 and 后 are read."""

    end: int
    days: Optional[Days]
    clock: Optional[Clock]


def _point(text: str, position: int, now: datetime, after: Optional[_Point] = None) -> Optional[_Point]:
    """A day, a time, or both at this place. After 到 a time or a day may lean on the one before."""
    days = read_days(text, position, now.date(), after.days if after else None)
    place = days.end if days else position
    clock = None
    for skipped in (place, _FILL.match(text, place).end() if days else place):  # type: ignore[union-attr]
        clock = read_clock(text, skipped, with_day=days is not None, after=after.clock if after else None)
        clock = clock or read_part(text, skipped, with_day=days is not None)
        if clock:
            break
    if days is None and clock is None:
        return None
    if days is not None and clock is not None and days.first != days.last:
        clock = None  # 国庆下午: no single day that the time could belong to
    return _Point(clock.end if clock else place, days, clock)


def _joined(text: str, position: int, now: datetime) -> Optional[When]:
    point = _point(text, position, now)
    if point is None:
        return None
    first, last = _ends(point, now)
    end = point.end
    to = _TO.match(text, _LOOSE.match(text, end).end())  # type: ignore[union-attr]
    until = _point(text, to.end(), now, point) if to else None
    if until is not None:
        # 10点到12点: the second time is of the same day.
        until = _Point(until.end, until.days or point.days, until.clock)
        _, last_of = _ends(until, now)
        if type(last_of) is type(first) and last_of > first:
            last, end = last_of, until.end
            return _range(position, _loose(text, end), first, last)
    loose = _loose(text, end)
    before = _BEFORE.match(text, loose)
    if before and not re.match(r"后", text[before.end() :]):
        return _range(position, before.end(), None, _until(point, first, last))
    later = _AFTER.match(text, loose)
    if later:
        since = first if isinstance(first, datetime) else last + timedelta(days=1)
        return _range(position, later.end(), since, None)
    kind = "range" if first != last else "datetime" if isinstance(first, datetime) else "date"
    return When(position, end, kind, first, last)


def _loose(text: str, end: int) -> int:
    match = _LOOSE.match(text, end)
    return match.end() if match else end


def _ends(point: _Point, now: datetime) -> tuple[date | datetime, date | datetime]:
    days, clock = point.days, point.clock
    if clock is None:
        assert days is not None
        return days.first, days.last
    day = days.first if days else now.date()
    if clock.minute_of_day is not None:
        moment = datetime.combine(day, time()) + timedelta(minutes=clock.minute_of_day)
        return moment, moment
    return datetime.combine(day, clock.part_first), datetime.combine(day, clock.part_last)


def _until(point: _Point, first: date | datetime, last: date | datetime) -> date | datetime:
    """Before a day ends the day before; before a minute includes it; 月底之前 includes the month's last day."""
    if isinstance(last, datetime):
        return last if point.clock and point.clock.minute_of_day is not None else first
    if point.days and point.days.closing:
        return last
    return first - timedelta(days=1)


def _range(start: int, end: int, first: date | datetime | None, last: date | datetime | None) -> When:
    return When(start, end, "range", first, last)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0, tzinfo=None)
