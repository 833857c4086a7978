"""Use cases of deadlines: start, meet, drop; moving, explaining, noticing and regimes stand in modules of their own."""

from datetime import datetime

from backend.deadlines import notices, regimes, rules, schedule, store
from backend.deadlines.calls import calls_of, seen, tell, waiting_for
from backend.deadlines.causes import (
    causes_of,
    no_open_breach,
    record_cause,
    require_causes,
    unexplained,
    without_cause,
)
from backend.deadlines.changes import import_year
from backend.deadlines.events import DeadlineEnded
from backend.deadlines.moving import extend, pause, resume, resume_one
from backend.deadlines.planning import compute
from backend.deadlines.regimes import DEFAULT as DEFAULT_REGIME
from backend.deadlines.regimes import effective, seed
from backend.deadlines.rules import BREACH_CAUSES, MET, kind_name
from backend.deadlines.sweep import sweep
from backend.deadlines.tables import Deadline, RegimeVersion
from backend.deadlines.views import (
    brief,
    briefs_of_many,
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
from backend.deadlines.years import calendar, calendar_over, year, year_info
from backend.infra.work import Work
from backend.kernel.clock import shanghai_date
from backend.kernel.deadlines import compute_due
from backend.kernel.errors import Conflict
from backend.kernel.ids import new_id

__all__ = [
    "BREACH_CAUSES",
    "DEFAULT_REGIME",
    "Deadline",
    "brief",
    "briefs_of_many",
    "calendar",
    "calendar_over",
    "calls_of",
    "causes_of",
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
    "no_open_breach",
    "of",
    "of_many",
    "overdue",
    "pause",
    "promise_of",
    "promise_words",
    "record_cause",
    "require_causes",
    "resume",
    "rule_words",
    "seed",
    "seen",
    "start",
    "start_all",
    "state_of",
    "sweep",
    "tell",
    "unexplained",
    "waiting_for",
    "without_cause",
    "year",
    "year_info",
]


# --- starting ---------------------------------------------------------------------------------------


def start(
    work: Work,
    subject_kind: str,
    subject_id: str,
    kind: str,
    regime_key: str,
    stage: str,
    unit: str | None = None,
) -> Deadline:
    """Start one clock now, by the rule of ``stage`` in the regime's version that is valid today.

    ``unit`` (a skill group) goes by that group's own hours. A kind that ran before and is over starts its next
    round; one still running is refused (Conflict ``deadline_running``). Raises NotFound (``regime_not_found``,
    ``rule_not_found``).
    """
    version = regimes.effective(work.session, regime_key, shanghai_date(work.now))
    return _start(work, subject_kind, subject_id, kind, version, stage, unit)


def _start(
    work: Work,
    subject_kind: str,
    subject_id: str,
    kind: str,
    version: RegimeVersion,
    stage: str,
    unit: str | None,
) -> Deadline:
    rule = regimes.rule_of(version, stage)
    before = store.latest(work.session, subject_kind, subject_id, kind)
    if before is not None and before.clock.open:
        raise Conflict("deadline_running", f"「{kind_name(kind)}」的期限已经在计时，不用再开始。")
    days = calendar(work.session, unit)
    dates = compute_due(rule, work.now, days)
    due = rules.due_of(kind, dates)
    near_at, points = schedule.plan(rule, work.now, due, days)
    row = Deadline(
        id=new_id(),
        subject_kind=subject_kind,
        subject_id=subject_id,
        kind=kind,
        round=before.round + 1 if before else 1,
        regime_version_id=version.id,
        starts_at=work.now,
        due_at=due,
        legal_due_at=dates.legal_due,
        near_at=near_at,
        provisional=dates.provisional,
        unit=unit,
        schedule=schedule.write(points),
        explanation=dates.as_dict()
        | {
            "rule": rule.as_dict(),
            "regime": version.title,
            "version": version.version,
            "source": version.source,
            "moves": [],
        },
    )
    row.next_check_at = schedule.wake(row.clock, points)
    work.session.add(row)
    work.flush()
    return row


def start_all(
    work: Work, subject_kind: str, subject_id: str, regime_key: str, event: str, unit: str | None = None
) -> list[Deadline]:
    """Start every rule of the regime that this event starts; the stage's name is the deadline's kind."""
    version = regimes.effective(work.session, regime_key, shanghai_date(work.now))
    return _start_stages(work, subject_kind, subject_id, version, event, unit)


def _start_stages(
    work: Work, subject_kind: str, subject_id: str, version: RegimeVersion, event: str, unit: str | None
) -> list[Deadline]:
    stages = [rule["stage"] for rule in version.rules if rule.get("start", "filed") == event]
    rows = [_start(work, subject_kind, subject_id, stage, version, stage, unit) for stage in stages]
    promise = next((row for row in rows if row.kind == rules.PROMISE), None)
    if promise is not None:
        for row in rows:
            if row.due_at > promise.due_at:
                _no_later_than(work, row, promise.due_at)
    return rows


def _no_later_than(work: Work, row: Deadline, promised: datetime) -> None:
    """A holiday may carry working days past a promise in calendar days: what comes before it is due by it."""
    rule = regimes.rule_from(row.explanation)
    row.due_at = promised
    row.near_at, points = schedule.plan(rule, row.starts_at, promised, calendar(work.session, row.unit))
    row.schedule = schedule.write(points)
    row.next_check_at = schedule.wake(row.clock, points)
    row.explanation = row.explanation | {"capped": True}
    work.session.add(row)


# --- ending -----------------------------------------------------------------------------------------


def meet(work: Work, subject_kind: str, subject_id: str, kind: str) -> Deadline | None:
    """The promised thing was done now. Nothing to meet, or met before: harmless, gives None.

    Done after time ran out, it stays breached; where the sweep had not noticed yet, this does. Clocks that
    start when this stage is done start now, by the version that this one goes by.
    """
    row = store.latest(work.session, subject_kind, subject_id, kind, lock=True)
    if row is None or not row.clock.open:
        return None
    _end(work, row, "met")
    version = store.regime_by_id(work.session, row.regime_version_id)
    if version is not None:
        _start_stages(work, subject_kind, subject_id, version, f"{MET}{kind}", row.unit)
    return row


def drop(work: Work, subject_kind: str, subject_id: str) -> None:
    """Nothing is owed any more (the customer withdrew). What had run out before stays breached."""
    for row in store.open_of(work.session, subject_kind, subject_id):
        _end(work, row, "dropped")


def _end(work: Work, row: Deadline, how: str) -> None:
    resume_one(work, row)
    notices.notice_breach(work, row)
    # A wall clock that was set back must not make the end come before the beginning.
    ended = max(work.now, row.starts_at)
    if how == "met":
        row.met_at = ended
    else:
        row.dropped_at = ended
    row.next_check_at = None
    work.session.add(row)
    work.flush()
    work.record(
        DeadlineEnded(
            at=ended,
            subject_kind=row.subject_kind,
            subject_id=row.subject_id,
            kind=row.kind,
            due_at=row.due_at,
            how=how,
            late=ended > row.due_at,
        )
    )


def hold(work: Work, subject_kind: str, subject_id: str) -> None:
    """Lock a subject's deadlines until the transaction ends.

    Whoever is going to lock the subject's own row too does this first: the sweep takes a deadline and then
    writes to its subject, and two orders of locking would end in a deadlock.
    """
    store.lock_subject(work.session, subject_kind, subject_id)
