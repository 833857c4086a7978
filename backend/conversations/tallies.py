"""How much was talked: what rates of other rooms are counted against, and what a customer last heard."""

from datetime import date, datetime

from sqlalchemy import exists, select
from sqlmodel import Session, col

from backend.conversations.tables import Conversation, Message
from backend.kernel.clock import shanghai_date
from backend.scripts import service as scripts

# Words of the house itself are no answers: forms, queue, notices, greetings.
NOT_ANSWERS = ("system.", "handoff.", "risk.", "survey.", "conversation.", "chat.", "complaint.")
LOOK_BACK = 60  # messages


def opened_by_day(session: Session, since: datetime, until: datetime, channel: str | None = None) -> dict[date, int]:
    """Conversations opened in [since, until) in which the customer spoke, by Shanghai day."""
    spoke = exists(
        select(col(Message.id))
        .where(col(Message.conversation_id) == col(Conversation.id), col(Message.sender) == "customer")
        .correlate(Conversation)
    )
    query = select(col(Conversation.opened_at)).where(
        col(Conversation.opened_at) >= since, col(Conversation.opened_at) < until, spoke
    )
    if channel:
        query = query.where(col(Conversation.channel) == channel)
    days: dict[date, int] = {}
    for (at,) in session.execute(query):
        day = shanghai_date(at)
        days[day] = days.get(day, 0) + 1
    return days


def last_answer(session: Session, conversation_id: str) -> str | None:
    """The version id of the last thing that the bot answered here, words of the house itself aside."""
    said = session.execute(
        select(col(Message.script_version_id))
        .where(col(Message.conversation_id) == conversation_id, col(Message.sender) == "bot")
        .order_by(col(Message.seq).desc())
        .limit(LOOK_BACK)
    )
    for (version_id,) in said:
        card = scripts.version_card(session, version_id) if version_id else None
        if card is not None and not card.key.startswith(NOT_ANSWERS):
            return str(version_id)
    return None
