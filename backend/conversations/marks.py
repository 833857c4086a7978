"""How far each side has come in a conversation: delivered, read, last seen. Marks only ever move forward.

A mark is one small conditional update, so that two devices, two processes or a repeated frame cannot move it
back, and nobody is told of a mark that did not move.
"""

from datetime import datetime, timedelta

from sqlalchemy import CursorResult, or_, update
from sqlmodel import Session, col, select

from backend.conversations.service import topic
from backend.conversations.tables import Conversation
from backend.infra.work import Work

# A customer's connection is noted at most this often; after the second span without a sign they count as away.
SEEN_EVERY = timedelta(seconds=15)
AWAY_AFTER = timedelta(seconds=45)


def read_by_customer(work: Work, conversation_id: str, seq: int) -> None:
    """The customer had everything up to ``seq`` before their eyes; what is read was delivered, too."""
    seq = _within(work.session, conversation_id, seq)
    moved = _forward(work, conversation_id, "customer_read_seq", seq)
    if _forward(work, conversation_id, "delivered_seq", seq) or moved:
        work.hint(topic(conversation_id))


def delivered(work: Work, conversation_id: str, seq: int) -> None:
    """The customer's own device confirmed everything up to ``seq``."""
    if _forward(work, conversation_id, "delivered_seq", _within(work.session, conversation_id, seq)):
        work.hint(topic(conversation_id))


def read_by_agent(work: Work, conversation_id: str, seq: int) -> None:
    """Whoever holds the conversation had everything up to ``seq`` before their eyes."""
    if _forward(work, conversation_id, "agent_read_seq", _within(work.session, conversation_id, seq)):
        work.hint(topic(conversation_id))


def customer_seen(work: Work, *conversation_ids: str) -> None:
    """These conversations' customers are connected at this moment. Said of one who was away, it is news."""
    if not conversation_ids:
        return
    stale = or_(col(Conversation.customer_seen_at).is_(None), col(Conversation.customer_seen_at) < work.now - SEEN_EVERY)
    rows = work.session.exec(
        select(Conversation.id, Conversation.customer_seen_at)
        .where(col(Conversation.id).in_(conversation_ids), stale)
    ).all()
    if not rows:
        return
    work.session.execute(
        update(Conversation).where(col(Conversation.id).in_([id for id, _ in rows]), stale)
        .values(customer_seen_at=work.now)
    )
    for id, before in rows:
        if not is_here(before, work.now):
            work.hint(topic(id))


def is_here(seen_at: datetime | None, now: datetime) -> bool:
    """Whether a customer last seen then still counts as connected."""
    return seen_at is not None and now - seen_at < AWAY_AFTER


def _within(session: Session, conversation_id: str, seq: int) -> int:
    """No further than there are messages: a made-up number must not mark words that are yet to come."""
    last = session.exec(select(Conversation.last_seq).where(Conversation.id == conversation_id)).first()
    return min(seq, last or 0)


def _forward(work: Work, conversation_id: str, mark: str, seq: int) -> bool:
    column = getattr(Conversation, mark)
    done: CursorResult[object] = work.session.execute(  # type: ignore[assignment]
        update(Conversation).where(col(Conversation.id) == conversation_id, column < seq).values({mark: seq})
    )
    return done.rowcount > 0
