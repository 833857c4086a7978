"""Moving a due date: extension, pause and resume, another calendar, another regime version. Always explained."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from backend.deadlines import notices, regimes, rules, schedule, store
from backend.deadlines.events import DeadlineMoved
from backend.deadlines.rules import kind_name
from backend.deadlines.tables import Deadline
from backend.deadlines.years import calendar
from backend.infra.work import Work
from backend.kernel.actors import Permission, Role, must_differ
from backend.kernel.calendar import Calendar
from backend.kernel.clock import shanghai_date, to_shanghai, zh_duration
from backend.kernel.deadlines import DueDates, Rule, Unit, compute_due, resumed_due
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from backend.kernel.escalation import Extension

_ONE = timedelta(days=1)


@dataclass(frozen=True)
class Reckoned:
    """Where a deadline stands by its rule, its start and everything that people did to it since."""

    dates: DueDates
    legal: datetime
    internal: datetime
    provisional: bool

    def due(self, kind: str) -> datetime:
        return self.legal if kind == rules.PROMISE and not self.provisional else self.internal


def reckon(rule: Rule, starts_at: datetime, moves: list[dict[str, Any]], days: Calendar) -> Reckoned:
    """Reckon from the start, and then do again what was done: the same stops, the same extensions.

    Calendar days are all counted before a last day on a holiday moves: a date that has moved once must not carry
    the holiday along when it is extended or stopped.
    """
    dates = compute_due(rule, starts_at, days)
    legal, internal, provisional = dates.legal_due, dates.internal_due, dates.provisional
    more = 0  # calendar days added so far
    for move in moves:
        before = legal
        stopped, again = _stop_of(move)
        if rule.unit is Unit.CALENDAR_DAYS and _in_calendar_days(move):
            if move["why"] == "extended":
                more += int(move["working_days"])
            elif stopped < legal:
                more += (shanghai_date(again) - shanghai_date(stopped)).days
                while _longer(rule, more, starts_at, days).legal_due <= again:
                    more += 1  # stopped on its last day: see `resumed_due`
            longer = _longer(rule, more, starts_at, days)
            legal, internal = longer.legal_due, longer.internal_due
        elif move["why"] == "extended":
            amount, unit = int(move["working_days"]), Unit(move.get("unit", Unit.WORKING_DAYS))
            internal = extended(internal, amount, unit, days, earliest=True)
            legal = extended(legal, amount, unit, days) if move.get("legal", True) else legal
        elif move["why"] == "resumed":
            internal = resumed_due(internal, stopped, again, rule.unit, days)
            legal = resumed_due(legal, stopped, again, rule.unit, days)
        provisional = provisional or rests_on_unpublished(rule, before, legal, days)
    return Reckoned(dates, legal, min(internal, legal), provisional)


def _longer(rule: Rule, more: int, starts_at: datetime, days: Calendar) -> DueDates:
    internal = None if rule.internal is None else rule.internal + more
    return compute_due(replace(rule, amount=rule.amount + more, internal=internal), starts_at, days)


def _in_calendar_days(move: dict[str, Any]) -> bool:
    return move["why"] == "resumed" or (
        move["why"] == "extended" and move.get("unit") == Unit.CALENDAR_DAYS and bool(move.get("legal", True))
    )


def _stop_of(move: dict[str, Any]) -> tuple[datetime, datetime]:
    """When a clock stopped and went on; the wall clock may have been set back meanwhile."""
    again = datetime.fromisoformat(move["at"])
    stopped = datetime.fromisoformat(move["paused_at"]) if move["why"] == "resumed" else again
    return stopped, max(stopped, again)


def _after(row: Deadline, rule: Rule, move: dict[str, Any], days: Calendar, step: Reckoned) -> tuple[datetime, datetime]:
    """The held and the legal instant after one more move.

    Reckoned from the start where the row still stands where that leads; a row that stands elsewhere (a promise that
    a new calendar was not allowed to postpone, a date capped by its promise) goes on from where it stands: ``step``.
    """
    moves = row.explanation.get("moves", [])
    before = reckon(rule, row.starts_at, moves, days)
    after = reckon(rule, row.starts_at, [*moves, move], days)
    held = after.due(row.kind) if before.due(row.kind) == row.due_at else step.internal
    legal = after.legal if before.legal == row.legal_due_at else step.legal
    return min(held, legal), legal


def rests_on_unpublished(rule: Rule, before: datetime, after: datetime, days: Calendar) -> bool:
    """Whether a way between two dates leads through days whose year's notice is not out."""
    if rule.unit in (Unit.HOURS, Unit.MINUTES):
        return False
    day, last = shanghai_date(before), shanghai_date(after)
    while day <= last:
        if not days.kind(day).official:
            return True
        day += _ONE
    return False


