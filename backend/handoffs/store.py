"""Every query about handoffs and presence."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from backend.handoffs.rules import Waiting
from backend.handoffs.tables import Handoff, Presence


def open_of(session: Session, conversation_id: str, *, lock: bool = False) -> Handoff | None:
    """The handoff under way in a conversation; with ``lock``, held and read afresh."""
    query = select(Handoff).where(Handoff.conversation_id == conversation_id, col(Handoff.ended_at).is_(None))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def by_id(session: Session, handoff_id: str) -> Handoff | None:
    return session.get(Handoff, handoff_id)


def latest_of(session: Session, conversation_id: str) -> Handoff | None:
    return session.exec(
        select(Handoff).where(Handoff.conversation_id == conversation_id)
        .order_by(col(Handoff.requested_at).desc(), col(Handoff.id)).limit(1)
    ).first()


def waiting(session: Session) -> Sequence[Handoff]:
    """Everybody in the queue."""
    return session.exec(
        select(Handoff).where(col(Handoff.taken_at).is_(None), col(Handoff.ended_at).is_(None))
        .order_by(col(Handoff.priority).desc(), col(Handoff.requested_at))
    ).all()


def places(session: Session) -> list[tuple[Waiting, str]]:
    """The queue as the router and the queue's words need it, each with its conversation: nothing is decrypted."""
    rows = session.execute(
        select(Handoff.id, Handoff.skill_group, Handoff.priority, Handoff.requested_at, Handoff.preferred_id,  # type: ignore[call-overload]
               Handoff.last_agent_id, Handoff.language, Handoff.kind, Handoff.weight, Handoff.conversation_id)
        .where(col(Handoff.taken_at).is_(None), col(Handoff.ended_at).is_(None))
    )
    return [(Waiting(*row[:9]), row[9]) for row in rows]


def anybody_waiting(session: Session) -> bool:
    return session.exec(
        select(Handoff.id).where(col(Handoff.taken_at).is_(None), col(Handoff.ended_at).is_(None)).limit(1)
    ).first() is not None


def held_by(session: Session, staff_id: str) -> Sequence[Handoff]:
    return session.exec(
        select(Handoff).where(Handoff.taken_by == staff_id, col(Handoff.ended_at).is_(None))
        .order_by(col(Handoff.taken_at))
    ).all()


def held(session: Session) -> Sequence[Handoff]:
    """Everything that a person holds now."""
    return session.exec(
        select(Handoff).where(col(Handoff.taken_at).is_not(None), col(Handoff.ended_at).is_(None))
    ).all()


def loads(session: Session) -> dict[str, int]:
    """How many conversations each person holds."""
    rows = session.exec(
        select(Handoff.taken_by, func.count()).where(col(Handoff.taken_by).is_not(None), col(Handoff.ended_at).is_(None))
        .group_by(col(Handoff.taken_by))
    )
    return {staff_id: count for staff_id, count in rows if staff_id}


def claim(session: Session, handoff_id: str, staff_id: str, now: datetime) -> bool:
    """Compare-and-set: of two people one wins."""
    result = session.execute(
        update(Handoff)
        .where(col(Handoff.id) == handoff_id, col(Handoff.taken_at).is_(None), col(Handoff.ended_at).is_(None))
        .values(taken_at=now, taken_by=staff_id)
    )
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def served(session: Session, conversation_ids: Collection[str], limit: int = 3) -> Sequence[Handoff]:
    """The latest times that a person took one of these conversations, the newest first."""
    return session.exec(
        select(Handoff).where(col(Handoff.taken_at).is_not(None), col(Handoff.conversation_id).in_(conversation_ids))
        .order_by(col(Handoff.taken_at).desc(), col(Handoff.id)).limit(limit)
    ).all()


def recent_handling(session: Session, now: datetime, hours: int = 24, limit: int = 50) -> list[float]:
    """Seconds that the latest handled conversations took, from taking to end."""
    rows = session.exec(
        select(Handoff.taken_at, Handoff.ended_at)
        .where(col(Handoff.ended_at) > now - timedelta(hours=hours), col(Handoff.taken_at).is_not(None))
        .order_by(col(Handoff.ended_at).desc()).limit(limit)
    ).all()
    return [(ended - taken).total_seconds() for taken, ended in rows if taken and ended]


def promised_and_waited(session: Session, since: datetime, until: datetime) -> list[tuple[float, float]]:
    """The wait that was told and the one that came of it, of everybody taken in this time."""
    rows = session.exec(
        select(Handoff.eta_seconds, Handoff.requested_at, Handoff.taken_at)
        .where(col(Handoff.eta_seconds).is_not(None), col(Handoff.taken_at) >= since, col(Handoff.taken_at) < until)
    ).all()
    return [(float(eta), (taken - requested).total_seconds()) for eta, requested, taken in rows
            if eta is not None and taken is not None]


def presence(session: Session, staff_id: str, *, lock: bool = False) -> Presence | None:
    query = select(Presence).where(Presence.staff_id == staff_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def presences(session: Session) -> Sequence[Presence]:
    return session.exec(select(Presence)).all()
