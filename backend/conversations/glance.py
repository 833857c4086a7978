"""Many conversations at a glance, for lists: two queries whatever their number, one word of each is decrypted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from backend.conversations.hiding import hide_secrets
from backend.conversations.tables import Conversation, Message

SPOKEN = ("customer", "agent", "bot")


@dataclass(frozen=True)
class Glance:
    """A conversation and the last thing that somebody said in it (not the system's notices, not notes)."""

    conversation: Conversation
    sender: str | None
    text: str
    files: bool


def glances(session: Session, ids: Collection[str]) -> Mapping[str, Glance]:
    """By conversation id; unknown ids are left out."""
    if not ids:
        return {}
    found = {one.id: one for one in session.exec(select(Conversation).where(col(Conversation.id).in_(ids)))}
    newest = (
        select(Message.conversation_id, func.max(Message.seq).label("seq"))
        .where(col(Message.conversation_id).in_(ids), col(Message.sender).in_(SPOKEN))
        .group_by(Message.conversation_id).subquery()
    )
    rows = session.exec(
        select(Message.conversation_id, Message.sender, Message.text, Message.attachment_id)
        .join(newest, (col(Message.conversation_id) == newest.c.conversation_id) & (col(Message.seq) == newest.c.seq))
    ).all()
    said = {conversation_id: (sender, hide_secrets(text), attachment_id is not None)
            for conversation_id, sender, text, attachment_id in rows}
    return {key: Glance(one, *said.get(key, (None, "", False))) for key, one in found.items()}
