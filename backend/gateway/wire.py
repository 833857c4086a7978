"""Shapes that cross the house's outer walls: the bot's answer and the customer's frames."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ScriptRef(BaseModel):
    """The version that the bot chose."""

    key: str = Field(max_length=80)
    version: int | None = None  # absent when the bot's copy of the scripts is missing or too old: the key decides
    version_id: str | None = Field(default=None, max_length=32)


class BotMessage(BaseModel):
    """One thing the bot wants: words of a script, a command to the gateway, or a card."""

    model_config = ConfigDict(extra="ignore")

    script: ScriptRef | None = None
    variables: dict[str, str] = Field(default_factory=dict)
    command: Literal["handoff"] | None = None
    reason: str | None = Field(default=None, max_length=32)
    known: dict[str, Any] = Field(default_factory=dict)
    card: dict[str, Any] | None = None
    # Scripts to choose from, by key: their buttons are made here from the approved titles.
    options: list[Annotated[str, Field(max_length=80)]] = Field(default_factory=list, max_length=5)


class Match(BaseModel):
    """A script and how well it fits."""

    key: str = Field(max_length=80)
    score: float | None = None
    by_default: bool = False  # the topic's default words, because none of its scripts fits the question


class Understanding(BaseModel):
    """What the bot understood; the source of the intent kept beside the customer's message."""

    model_config = ConfigDict(extra="ignore")

    intent: str | None = None
    confidence: float | None = None
    answer: Match | None = None  # the script that the bot chose for this message
    understood: bool | None = None
    refused_all: bool = False  # none of the choices offered before was meant
    entities: list[dict[str, Any]] = Field(default_factory=list)


class BotTurn(BaseModel):
    """The bot's whole answer to one message."""

    model_config = ConfigDict(extra="ignore")

    messages: list[BotMessage]
    nlu: Understanding = Field(default_factory=Understanding)


class CustomerRef(BaseModel):
    """What the website knows of the customer; all may be absent. Only a signed reference is believed."""

    ref: str | None = Field(default=None, max_length=200)
    name: str | None = Field(default=None, max_length=40)
    signature: str | None = Field(default=None, max_length=200)
    expires: int | None = Field(default=None, ge=0, lt=2**53)


class OpenChat(BaseModel):
    """A new conversation from the website. (WeChat has its own door.)"""

    channel: Literal["web"] = "web"
    site: str | None = Field(default=None, max_length=40)
    customer: CustomerRef = Field(default_factory=CustomerRef)


class Identify(BaseModel):
    """Who the visitor of a running conversation is, vouched for by the site."""

    site: str = Field(max_length=40)
    customer: CustomerRef


class Seen(BaseModel):
    """How far the customer has read."""

    seq: int = Field(ge=0, lt=2**31)


class Sign(BaseModel):
    """A frame of the socket that is no message: it needs no answer, and may be lost."""

    type: Literal["read", "delivered", "typing"]
    seq: int = Field(default=0, ge=0, lt=2**31)


ClientId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.:-]+$")]


class PostMessage(BaseModel):
    """A customer's message over HTTP: text, or a button that we issued."""

    client_id: ClientId
    # Far above what is kept (2,000): the rest is cut with notice, not refused.
    text: str = Field(default="", max_length=50_000)
    button: str | None = Field(default=None, max_length=64)
