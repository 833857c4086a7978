"""Regimes (how long, by which source), official calendar years, and running deadlines."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.deadlines.rules import Clock
from backend.infra.db import UtcDateTime


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
    next_check_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
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
