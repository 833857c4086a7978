"""Facts about handing a conversation to a person."""

from dataclasses import dataclass
from datetime import datetime

from backend.kernel.events import Fact


@dataclass(frozen=True, kw_only=True)
class HandoffRequested(Fact):
    """A person is needed; the conversation stands in the queue."""

    handoff_id: str
    conversation_id: str
    reason: str
    skill_group: str
    priority: int


@dataclass(frozen=True, kw_only=True)
class HandoffTaken(Fact):
    """A person has the conversation; from here on the bot is silent."""

    handoff_id: str
    conversation_id: str
    staff_id: str
    requested_at: datetime


@dataclass(frozen=True, kw_only=True)
class HandoffEnded(Fact):
    """The request is over. ``staff_id`` is None when nobody had taken it."""

    handoff_id: str
    conversation_id: str
    staff_id: str | None
    outcome: str
    requested_at: datetime
    taken_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PresenceChanged(Fact):
    """Somebody came, went, or said what they are doing."""

    staff_id: str
    status: str


@dataclass(frozen=True, kw_only=True)
class OfferEnded(Fact):
    """Somebody let a customer pass, or did not answer in time: the next one is asked."""

    handoff_id: str
    staff_id: str
    result: str
