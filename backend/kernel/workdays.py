"""What kind of day a date is in China: data in, never a package or a file.

Official years come from the State Council's notice (国务院办公厅节假日安排的通知), published between late
October and late November of the year before. Until a year is official, `ProvisionalDays` answers, and says
so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

from backend.kernel.clock import zh_weekday
from backend.kernel.errors import Invalid


class DayType(StrEnum):
    WORKDAY = "workday"
    HOLIDAY = "holiday"
    WEEKEND = "weekend"
    MAKEUP = "makeup"  # 调休上班: a weekend day worked in exchange for a bridge day


@dataclass(frozen=True, slots=True)
class DayKind:
    """`name` is the holiday's short Chinese name (国庆), also on the make-up day that pays for it.

    `official` is False where the year's notice is not out. `may_work` names the holiday whose notice might
    still turn this day off into a working day: the earliest variant of a due date has to reckon with it.
    """

    type: DayType
    name: str = ""
    official: bool = True
    may_work: str = ""

    @property
    def is_workday(self) -> bool:
        return self.type is DayType.WORKDAY or self.type is DayType.MAKEUP

    def reason(self, day: date) -> str:
        """Why this day counts or does not, in one Chinese word: 工作日, 调休上班, 国庆, 周日."""
        if self.type is DayType.WORKDAY:
            return "工作日"
        if self.type is DayType.MAKEUP:
            return "调休上班"
        if self.type is DayType.HOLIDAY:
            return self.name or "放假"
        return zh_weekday(day)


class DaySource(Protocol):
    """Knows the kind of every day. Never raises: what is not published is provisional."""

    def kind(self, day: date) -> DayKind: ...


_ONE = timedelta(days=1)

# First day of the first lunar month, fifth of the fifth, fifteenth of the eighth. Computed from the new moons
# at 120° E and compared with a second almanac; 2030's new moon falls seven minutes after midnight.
_LUNAR: dict[int, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    2025: ((1, 29), (5, 31), (10, 6)),
    2026: ((2, 17), (6, 19), (9, 25)),
    2027: ((2, 6), (6, 9), (9, 15)),
    2028: ((1, 26), (5, 28), (10, 3)),
    2029: ((2, 13), (6, 16), (9, 22)),
    2030: ((2, 3), (6, 5), (9, 12)),
    2031: ((1, 23), (6, 24), (10, 1)),
    2032: ((2, 11), (6, 12), (9, 19)),
    2033: ((1, 31), (6, 1), (9, 8)),
    2034: ((2, 19), (6, 20), (9, 27)),
    2035: ((2, 8), (6, 10), (9, 16)),
    2036: ((1, 28), (5, 30), (10, 4)),
}
LUNAR_YEARS = range(min(_LUNAR), max(_LUNAR) + 1)

# Since 2008 no make-up day has been further than this from the statutory days it pays for, nor more than two
# a holiday.
MAKEUP_REACH_DAYS = 14
MAKEUPS_PER_HOLIDAY = 2


def _qingming(year: int) -> date:
    """Solar term by the 寿星 formula, right for 2000–2099 in all official lists so far."""
    short = year - 2000
    return date(year, 4, int(short * 0.2422 + 4.81) - short // 4)


@lru_cache(maxsize=64)
def statutory_days(year: int) -> Mapping[date, str]:
    """The 13 days off for all citizens (全国年节及纪念日放假办法, as revised from 2025-01-01), by short name.

    Outside `LUNAR_YEARS` the lunar festivals are missing: a day too few off makes a due date too early, never
    too late.
    """
    days = {
        date(year, 10, 1): "国庆",
        date(year, 10, 2): "国庆",
        date(year, 10, 3): "国庆",
        date(year, 1, 1): "元旦",
        date(year, 5, 1): "劳动节",
        date(year, 5, 2): "劳动节",
    }
    if 2000 <= year <= 2099:
        days.setdefault(_qingming(year), "清明")
    if year in _LUNAR:
        spring, dragon, autumn = (date(year, month, day) for month, day in _LUNAR[year])
        for offset in range(-1, 3):  # 除夕 to 初三
            days[spring + offset * _ONE] = "春节"
        days.setdefault(dragon, "端午")
        days.setdefault(autumn, "中秋")
    return days


@lru_cache(maxsize=4096)
def _nearest_holiday(day: date) -> str:
    """The statutory holiday within make-up reach of this day, or nothing."""
    for distance in range(1, MAKEUP_REACH_DAYS + 1):
        for near in (day - distance * _ONE, day + distance * _ONE):
            name = statutory_days(near.year).get(near)
            if name:
                return name
    return ""


class ProvisionalDays:
    """Weekdays less the statutory days. Bridge days and make-up days are unknown, so nothing here is
    official.

    A weekend day near a holiday is marked `may_work`; a bridge day needs no mark, as it could only make
    things later.
    """

    def kind(self, day: date) -> DayKind:
        name = statutory_days(day.year).get(day)
        if name:
            return DayKind(DayType.HOLIDAY, name, official=False)
        if day.weekday() < 5:
            return DayKind(DayType.WORKDAY, official=False)
        return DayKind(DayType.WEEKEND, official=False, may_work=_nearest_holiday(day))


PROVISIONAL = ProvisionalDays()


class TableDays:
    """Official years as tables, with another source for every year that is not there.

    `off` and `makeup` map a date to the holiday's short name. Weekdays not listed are worked, weekends are
    free. The last days of an official year belong to the *next* year's notice (元旦 has begun on 12-30 and
    been paid for on 12-29), so they are official only if that year is here too.
    """

    def __init__(
        self,
        years: Iterable[int],
        off: Mapping[date, str],
        makeup: Mapping[date, str],
        otherwise: DaySource = PROVISIONAL,
    ) -> None:
        self.years = frozenset(years)
        self._off = dict(off)
        self._makeup = dict(makeup)
        self._otherwise = otherwise

    def kind(self, day: date) -> DayKind:
        if day.year not in self.years:
            # 元旦 of a known year may reach back into an unknown one.
            listed = self._listed(day)
            return listed if listed else self._otherwise.kind(day)
        sure = not (day.month == 12 and day.day >= 29) or day.year + 1 in self.years
        listed = self._listed(day)
        if listed:
            return listed
        if day.weekday() < 5:
            return DayKind(DayType.WORKDAY, official=sure)
        return DayKind(DayType.WEEKEND, official=sure, may_work="" if sure else "元旦")

    def _listed(self, day: date) -> DayKind | None:
        if day in self._off:
            return DayKind(DayType.HOLIDAY, self._off[day])
        if day in self._makeup:
            return DayKind(DayType.MAKEUP, self._makeup[day])
        return None


def short_holiday_name(name: str) -> str:
    """国庆节 → 国庆, 中秋节 → 中秋; 春节 and 劳动节 stay."""
    first = name.replace("、", " ").split()
    word = first[0] if first else ""
    return word[:-1] if len(word) == 3 and word.endswith("节") and word != "劳动节" else word


def parse_official_year(data: Mapping[str, Any]) -> tuple[int, dict[date, str], dict[date, str]]:
    """Year, days off and make-up days of an official file `{"year", "source", "days": [{"date", "name",
    "isOffDay"}]}`.

    Raises Invalid (`bad_calendar_file`) when something is missing, repeated, or not of that year
    (neighbouring December and January days are allowed, as notices name them).
    """
    try:
        year = int(data["year"])
        rows = [(date.fromisoformat(str(d["date"])), str(d["name"]), d["isOffDay"]) for d in data["days"]]
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(
            "bad_calendar_file", "日历文件格式不对：需要 year 和 days（date、name、isOffDay）。"
        ) from error
    off: dict[date, str] = {}
    makeup: dict[date, str] = {}
    for day, name, is_off in rows:
        if not isinstance(is_off, bool):
            raise Invalid("bad_calendar_file", f"日历文件里 {day} 的 isOffDay 应为 true 或 false。")
        if not date(year - 1, 12, 20) <= day <= date(year + 1, 1, 10):
            raise Invalid("bad_calendar_file", f"日历文件里的 {day} 不属于 {year} 年，请核对。")
        if day in off or day in makeup:
            raise Invalid("bad_calendar_file", f"日历文件里 {day} 出现了两次，请删去一行。")
        if not is_off and day.weekday() < 5:
            raise Invalid("bad_calendar_file", f"{day} 本来就是工作日，不能是调休上班，请核对。")
        (off if is_off else makeup)[day] = short_holiday_name(name)
    if not off:
        raise Invalid("bad_calendar_file", "日历文件里没有一个放假日，请核对。")
    return year, off, makeup
