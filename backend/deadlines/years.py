"""The organisation's calendar: official and provisional days, its own hours, holidays, seasons, and its units'."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlmodel import Session

from backend.deadlines import calendars, store
from backend.deadlines.calendars import YearInfo
from backend.kernel.calendar import OFFICE_HOURS, Calendar, DayType, Frame, WorkingHours
from backend.kernel.clock import zh_weekday
from backend.kernel.errors import Invalid
from backend.kernel.hours import Frames, LayeredHours, MonthDay, Season
from backend.settings import settings

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Beyond these neither the lunar tables nor a date picker make sense.
YEARS = range(2004, 2100)


def read_hours(content: Mapping[str, Any]) -> WorkingHours:
    """Hours a weekday as organisation.yml writes them. Raises Invalid (``bad_hours``)."""
    try:
        weekdays = {WEEKDAYS.index(day): tuple(frames) for day, frames in dict(content["weekdays"]).items()}
        return WorkingHours.parse(
            weekdays,
            makeup=tuple(content.get("makeup", ())),
            follows_holidays=bool(content.get("follows_holidays", True)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("bad_hours", "工作时间写法不对，请按星期逐天填写，例如 9:00-12:00。") from error


@lru_cache(maxsize=4)
def _hours(path: Path, _changed: int) -> WorkingHours:
    """Working hours of the organisation file: ``complaint_hours`` where given, else office hours."""
    data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    own = data.get("complaint_hours")
    return read_hours(own) if own else OFFICE_HOURS


def hours() -> WorkingHours:
    """When the people who handle complaints work: not the hours in which the chat is open."""
    path = settings().pack_dir / "organisation.yml"
    return _hours(path, path.stat().st_mtime_ns) if path.exists() else OFFICE_HOURS


# A calendar remembers the days it has looked at; it is kept until a year is imported or hours change.
_kept: dict[tuple[Any, ...], Calendar] = {}
_MOST_KEPT = 32


def calendar(session: Session, unit: str | None = None) -> Calendar:
    """The calendar as it is known now: the organisation's, or that of one of its units (a skill group)."""
    own_hours = hours()
    key = (store.year_hashes(session), store.approved_changes(session), own_hours, unit)
    known = _kept.get(_hashable(key))
    if known is None:
        known = Calendar(calendars.days_of(store.official_years(session)), _layered(session, own_hours, unit))
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[_hashable(key)] = known
    return known


def calendar_over(session: Session, unit: str, base: WorkingHours) -> Calendar:
    """A unit that keeps hours of its own: those, under the changes approved for this unit. What was approved for the
    whole house concerns who handles complaints, and does not send the chat home."""
    key = (store.year_hashes(session), store.approved_changes(session), base, f"over:{unit}")
    known = _kept.get(_hashable(key))
    if known is None:
        known = Calendar(calendars.days_of(store.official_years(session)), _layered(session, base, unit, own_only=True))
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[_hashable(key)] = known
    return known


def _hashable(key: tuple[Any, ...]) -> tuple[Any, ...]:
    hashes, changes, own_hours, unit = key
    return hashes, changes, id(own_hours), unit


def _layered(session: Session, base: WorkingHours, unit: str | None, *, own_only: bool = False) -> LayeredHours:
    """Approved changes over the organisation's file, the unit's own over everybody's, later ones over earlier."""
    approved = [change for change in store.changes(session, "approved") if change.kind != "year"]
    approved.sort(key=lambda one: (one.unit is not None, one.decided_at, one.id))
    seasons: list[Season] = []
    dates: dict[date, Frames] = {}
    names: dict[date, str] = {}
    for change in approved:
        if change.unit != unit and (own_only or change.unit is not None):
            continue
        if change.kind == "hours":
            seasons.append(read_season(change.content))
        else:
            for day, name, frames in read_days(change.content):
                dates[day], names[day] = frames, name
    return LayeredHours(base, tuple(seasons), dates, names)


def read_season(content: Mapping[str, Any]) -> Season:
    """``{"weekdays", "makeup"?, "follows_holidays"?, "from"?, "until"?, "season"?: ["05-01", "09-30"]}``.

    Raises Invalid (``bad_hours``).
    """
    found = Season(read_hours(content))
    try:
        if content.get("season"):
            first, last = (_month_day(str(one)) for one in content["season"])
            found = replace(found, first=first, last=last)
        since, until = (
            date.fromisoformat(str(content[name])) if content.get(name) else None for name in ("from", "until")
        )
    except (TypeError, ValueError) as error:
        raise Invalid("bad_hours", "起止日期写法不对：季节写 05-01 到 09-30，日期写 2026-06-01。") from error
    if since and until and until < since:
        raise Invalid("bad_hours", "结束日期早于开始日期，请改正。")
    return replace(found, since=since, until=until)


