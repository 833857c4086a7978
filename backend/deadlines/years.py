"""The organisation's calendar: official and provisional days, its own hours; importing an official year."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlmodel import Session

from backend.deadlines import calendars, rules, store
from backend.deadlines.calendars import YearInfo
from backend.deadlines.events import DeadlineMoved
from backend.deadlines.tables import Deadline, OfficialYear
from backend.infra.work import Work
from backend.kernel.actors import Permission, must_differ
from backend.kernel.calendar import OFFICE_HOURS, Calendar, DayType, WorkingHours, parse_official_year
from backend.kernel.deadlines import Rule, compute_due
from backend.kernel.errors import Conflict, Invalid
from backend.settings import settings

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@lru_cache(maxsize=4)
def _hours(path: Path, _changed: int) -> WorkingHours:
    """Working hours of the organisation file: ``complaint_hours`` where given, else office hours."""
    data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    own = data.get("complaint_hours")
    if not own:
        return OFFICE_HOURS
    weekdays = {_WEEKDAYS.index(day): frames for day, frames in own["weekdays"].items()}
    return WorkingHours.parse(
        weekdays, makeup=own.get("makeup", ()), follows_holidays=own.get("follows_holidays", True)
    )


def hours() -> WorkingHours:
    """When the people who handle complaints work: not the hours in which the chat is open."""
    path = settings().pack_dir / "organisation.yml"
    return _hours(path, path.stat().st_mtime_ns) if path.exists() else OFFICE_HOURS


# A calendar remembers the days it has looked at; it is kept until a year is imported or hours change.
_kept: dict[tuple[Any, ...], Calendar] = {}


def calendar(session: Session) -> Calendar:
    """The calendar as it is known now."""
    own_hours = hours()
    key = (store.year_hashes(session), id(own_hours))
    known = _kept.get(key)
    if known is None:
        known = Calendar(calendars.days_of(store.official_years(session)), own_hours)
        _kept.clear()
        _kept[key] = known
    return known


def year_info(session: Session, year: int) -> YearInfo:
    return calendars.info(year, store.official_years(session))


def import_year(work: Work, data: Mapping[str, Any], approved_by: str | None = None) -> int:
    """Take over an official year and reckon running deadlines again; returns the year.

    A year that is official already is overridden only with a second person's approval, unless it says the
    same. No promised date is ever postponed. Raises Invalid (``bad_calendar_file``), Forbidden, Conflict
    (``year_already_official``).
    """
    work.actor.require(Permission.CALENDAR_MANAGE)
    year, off, makeup = parse_official_year(data)
    source = str(data.get("source") or "").strip()
    if not source:
        raise Invalid("bad_calendar_file", "日历文件里没有写来源 source，请补上通知的名称或文号。")
    known = store.official_years(work.session)
    rows = [
        {"date": day.isoformat(), "name": name, "isOffDay": is_off}
        for days, is_off in ((off, True), (makeup, False))
        for day, name in sorted(days.items())
    ]
    sha256 = hashlib.sha256(json.dumps(rows, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    if calendars.info(year, known).official and not calendars.says_the_same(known, year, off, makeup):
        if approved_by is None:
            raise Conflict(
                "year_already_official",
                f"{year} 年已有正式安排，内容不同。要改需要另一位同事批准（approved_by）。",
            )
        must_differ(work.actor.id, approved_by)
    row = work.session.get(OfficialYear, year)
    if row is None:
        row = OfficialYear(
            year=year,
            source=source,
            sha256=sha256,
            days=rows,
            imported_by=work.actor.id,
            imported_at=work.now,
        )
    row.source, row.sha256, row.days = source, sha256, rows
    row.imported_by, row.imported_at = work.actor.id, work.now
    work.session.add(row)
    work.flush()
    work.journal(
        "calendar_imported", "calendar", str(year), source=source, sha256=sha256, approved_by=approved_by
    )
    moved = _reckon_again(work, year)
    work.journal("deadlines_reckoned_again", "calendar", str(year), moved=moved)
    return year


def _reckon_again(work: Work, year: int) -> int:
    """Running deadlines under the new year: provisional ones become definite, definite ones only earlier."""
    days = calendar(work.session)
    moved = 0
    for row in store.touched_by(work.session, year):
        moved += _reckon_one(work, row, days, year)
    return moved


def _reckon_one(work: Work, row: Deadline, days: Calendar, year: int) -> bool:
    dates = compute_due(Rule.from_dict(row.explanation["rule"]), row.starts_at, days)
    if row.explanation.get("moves"):
        # Extended or stopped by people: their date stands, and rests on an official year now or not.
        row.provisional = row.provisional and dates.provisional
        return False
    new, old = rules.due_of(row.kind, dates), row.due_at
    if row.explanation.get("capped"):
        new = min(new, old)
    if not row.provisional and new >= old:
        return False
    was_provisional = row.provisional
    row.provisional = dates.provisional
    row.due_at, row.legal_due_at = new, dates.legal_due
    row.near_at = (
        min(dates.near_at, new)
        if row.kind != rules.PROMISE
        else min(row.starts_at + (new - row.starts_at) * 0.8, new)
    )
    history = row.explanation.get("recomputed", [])
    row.explanation = (
        row.explanation
        | dates.as_dict()
        | {
            "recomputed": [
                *history,
                {"year": year, "old": old.isoformat(), "new": new.isoformat(), "at": work.now.isoformat()},
            ],
        }
    )
    row.next_check_at = rules.next_check(row.clock)
    work.session.add(row)
    if new == old and was_provisional == row.provisional:
        return False
    work.journal(
        "deadline_recomputed",
        row.subject_kind,
        row.subject_id,
        kind=row.kind,
        year=year,
        old=old.isoformat(),
        new=new.isoformat(),
        provisional=row.provisional,
    )
    work.record(
        DeadlineMoved(
            at=work.now,
            subject_kind=row.subject_kind,
            subject_id=row.subject_id,
            kind=row.kind,
            why="calendar",
            old_due_at=old,
            due_at=new,
        )
    )
    return new != old


def year(session: Session, number: int) -> dict[str, Any]:
    """One year for reading: holidays and make-up days in order, its source, whether it is official."""
    info = year_info(session, number)
    source = calendar(session)
    days = []
    day = date(number, 1, 1)
    while day.year == number:
        kind = source.kind(day)
        if kind.type in (DayType.HOLIDAY, DayType.MAKEUP):
            days.append(
                {"date": day.isoformat(), "name": kind.name, "isOffDay": kind.type is DayType.HOLIDAY}
            )
        day += timedelta(days=1)
    return {"year": number, "official": info.official, "source": info.source, "days": days}
