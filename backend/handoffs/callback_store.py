"""Every query about messages left and calls asked for."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text, update
from sqlmodel import Session, col, select

from backend.handoffs.routing_tables import Callback

ASKING = ("asking_text", "asking_contact")
OPEN = ("open", "taken")


def question(session: Session, conversation_id: str, *, lock: bool = False) -> Callback | None:
    """What the customer is being asked in this conversation, if anything."""
    query = select(Callback).where(Callback.conversation_id == conversation_id, col(Callback.state).in_(ASKING))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def drop_question(session: Session, conversation_id: str) -> None:
    session.execute(
        update(Callback).where(col(Callback.conversation_id) == conversation_id, col(Callback.state).in_(ASKING))
        .values(state="cancelled"))


def locked(session: Session, callback_id: str) -> Callback | None:
    return session.exec(
        select(Callback).where(Callback.id == callback_id).with_for_update().execution_options(populate_existing=True)
    ).first()


def still_open(session: Session) -> Sequence[Callback]:
    return session.exec(
        select(Callback).where(col(Callback.state).in_(OPEN)).order_by(col(Callback.due_at), col(Callback.id))).all()


def due_before(session: Session, before: datetime) -> Sequence[Callback]:
    return session.exec(
        select(Callback).where(col(Callback.state).in_(OPEN), col(Callback.due_at) <= before)
        .order_by(col(Callback.due_at))).all()


def done_since(session: Session, since: datetime, limit: int = 50) -> Sequence[Callback]:
    return session.exec(
        select(Callback).where(Callback.state == "done", col(Callback.done_at) >= since)
        .order_by(col(Callback.done_at).desc()).limit(limit)).all()


def next_running_number(session: Session, day: str) -> int:
    """The day's next number. The row stays locked until commit, so that no two share one."""
    row = session.execute(
        text("INSERT INTO callback_numbers (day, last) VALUES (:day, 1) "
             "ON CONFLICT (day) DO UPDATE SET last = callback_numbers.last + 1 RETURNING last"), {"day": day})
    return int(row.scalar_one())


