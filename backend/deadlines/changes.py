"""Changing the calendar: an official year from a file; the organisation's own days and hours, by two people."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from backend.deadlines import calendars, reckoning, store
from backend.deadlines.tables import CalendarChange, OfficialYear
from backend.deadlines.years import read_days, read_season
from backend.infra.work import Work
from backend.kernel.actors import Permission, must_differ
from backend.kernel.calendar import parse_official_year
from backend.kernel.errors import Conflict, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people

KINDS = {"hours": "工作时间", "days": "自定日期", "year": "更正官方年份"}


def import_year(work: Work, data: Mapping[str, Any]) -> int:
    """Take over an official year and reckon running deadlines again; returns the year.

    A year that is official already is not overridden here unless the file says the same: that takes two people
    (`propose`). No promised date is ever postponed. Raises Invalid (``bad_calendar_file``), Forbidden, Conflict
    (``year_already_official``).
    """
    work.actor.require(Permission.CALENDAR_MANAGE)
    year, source, off, makeup = _read_year(data)
    known = store.official_years(work.session)
    if calendars.info(year, known).official and not calendars.says_the_same(known, year, off, makeup):
        raise Conflict(
            "year_already_official",
            f"{year} 年已有正式安排，内容不同。要改请在「管理 › 日历」提交更正，由另一位同事批准。",
        )
    return _take_over(work, year, source, off, makeup)


def _read_year(data: Mapping[str, Any]) -> tuple[int, str, dict[Any, str], dict[Any, str]]:
    year, off, makeup = parse_official_year(data)
    source = str(data.get("source") or "").strip()
    if not source:
        raise Invalid("bad_calendar_file", "日历文件里没有写来源 source，请补上通知的名称或文号。")
    return year, source[:300], off, makeup


def _take_over(work: Work, year: int, source: str, off: dict[Any, str], makeup: dict[Any, str]) -> int:
    rows = [
        {"date": day.isoformat(), "name": name, "isOffDay": is_off}
        for days, is_off in ((off, True), (makeup, False))
        for day, name in sorted(days.items())
    ]
    sha256 = hashlib.sha256(json.dumps(rows, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    row = work.session.get(OfficialYear, year)
    before = row.sha256 if row else None
    if row is None:
        row = OfficialYear(
            year=year, source=source, sha256=sha256, days=rows, imported_by=work.actor.id, imported_at=work.now
        )
    row.source, row.sha256, row.days = source, sha256, rows
    row.imported_by, row.imported_at = work.actor.id, work.now
    work.session.add(row)
    work.flush()
    work.journal("calendar_imported", "calendar", str(year), source=source, sha256=sha256, before=before)
    moved = reckoning.under_new_year(work, year)
    work.journal("deadlines_reckoned_again", "calendar", str(year), moved=moved)
    return year


def propose(
    work: Work, kind: str, content: Mapping[str, Any], reason: str, unit: str | None = None
) -> CalendarChange:
    """Ask for a change of the calendar; nothing changes before another person approves.

    Raises Forbidden, Invalid (``bad_hours``, ``bad_days``, ``bad_calendar_file``, ``unknown_unit`` …).
    """
    work.actor.require(Permission.CALENDAR_MANAGE)
    if not reason.strip():
        raise Invalid("reason_missing", "请写明为什么要改日历。", fields={"reason": "请写明原因"})
    if kind not in KINDS:
        raise Invalid("bad_change", "不认识这种日历变更。")
    unit = (unit or "").strip() or None
    if unit is not None and (kind == "year" or not people.staff_in_group(work.session, unit)):
        raise Invalid("unknown_unit", f"没有「{unit}」这个技能组，请重新选择。")
    _check(kind, content)
    row = CalendarChange(
        id=new_id(),
        kind=kind,
        unit=unit,
        content=dict(content),
        reason=reason.strip()[:300],
        state="proposed",
        proposed_by=work.actor.id,
        proposed_at=work.now,
    )
    work.session.add(row)
    work.flush()
    work.journal("calendar_change_proposed", "calendar", row.id, kind=kind, unit=unit)
    return row


def _check(kind: str, content: Mapping[str, Any]) -> None:
    if kind == "hours":
        read_season(content)
    elif kind == "days":
        read_days(content)
    else:
        _read_year(content)


def decide(work: Work, change_id: str, *, approve: bool) -> CalendarChange:
    """Approve or refuse a change; whoever asked for it cannot. Running deadlines keep their dates.

    Only another content of an official year reckons them again, and never to a later promise. Raises NotFound
    (``change_not_found``), Conflict (``change_decided``), Forbidden (``same_person``).
    """
    work.actor.require(Permission.CALENDAR_MANAGE)
    row = store.change(work.session, change_id, lock=True)
    if row is None:
        raise NotFound("change_not_found", "没有这条日历变更，请刷新后再看。")
    if row.state != "proposed":
        raise Conflict("change_decided", "这条变更已经有人处理过了，请刷新后再看。")
    must_differ(row.proposed_by, work.actor.id)
    row.state = "approved" if approve else "refused"
    row.decided_by, row.decided_at = work.actor.id, work.now
    work.session.add(row)
    work.flush()
    work.journal(
        f"calendar_change_{row.state}", "calendar", row.id, kind=row.kind, unit=row.unit, proposed_by=row.proposed_by
    )
    if approve and row.kind == "year":
        year, source, off, makeup = _read_year(row.content)
        _take_over(work, year, source, off, makeup)
    return row
