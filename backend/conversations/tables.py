"""Conversations and their messages: numbered without gaps, stored before anything else happens to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Index, SmallInteger, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime


class Conversation(SQLModel, table=True):
    """One talk with one customer.

    ``epoch`` counts changes of who speaks: words prepared under an older epoch are not said.
    ``turn_owner`` and ``turn_until`` lease the conversation to the one process that is asking the bot.
    """

    __tablename__ = "conversations"

    id: str = Field(primary_key=True, max_length=32)
    channel: str = Field(max_length=16)
    customer_id: str = Field(foreign_key="customers.id", index=True, max_length=32)
    token_hash: str = Field(max_length=64)
    state: str = Field(default="bot", max_length=8, index=True)  # bot | queued | agent | closed
    holder_id: str | None = Field(default=None, max_length=32)  # the staff member who holds it
    epoch: int = 0
    last_seq: int = 0
    opened_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    last_message_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    waiting_since: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))  # oldest unanswered word
    first_reply_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    closed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    closed_by: str | None = Field(default=None, max_length=16)  # customer | agent | idle
    had_agent: bool = False
    bot_meanwhile: bool = False  # in the queue, and the customer wants the bot to answer until somebody comes
    misses: int = 0  # turns in a row in which the bot understood nothing
    turn_owner: str | None = Field(default=None, max_length=32)
    turn_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # How far each side has come: the highest number read, and the highest that the customer's device confirmed.
    customer_read_seq: int = 0
    agent_read_seq: int = 0
    delivered_seq: int = 0
    customer_seen_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))  # of a live connection
    site: str | None = Field(default=None, max_length=40)  # the website that the widget stood on


class Message(SQLModel, table=True):
    """One message. A bot or system message cannot exist without the approved version it speaks."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        UniqueConstraint("conversation_id", "client_id"),
        CheckConstraint("sender IN ('customer', 'agent', 'note') OR script_version_id IS NOT NULL",
                        name="bot_speaks_approved_words"),
        CheckConstraint("sender NOT IN ('agent', 'note') OR staff_id IS NOT NULL", name="agent_has_a_name"),
        Index("ix_messages_said", "script_version_id", "conversation_id", "at"),
        Index("ix_messages_pending", "pending", sqlite_where=text("pending"), postgresql_where=text("pending")),
    )

    id: str = Field(primary_key=True, max_length=32)
    conversation_id: str = Field(foreign_key="conversations.id", max_length=32)
    seq: int
    sender: str = Field(max_length=8)  # customer | bot | agent | system | note (internal, never sent out)
    text: str = Field(sa_column=Column(EncryptedText, nullable=False))
    client_id: str | None = Field(default=None, max_length=64)
    button: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))  # the issued button that was pressed
    buttons: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    card: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))  # references only, no personal data
    attachment_id: str | None = Field(default=None, foreign_key="attachments.id", max_length=32)
    script_version_id: str | None = Field(default=None, foreign_key="script_versions.id", max_length=32)
    staff_id: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    intent: str | None = Field(default=None, max_length=40, index=True)
    confidence: float | None = None
    match_key: str | None = Field(default=None, max_length=80)  # the script that the bot chose to answer
    match_score: float | None = None
    understood: bool | None = None  # False: the turn ended in a fallback or out of scope; None: nobody tried
    by_default: bool | None = None  # True: an inquiry got its topic's default words, no script of the topic fitted it
    mood: int | None = Field(default=None, sa_column=Column(SmallInteger))  # -3 furious … +1 pleased
    whisper_to: str | None = Field(default=None, max_length=32)  # a note for this colleague's eyes only
    pending: bool = False  # a customer's message that nobody has dealt with yet
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class Finding(SQLModel, table=True):
    """A rule that a turn met, and why: read by staff on the desk and in the thread, never by customers."""

    __tablename__ = "conversation_findings"
    __table_args__ = (UniqueConstraint("conversation_id", "seq", "rule"),)  # a turn settled twice is one finding

    id: str = Field(primary_key=True, max_length=32)
    conversation_id: str = Field(foreign_key="conversations.id", index=True, max_length=32)
    seq: int  # of the message that met it
    rule: str = Field(max_length=40, index=True)
    reason: str = Field(max_length=32)
    explanation: str = Field(sa_column=Column(EncryptedText, nullable=False))  # may quote the customer's words
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Attachment(SQLModel, table=True):
    """A stored file; ``kind`` was read from its bytes, not from what the sender called it."""

    __tablename__ = "attachments"

    id: str = Field(primary_key=True, max_length=32)
    conversation_id: str = Field(foreign_key="conversations.id", index=True, max_length=32)
    name: str = Field(sa_column=Column(EncryptedText, nullable=False))
    kind: str = Field(max_length=32)  # media type by magic bytes
    size: int
    sha256: str = Field(max_length=64)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Alert(SQLModel, table=True):
    """Something staff must know now: the bot is down, a script is missing. Seen once somebody says so."""

    __tablename__ = "alerts"
    __table_args__ = (
        # One open alert a kind and subject: a thousand failing turns are one alert with a count.
        Index("uq_alert_open", "kind", "subject", unique=True,
              sqlite_where=text("resolved_at IS NULL"), postgresql_where=text("resolved_at IS NULL")),
    )

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(max_length=32)
    subject: str = Field(max_length=80)
    detail: str = Field(default="", max_length=300)
    count: int = 1
    first_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    last_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    resolved_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
