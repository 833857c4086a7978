"""Regimes (how long, by which source), official calendar years, and running deadlines."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.deadlines.rules import Clock
from backend.infra.db import EncryptedText, UtcDateTime


class RegimeVersion(SQLModel, table=True):
    """One approved version of a set of deadline rules. Running deadlines keep pointing at theirs."""

    __tablename__ = "regime_versions"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: str = Field(primary_key=True, max_length=32)
    key: str = Field(max_length=64, index=True)
    version: int
    title: str = Field(max_length=120)
    binds: str = Field(max_length=16)  # company | regulator
    source: str = Field(max_length=300)
    rules: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    valid_from: date | None = None  # not in force (for reference only) until this is set
    valid_to: date | None = None
    approved_by: str = Field(max_length=64)
    approved_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    author_id: str | None = Field(default=None, max_length=64)  # nobody: it came with the pack
    reason: str = Field(default="", max_length=300, sa_column_kwargs={"server_default": ""})


class RegimeDraft(SQLModel, table=True):
    """A version in the making. Once approved it is copied into a RegimeVersion and never changes again."""

    __tablename__ = "regime_drafts"
    __table_args__ = (
        CheckConstraint("state <> 'approved' OR decided_by <> author_id", name="regime_author_is_not_approver"),
    )

    id: str = Field(primary_key=True, max_length=32)
    key: str = Field(max_length=64, index=True)
    title: str = Field(max_length=120)
    binds: str = Field(max_length=16)
    source: str = Field(max_length=300)
    rules: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    valid_from: date | None = None
    valid_to: date | None = None
    reason: str = Field(max_length=300)
    state: str = Field(max_length=12, index=True)  # draft | submitted | approved | returned | dropped
    author_id: str = Field(max_length=64)
    drafted_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    decided_by: str | None = Field(default=None, max_length=64)
    decided_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    note: str = Field(default="", max_length=300)  # why it was sent back
    version_id: str | None = Field(default=None, foreign_key="regime_versions.id", max_length=32)


class CalendarChange(SQLModel, table=True):
    """What the organisation says about its own days and hours, or against an official year: by two people.

    ``kind``: hours (from a day on, or a season of each year) | days (own holidays, half days) | year (other
    content for a year that is official already). ``unit`` narrows it to one skill group.
    """

    __tablename__ = "calendar_changes"
    __table_args__ = (
        CheckConstraint("state <> 'approved' OR decided_by <> proposed_by", name="calendar_takes_two"),
    )

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(max_length=8)
    unit: str | None = Field(default=None, max_length=40)
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    reason: str = Field(max_length=300)
    state: str = Field(max_length=12, index=True)  # proposed | approved | refused | ended
    proposed_by: str = Field(max_length=64)
    proposed_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    decided_by: str | None = Field(default=None, max_length=64)
    decided_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class OfficialYear(SQLModel, table=True):
    """A calendar year as published by the State Council, imported from a file."""

    __tablename__ = "official_years"

    year: int = Field(primary_key=True)
    source: str = Field(max_length=300)
    sha256: str = Field(max_length=64)
    days: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    imported_by: str = Field(max_length=64)
    imported_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Deadline(SQLModel, table=True):
    """A promise with an instant. ``due_at`` moves only by a journalled extension, pause or official calendar.

    "Overdue" is computed from the row and now; ``next_check_at`` only wakes the sweep.
    ``breached_at`` is when time really ran out, not when the sweep noticed.
    """

    __tablename__ = "deadlines"
    __table_args__ = (
        UniqueConstraint("subject_kind", "subject_id", "kind", "round"),
        Index("ix_deadlines_wake", "next_check_at"),
    )

    id: str = Field(primary_key=True, max_length=32)
    subject_kind: str = Field(max_length=24)
    subject_id: str = Field(max_length=32, index=True)
    kind: str = Field(max_length=32)  # acknowledge | first_person | decide | promise
    round: int = 1  # counts on when a closed case is opened again
    regime_version_id: str = Field(foreign_key="regime_versions.id", max_length=32)
    starts_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    legal_due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))  # by the letter of the rule
    near_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    provisional: bool = False
    unit: str | None = Field(default=None, max_length=40)  # whose calendar it goes by; the organisation's if empty
    next_check_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # Moments still ahead besides near and due: {"point", "at", "share" | "level"}, the earliest first.
    schedule: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]")
    )
    neared_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    breached_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    paused_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    met_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    dropped_at: datetime | None = Field(
        default=None, sa_column=Column(UtcDateTime)
    )  # withdrawn: no longer owed
    # What `DueDates.as_dict` says, with the rule, its source, and every move of the date.
    explanation: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))

    @property
    def clock(self) -> Clock:
        """The row's instants, for the rules to judge."""
        return Clock(
            due_at=self.due_at,
            near_at=self.near_at,
            neared_at=self.neared_at,
            breached_at=self.breached_at,
            paused_at=self.paused_at,
            met_at=self.met_at,
            dropped_at=self.dropped_at,
        )


class DeadlineNotice(SQLModel, table=True):
    """A moment that was noticed: once for each point of each due instant. ``at`` is when it came true."""

    __tablename__ = "deadline_notices"
    __table_args__ = (UniqueConstraint("deadline_id", "due_at", "point"),)

    id: str = Field(primary_key=True, max_length=32)
    deadline_id: str = Field(foreign_key="deadlines.id", max_length=32)
    point: str = Field(max_length=24)  # near | breach | share:0.5 | level:2
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    noticed_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    superseded: bool = False  # a later point was noticed in the same breath, so nobody was told of this one


class DeadlineCall(SQLModel, table=True):
    """One person told of one rung for one due instant: the database refuses a second time."""

    __tablename__ = "deadline_calls"
    __table_args__ = (
        UniqueConstraint("deadline_id", "due_at", "level", "staff_id"),
        Index("ix_deadline_calls_unseen", "staff_id", "seen_at"),
        Index("ix_deadline_calls_subject", "subject_kind", "subject_id"),
    )

    id: str = Field(primary_key=True, max_length=32)
    deadline_id: str = Field(foreign_key="deadlines.id", max_length=32)
    subject_kind: str = Field(max_length=24)
    subject_id: str = Field(max_length=32)
    kind: str = Field(max_length=32)
    level: int
    staff_id: str = Field(max_length=64)
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    told_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    seen_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class BreachCause(SQLModel, table=True):
    """Why time ran out, said by staff before the case may close. Appended; the newest of a deadline counts."""

    __tablename__ = "breach_causes"

    id: str = Field(primary_key=True, max_length=32)
    deadline_id: str = Field(foreign_key="deadlines.id", index=True, max_length=32)
    cause: str = Field(max_length=24, index=True)
    text: str = Field(sa_column=Column(EncryptedText, nullable=False))
    recorded_by: str = Field(max_length=64)
    recorded_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
