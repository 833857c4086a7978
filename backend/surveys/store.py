"""Every query about surveys."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from backend.surveys.tables import HandlingRating, Invitation, SatisfactionFact, SurveyVersion


def newest(session: Session, key: str) -> SurveyVersion | None:
    """The version that new invitations use."""
    return session.exec(
        select(SurveyVersion).where(SurveyVersion.key == key).order_by(col(SurveyVersion.version).desc()).limit(1)
    ).first()


def numbered(session: Session, key: str, number: int) -> SurveyVersion | None:
    return session.exec(
        select(SurveyVersion).where(SurveyVersion.key == key, SurveyVersion.version == number)
    ).first()


def version(session: Session, version_id: str) -> SurveyVersion | None:
    return session.get(SurveyVersion, version_id)


def invitation(session: Session, invitation_id: str) -> Invitation | None:
    return session.get(Invitation, invitation_id)


def of_conversation(session: Session, conversation_id: str) -> Invitation | None:
    return session.exec(select(Invitation).where(Invitation.conversation_id == conversation_id)).first()


def locked_by_token(session: Session, token_hash: str) -> Invitation | None:
    """The invitation under lock until the transaction ends, so that two answers come one after the other."""
    return session.exec(
        select(Invitation).where(Invitation.token_hash == token_hash)
        .with_for_update().execution_options(populate_existing=True)
    ).first()


def fact_of(session: Session, invitation_id: str) -> SatisfactionFact | None:
    return session.exec(select(SatisfactionFact).where(SatisfactionFact.invitation_id == invitation_id)).first()


def facts_of(session: Session, conversation_ids: Sequence[str]) -> Sequence[SatisfactionFact]:
    """Answers about any of these conversations, newest first."""
    return session.exec(
        select(SatisfactionFact).join(Invitation, col(Invitation.id) == col(SatisfactionFact.invitation_id))
        .where(col(Invitation.conversation_id).in_(conversation_ids)).order_by(col(SatisfactionFact.answered_at).desc())
    ).all()


def handling_of(session: Session, complaint_id: str, *, lock: bool = False) -> HandlingRating | None:
    """How the handling of a complaint was rated, or may be; ``lock`` holds the row until the transaction ends."""
    query = select(HandlingRating).where(HandlingRating.complaint_id == complaint_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()
