"""What the desk keeps beside a handoff: questions to colleagues, promises to come back, tags, corrections."""

from datetime import datetime

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime


class Consultation(SQLModel, table=True):
    """A silent question to a colleague about a conversation. One is open at a time between the two of them."""

    __tablename__ = "consultations"
    __table_args__ = (
        Index("uq_consultation_open", "conversation_id", "asked_id", unique=True,
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
    )

    id: str = Field(primary_key=True, max_length=32)
    conversation_id: str = Field(foreign_key="conversations.id", index=True, max_length=32)
    asked_by: str = Field(foreign_key="staff.id", index=True, max_length=32)
    asked_id: str = Field(foreign_key="staff.id", index=True, max_length=32)
    question: str = Field(sa_column=Column(EncryptedText, nullable=False))
    asked_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    ended_by: str | None = Field(default=None, foreign_key="staff.id", max_length=32)


class FollowUp(SQLModel, table=True):
    """Something that somebody promised to do after a conversation, with its date."""

    __tablename__ = "follow_ups"
    __table_args__ = (Index("ix_follow_ups_owner", "owner_id", "done_at", "due_at"),)

    id: str = Field(primary_key=True, max_length=32)
    conversation_id: str = Field(foreign_key="conversations.id", index=True, max_length=32)
    customer_id: str = Field(foreign_key="customers.id", index=True, max_length=32)
    text: str = Field(sa_column=Column(EncryptedText, nullable=False))
    owner_id: str = Field(foreign_key="staff.id", max_length=32)
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    done_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    done_by: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    created_by: str = Field(foreign_key="staff.id", max_length=32)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class ConversationTag(SQLModel, table=True):
    """A word of the organisation's list on a conversation."""

    __tablename__ = "conversation_tags"

    conversation_id: str = Field(foreign_key="conversations.id", primary_key=True, max_length=32)
    tag: str = Field(primary_key=True, max_length=40, index=True)
    tagged_by: str = Field(foreign_key="staff.id", max_length=32)
    tagged_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class IntentCorrection(SQLModel, table=True):
    """An agent says what a customer's turn really was about. ``state``: open | kept (for training) | dropped."""

    __tablename__ = "intent_corrections"

    id: str = Field(primary_key=True, max_length=32)
    conversation_id: str = Field(foreign_key="conversations.id", index=True, max_length=32)
    message_id: str = Field(foreign_key="messages.id", unique=True, max_length=32)  # the turn that is meant
    bot_intent: str | None = Field(default=None, max_length=40)
    right_intent: str = Field(max_length=40, index=True)
    corrected_by: str = Field(foreign_key="staff.id", max_length=32)
    corrected_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    state: str = Field(default="open", max_length=8, index=True)
    reviewed_by: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    reviewed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
