"""Every query about connections, spells and how much somebody carries."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, or_, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlmodel import Session, col, func, select

from backend.handoffs.routing import COMPLAINT
from backend.handoffs.routing_tables import DeskConnection, PresenceSpell
from backend.handoffs.rules import RELOADING, SEEN_WITHIN
from backend.handoffs.tables import Handoff
from backend.kernel.ids import new_id


def _alive(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(col(DeskConnection.closed_at).is_(None), col(DeskConnection.seen_at) >= now - SEEN_WITHIN),
        col(DeskConnection.closed_at) >= now - RELOADING,
    )


def connected(session: Session, now: datetime) -> set[str]:
    """Everybody with a live connection."""
    return set(session.exec(select(DeskConnection.staff_id).where(_alive(now)).distinct()))


def is_connected(session: Session, staff_id: str, now: datetime) -> bool:
    return session.exec(
        select(DeskConnection.id).where(DeskConnection.staff_id == staff_id, _alive(now)).limit(1)).first() is not None


def has_pages(session: Session, staff_id: str, now: datetime, besides: str) -> bool:
    """Whether another page of theirs is open."""
    return session.exec(
        select(DeskConnection.id)
        .where(DeskConnection.staff_id == staff_id, DeskConnection.id != besides, col(DeskConnection.closed_at).is_(None),
               DeskConnection.seen_at >= now - SEEN_WITHIN).limit(1)).first() is not None


def touch(session: Session, connection_id: str, staff_id: str, process: str, now: datetime) -> None:
    """Open a connection, or note that it is still there."""
    insert: Any = insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    new = insert(DeskConnection).values(id=connection_id, staff_id=staff_id, process=process, opened_at=now, seen_at=now,
                                        closed_at=None)
    session.execute(new.on_conflict_do_update(index_elements=["id"], set_={
        "seen_at": case((new.excluded.seen_at > col(DeskConnection.seen_at), new.excluded.seen_at),
                        else_=col(DeskConnection.seen_at)),
        "closed_at": None}))


def close_connection(session: Session, connection_id: str, now: datetime) -> bool:
    """Whether it was still open."""
    result: Any = session.execute(
        update(DeskConnection).where(col(DeskConnection.id) == connection_id, col(DeskConnection.closed_at).is_(None))
        .values(closed_at=now))
    return bool(result.rowcount == 1)


def forget_connections(session: Session, before: datetime) -> None:
    session.execute(delete(DeskConnection).where(col(DeskConnection.seen_at) < before))


# --- spells ---------------------------------------------------------------------------------------


def open_spell(session: Session, staff_id: str) -> PresenceSpell | None:
    return session.exec(
        select(PresenceSpell).where(PresenceSpell.staff_id == staff_id, col(PresenceSpell.ended_at).is_(None))).first()


def begin_spell(session: Session, staff_id: str, status: str, reason: str | None, at: datetime) -> PresenceSpell:
    spell = PresenceSpell(id=new_id(), staff_id=staff_id, status=str(status), reason=reason, started_at=at)
    session.add(spell)
    session.flush()
    return spell


def end_spell(session: Session, spell: PresenceSpell, at: datetime) -> None:
    spell.ended_at = max(at, spell.started_at)
    session.add(spell)
    session.flush()


def spells(session: Session, staff_id: str, since: datetime, until: datetime) -> Sequence[PresenceSpell]:
    return session.exec(
        select(PresenceSpell)
        .where(PresenceSpell.staff_id == staff_id, PresenceSpell.started_at < until,
               or_(col(PresenceSpell.ended_at).is_(None), col(PresenceSpell.ended_at) > since))
        .order_by(col(PresenceSpell.started_at))
    ).all()


def silent(session: Session, now: datetime) -> Sequence[str]:
    """People whose spell says that they are there, and of whom no connection is left."""
    alive = select(DeskConnection.staff_id).where(_alive(now))
    return session.exec(
        select(PresenceSpell.staff_id)
        .where(col(PresenceSpell.ended_at).is_(None), PresenceSpell.status != "offline",
               col(PresenceSpell.staff_id).not_in(alive))
    ).all()


# --- what somebody carries ------------------------------------------------------------------------


def loads(session: Session, staff_id: str | None = None, besides: Collection[str] = ()) -> dict[str, tuple[float, float]]:
    """What each person holds, weighed: chats, complaints. ``besides``: handoffs that do not count."""
    query = (select(Handoff.taken_by, Handoff.kind, func.sum(Handoff.weight))
             .where(col(Handoff.taken_by).is_not(None), col(Handoff.ended_at).is_(None))
             .group_by(col(Handoff.taken_by), col(Handoff.kind)))
    if staff_id is not None:
        query = query.where(Handoff.taken_by == staff_id)
    if besides:
        query = query.where(col(Handoff.id).not_in(besides))
    found: dict[str, tuple[float, float]] = {}
    for holder, kind, weight in session.exec(query):
        chats, complaints = found.get(str(holder), (0.0, 0.0))
        found[str(holder)] = (chats, complaints + weight) if kind == COMPLAINT else (chats + weight, complaints)
    return found


def last_busy(session: Session, since: datetime) -> dict[str, datetime]:
    """When each person last took or ended a conversation, as far back as ``since``."""
    rows = session.exec(
        select(Handoff.taken_by, func.max(Handoff.taken_at), func.max(Handoff.ended_at))
        .where(col(Handoff.taken_by).is_not(None), col(Handoff.taken_at) >= since - timedelta(hours=12))
        .group_by(col(Handoff.taken_by)))
    return {str(holder): max(one for one in (taken, ended) if one is not None)
            for holder, taken, ended in rows if taken is not None}
