"""Every query about conversations and their messages."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from backend.conversations.tables import Alert, Attachment, Conversation, Message


def by_id(session: Session, conversation_id: str) -> Conversation | None:
    return session.get(Conversation, conversation_id)


def locked(session: Session, conversation_id: str) -> Conversation | None:
    """The row under lock until the transaction ends (PostgreSQL; SQLite has one writer at a time anyway)."""
    return session.exec(
        select(Conversation).where(Conversation.id == conversation_id)
        .with_for_update().execution_options(populate_existing=True)
    ).first()


def by_client_id(session: Session, conversation_id: str, client_id: str) -> Message | None:
    return session.exec(
        select(Message).where(Message.conversation_id == conversation_id, Message.client_id == client_id)
    ).first()


def messages(session: Session, conversation_id: str, after: int, notes: bool, limit: int = 500) -> Sequence[Message]:
    query = (select(Message).where(Message.conversation_id == conversation_id, Message.seq > after)
             .order_by(col(Message.seq)).limit(limit))
    if not notes:
        query = query.where(Message.sender != "note")
    return session.exec(query).all()


def oldest_pending(session: Session, conversation_id: str) -> Message | None:
    return session.exec(
        select(Message).where(Message.conversation_id == conversation_id, col(Message.pending).is_(True))
        .order_by(col(Message.seq))
    ).first()


def conversations_with_pending(session: Session) -> Sequence[str]:
    return session.exec(
        select(Message.conversation_id).where(col(Message.pending).is_(True)).distinct()
    ).all()


def settle_pending(session: Session, conversation_id: str) -> None:
    """Whoever took over deals with everything written so far."""
    session.execute(
        update(Message).where(col(Message.conversation_id) == conversation_id, col(Message.pending).is_(True))
        .values(pending=False)
    )


def issued_button(session: Session, conversation_id: str, button_id: str) -> dict[str, object] | None:
    """The button as we issued it in this conversation; the newest twenty bot messages count."""
    rows = session.exec(
        select(Message.buttons)
        .where(Message.conversation_id == conversation_id, col(Message.sender).in_(("bot", "system")))
        .order_by(col(Message.seq).desc()).limit(20)
    ).all()
    for buttons in rows:
        for button in buttons:
            if button.get("id") == button_id:
                return button
    return None


def newest_from(session: Session, conversation_id: str, sender: str) -> Message | None:
    return session.exec(
        select(Message).where(Message.conversation_id == conversation_id, Message.sender == sender)
        .order_by(col(Message.seq).desc())
    ).first()


def attachment(session: Session, attachment_id: str) -> Attachment | None:
    return session.get(Attachment, attachment_id)


def of_customer(session: Session, customer_id: str, limit: int = 20) -> Sequence[Conversation]:
    return session.exec(
        select(Conversation).where(Conversation.customer_id == customer_id)
        .order_by(col(Conversation.opened_at).desc()).limit(limit)
    ).all()


def open_since(session: Session, customer_id: str, since: datetime) -> Sequence[Conversation]:
    return session.exec(
        select(Conversation).where(Conversation.customer_id == customer_id, Conversation.opened_at >= since)
    ).all()


def silent_since(session: Session, before: datetime, limit: int = 100) -> Sequence[Conversation]:
    """Conversations with the bot in which nobody has written since ``before``."""
    return session.exec(
        select(Conversation).where(Conversation.state == "bot", Conversation.last_message_at < before)
        .order_by(col(Conversation.last_message_at)).limit(limit)
    ).all()


def open_alert(session: Session, kind: str, subject: str) -> Alert | None:
    return session.exec(
        select(Alert).where(Alert.kind == kind, Alert.subject == subject, col(Alert.resolved_at).is_(None))
    ).first()


def open_alerts(session: Session) -> Sequence[Alert]:
    return session.exec(select(Alert).where(col(Alert.resolved_at).is_(None)).order_by(col(Alert.last_at).desc())).all()
