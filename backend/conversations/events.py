"""Facts about conversations."""

from dataclasses import dataclass

from backend.kernel.events import Fact


@dataclass(frozen=True, kw_only=True)
class ConversationStarted(Fact):
    """A customer opened a conversation."""

    conversation_id: str
    customer_id: str
    channel: str


@dataclass(frozen=True, kw_only=True)
class CustomerIdentified(Fact):
    """Whoever holds this conversation has proven who they are; ``before`` is whom they were taken for."""

    conversation_id: str
    before: str
    customer_id: str


@dataclass(frozen=True, kw_only=True)
class MessageReceived(Fact):
    """A customer's message stands in the thread."""

    conversation_id: str
    seq: int
    state: str


@dataclass(frozen=True, kw_only=True)
class AgentReplied(Fact):
    """A person answered the customer."""

    conversation_id: str
    staff_id: str
    seq: int


@dataclass(frozen=True, kw_only=True)
class OwnershipChanged(Fact):
    """Somebody else speaks from here on; words prepared under an older epoch are void."""

    conversation_id: str
    state: str
    epoch: int


@dataclass(frozen=True, kw_only=True)
class ConversationClosed(Fact):
    """The conversation ended. ``agent_id`` is the person who held it last, None when the bot did it alone."""

    conversation_id: str
    customer_id: str
    channel: str
    by: str
    agent_id: str | None
