"""Every query about regimes, official years and running deadlines."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, Subquery, and_, or_, update
from sqlmodel import Session, col, func, select

from backend.deadlines.tables import Deadline, OfficialYear, RegimeVersion
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
    ).first()


def newest(session: Session, key: str) -> RegimeVersion | None:
    """The newest version, in force or not."""
    return session.exec(
        select(RegimeVersion).where(RegimeVersion.key == key).order_by(col(RegimeVersion.version).desc())
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


def of_subject(session: Session, subject_kind: str, subject_id: str) -> list[Deadline]:
    """All deadlines of a subject, the earliest due first; of a kind that ran twice, both."""
    return list(
        session.exec(
            select(Deadline)
            .where(Deadline.subject_kind == subject_kind, Deadline.subject_id == subject_id)
            .order_by(col(Deadline.round), col(Deadline.due_at), col(Deadline.kind))
        )
    )


def of_subjects(session: Session, subject_kind: str, subject_ids: list[str]) -> list[Deadline]:
    return list(
        session.exec(
            select(Deadline)
            .where(Deadline.subject_kind == subject_kind, col(Deadline.subject_id).in_(subject_ids))
            .order_by(col(Deadline.round), col(Deadline.due_at))
        )
    )


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


def wakeable(session: Session, now: datetime, limit: int) -> list[tuple[str, datetime]]:
    """Ids of rows to look at, with the wake-up time seen: what a claim compares against."""
    rows = session.exec(
        select(Deadline.id, Deadline.next_check_at)
        .where(col(Deadline.next_check_at) <= now)
        .order_by(col(Deadline.next_check_at))
        .limit(limit)
    )
    return [(deadline_id, seen) for deadline_id, seen in rows if seen is not None]


def claim(session: Session, deadline_id: str, seen: datetime) -> Deadline | None:
    """The row, if it is still as it was seen and nobody else holds it (SKIP LOCKED on PostgreSQL)."""
    return session.exec(
        select(Deadline)
        .where(Deadline.id == deadline_id, Deadline.next_check_at == seen)
        .with_for_update(skip_locked=True)
    ).first()


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
                col(Deadline.legal_due_at) >= first,
                col(Deadline.starts_at) < last,
            )
            .with_for_update()
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