def extended(due: datetime, amount: int, unit: Unit, days: Calendar, *, earliest: bool = False) -> datetime:
    """So many days later at the same wall-clock time."""
    wall_clock = to_shanghai(due).time()
    if unit is Unit.CALENDAR_DAYS:
        return days.add_calendar_days(due, amount, wall_clock, move=not earliest).due
    return days.add_working_days(due, amount, wall_clock, earliest=earliest).due


# --- by people --------------------------------------------------------------------------------------------


def extend(
    work: Work,
    subject_kind: str,
    subject_id: str,
    kind: str,
    working_days: int,
    reason: str,
    requested_by: str,
) -> Deadline:
    """Move a due date later, in the unit that its rule's extension names (working days unless it says others).

    The actor approves and holds the role that the rule asks for; whoever asked for it cannot. Raises Forbidden,
    Invalid (``bad_extension``), NotFound (``deadline_not_found``), Conflict (``deadline_over``: met, dropped or
    already run out, a breach cannot be extended away; ``extended_enough``; ``fixed_by_law``).
    """
    work.actor.require(Permission.COMPLAINT_EXTEND_DEADLINE)
    must_differ(requested_by, work.actor.id)
    if not reason.strip():
        raise Invalid("bad_extension", "请写明延期的理由。", fields={"reason": "请写明延期的理由"})
    row = store.latest(work.session, subject_kind, subject_id, kind, lock=True)
    if row is None:
        raise NotFound("deadline_not_found", f"没有「{kind_name(kind)}」这个期限。")
    rule = regimes.rule_from(row.explanation)
    granted = rule.extension or Extension(most=rules.MOST_EXTENSION_DAYS)
    _check_extension(work, row, rule, granted, working_days)
    days = calendar(work.session, row.unit)
    unit = granted.unit
    moves_legal = rule.extension is not None or not rule.legal
    legal = extended(row.legal_due_at, working_days, unit, days) if moves_legal else row.legal_due_at
    provisional = row.provisional or rests_on_unpublished(rule, row.due_at, legal, days)
    by_letter = row.kind == rules.PROMISE and not provisional
    new = extended(row.due_at, working_days, unit, days, earliest=not by_letter)
    if moves_legal:
        move = {
            "why": "extended", "working_days": working_days, "unit": unit.value, "legal": True,
            "at": work.now.isoformat(),
        }  # fmt: skip
        new, legal = _after(row, rule, move, days, Reckoned(compute_due(rule, row.starts_at, days), legal, new, provisional))
    if new > legal:
        raise Conflict("fixed_by_law", "这是法律法规规定的期限，没有延期的规定，不能延到它之后。")
    row.legal_due_at, row.provisional = legal, provisional
    _move(
        work,
        row,
        new,
        rule,
        days,
        why="extended",
        reason=reason.strip(),
        working_days=working_days,
        unit=unit.value,
        legal=moves_legal,
        requested_by=requested_by,
        by=work.actor.id,
        by_name=work.actor.name,
    )
    return row


def _check_extension(work: Work, row: Deadline, rule: Rule, granted: Extension, amount: int) -> None:
    if not 1 <= amount <= granted.most:
        message = f"一次最多延 {granted.most} {granted.unit.zh}，最少 1 {granted.unit.zh}。"
        raise Invalid("bad_extension", message, fields={"working_days": message})
    if work.actor.is_staff and Role(granted.approver) not in work.actor.roles:
        who = Role(granted.approver).zh
        raise Forbidden("wrong_approver", f"「{kind_name(row.kind)}」延期要由{who}批准，请转给{who}。")
    if not row.clock.open or row.paused_at is not None:
        raise Conflict("deadline_over", "这个期限已经不在计时，不能延期。")
    # Noticed counts even if the wall clock has been set back behind the date since.
    if row.breached_at is not None or work.now > row.due_at:
        raise Conflict("deadline_over", "这个期限已经过了，不能再延期。请先处理，并写明逾期原因。")
    before = sum(move["why"] == "extended" for move in row.explanation.get("moves", []))
    if before >= granted.times:
        raise Conflict("extended_enough", f"这个期限已经延过 {before} 次，规则不允许再延。请按时处理。")


