"""Every query about regimes, official years and running deadlines."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, Subquery, and_, or_, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, select

from backend.deadlines.tables import (
    BreachCause,
    CalendarChange,
    Deadline,
    DeadlineCall,
    DeadlineNotice,
    OfficialYear,
    RegimeDraft,
    RegimeVersion,
)
from backend.kernel.clock import SHANGHAI


def regime_at(session: Session, key: str, day: date) -> RegimeVersion | None:
    """The newest version valid on a Shanghai day."""
    return session.exec(
        select(RegimeVersion)
        .where(
            RegimeVersion.key == key,
            col(RegimeVersion.valid_from) <= day,
            or_(col(RegimeVersion.valid_to).is_(None), col(RegimeVersion.valid_to) >= day),
        )
        .order_by(col(RegimeVersion.version).desc())
        .limit(1)
    ).first()


def newest(session: Session, key: str) -> RegimeVersion | None:
    """The newest version, in force or not."""
    return session.exec(
        select(RegimeVersion).where(RegimeVersion.key == key).order_by(col(RegimeVersion.version).desc()).limit(1)
    ).first()


def regime_version(session: Session, key: str, version: int) -> RegimeVersion | None:
    return session.exec(
        select(RegimeVersion).where(RegimeVersion.key == key, RegimeVersion.version == version)
    ).first()


def regime_by_id(session: Session, version_id: str) -> RegimeVersion | None:
    return session.get(RegimeVersion, version_id)


def regimes(session: Session) -> list[RegimeVersion]:
    return list(
        session.exec(
            select(RegimeVersion).order_by(col(RegimeVersion.key), col(RegimeVersion.version).desc())
        )
    )


def official_years(session: Session) -> list[OfficialYear]:
    return list(session.exec(select(OfficialYear).order_by(col(OfficialYear.year))))


def year_hashes(session: Session) -> tuple[tuple[int, str], ...]:
    """Which imported years there are, cheaply: the key under which a calendar may be kept."""
    rows = session.exec(select(OfficialYear.year, OfficialYear.sha256).order_by(col(OfficialYear.year)))
    return tuple((year, sha256) for year, sha256 in rows)


def by_id(session: Session, deadline_id: str) -> Deadline | None:
    return session.get(Deadline, deadline_id)


def of_subject(session: Session, subject_kind: str, subject_id: str) -> list[Deadline]:
    """All deadlines of a subject, the earliest due first; of a kind that ran twice, both."""
    return list(
        session.exec(
            select(Deadline)
            .where(Deadline.subject_kind == subject_kind, Deadline.subject_id == subject_id)
            .order_by(col(Deadline.round), col(Deadline.due_at), col(Deadline.kind))
        )
    )


def of_subjects(
    session: Session, subject_kind: str, subject_ids: list[str], *, brief: bool = False
) -> list[Deadline]:
    """``brief`` leaves the reckoning in the database: it is most of a row, and a list shows none of it."""
    query = (
        select(Deadline)
        .where(Deadline.subject_kind == subject_kind, col(Deadline.subject_id).in_(subject_ids))
        .order_by(col(Deadline.round), col(Deadline.due_at))
    )
    if brief:
        query = query.options(defer(Deadline.explanation), defer(Deadline.schedule))  # type: ignore[arg-type]
    return list(session.exec(query))


def latest(
    session: Session, subject_kind: str, subject_id: str, kind: str, *, lock: bool = False
) -> Deadline | None:
    """The current round of one kind; ``lock`` holds the row until the transaction ends (PostgreSQL)."""
    query = (
        select(Deadline)
        .where(
            Deadline.subject_kind == subject_kind, Deadline.subject_id == subject_id, Deadline.kind == kind
        )
        .order_by(col(Deadline.round).desc())
        .limit(1)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def lock_subject(session: Session, subject_kind: str, subject_id: str) -> None:
    session.exec(
        select(Deadline.id)
        .where(Deadline.subject_kind == subject_kind, Deadline.subject_id == subject_id)
        .order_by(col(Deadline.id))
        .with_for_update()
    ).all()


def open_of(session: Session, subject_kind: str, subject_id: str) -> list[Deadline]:
    """What a subject still owes, held until the transaction ends."""
    kinds = {row.kind for row in of_subject(session, subject_kind, subject_id)}
    rows = (latest(session, subject_kind, subject_id, kind, lock=True) for kind in sorted(kinds))
    return [row for row in rows if row is not None and row.clock.open]


def wakeable(
    session: Session, now: datetime, limit: int, after: tuple[datetime, str] | None = None
) -> list[tuple[str, datetime]]:
    """Ids of rows to look at, those waiting longest first, beyond ``after``: a row that fails bars nobody's way."""
    query = select(Deadline.id, Deadline.next_check_at).where(col(Deadline.next_check_at) <= now)
    if after is not None:
        query = query.where(
            or_(
                col(Deadline.next_check_at) > after[0],
                and_(col(Deadline.next_check_at) == after[0], col(Deadline.id) > after[1]),
            )
        )
    rows = session.exec(query.order_by(col(Deadline.next_check_at), col(Deadline.id)).limit(limit))
    return [(deadline_id, seen) for deadline_id, seen in rows if seen is not None]


