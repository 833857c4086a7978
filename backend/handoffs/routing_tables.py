"""Who was offered whom, whose page is open, how long somebody was in which status, and who is to be called back."""

from datetime import datetime

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime


class Offer(SQLModel, table=True):
    """A waiting customer, held out to one person for a minute. At most one is open a handoff."""

    __tablename__ = "handoff_offers"
    __table_args__ = (
        Index("uq_offer_open", "handoff_id", unique=True,
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_handoff_offers_open", "ended_at", "staff_id"),
        Index("ix_handoff_offers_staff", "staff_id", "offered_at"),
    )

    id: str = Field(primary_key=True, max_length=32)
    handoff_id: str = Field(foreign_key="handoffs.id", index=True, max_length=32)
    staff_id: str = Field(foreign_key="staff.id", max_length=32)
    offered_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    result: str | None = Field(default=None, max_length=12)  # accepted | declined | missed | withdrawn


class DeskConnection(SQLModel, table=True):
    """An open page of the desk: the sign of life. A program without one beats instead (one row a person)."""

    __tablename__ = "desk_connections"
    __table_args__ = (Index("ix_desk_connections_staff", "staff_id", "closed_at"),)

    id: str = Field(primary_key=True, max_length=40)
    staff_id: str = Field(foreign_key="staff.id", max_length=32)
    process: str = Field(max_length=32)
    opened_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    seen_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    closed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class PresenceSpell(SQLModel, table=True):
    """A stretch of time in one status. One is open a person; ``offline`` also means that the page was gone."""

    __tablename__ = "presence_spells"
    __table_args__ = (
        Index("uq_presence_spell_open", "staff_id", unique=True,
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("ix_presence_spells_staff", "staff_id", "started_at"),
    )

    id: str = Field(primary_key=True, max_length=32)
    staff_id: str = Field(foreign_key="staff.id", max_length=32)
    status: str = Field(max_length=8)
    reason: str | None = Field(default=None, max_length=16)
    started_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class Callback(SQLModel, table=True):
    """A message left, or a wish to be called: with its number, and the time by which somebody answers.

    It begins as a question to the customer (``asking_text``, ``asking_contact``) and has no number until they
    have answered it.
    """

    __tablename__ = "callbacks"
    __table_args__ = (
        Index("uq_callback_asking", "conversation_id", unique=True,
              sqlite_where=text("state IN ('asking_text', 'asking_contact')"),
              postgresql_where=text("state IN ('asking_text', 'asking_contact')")),
        Index("ix_callbacks_open", "state", "due_at"),
    )

    id: str = Field(primary_key=True, max_length=32)
    number: str | None = Field(default=None, unique=True, max_length=20)
    kind: str = Field(max_length=8)  # message | callback
    state: str = Field(max_length=16)  # asking_text | asking_contact | open | taken | done | cancelled
    conversation_id: str = Field(foreign_key="conversations.id", index=True, max_length=32)
    customer_id: str = Field(foreign_key="customers.id", index=True, max_length=32)
    handoff_id: str | None = Field(default=None, foreign_key="handoffs.id", max_length=32)
    skill_group: str = Field(max_length=32)
    text: str = Field(default="", sa_column=Column(EncryptedText, nullable=False))
    contact: str | None = Field(default=None, sa_column=Column(EncryptedText))
    contact_kind: str | None = Field(default=None, max_length=8)  # phone | email
    misreads: int = 0  # answers in which no contact was found
    asked_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    filed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    due_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    taken_by: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    taken_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    tries: int = 0  # calls that nobody answered
    done_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    done_by: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    outcome: str | None = Field(default=None, max_length=24)
    note: str | None = Field(default=None, sa_column=Column(EncryptedText))


class CallbackNumber(SQLModel, table=True):
    """How many numbers a day has given."""

    __tablename__ = "callback_numbers"

    day: str = Field(primary_key=True, max_length=8)
    last: int
