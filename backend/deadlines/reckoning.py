"""Reckoning running deadlines again: under a newly published year, or under another version of their regime."""

from datetime import datetime
from typing import Any

from backend.deadlines import notices, rules, schedule, store
from backend.deadlines.events import EscalationDue
from backend.deadlines.moving import Reckoned, moved, reckon
from backend.deadlines.roster import Roster
from backend.deadlines.tables import Deadline, RegimeVersion
from backend.deadlines.years import calendar
from backend.infra.work import Work
from backend.kernel.actors import Permission, Role, must_differ
from backend.kernel.calendar import Calendar
from backend.kernel.deadlines import Rule
from backend.kernel.errors import Conflict, Invalid, NotFound


def under_new_year(work: Work, year: int) -> int:
    """Running deadlines under a year: provisional ones become definite, definite ones move only earlier.

    Returns how many due instants changed. What moves earlier is escalated.
    """
    roster = Roster(work.session)
    return sum(_one(work, row, year, roster) for row in store.touched_by(work.session, year))


def _one(work: Work, row: Deadline, year: int, roster: Roster) -> bool:
    days = calendar(work.session, row.unit)
    rule = Rule.from_dict(row.explanation["rule"])
    found = reckon(rule, row.starts_at, row.explanation.get("moves", []), days)
    old, was_provisional = row.due_at, row.provisional
    new = found.due(row.kind)
    if row.explanation.get("capped") or row.breached_at is not None:
        # Capped by the promise, or run out already: no calendar makes that later.
        new = min(new, old)
    if not was_provisional and new >= old:
        return False
    if row.breached_at is not None:
        new = old
    if new == old and found.provisional == was_provisional:
        return False
    _set(work, row, found, new, rule, days)
    row.explanation = row.explanation | {
        "recomputed": [
            *row.explanation.get("recomputed", []),
            {"year": year, "old": old.isoformat(), "new": new.isoformat(), "at": work.now.isoformat()},
        ],
    }
    _write_down(work, row, "deadline_recomputed", old, year=year)
    moved(work, row, old, "calendar")
    if new < old:
        _tell_of_earlier(work, row, roster)
    return new != old


def _tell_of_earlier(work: Work, row: Deadline, roster: Roster) -> None:
    told = roster.find([Role.MANAGER.value])
    notices.call(work, row, 0, work.now, told)
    work.record(
        EscalationDue(
            at=work.now,
            subject_kind=row.subject_kind,
            subject_id=row.subject_id,
            kind=row.kind,
            due_at=row.due_at,
            deadline_id=row.id,
            level=0,
            words="放假安排公布，期限提前",
            told=told,
            tell_owner=True,
        )
    )


def rebase(
    work: Work, version: RegimeVersion, reason: str, subject_ids: list[str] | None = None
) -> dict[str, int]:
    """Put running deadlines of a regime on another version of it: a decision of its own, never a side effect.

    The decider is not the version's author. A definite promise never becomes later; other dates never become
    later than the promise. Stopped and run-out clocks stay as they are. Returns counts: moved, kept, left.
    Raises Forbidden, Invalid (``reason_missing``), Conflict (``not_in_force``).
    """
    work.actor.require(Permission.REGIME_MANAGE)
    if version.author_id:
        must_differ(version.author_id, work.actor.id)
    if not reason.strip():
        raise Invalid("reason_missing", "请写明为什么让在办的案件改按新版本。", fields={"reason": "请写明原因"})
    if version.valid_from is None:
        raise Conflict("not_in_force", "这个版本只供参照，没有生效，不能套用到在办的案件。")
    others = [
        one.id for one in store.regimes(work.session) if one.key == version.key and one.id != version.id
    ]
    rows = [
        row
        for row in store.running_under(work.session, others)
        if subject_ids is None or row.subject_id in subject_ids
    ]
    counts = {"moved": 0, "kept": 0, "left": 0}
    rows.sort(key=lambda row: row.kind != rules.PROMISE)  # promises first: the others are held by them
    promised: dict[tuple[str, str], datetime] = {}
    for row in rows:
        counts[_rebase_one(work, row, version, reason.strip(), promised)] += 1
    work.journal(
        "deadlines_rebased", "regime", version.key, version=version.version, reason=reason.strip(), **counts
    )
    return counts


