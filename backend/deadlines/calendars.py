"""Where calendar years come from: the chinesecalendar package, imported official years, the provisional rule.

An imported year wins over the package: it is the notice itself, with its source and hash. A year that neither
knows is provisional (`backend.kernel.workdays.ProvisionalDays`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from chinese_calendar.constants import (
    Holiday,
    holidays,
    workdays,
)

from backend.deadlines.tables import OfficialYear
from backend.kernel.calendar import TableDays, parse_official_year
from backend.kernel.workdays import short_holiday_name

# The package's own range; asked for a day outside it, it raises.
PACKAGE_YEARS = range(2004, 2027)
PACKAGE_SOURCE = "国务院办公厅放假通知（chinesecalendar 1.11）"

_LONG_NAMES = {Holiday.anti_fascist_70th_day: "抗战胜利纪念日"}


@dataclass(frozen=True)
class YearInfo:
    """What is known about one year, for pages and the command line."""

    year: int
    official: bool
    source: str


def _name(english: str) -> str:
    holiday = Holiday(english)
    return _LONG_NAMES.get(holiday) or short_holiday_name(holiday.chinese)


@lru_cache(maxsize=1)
def _package() -> tuple[dict[date, str], dict[date, str]]:
    """Days off and make-up days of the package, by short Chinese name."""
    off = {day: _name(name) for day, name in holidays.items()}
    makeup = {day: _name(name) for day, name in workdays.items() if day.weekday() >= 5}
    return off, makeup


def days_of(imported: Iterable[OfficialYear]) -> TableDays:
    """One table of all official years."""
    package_off, package_makeup = _package()
    rows = list(imported)
    replaced = {row.year for row in rows}
    off = {day: name for day, name in package_off.items() if day.year not in replaced}
    makeup = {day: name for day, name in package_makeup.items() if day.year not in replaced}
    for row in rows:
        _, own_off, own_makeup = parse_official_year({"year": row.year, "days": row.days})
        off.update(own_off)
        makeup.update(own_makeup)
    return TableDays(set(PACKAGE_YEARS) | replaced, off, makeup)


def info(year: int, imported: Iterable[OfficialYear]) -> YearInfo:
    """Which source a year rests on."""
    for row in imported:
        if row.year == year:
            return YearInfo(year, True, row.source)
    if year in PACKAGE_YEARS:
        return YearInfo(year, True, PACKAGE_SOURCE)
    return YearInfo(year, False, "尚未公布：按周一至周五减法定节假日暂定")


def says_the_same(
    imported: Iterable[OfficialYear], year: int, off: dict[date, str], makeup: dict[date, str]
) -> bool:
    """Whether a file tells what is known already (names apart): then importing it overrides nothing."""
    package_off, package_makeup = _package()
    for row in imported:
        if row.year == year:
            _, known_off, known_makeup = parse_official_year({"year": row.year, "days": row.days})
            return set(known_off) == set(off) and set(known_makeup) == set(makeup)
    return all(
        {day for day in known if day.year == year} == {day for day in given if day.year == year}
        for known, given in ((package_off, off), (package_makeup, makeup))
    )
