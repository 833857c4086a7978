"""Every query about conversations and their messages."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, func, or_, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from backend.conversations.tables import Alert, Attachment, Conversation, Finding, Message


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


EVERYBODYS = "*"  # whose whispers: all of them


def messages(session: Session, conversation_id: str, after: int, notes: bool, limit: int = 500,
             whispers: str | None = None) -> Sequence[Message]:
    """Whispers only to and from the person named (``EVERYBODYS``: all): who forgets to ask for them gets none."""
    query = (select(Message).where(Message.conversation_id == conversation_id, Message.seq > after)
             .order_by(col(Message.seq)).limit(limit))
    if not notes:
        query = query.where(Message.sender != "note")
    if whispers is None:
        query = query.where(col(Message.whisper_to).is_(None))
    elif whispers != EVERYBODYS:
        query = query.where(or_(col(Message.whisper_to).is_(None), col(Message.whisper_to) == whispers,
                                col(Message.staff_id) == whispers))
    return session.exec(query).all()


def positions(session: Session, conversation_ids: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """How far conversations are: newest number, epoch, what an agent has read. Unknown ones are left out."""
    found: dict[str, tuple[int, ...]] = {}
    for start in range(0, len(conversation_ids), 1000):  # databases bound the values of one statement
        rows = session.exec(
            select(Conversation.id, Conversation.last_seq, Conversation.epoch, Conversation.agent_read_seq)
            .where(col(Conversation.id).in_(conversation_ids[start:start + 1000]))
        ).all()
        found.update((row[0], tuple(row[1:])) for row in rows)
    return found


def oldest_pending(session: Session, conversation_id: str) -> Message | None:
    return session.exec(
        select(Message).where(Message.conversation_id == conversation_id, col(Message.pending).is_(True))
        .order_by(col(Message.seq)).limit(1)
    ).first()


def is_pending(session: Session, message_id: str) -> bool:
    return bool(session.exec(select(Message.pending).where(Message.id == message_id)).first())


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
        .order_by(col(Message.seq).desc()).limit(1)
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


def silent_since(session: Session, before: datetime, *, after_bot: bool,
                 limit: int = 200) -> Sequence[tuple[Conversation, Message | None]]:
    """Conversations with the bot in which nobody has written since ``before``, with their last message.

    ``after_bot``: those in which the bot's answer stands last; else all others, also those without a word.
    """
    query = (
        select(Conversation, Message)
        .join(Message, (col(Message.conversation_id) == Conversation.id) & (col(Message.seq) == Conversation.last_seq),
              isouter=True)
        .where(Conversation.state == "bot", Conversation.last_message_at < before)
        .order_by(col(Conversation.last_message_at)).limit(limit)
    )
    spoken = col(Message.sender) == "bot"
    rows = session.exec(query.where(spoken if after_bot else (col(Message.sender) != "bot") | col(Message.id).is_(None)))
    return [(conversation, message) for conversation, message in rows.all()]


def newest_said(session: Session, conversation_id: str) -> Message | None:
    """The last message that the customer can see and did not write."""
    return session.exec(
        select(Message).where(Message.conversation_id == conversation_id,
                              col(Message.sender).in_(("bot", "system", "agent")))
        .order_by(col(Message.seq).desc()).limit(1)
    ).first()


# --- what was understood ------------------------------------------------------------------------


def customer_texts(session: Session, conversation_id: str, before: int, limit: int = 10) -> Sequence[str]:
    """What the customer typed before a message, the newest first."""
    rows = session.exec(
        select(Message.text, Message.button)
        .where(Message.conversation_id == conversation_id, Message.sender == "customer", Message.seq < before)
        .order_by(col(Message.seq).desc()).limit(limit)
    ).all()
    return [text for text, button in rows if button is None]


def customer_message_before(session: Session, message: Message) -> Message | None:
    """What the customer said last before this message."""
    return session.exec(
        select(Message)
        .where(Message.conversation_id == message.conversation_id, Message.sender == "customer",
               Message.seq < message.seq)
        .order_by(col(Message.seq).desc()).limit(1)
    ).first()


def moods(session: Session, conversation_id: str, upto: int, limit: int = 10) -> Sequence[int]:
    """The last moods up to a message, oldest first."""
    rows = session.exec(
        select(Message.mood).where(Message.conversation_id == conversation_id, Message.sender == "customer",
                                   Message.seq <= upto, col(Message.mood).is_not(None))
        .order_by(col(Message.seq).desc()).limit(limit)
    ).all()
    return [mood for mood in reversed(rows) if mood is not None]


def findings(session: Session, conversation_id: str) -> Sequence[Finding]:
    return session.exec(
        select(Finding).where(Finding.conversation_id == conversation_id).order_by(col(Finding.seq), col(Finding.at))
    ).all()


def not_understood(session: Session, since: datetime, limit: int) -> Sequence[Message]:
    return session.exec(
        select(Message).where(Message.sender == "customer", col(Message.understood).is_(False), Message.at >= since)
        .order_by(col(Message.at).desc(), col(Message.seq).desc()).limit(limit)
    ).all()


def answered_by_default(session: Session, since: datetime, limit: int) -> Sequence[Message]:
    return session.exec(
        select(Message).where(Message.sender == "customer", col(Message.by_default).is_(True), Message.at >= since)
        .order_by(col(Message.at).desc(), col(Message.seq).desc()).limit(limit)
    ).all()


def answered_by_choice(session: Session, until: datetime, limit: int) -> Sequence[tuple[Message, str]]:
    """Messages whose answer the bot chose, with the version of the first thing it said after them."""
    said = aliased(Message)
    first_after = (
        select(func.min(said.seq))
        .where(said.conversation_id == Message.conversation_id, said.seq > Message.seq, said.sender == "bot")
        .correlate(Message).scalar_subquery()
    )
    answer = aliased(Message)
    return session.exec(
        select(Message, col(answer.script_version_id))
        .join(answer, (col(answer.conversation_id) == Message.conversation_id) & (col(answer.seq) == first_after))
        .where(Message.sender == "customer", col(Message.match_key).is_not(None), Message.at < until,
               col(answer.script_version_id).is_not(None))
        .order_by(col(Message.at).desc(), col(Message.seq).desc()).limit(limit)
    ).all()  # type: ignore[return-value]


def open_alert(session: Session, kind: str, subject: str) -> Alert | None:
    return session.exec(
        select(Alert).where(Alert.kind == kind, Alert.subject == subject, col(Alert.resolved_at).is_(None))
        .execution_options(populate_existing=True)
    ).first()


def count_alert(session: Session, alert: Alert) -> None:
    """Store an alert, or count the open one up. One statement: of two who raise it at once, both are counted."""
    insert = insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    new = insert(Alert).values(**alert.model_dump())
    session.execute(new.on_conflict_do_update(
        index_elements=["kind", "subject"], index_where=col(Alert.resolved_at).is_(None),
        set_={"count": col(Alert.count) + 1, "last_at": new.excluded.last_at,
              "detail": case((new.excluded.detail != "", new.excluded.detail), else_=col(Alert.detail))}))


def open_alerts(session: Session) -> Sequence[Alert]:
    return session.exec(select(Alert).where(col(Alert.resolved_at).is_(None)).order_by(col(Alert.last_at).desc())).all()
