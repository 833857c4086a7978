"""Use cases of deadlines: start, meet, extend, pause, explain, and the sweep that notices."""

from datetime import datetime
from typing import Any

from backend.deadlines import regimes, rules, store
from backend.deadlines.events import DeadlineBreached, DeadlineMoved
from backend.deadlines.regimes import DEFAULT as DEFAULT_REGIME
from backend.deadlines.regimes import compute, effective, seed
from backend.deadlines.rules import kind_name
from backend.deadlines.sweep import announce, sweep
from backend.deadlines.tables import Deadline
from backend.deadlines.views import (
    describe,
    due_today,
    explain,
    explain_to_customer,
    next_due,
    of,
    of_many,
    overdue,
    promise_of,
    promise_words,
    rule_words,
    state_of,
)
from backend.deadlines.years import calendar, import_year, year, year_info
from backend.infra.work import Work
from backend.kernel.actors import Permission, must_differ
from backend.kernel.clock import shanghai_date, to_shanghai, zh_duration
from backend.kernel.deadlines import DueDates, compute_due, resumed_due
from backend.kernel.errors import Conflict, Invalid, NotFound
from backend.kernel.ids import new_id

__all__ = [
    "DEFAULT_REGIME",
    "Deadline",
    "calendar",
    "compute",
    "describe",
    "drop",
    "due_today",
    "effective",
    "explain",
    "explain_to_customer",
    "extend",
    "hold",
    "import_year",
    "kind_name",
    "meet",
    "next_due",
    "of",
    "of_many",
    "overdue",
    "pause",
    "promise_of",
    "promise_words",
    "resume",
    "rule_words",
    "seed",
    "start",
    "start_all",
    "state_of",
    "sweep",
    "year",
    "year_info",
]


# --- starting ---------------------------------------------------------------------------------------


def start(work: Work, subject_kind: str, subject_id: str, kind: str, regime_key: str, stage: str) -> Deadline:
    """Start one clock now, by the rule of ``stage`` in the regime's version that is valid today.

    A kind that ran before and is over starts its next round; one still running is refused
    (Conflict ``deadline_running``). Raises NotFound (``regime_not_found``, ``rule_not_found``).
    """
    version = regimes.effective(work.session, regime_key, shanghai_date(work.now))
    rule = regimes.rule_of(version, stage)
    before = store.latest(work.session, subject_kind, subject_id, kind)
    if before is not None and before.clock.open:
        raise Conflict("deadline_running", f"「{kind_name(kind)}」的期限已经在计时，不用再开始。")
    dates = compute_due(rule, work.now, calendar(work.session))
    row = Deadline(
        id=new_id(),
        subject_kind=subject_kind,
        subject_id=subject_id,
        kind=kind,
        round=before.round + 1 if before else 1,
        regime_version_id=version.id,
        starts_at=work.now,
        due_at=rules.due_of(kind, dates),
        legal_due_at=dates.legal_due,
        near_at=_near(kind, dates, work.now),
        provisional=dates.provisional,
        explanation=dates.as_dict()
        | {
            "rule": rule.as_dict(),
            "regime": version.title,
            "version": version.version,
            "source": version.source,
            "moves": [],
        },
    )
    row.next_check_at = rules.next_check(row.clock)
    work.session.add(row)
    work.flush()
    return row


def start_all(work: Work, subject_kind: str, subject_id: str, regime_key: str, event: str) -> list[Deadline]:
    """Start every rule of the regime that this event starts; the stage's name is the deadline's kind."""
    version = regimes.effective(work.session, regime_key, shanghai_date(work.now))
    stages = [rule["stage"] for rule in version.rules if rule.get("start", "filed") == event]
    rows = [start(work, subject_kind, subject_id, stage, regime_key, stage) for stage in stages]
    promise = next((row for row in rows if row.kind == rules.PROMISE), None)
    for row in rows if promise else ():
        if promise is not None and row.due_at > promise.due_at:
            _no_later_than(work, row, promise.due_at)
    return rows


def _no_later_than(work: Work, row: Deadline, promised: datetime) -> None:
    """A holiday may carry working days past a promise in calendar days: what comes before it is due by it."""
    row.near_at = min(row.near_at, promised - (row.due_at - row.near_at))
    row.due_at = promised
    row.near_at = max(row.near_at, row.starts_at)
    row.next_check_at = rules.next_check(row.clock)
    row.explanation = row.explanation | {"capped": True}
    work.session.add(row)


def _near(kind: str, dates: DueDates, started_at: datetime) -> datetime:
    """The warning point of the instant the row is held to."""
    due = rules.due_of(kind, dates)
    if due == dates.internal_due:
        return dates.near_at
    return max(dates.near_at, started_at + (due - started_at) * 0.8)


# --- ending -----------------------------------------------------------------------------------------


def meet(work: Work, subject_kind: str, subject_id: str, kind: str) -> Deadline | None:
    """The promised thing was done now. Nothing to meet, or met before: harmless, gives None.

    Done after time ran out, it stays breached; where the sweep had not noticed yet, this does.
    """
    row = store.latest(work.session, subject_kind, subject_id, kind, lock=True)
    if row is None or not row.clock.open:
        return None
    _notice_breach(work, row)
    row.met_at = work.now
    row.paused_at = None
    row.next_check_at = None
    work.session.add(row)
    return row


