"""Facts about asking and being told how satisfied a customer is."""

from dataclasses import dataclass

from backend.kernel.events import Fact


@dataclass(frozen=True, kw_only=True)
class SurveyInvited(Fact):
    """The customer was asked, once, about this conversation."""

    invitation_id: str
    conversation_id: str
    agent_id: str | None
    channel: str


@dataclass(frozen=True, kw_only=True)
class SatisfactionAnswered(Fact):
    """The customer answered; ``score`` is 1 to 5."""

    invitation_id: str
    conversation_id: str
    agent_id: str | None
    channel: str
    score: int


@dataclass(frozen=True, kw_only=True)
class SurveyDeclined(Fact):
    """The customer said: not this time."""

    invitation_id: str
    conversation_id: str


@dataclass(frozen=True, kw_only=True)
class HandlingRated(Fact):
    """The customer rated how a complaint was handled; ``score`` is 1 to 5."""

    complaint_id: str
    owner_id: str | None
    score: int
    comment: str | None
