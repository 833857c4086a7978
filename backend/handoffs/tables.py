"""The queue from bot to person, and who is there to take it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, SQLModel

from backend.handoffs import desk_tables as desk_tables  # the room's other tables are found through this module
from backend.handoffs import routing_tables as routing_tables
from backend.infra.db import EncryptedText, UtcDateTime


class Handoff(SQLModel, table=True):
    """One request for a person, from asking to wrap-up. At most one is open in a conversation."""

    __tablename__ = "handoffs"
    __table_args__ = (
        Index("uq_handoff_open", "conversation_id", unique=True,
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_handoffs_queue", "taken_at", "ended_at", "priority", "requested_at"),
    )

    id: str = Field(primary_key=True, max_length=32)
    conversation_id: str = Field(foreign_key="conversations.id", index=True, max_length=32)
    reason: str = Field(max_length=32)
    skill_group: str = Field(max_length=32)
    priority: int = 0  # higher goes first; within one, who waits longest
    summary: str = Field(default="", sa_column=Column(EncryptedText, nullable=False))  # what the customer wants
    known: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # intent, numbers
    requested_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    taken_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    taken_by: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    first_reply_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    outcome: str | None = Field(default=None, max_length=24)
    wrap_up: str | None = Field(default=None, sa_column=Column(EncryptedText))
    correct_intent: str | None = Field(default=None, max_length=40)
    preferred_id: str | None = Field(default=None, foreign_key="staff.id", max_length=32)  # asked for by a colleague
    passed_by: str | None = Field(default=None, foreign_key="staff.id", max_length=32)  # the colleague who did
    last_agent_id: str | None = Field(default=None, foreign_key="staff.id", max_length=32)  # who served them before
    language: str = Field(default="zh", max_length=8)
    kind: str = Field(default="chat", max_length=12)  # which of a person's two measures it fills: chat | complaint
    weight: float = 1.0  # how much of that measure
    eta_seconds: int | None = None  # the wait that was promised, to be held against the real one
    return_asked_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))  # "may the bot go on?"


class Presence(SQLModel, table=True):
    """An agent's own word (``status``) and the last sign of a live connection (``seen_at``)."""

    __tablename__ = "presences"

    staff_id: str = Field(foreign_key="staff.id", primary_key=True, max_length=32)
    status: str = Field(max_length=8)  # online | busy | break | offline
    since: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    seen_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    capacity: int = 6
    complaint_capacity: float = 3.0
    reason: str | None = Field(default=None, max_length=16)  # of a break
    said_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))  # when they last chose a status
    misses: int = 0  # offers in a row that went unanswered
    notice: str | None = Field(default=None, max_length=200)  # what the house did to this status, to be read once
