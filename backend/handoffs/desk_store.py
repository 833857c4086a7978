"""Every query about what the desk keeps beside a handoff."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from backend.handoffs.desk_tables import Consultation, ConversationTag, FollowUp, IntentCorrection
from backend.handoffs.tables import Handoff


def consultation(session: Session, consultation_id: str, *, lock: bool = False) -> Consultation | None:
    query = select(Consultation).where(Consultation.id == consultation_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def open_consultation(session: Session, conversation_id: str, asked_id: str) -> Consultation | None:
    return session.exec(select(Consultation).where(
        Consultation.conversation_id == conversation_id, Consultation.asked_id == asked_id,
        col(Consultation.ended_at).is_(None))).first()


def consultations_of(session: Session, conversation_id: str) -> Sequence[Consultation]:
    """Open ones about a conversation."""
    return session.exec(select(Consultation).where(
        Consultation.conversation_id == conversation_id, col(Consultation.ended_at).is_(None))
        .order_by(col(Consultation.asked_at))).all()


def asked_of(session: Session, staff_id: str) -> Sequence[Consultation]:
    """What colleagues ask this person now, the oldest first."""
    return session.exec(select(Consultation).where(
        Consultation.asked_id == staff_id, col(Consultation.ended_at).is_(None))
        .order_by(col(Consultation.asked_at))).all()


def follow_up(session: Session, follow_up_id: str, *, lock: bool = False) -> FollowUp | None:
    query = select(FollowUp).where(FollowUp.id == follow_up_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def to_do(session: Session, owner_id: str, limit: int = 50) -> Sequence[FollowUp]:
    """What a person still has to do, the most urgent first."""
    return session.exec(select(FollowUp).where(FollowUp.owner_id == owner_id, col(FollowUp.done_at).is_(None))
                        .order_by(col(FollowUp.due_at), col(FollowUp.id)).limit(limit)).all()


def promised_to(session: Session, customer_id: str, limit: int = 5) -> Sequence[FollowUp]:
    """What was promised to a customer, open ones first, then the newest done."""
    return session.exec(select(FollowUp).where(FollowUp.customer_id == customer_id)
                        .order_by(col(FollowUp.done_at).is_not(None), col(FollowUp.due_at).desc()).limit(limit)).all()


def tags_of(session: Session, conversation_id: str) -> Sequence[ConversationTag]:
    return session.exec(select(ConversationTag).where(ConversationTag.conversation_id == conversation_id)
                        .order_by(col(ConversationTag.tag))).all()


def correction_of(session: Session, message_id: str) -> IntentCorrection | None:
    return session.exec(select(IntentCorrection).where(IntentCorrection.message_id == message_id)).first()


def correction(session: Session, correction_id: str, *, lock: bool = False) -> IntentCorrection | None:
    query = select(IntentCorrection).where(IntentCorrection.id == correction_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def corrections(session: Session, states: Collection[str], limit: int = 500) -> Sequence[IntentCorrection]:
    """The newest first."""
    return session.exec(select(IntentCorrection).where(col(IntentCorrection.state).in_(states))
                        .order_by(col(IntentCorrection.corrected_at).desc(), col(IntentCorrection.id)).limit(limit)).all()


def correction_counts(session: Session) -> dict[str, int]:
    rows = session.exec(select(IntentCorrection.state, func.count()).group_by(IntentCorrection.state)).all()
    return dict(rows)


def confusions(session: Session, since: datetime) -> list[tuple[str | None, str, int]]:
    """What the bot took for what, the most frequent first; dropped corrections do not count."""
    rows = session.exec(
        select(IntentCorrection.bot_intent, IntentCorrection.right_intent, func.count())
        .where(IntentCorrection.corrected_at >= since, IntentCorrection.state != "dropped")
        .group_by(IntentCorrection.bot_intent, IntentCorrection.right_intent)
    ).all()
    return sorted(((bot, right, count) for bot, right, count in rows), key=lambda one: (-one[2], one[1]))


def asked_since(session: Session, since: datetime) -> Sequence[Handoff]:
    """Every wish for a person since an instant, oldest first."""
    return session.exec(select(Handoff).where(Handoff.requested_at >= since)
                        .order_by(col(Handoff.requested_at))).all()
