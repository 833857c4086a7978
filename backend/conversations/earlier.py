"""What a customer said and heard in earlier conversations, backwards, a page at a time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, or_
from sqlmodel import Session, col, select

from backend.conversations import service
from backend.conversations.schemas import MessageView
from backend.conversations.tables import Conversation, Message
from backend.kernel.errors import Invalid


@dataclass(frozen=True)
class Earlier:
    """Part of one earlier conversation, its messages in order."""

    conversation: Conversation
    messages: list[MessageView]


def page(session: Session, current: Conversation, before: str | None, limit: int) -> tuple[list[Earlier], str | None]:
    """Up to ``limit`` messages of this customer from before ``current``, oldest first; and where to go on.

    ``before`` is what an earlier page gave to go on from. Conversations in which the customer never wrote are
    left out. Raises Invalid (``bad_cursor``).
    """
    conversation, upto = _place(session, current, before)
    found: list[Earlier] = []
    left = limit
    while True:
        if upto > 1:
            # Numbers have no gaps (notes take some): the last ``left`` of them hold at most that many messages.
            first = max(0, upto - 1 - left)
            views = [one for one in service.thread(session, conversation.id, first, limit=left) if one.seq < upto]
            if views:
                found.insert(0, Earlier(conversation, views))
                left -= len(views)
            upto = first + 1
            if upto > 1 and left > 0:
                continue
            if upto > 1:
                return found, f"{conversation.id}.{upto}"
        before_it = _before(session, conversation)
        if before_it is None:
            return found, None
        if left <= 0:
            return found, f"{before_it.id}.{before_it.last_seq + 1}"
        conversation, upto = before_it, before_it.last_seq + 1


def _place(session: Session, current: Conversation, before: str | None) -> tuple[Conversation, int]:
    if before is None:
        return current, 1
    conversation_id, _, seq = before.partition(".")
    found = session.get(Conversation, conversation_id)
    if found is None or found.customer_id != current.customer_id or not seq.isdecimal() or len(seq) > 9:
        raise Invalid("bad_cursor", "没有更早的内容了，请关掉重开再看。")
    return found, int(seq)


def _before(session: Session, conversation: Conversation) -> Conversation | None:
    opened: datetime = conversation.opened_at
    return session.exec(
        select(Conversation)
        .where(
            Conversation.customer_id == conversation.customer_id,
            or_(col(Conversation.opened_at) < opened,
                and_(col(Conversation.opened_at) == opened, col(Conversation.id) < conversation.id)),
            exists(select(Message.id).where(Message.conversation_id == Conversation.id, Message.sender == "customer")),
        )
        .order_by(col(Conversation.opened_at).desc(), col(Conversation.id).desc()).limit(1)
    ).first()
