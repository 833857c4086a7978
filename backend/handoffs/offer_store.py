"""Every query about offers."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from backend.handoffs.routing import Assignment
from backend.handoffs.routing_tables import Offer
from backend.handoffs.tables import Handoff, Presence

# Any number will do, as long as nothing else in the house locks by it.
_ROUTER_LOCK = 6_018_001


def alone(session: Session) -> bool:
    """Whether this transaction is the one that routes now; never waits. SQLite has one writer anyway."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _ROUTER_LOCK}).scalar())


def open_of(session: Session, handoff_id: str) -> Offer | None:
    return session.exec(
        select(Offer).where(Offer.handoff_id == handoff_id, col(Offer.ended_at).is_(None))
        .execution_options(populate_existing=True)
    ).first()


def still_open(session: Session) -> Sequence[Offer]:
    return session.exec(
        select(Offer).where(col(Offer.ended_at).is_(None)).order_by(col(Offer.offered_at), col(Offer.id))
        .execution_options(populate_existing=True)
    ).all()


def hold(session: Session, offer_id: str) -> Offer | None:
    """An open offer under lock; None where somebody is just answering it."""
    return session.exec(
        select(Offer).where(Offer.id == offer_id, col(Offer.ended_at).is_(None))
        .with_for_update(skip_locked=True).execution_options(populate_existing=True)
    ).first()


def open_for(session: Session, staff_id: str, now: datetime) -> Sequence[Offer]:
    return session.exec(
        select(Offer).where(Offer.staff_id == staff_id, col(Offer.ended_at).is_(None), Offer.expires_at > now)
        .order_by(col(Offer.offered_at), col(Offer.id))
    ).all()


def refusals(session: Session) -> dict[Assignment, datetime]:
    """When each waiting customer was last declined or missed, by whom."""
    rows = session.exec(
        select(Offer.handoff_id, Offer.staff_id, func.max(Offer.ended_at))
        .join(Handoff, col(Handoff.id) == Offer.handoff_id)
        .where(col(Handoff.taken_at).is_(None), col(Handoff.ended_at).is_(None),
               col(Offer.result).in_(("declined", "missed")))
        .group_by(col(Offer.handoff_id), col(Offer.staff_id)))
    return {Assignment(handoff_id, staff_id): at for handoff_id, staff_id, at in rows if at is not None}


def hold_waiting(session: Session, handoff_ids: Collection[str]) -> set[str]:
    """Those that still wait, held until the transaction ends; one that somebody is just taking is left out."""
    return set(session.exec(
        select(Handoff.id)
        .where(col(Handoff.id).in_(handoff_ids), col(Handoff.taken_at).is_(None), col(Handoff.ended_at).is_(None))
        .with_for_update(skip_locked=True, key_share=True)
    ))


def hold_presence(session: Session, staff_id: str) -> Presence | None:
    """The person's presence under lock; None where somebody else holds it this moment."""
    return session.exec(
        select(Presence).where(Presence.staff_id == staff_id).with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).first()