def drop(work: Work, subject_kind: str, subject_id: str) -> None:
    """Nothing is owed any more (the customer withdrew). What had run out before stays breached."""
    for row in _open_rows(work, subject_kind, subject_id):
        _notice_breach(work, row)
        row.dropped_at = work.now
        row.paused_at = None
        row.next_check_at = None
        work.session.add(row)


def hold(work: Work, subject_kind: str, subject_id: str) -> None:
    """Lock a subject's deadlines until the transaction ends.

    Whoever is going to lock the subject's own row too does this first: the sweep takes a deadline and then
    writes to its subject, and two orders of locking would end in a deadlock.
    """
    store.lock_subject(work.session, subject_kind, subject_id)


def _open_rows(work: Work, subject_kind: str, subject_id: str) -> list[Deadline]:
    kinds = {row.kind for row in store.of_subject(work.session, subject_kind, subject_id)}
    rows = (store.latest(work.session, subject_kind, subject_id, kind, lock=True) for kind in sorted(kinds))
    return [row for row in rows if row is not None and row.clock.open]


def _notice_breach(work: Work, row: Deadline) -> None:
    if rules.judge(row.clock, work.now).breached:
        row.breached_at = row.due_at
        row.neared_at = row.neared_at or row.near_at
        announce(work, DeadlineBreached, row, row.due_at)


# --- moving -----------------------------------------------------------------------------------------


def extend(
    work: Work,
    subject_kind: str,
    subject_id: str,
    kind: str,
    working_days: int,
    reason: str,
    requested_by: str,
) -> Deadline:
    """Move a due date later by working days. The actor approves; whoever asked for it cannot.

    Raises Forbidden, Invalid (``bad_extension``), NotFound (``deadline_not_found``), Conflict
    (``deadline_over``: met, dropped or already run out; a breach cannot be extended away).
    """
    work.actor.require(Permission.COMPLAINT_EXTEND_DEADLINE)
    must_differ(requested_by, work.actor.id)
    if not 1 <= working_days <= rules.MOST_EXTENSION_DAYS:
        message = f"一次最多延 {rules.MOST_EXTENSION_DAYS} 个工作日，最少 1 个。"
        raise Invalid("bad_extension", message, fields={"working_days": message})
    if not reason.strip():
        raise Invalid("bad_extension", "请写明延期的理由。", fields={"reason": "请写明延期的理由"})
    row = store.latest(work.session, subject_kind, subject_id, kind, lock=True)
    if row is None:
        raise NotFound("deadline_not_found", f"没有「{kind_name(kind)}」这个期限。")
    if not row.clock.open or row.paused_at is not None:
        raise Conflict("deadline_over", "这个期限已经不在计时，不能延期。")
    if work.now > row.due_at:
        raise Conflict("deadline_over", "这个期限已经过了，不能再延期。请先处理，并写明逾期原因。")
    wall_clock = to_shanghai(row.due_at).time()
    new = calendar(work.session).add_working_days(row.due_at, working_days, wall_clock).due
    _move(
        work,
        row,
        new,
        why="extended",
        reason=reason.strip(),
        working_days=working_days,
        requested_by=requested_by,
        by=work.actor.id,
        by_name=work.actor.name,
    )
    return row


def pause(work: Work, subject_kind: str, subject_id: str, reason: str) -> list[Deadline]:
    """Stop the clocks of everything still owed (waiting for the customer, or for a test). Run-out ones go on.

    Raises Invalid (``reason_missing``), Conflict (``nothing_to_pause``, ``already_paused``).
    """
    if not reason.strip():
        raise Invalid("reason_missing", "请写明为什么暂停计时。", fields={"reason": "请写明原因"})
    rows = _open_rows(work, subject_kind, subject_id)
    if any(row.paused_at is not None for row in rows):
        raise Conflict("already_paused", "计时已经停了，不用再停。")
    for row in rows:
        _notice_breach(work, row)
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
    """Start the stopped clocks again: what was left is left again. Raises Conflict (``not_paused``)."""
    rows = [row for row in _open_rows(work, subject_kind, subject_id) if row.paused_at is not None]
    if not rows:
        raise Conflict("not_paused", "计时没有停，不用恢复。")
    days = calendar(work.session)
    for row in rows:
        paused_at = row.paused_at
        assert paused_at is not None
        unit = regimes.rule_from(row.explanation).unit
        new = resumed_due(row.due_at, paused_at, work.now, unit, days)
        row.paused_at = None
        _move(
            work,
            row,
            new,
            why="resumed",
            reason=str(row.explanation.get("pause_reason", "")),
            paused_at=paused_at.isoformat(),
            paused_text=zh_duration(work.now - paused_at),
        )
    return rows


def _move(work: Work, row: Deadline, new: datetime, *, why: str, **detail: Any) -> None:
    """Set a new due instant: explained in the row, journalled, announced. The warning keeps its distance."""
    old = row.due_at
    row.due_at = new
    row.near_at = min(row.near_at + (new - old), new)
    if row.neared_at is not None and work.now < row.near_at:
        row.neared_at = None  # near again later: that is a new notice
    row.explanation = row.explanation | {
        "moves": [
            *row.explanation.get("moves", []),
            {
                "why": why,
                "old": old.isoformat(),
                "new": new.isoformat(),
                "at": work.now.isoformat(),
                **detail,
            },
        ],
    }
    row.next_check_at = rules.next_check(row.clock)
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
    work.record(
        DeadlineMoved(
            at=work.now,
            subject_kind=row.subject_kind,
            subject_id=row.subject_id,
            kind=row.kind,
            why=why,
            old_due_at=old,
            due_at=new,
        )
    )