def _rebase_one(
    work: Work,
    row: Deadline,
    version: RegimeVersion,
    reason: str,
    promised: dict[tuple[str, str], datetime],
) -> str:
    stage = str(row.explanation["rule"]["stage"])
    data = next((one for one in version.rules if one["stage"] == stage), None)
    if data is None or row.breached_at is not None or row.paused_at is not None or work.now > row.due_at:
        return "left"
    days = calendar(work.session, row.unit)
    rule = Rule.from_dict(data)
    found = reckon(rule, row.starts_at, row.explanation.get("moves", []), days)
    old, new = row.due_at, found.due(row.kind)
    subject = (row.subject_kind, row.subject_id)
    if row.kind == rules.PROMISE:
        if not row.provisional:
            new = min(new, old)
        promised[subject] = new
    elif subject not in promised:
        promise = store.latest(work.session, *subject, rules.PROMISE)
        if promise is not None and promise.clock.open:
            promised[subject] = promise.due_at
    if subject in promised:
        new = min(new, promised[subject])
    if row.kind == rules.PROMISE and not row.provisional and found.provisional:
        found = Reckoned(found.dates, found.legal, found.internal, False)  # what was promised stays promised
    row.regime_version_id = version.id
    before = f"{row.explanation['regime']} v{row.explanation['version']}"
    _set(work, row, found, new, rule, days)
    row.explanation = row.explanation | {
        "rule": rule.as_dict(),
        "regime": version.title,
        "version": version.version,
        "source": version.source,
        "rebased": [
            *row.explanation.get("rebased", []),
            {
                "from": before,
                "to": f"{version.title} v{version.version}",
                "old": old.isoformat(),
                "new": new.isoformat(),
                "at": work.now.isoformat(),
                "reason": reason,
                "by_name": work.actor.name,
            },
        ],
    }
    _write_down(work, row, "deadline_rebased", old, version=version.version)
    if new != old:
        moved(work, row, old, "rebased")
        return "moved"
    return "kept"


def _set(work: Work, row: Deadline, found: Reckoned, new: datetime, rule: Rule, days: Calendar) -> None:
    """The row's new instants. Points told already stay told."""
    pending = schedule.read(row.schedule)
    same_rule = rule == Rule.from_dict(row.explanation["rule"])
    row.due_at = new
    row.legal_due_at = max(found.legal, new) if row.kind == rules.PROMISE else found.legal
    row.provisional = found.provisional
    near_at, points = schedule.plan(rule, row.starts_at, new, days)
    row.near_at = near_at if row.neared_at is None else min(row.near_at, new)
    waiting = {point.name for point in pending}
    told = {notice.point for notice in store.notices(work.session, row.id)}
    points = [
        point for point in points if point.name in waiting or (not same_rule and point.name not in told)
    ]
    row.schedule = schedule.write(points)
    row.explanation = row.explanation | found.dates.as_dict()
    row.next_check_at = schedule.wake(row.clock, points)
    work.session.add(row)


def _write_down(work: Work, row: Deadline, action: str, old: datetime, **detail: Any) -> None:
    work.journal(
        action,
        row.subject_kind,
        row.subject_id,
        kind=row.kind,
        old=old.isoformat(),
        new=row.due_at.isoformat(),
        provisional=row.provisional,
        **detail,
    )


def version_by_id(work: Work, version_id: str) -> RegimeVersion:
    """Raises NotFound (``regime_not_found``)."""
    found = store.regime_by_id(work.session, version_id)
    if found is None:
        raise NotFound("regime_not_found", "没有这个版本的时限规则，请刷新后再选。")
    return found