def _month_day(text: str) -> MonthDay:
    day = date.fromisoformat(f"2024-{text}")  # a leap year, so that 02-29 is a day
    return day.month, day.day


def read_days(content: Mapping[str, Any]) -> list[tuple[date, str, Frames]]:
    """``{"days": [{"date", "name", "hours": []}]}``; no hours means closed. Raises Invalid (``bad_days``)."""
    try:
        found = [
            (
                date.fromisoformat(str(row["date"])),
                str(row.get("name") or "").strip(),
                tuple(Frame.parse(str(frame)) for frame in row.get("hours") or ()),
            )
            for row in content["days"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("bad_days", "自定日期写法不对：每行写日期、名称，半天再写工作时间。") from error
    if not found:
        raise Invalid("bad_days", "没有写日期，请至少填一天。")
    for day, name, _ in found:
        if day.year not in YEARS:
            raise Invalid("bad_days", f"{day} 不在日历能用的年份里（{YEARS[0]} 到 {YEARS[-1]} 年），请核对。")
        if not name:
            raise Invalid("bad_days", f"{day} 没有写名称，请写上为什么（例如 店庆、盘点半天）。")
    if len({day for day, _, _ in found}) != len(found):
        raise Invalid("bad_days", "同一天写了两次，请删去一行。")
    return found


# --- looking ----------------------------------------------------------------------------------------------


def year_info(session: Session, year: int) -> YearInfo:
    return calendars.info(year, store.official_years(session))


def year(session: Session, number: int) -> dict[str, Any]:
    """One year for reading: holidays and make-up days in order, its source, whether it is official."""
    info = year_info(session, number)
    source = calendar(session)
    days = []
    for day in _days_of(number):
        kind = source.kind(day)
        if kind.type in (DayType.HOLIDAY, DayType.MAKEUP):
            days.append(
                {"date": day.isoformat(), "name": kind.name, "isOffDay": kind.type is DayType.HOLIDAY}
            )
    return {"year": number, "official": info.official, "source": info.source, "days": days}


def year_view(session: Session, number: int, unit: str | None, today: date) -> dict[str, Any]:
    """Every day of a year as a page draws it: counted or skipped, why, and by which hours.

    Raises Invalid (``bad_year``).
    """
    check_year(number)
    info, source = year_info(session, number), calendar(session, unit)
    months: list[dict[str, Any]] = []
    worked = provisional = 0
    for day in _days_of(number):
        if day.day == 1:
            months.append({"month": day.month, "blanks": day.weekday(), "days": [], "worked": 0})
        kind = source.kind(day)
        frames = source.hours.frames(day, kind)
        name = source.hours.name(day)
        worked += kind.is_workday
        months[-1]["worked"] += kind.is_workday
        provisional += not kind.official
        words = "、".join(frame.zh() for frame in frames) or "不上班"
        reason = kind.reason(day) + (f"，{name}" if name else "")
        months[-1]["days"].append(
            {
                "date": day.isoformat(),
                "day": day.day,
                "counted": kind.is_workday,
                "type": kind.type.value,
                "own": bool(name),
                "open": bool(frames),
                "official": kind.official,
                "today": day == today,
                "mark": _mark(kind.type, kind.name, name),
                "title": f"{day.month}月{day.day}日 {zh_weekday(day)}：{reason}，"
                f"{'计入' if kind.is_workday else '不计'}；{words}{'' if kind.official else '；暂定'}",
            }
        )
    return {
        "year": number, "official": info.official, "source": info.source, "months": months, "worked": worked,
        "provisional": provisional,
    }  # fmt: skip


def _mark(kind: DayType, holiday: str, own: str) -> str:
    """One or two characters in the corner of a day."""
    if own:
        return own[:2]
    return {DayType.HOLIDAY: holiday[:2], DayType.MAKEUP: "班"}.get(kind, "")


def check_year(number: int) -> None:
    if number not in YEARS:
        raise Invalid("bad_year", f"日历只有 {YEARS[0]} 到 {YEARS[-1]} 年，请换一个年份。")


def _days_of(number: int) -> list[date]:
    first = date(number, 1, 1)
    return [first + timedelta(days=offset) for offset in range((date(number + 1, 1, 1) - first).days)]