def claim(session: Session, ids: Sequence[str], now: datetime) -> list[Deadline]:
    """Those rows that still want looking at and that nobody else holds (SKIP LOCKED on PostgreSQL)."""
    return list(
        session.exec(
            select(Deadline)
            .where(col(Deadline.id).in_(ids), col(Deadline.next_check_at) <= now)
            .order_by(col(Deadline.id))
            .with_for_update(skip_locked=True)
        )
    )


def compare_and_set(session: Session, deadline_id: str, seen: datetime, values: dict[str, Any]) -> bool:
    """Write ``values`` unless somebody met, moved or noticed the row since; of two writers one wins."""
    result = session.execute(
        update(Deadline)
        .where(
            col(Deadline.id) == deadline_id,
            col(Deadline.next_check_at) == seen,
            col(Deadline.met_at).is_(None),
            col(Deadline.dropped_at).is_(None),
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def touched_by(session: Session, year: int) -> list[Deadline]:
    """Running deadlines that a new calendar year may touch; a notice reaches a few days over both ends."""
    first = datetime(year, 1, 1, tzinfo=SHANGHAI) - timedelta(days=15)
    last = datetime(year + 1, 1, 1, tzinfo=SHANGHAI) + timedelta(days=15)
    return list(
        session.exec(
            select(Deadline)
            .where(
                col(Deadline.met_at).is_(None),
                col(Deadline.dropped_at).is_(None),
                or_(col(Deadline.legal_due_at) >= first, col(Deadline.provisional).is_(True)),
                col(Deadline.starts_at) < last,
            )
            .order_by(col(Deadline.id))
            .with_for_update()
        )
    )


def running_under(session: Session, version_ids: Sequence[str]) -> list[Deadline]:
    """Open deadlines that go by these regime versions, held until the transaction ends."""
    return list(
        session.exec(
            select(Deadline)
            .where(
                col(Deadline.regime_version_id).in_(version_ids),
                col(Deadline.met_at).is_(None),
                col(Deadline.dropped_at).is_(None),
            )
            .order_by(col(Deadline.id))
            .with_for_update()
        )
    )


def count_running(session: Session, version_ids: Sequence[str]) -> dict[str, int]:
    rows = session.exec(
        select(Deadline.regime_version_id, func.count())
        .where(
            col(Deadline.regime_version_id).in_(version_ids),
            col(Deadline.met_at).is_(None),
            col(Deadline.dropped_at).is_(None),
        )
        .group_by(Deadline.regime_version_id)
    )
    return dict(rows.all())


# --- who was told, and why time ran out ------------------------------------------------------------------


def notices(session: Session, deadline_id: str) -> list[DeadlineNotice]:
    return list(
        session.exec(
            select(DeadlineNotice)
            .where(DeadlineNotice.deadline_id == deadline_id)
            .order_by(col(DeadlineNotice.at), col(DeadlineNotice.point))
        )
    )


def called(session: Session, deadline_id: str, due_at: datetime, level: int) -> set[str]:
    return set(
        session.exec(
            select(DeadlineCall.staff_id).where(
                DeadlineCall.deadline_id == deadline_id,
                DeadlineCall.due_at == due_at,
                DeadlineCall.level == level,
            )
        )
    )


def calls_of_subject(session: Session, subject_kind: str, subject_id: str) -> list[DeadlineCall]:
    return list(
        session.exec(
            select(DeadlineCall)
            .where(DeadlineCall.subject_kind == subject_kind, DeadlineCall.subject_id == subject_id)
            .order_by(col(DeadlineCall.at), col(DeadlineCall.level), col(DeadlineCall.staff_id))
        )
    )


def unseen_calls(session: Session, staff_id: str, limit: int) -> list[DeadlineCall]:
    return list(
        session.exec(
            select(DeadlineCall)
            .where(DeadlineCall.staff_id == staff_id, col(DeadlineCall.seen_at).is_(None))
            .order_by(col(DeadlineCall.at).desc())
            .limit(limit)
        )
    )


def unseen_counts(session: Session) -> dict[str, int]:
    rows = session.exec(
        select(DeadlineCall.staff_id, func.count())
        .where(col(DeadlineCall.seen_at).is_(None))
        .group_by(DeadlineCall.staff_id)
    )
    return dict(rows.all())


def see_calls(session: Session, staff_id: str, subject_kind: str, subject_id: str, now: datetime) -> None:
    session.execute(
        update(DeadlineCall)
        .where(
            col(DeadlineCall.staff_id) == staff_id,
            col(DeadlineCall.subject_kind) == subject_kind,
            col(DeadlineCall.subject_id) == subject_id,
            col(DeadlineCall.seen_at).is_(None),
        )
        .values(seen_at=now)
    )


def causes(session: Session, deadline_ids: Sequence[str]) -> dict[str, BreachCause]:
    """The newest cause of each."""
    rows = session.exec(
        select(BreachCause)
        .where(col(BreachCause.deadline_id).in_(deadline_ids))
        .order_by(col(BreachCause.recorded_at), col(BreachCause.id))
    )
    return {row.deadline_id: row for row in rows}


# --- drafts of regimes, changes of the calendar -----------------------------------------------------------


def draft(session: Session, draft_id: str, *, lock: bool = False) -> RegimeDraft | None:
    query = select(RegimeDraft).where(RegimeDraft.id == draft_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def drafts(session: Session, key: str | None = None) -> list[RegimeDraft]:
    query = select(RegimeDraft).order_by(col(RegimeDraft.drafted_at).desc())
    if key is not None:
        query = query.where(RegimeDraft.key == key)
    return list(session.exec(query))


def change(session: Session, change_id: str, *, lock: bool = False) -> CalendarChange | None:
    query = select(CalendarChange).where(CalendarChange.id == change_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def changes(session: Session, *states: str) -> list[CalendarChange]:
    query = select(CalendarChange).order_by(col(CalendarChange.proposed_at), col(CalendarChange.id))
    if states:
        query = query.where(col(CalendarChange.state).in_(states))
    return list(session.exec(query))


def approved_changes(session: Session) -> tuple[str, ...]:
    """Which changes are in force, cheaply: the key under which a calendar may be kept."""
    return tuple(
        session.exec(
            select(CalendarChange.id)
            .where(CalendarChange.state == "approved", CalendarChange.kind != "year")
            .order_by(col(CalendarChange.decided_at), col(CalendarChange.id))
        )
    )


def next_due(subject_kind: str) -> Subquery:
    """For joining: each subject's next due instant among what is still owed (columns subject_id, due_at)."""
    return (
        select(col(Deadline.subject_id).label("subject_id"), func.min(Deadline.due_at).label("due_at"))
        .where(
            Deadline.subject_kind == subject_kind,
            col(Deadline.met_at).is_(None),
            col(Deadline.dropped_at).is_(None),
        )
        .group_by(col(Deadline.subject_id))
        .subquery()
    )


def overdue_subjects(subject_kind: str, now: datetime) -> ScalarSelect[str]:
    """For filtering: ids of subjects with a deadline that has run out and is not met."""
    return _subjects(subject_kind, col(Deadline.due_at) < now)


def subjects_due(subject_kind: str, since: datetime, until: datetime) -> ScalarSelect[str]:
    """For filtering: ids of subjects with something owed in [since, until)."""
    return _subjects(subject_kind, and_(col(Deadline.due_at) >= since, col(Deadline.due_at) < until))


def _subjects(subject_kind: str, condition: Any) -> ScalarSelect[str]:
    return (
        select(Deadline.subject_id)
        .where(
            Deadline.subject_kind == subject_kind,
            col(Deadline.met_at).is_(None),
            col(Deadline.dropped_at).is_(None),
            col(Deadline.paused_at).is_(None),
            condition,
        )
        .scalar_subquery()
    )
