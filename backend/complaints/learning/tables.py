"""Root-cause records, costs of remedies, frozen baselines, improvement items. The first three only grow."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime


class WhyRecord(SQLModel, table=True):
    """One revision of a complaint's five whys. The newest counts; the older ones stay to be read."""

    __tablename__ = "complaint_whys"
    __table_args__ = (UniqueConstraint("complaint_id", "revision"),)

    id: str = Field(primary_key=True, max_length=32)
    complaint_id: str = Field(foreign_key="complaints.id", max_length=32)
    revision: int
    whys: str = Field(sa_column=Column(EncryptedText, nullable=False))  # JSON: [[question, answer], …]
    layers: int
    cause: str = Field(max_length=40)
    actor_id: str = Field(max_length=64)
    actor_name: str = Field(max_length=40)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Remedy(SQLModel, table=True):
    """What making good has cost, one line a payment, in fen. A slip is set right by another line."""

    __tablename__ = "complaint_remedies"

    id: str = Field(primary_key=True, max_length=32)
    complaint_id: str = Field(foreign_key="complaints.id", index=True, max_length=32)
    kind: str = Field(max_length=24)
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    actor_id: str = Field(max_length=64)
    actor_name: str = Field(max_length=40)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class HeardBefore(SQLModel, table=True):
    """The last answer that the bot gave before a complaint was filed in the same conversation."""

    __tablename__ = "complaint_answers"

    complaint_id: str = Field(primary_key=True, foreign_key="complaints.id", max_length=32)
    script_version_id: str = Field(foreign_key="script_versions.id", index=True, max_length=32)


class FrozenBaseline(SQLModel, table=True):
    """The centre and spread of a control chart as somebody froze them; the newest of a chart and scope counts."""

    __tablename__ = "complaint_baselines"
    __table_args__ = (Index("ix_complaint_baselines_scope", "chart", "scope", "frozen_at"),)

    id: str = Field(primary_key=True, max_length=32)
    chart: str = Field(max_length=8)  # rate | days
    scope: str = Field(max_length=64)  # digest of the filter, without its period
    query: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    first_day: date
    last_day: date
    points: int
    centre: float
    moving_range: float
    frozen_by: str = Field(foreign_key="staff.id", max_length=32)
    frozen_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Improvement(SQLModel, table=True):
    """What somebody has promised to change, until when, and whether the figures then moved."""

    __tablename__ = "improvement_items"
    __table_args__ = (Index("ix_improvement_items_state", "state", "due_on"),)

    id: str = Field(primary_key=True, max_length=32)
    title: str = Field(max_length=80)
    source_kind: str = Field(max_length=12)  # pareto | group | signal | manual
    source_query: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    source_words: str = Field(max_length=200)
    owner_id: str = Field(foreign_key="staff.id", index=True, max_length=32)
    due_on: date
    measure: str = Field(sa_column=Column(EncryptedText, nullable=False))
    state: str = Field(max_length=12)
    effective_on: date | None = None  # since when the measure works
    check: dict[str, Any] | None = Field(default=None, sa_column=Column("effect", JSON))
    created_by: str = Field(foreign_key="staff.id", max_length=32)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    closed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class ImprovementStep(SQLModel, table=True):
    """One line of an item's history."""

    __tablename__ = "improvement_steps"
    __table_args__ = (UniqueConstraint("item_id", "seq"),)

    id: str = Field(primary_key=True, max_length=32)
    item_id: str = Field(foreign_key="improvement_items.id", max_length=32)
    seq: int
    action: str = Field(max_length=16)
    text: str = Field(default="", sa_column=Column(EncryptedText, nullable=False))
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    actor_id: str = Field(max_length=64)
    actor_name: str = Field(max_length=40)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
