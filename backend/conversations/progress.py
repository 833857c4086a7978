"""How far conversations have come, for whoever watches or answers them. Reads only."""

from collections.abc import Sequence

from sqlmodel import Session

from backend.conversations import store
from backend.conversations.rules import Sender
from backend.conversations.tables import Message


def positions(session: Session, conversation_ids: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Numbers that move whenever somebody who watches one of these conversations has something new to see."""
    return store.positions(session, conversation_ids)


def is_pending(session: Session, message_id: str) -> bool:
    """Whether nobody has dealt with a customer's message yet, as the database has it now."""
    return store.is_pending(session, message_id)


def person_since(session: Session, message: Message) -> bool:
    """Whether an agent has written after this message."""
    last = store.newest_from(session, message.conversation_id, Sender.AGENT)
    return last is not None and last.seq > message.seq
