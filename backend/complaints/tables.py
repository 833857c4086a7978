"""Complaints and their append-only threads."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime


class Complaint(SQLModel, table=True):
    """One complaint. ``stage`` mirrors the last stage-changing entry of its thread."""

    __tablename__ = "complaints"

    id: str = Field(primary_key=True, max_length=32)
    number: str = Field(unique=True, max_length=20)  # TS20260924-0017
    idempotency_key: str = Field(unique=True, max_length=64)
    receipt_token_hash: str = Field(unique=True, max_length=64)
    customer_id: str = Field(foreign_key="customers.id", index=True, max_length=32)
    conversation_id: str | None = Field(
        default=None, foreign_key="conversations.id", index=True, max_length=32
    )
    channel: str = Field(max_length=16)
    description: str = Field(sa_column=Column(EncryptedText, nullable=False))
    remedy: str = Field(sa_column=Column(EncryptedText, nullable=False))
    order_no: str | None = Field(default=None, max_length=24)
    contact: str = Field(sa_column=Column(EncryptedText, nullable=False))
    contact_kind: str = Field(max_length=8)  # phone | email
    last4_index: str = Field(max_length=64)  # blind index of number + last four digits (or characters)
    stage: str = Field(max_length=16, index=True)
    category: str | None = Field(default=None, max_length=40)
    severity: int | None = None
    owner_id: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    urged: int = 0
    last_urged_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    priority: int = 0  # raised by urging, once a day
    filed_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    closed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class ComplaintEntry(SQLModel, table=True):
    """One line of a complaint's thread: who, what, when. Never changed, never removed."""

    __tablename__ = "complaint_entries"
    __table_args__ = (UniqueConstraint("complaint_id", "seq"),)

    id: str = Field(primary_key=True, max_length=32)
    complaint_id: str = Field(foreign_key="complaints.id", index=True, max_length=32)
    seq: int
    kind: str = Field(max_length=24)  # the action, or note | urged | supplemented | notice
    from_stage: str | None = Field(default=None, max_length=16)
    to_stage: str | None = Field(default=None, max_length=16)
    actor_kind: str = Field(max_length=16)
    actor_id: str = Field(max_length=64)
    actor_name: str = Field(max_length=40)
    public: bool = False  # the customer sees it on the receipt page
    text: str = Field(default="", sa_column=Column(EncryptedText, nullable=False))
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class NumberSeries(SQLModel, table=True):
    """The last running number given out on a day (Asia/Shanghai), so that numbers have no gaps or twins."""

    __tablename__ = "complaint_numbers"

    day: str = Field(primary_key=True, max_length=8)
    last: int = 0
