"""Complaints, their append-only threads, and what hangs on them: tasks, files, plans, notices, saved views."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, String, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime


class Complaint(SQLModel, table=True):
    """One complaint. ``stage`` mirrors the last stage-changing entry of its thread.

    ``closed_at`` is set exactly while the stage is one that is over: what is open is an index condition.
    ``order_key`` is the desk's order as one number (see ``rules.desk``), kept whenever a clock, the priority
    or the stage changes, so that a list of a million cases is read from an index.
    """

    __tablename__ = "complaints"
    __table_args__ = (
        Index("ix_complaints_order", "order_key", "id"),
        Index(
            "ix_complaints_open",
            "order_key",
            "id",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_complaints_mine", "owner_id", "order_key", "id"),
        # What the desk narrows by, each in the desk's order: a rare unit is found without walking all cases.
        Index("ix_complaints_stage", "stage", "order_key", "id"),
        Index("ix_complaints_unit", "unit", "order_key", "id"),
        Index("ix_complaints_level", "level", "order_key", "id"),
        Index("ix_complaints_category", "category", "order_key", "id"),
        Index("ix_complaints_topic", "topic", "filed_at"),
        Index(
            "ix_complaints_major",
            "order_key",
            "id",
            sqlite_where=text("major_at IS NOT NULL"),
            postgresql_where=text("major_at IS NOT NULL"),
        ),
        Index("ix_complaints_order_no", "order_no"),
    )

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
    stage: str = Field(max_length=16)
    category: str | None = Field(default=None, max_length=40)
    # The category as judged, and until then as guessed from the words: what counts of one cause go by.
    topic: str | None = Field(default=None, max_length=40)
    severity: int | None = None  # the score of the assessment, 1 to 81
    ratings: dict[str, int] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False, server_default="{}")
    )
    level: str | None = Field(default=None, max_length=16)
    unit: str | None = Field(default=None, max_length=40)  # the responsible unit
    product: str | None = Field(default=None, max_length=80)  # as the order names it
    outcome: str | None = Field(default=None, max_length=12)
    cause: str | None = Field(default=None, max_length=40)  # the root cause, known at closing
    remedy_cost: int | None = None  # fen
    owner_id: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    urged: int = 0
    last_urged_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    priority: int = 0  # raised by urging (once a day) and by the level
    next_due_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    order_key: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    suspended: str | None = Field(default=None, max_length=24)  # why the clocks stand, by the policy's key
    major_at: datetime | None = Field(
        default=None, sa_column=Column(UtcDateTime)
    )  # since when it is a major one
    contact_index: str | None = Field(default=None, max_length=64, index=True)  # blind: the same person again
    merged_into_id: str | None = Field(
        default=None,
        sa_column=Column(
            String(32), ForeignKey("complaints.id", name="fk_complaints_merged_into"), index=True
        ),
    )
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


class ComplaintTask(SQLModel, table=True):
    """One piece of an investigation: what, who, until when; done once, with its result."""

    __tablename__ = "complaint_tasks"
    __table_args__ = (
        Index(
            "ix_complaint_tasks_mine",
            "assignee_id",
            "due_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=32)
    complaint_id: str = Field(foreign_key="complaints.id", index=True, max_length=32)
    what: str = Field(sa_column=Column(EncryptedText, nullable=False))
    assignee_id: str = Field(foreign_key="staff.id", max_length=32)
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    created_by: str = Field(max_length=64)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    done_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    done_by: str | None = Field(default=None, max_length=64)
    result: str | None = Field(default=None, sa_column=Column(EncryptedText))


class ComplaintFile(SQLModel, table=True):
    """A piece of evidence; ``kind`` was read from its bytes. The bytes lie encrypted under ``id``."""

    __tablename__ = "complaint_files"
    __table_args__ = (UniqueConstraint("complaint_id", "sha256"),)  # the same file twice is one file

    id: str = Field(primary_key=True, max_length=32)
    complaint_id: str = Field(foreign_key="complaints.id", max_length=32)
    name: str = Field(sa_column=Column(EncryptedText, nullable=False))
    kind: str = Field(max_length=32)
    size: int
    sha256: str = Field(max_length=64)
    from_customer: bool
    actor_name: str = Field(max_length=40)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class MajorPlan(SQLModel, table=True):
    """The emergency plan of a major complaint: why, who, how often told, and how it ended. One a complaint."""

    __tablename__ = "complaint_plans"

    id: str = Field(primary_key=True, max_length=32)
    complaint_id: str = Field(foreign_key="complaints.id", unique=True, max_length=32)
    triggers: list[dict[str, str]] = Field(sa_column=Column(JSON, nullable=False))
    owner_id: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    members: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    started_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    next_update_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    closed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    closed_by: str | None = Field(default=None, max_length=64)
    report: str | None = Field(default=None, sa_column=Column(EncryptedText))


class SavedView(SQLModel, table=True):
    """A filter of the desk under a name, for one member of staff."""

    __tablename__ = "complaint_views"
    __table_args__ = (UniqueConstraint("staff_id", "name"),)

    id: str = Field(primary_key=True, max_length=32)
    staff_id: str = Field(foreign_key="staff.id", max_length=32)
    name: str = Field(max_length=20)
    query: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class CustomerNotice(SQLModel, table=True):
    """News of a complaint that could not be said at once: told when the customer comes back."""

    __tablename__ = "complaint_notices"
    __table_args__ = (
        Index(
            "ix_complaint_notices_waiting",
            "customer_id",
            sqlite_where=text("told_at IS NULL"),
            postgresql_where=text("told_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=32)
    complaint_id: str = Field(foreign_key="complaints.id", index=True, max_length=32)
    customer_id: str = Field(foreign_key="customers.id", max_length=32)
    conversation_id: str | None = Field(default=None, foreign_key="conversations.id", max_length=32)
    script_key: str = Field(max_length=80)
    text: str = Field(default="", sa_column=Column(EncryptedText, nullable=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    told_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


# The sub-room's tables are found with the room's own (see ``infra.schema.metadata``).
from backend.complaints.learning import tables as learning_tables  # noqa: E402, F401
