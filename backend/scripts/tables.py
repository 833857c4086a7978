"""Approved phrasings and their versions. The database itself refuses a second effective version."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Index, UniqueConstraint, event, inspect, text
from sqlmodel import Field, SQLModel

from backend.infra.db import UtcDateTime
from backend.kernel.errors import Conflict


class Script(SQLModel, table=True):
    """One thing the organisation says, under a stable key. Its words live in versions."""

    __tablename__ = "scripts"

    key: str = Field(primary_key=True, max_length=80)
    topic: str = Field(max_length=40, index=True)
    title: str = Field(max_length=80)
    is_default: bool = False  # said for its topic when no example question fits well
    owner: str = Field(max_length=64)
    source: str = Field(default="", max_length=300)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class ScriptVersion(SQLModel, table=True):
    """One wording. From approval on, its text, buttons and examples never change; ``digest`` proves it."""

    __tablename__ = "script_versions"
    __table_args__ = (
        UniqueConstraint("key", "version", "channel"),
        Index(
            "uq_script_effective", "key", "channel", unique=True,
            sqlite_where=text("state = 'effective'"), postgresql_where=text("state = 'effective'"),
        ),
        CheckConstraint("approver_id IS NULL OR approver_id <> author_id", name="author_is_not_approver"),
        CheckConstraint(
            "state NOT IN ('approved', 'effective', 'superseded', 'expired')"
            " OR (approver_id IS NOT NULL AND digest IS NOT NULL)",
            name="effective_was_approved",
        ),
    )

    id: str = Field(primary_key=True, max_length=32)
    key: str = Field(foreign_key="scripts.key", max_length=80, index=True)
    version: int
    channel: str = Field(default="any", max_length=16)
    state: str = Field(max_length=16, index=True)
    text: str
    variables: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    buttons: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    examples: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    note: str = Field(default="", max_length=300)  # why this version
    author_id: str = Field(max_length=64)
    drafted_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    submitted_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    approver_id: str | None = Field(default=None, max_length=64)
    approved_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    refusal: str | None = Field(default=None, max_length=300)
    digest: str | None = Field(default=None, max_length=64)
    effective_from: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    effective_to: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))  # when it was first said
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))  # when it was last said
    restores: int | None = None  # the version whose words a rollback brought back


# What an approval covers. Everything else about a version may go on: it starts, ends, is replaced.
FROZEN = ("key", "version", "channel", "text", "variables", "buttons", "examples", "author_id", "approver_id",
          "approved_at", "digest", "effective_from", "effective_to")


@event.listens_for(ScriptVersion, "before_update")
def _keep_frozen(_mapper: Any, _connection: Any, version: ScriptVersion) -> None:
    """An approved wording is never altered, whoever tries: a change is a new version."""
    attributes = inspect(version).attrs
    approved_before = not attributes["digest"].history.added and version.digest is not None
    if approved_before and any(attributes[name].history.has_changes() for name in FROZEN):
        raise Conflict("approved_is_frozen", "批准过的话术不能再改，请另起一个新版本。")


class Catalogue(SQLModel, table=True):
    """One row: the revision of the effective set. The bot asks for what is newer than the one it knows."""

    __tablename__ = "script_catalogue"

    id: int = Field(default=1, primary_key=True)
    revision: int = 0
    changed_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
