"""Saying what is owed of one deadline: notices, calls along the ladder, facts. Once each, whoever does it."""

from datetime import datetime
from typing import Any

from backend.deadlines import rules, schedule, store
from backend.deadlines.events import (
    DeadlineBreached,
    DeadlineNeared,
    DeadlineWarned,
    EscalationDue,
    TakeOverDue,
)
from backend.deadlines.roster import Roster
from backend.deadlines.schedule import Owed, Point
from backend.deadlines.tables import Deadline, DeadlineCall, DeadlineNotice
from backend.infra.work import Work
from backend.kernel.deadlines import Rule
from backend.kernel.escalation import OWNER
from backend.kernel.ids import new_id


def give(work: Work, row: Deadline, roster: Roster) -> int:
    """Say what is owed of this row now; returns how many notices. The row must be held by this transaction.

    The row is compared and set before anything is said, so that of two who judge the same row one speaks.
    """
    seen = row.next_check_at
    if seen is None:
        return 0
    found = schedule.owed(row.clock, schedule.read(row.schedule), work.now)
    values: dict[str, Any] = {"next_check_at": found.next_check_at, "schedule": schedule.write(found.left)}
    # Stamped with the instant at which it came true, however late this sweep is.
    if found.neared:
        values["neared_at"] = row.near_at
    if found.breached:
        values |= {"breached_at": row.due_at, "neared_at": row.neared_at or row.near_at}
    if not found.count and not found.passed and found.next_check_at == seen:
        return 0
    if not store.compare_and_set(work.session, row.id, seen, values):
        return 0
    say(work, row, found, roster)
    return found.count


def say(work: Work, row: Deadline, found: Owed, roster: Roster) -> None:
    """The rows and facts of one judgement. ``row`` is as it was before it."""
    if found.neared:
        _note(work, row, "near", row.near_at)
        announce(work, DeadlineNeared, row, row.near_at)
    if found.breached:
        if row.neared_at is None:
            _note(work, row, "near", row.near_at, superseded=True)
        _note(work, row, "breach", row.due_at)
        work.journal(
            "deadline_breached", row.subject_kind, row.subject_id, kind=row.kind, due_at=row.due_at.isoformat()
        )
        announce(work, DeadlineBreached, row, row.due_at)
    if found.warned is not None:
        _note(work, row, found.warned.name, found.warned.at)
        work.record(DeadlineWarned(at=found.warned.at, share=found.warned.share or 0, **_whose(row)))
    for point in found.passed:
        _note(work, row, point.name, point.at, superseded=True)
    if found.levels:
        _climb(work, row, found.levels, roster)


def _climb(work: Work, row: Deadline, points: tuple[Point, ...], roster: Roster) -> None:
    """The highest rung speaks first; who is named on several that come together is told once, by the highest."""
    rule = Rule.from_dict(row.explanation["rule"])
    known: set[str] = set()
    owner_told = False
    for point in sorted(points, key=lambda one: -(one.level or 0)):
        level = schedule.level_of(rule, point)
        if level is None:
            continue
        _note(work, row, point.name, point.at)
        told = tuple(one for one in roster.find(level.tell) if one not in known)
        tell_owner = OWNER in level.tell and not owner_told
        known |= set(told)
        owner_told = owner_told or tell_owner
        call(work, row, level.number, point.at, told)
        work.journal(
            "deadline_escalated",
            row.subject_kind,
            row.subject_id,
            kind=row.kind,
            level=level.number,
            at=point.at.isoformat(),
            told=list(told),
            owner=tell_owner,
        )
        work.record(
            EscalationDue(
                at=point.at,
                deadline_id=row.id,
                level=level.number,
                words=level.point_zh,
                told=told,
                tell_owner=tell_owner,
                **_whose(row),
            )
        )
        if level.take_over and point is max(points, key=lambda one: one.level or 0):
            candidates = roster.least_busy_first(level.take_over)
            work.record(
                TakeOverDue(
                    at=point.at, level=level.number, words=level.point_zh, candidates=candidates, **_whose(row)
                )
            )


def call(work: Work, row: Deadline, level: int, at: datetime, staff_ids: tuple[str, ...]) -> None:
    """Note who is told of a rung. Who was told of it before is left alone."""
    before = store.called(work.session, row.id, row.due_at, level)
    for staff_id in staff_ids:
        if staff_id not in before:
            work.session.add(
                DeadlineCall(
                    id=new_id(),
                    deadline_id=row.id,
                    subject_kind=row.subject_kind,
                    subject_id=row.subject_id,
                    kind=row.kind,
                    level=level,
                    staff_id=staff_id,
                    due_at=row.due_at,
                    at=at,
                    told_at=work.now,
                )
            )
    if staff_ids:
        work.hint("alerts")


def notice_breach(work: Work, row: Deadline) -> None:
    """Whoever touches a deadline that has run out says so first, if no sweep has."""
    if row.next_check_at is not None and rules.judge(row.clock, work.now).breached:
        give(work, row, Roster(work.session))
        work.session.refresh(row)


def announce(
    work: Work, fact: type[DeadlineNeared] | type[DeadlineBreached], row: Deadline, at: datetime
) -> None:
    work.record(fact(at=at, **_whose(row)))


def _whose(row: Deadline) -> dict[str, Any]:
    return {
        "subject_kind": row.subject_kind,
        "subject_id": row.subject_id,
        "kind": row.kind,
        "due_at": row.due_at,
    }


def _note(work: Work, row: Deadline, point: str, at: datetime, *, superseded: bool = False) -> None:
    work.session.add(
        DeadlineNotice(
            id=new_id(),
            deadline_id=row.id,
            point=point,
            due_at=row.due_at,
            at=at,
            noticed_at=work.now,
            superseded=superseded,
        )
    )