def pause(work: Work, subject_kind: str, subject_id: str, reason: str) -> list[Deadline]:
    """Stop the clocks of everything still owed (waiting for the customer, or for a test). Run-out ones go on.

    Raises Invalid (``reason_missing``), Conflict (``nothing_to_pause``, ``already_paused``).
    """
    if not reason.strip():
        raise Invalid("reason_missing", "请写明为什么暂停计时。", fields={"reason": "请写明原因"})
    rows = store.open_of(work.session, subject_kind, subject_id)
    if any(row.paused_at is not None for row in rows):
        raise Conflict("already_paused", "计时已经停了，不用再停。")
    for row in rows:
        notices.notice_breach(work, row)
    stoppable = [row for row in rows if row.breached_at is None]
    if not stoppable:
        raise Conflict("nothing_to_pause", "没有正在计时的期限，不能暂停。")
    for row in stoppable:
        row.paused_at = work.now
        row.next_check_at = None
        row.explanation = row.explanation | {"pause_reason": reason.strip()}
        work.session.add(row)
    work.journal("deadlines_paused", subject_kind, subject_id, kinds=[row.kind for row in stoppable])
    return stoppable


def resume(work: Work, subject_kind: str, subject_id: str) -> list[Deadline]:
    """Start the stopped clocks again: what was left is left again. Raises Conflict (``not_paused``).

    A wall clock that was set back meanwhile makes the stop no shorter than nothing.
    """
    rows = [
        row for row in store.open_of(work.session, subject_kind, subject_id) if row.paused_at is not None
    ]
    if not rows:
        raise Conflict("not_paused", "计时没有停，不用恢复。")
    for row in rows:
        resume_one(work, row)
    return rows


def resume_one(work: Work, row: Deadline) -> None:
    """Let one stopped clock run again; what is done while it stands still is done with the time that was left."""
    paused_at = row.paused_at
    if paused_at is None:
        return
    again = max(work.now, paused_at)
    rule = regimes.rule_from(row.explanation)
    days = calendar(work.session, row.unit)
    step = Reckoned(
        compute_due(rule, row.starts_at, days),
        resumed_due(row.legal_due_at, paused_at, again, rule.unit, days),
        resumed_due(row.due_at, paused_at, again, rule.unit, days),
        row.provisional,
    )
    move = {"why": "resumed", "paused_at": paused_at.isoformat(), "at": again.isoformat()}
    new, legal = _after(row, rule, move, days, step)
    # A stop makes nothing earlier.
    new, legal = max(new, row.due_at), max(legal, row.legal_due_at)
    row.provisional = row.provisional or (
        legal > row.legal_due_at and rests_on_unpublished(rule, row.legal_due_at, legal, days)
    )
    row.legal_due_at = max(legal, new)
    row.paused_at = None
    _move(
        work,
        row,
        new,
        rule,
        days,
        why="resumed",
        reason=str(row.explanation.get("pause_reason", "")),
        paused_at=paused_at.isoformat(),
        paused_text=zh_duration(again - paused_at),
    )


def _move(
    work: Work, row: Deadline, new: datetime, rule: Rule, days: Calendar, *, why: str, **detail: Any
) -> None:
    """Set a new due instant: explained in the row, journalled, announced, its warnings put where they belong."""
    old = row.due_at
    pending = schedule.read(row.schedule)
    if why == "resumed":
        row.near_at, points = schedule.after_resume(rule, old, new, days, row.near_at, pending)
    else:
        row.near_at, points = schedule.after_extension(rule, row.starts_at, new, days, pending, work.now)
        if row.neared_at is not None and work.now < row.near_at:
            row.neared_at = None  # near again later: that is a new notice, for a new date
    row.due_at = new
    row.schedule = schedule.write(points)
    row.explanation = row.explanation | {
        "moves": [
            *row.explanation.get("moves", []),
            {"why": why, "old": old.isoformat(), "new": new.isoformat(), "at": work.now.isoformat(), **detail},
        ],
    }
    row.next_check_at = schedule.wake(row.clock, points)
    work.session.add(row)
    work.journal(
        f"deadline_{why}",
        row.subject_kind,
        row.subject_id,
        kind=row.kind,
        old=old.isoformat(),
        new=new.isoformat(),
        **{key: value for key, value in detail.items() if key != "reason"},
    )
    moved(work, row, old, why)


def moved(work: Work, row: Deadline, old: datetime, why: str) -> None:
    work.record(
        DeadlineMoved(
            at=work.now,
            subject_kind=row.subject_kind,
            subject_id=row.subject_id,
            kind=row.kind,
            why=why,
            old_due_at=old,
            due_at=row.due_at,
        )
    )
