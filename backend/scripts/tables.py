"""Approved phrasings and their versions. The database itself refuses a second effective version."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Index, UniqueConstraint, event, inspect, text
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime
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
    tags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]"))
    review_on: date | None = None  # the day on which somebody looks again whether it is still right
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
        # Words that promise money need two people, neither of them the author, nobody twice.
        CheckConstraint(
            "approvals_needed < 2 OR state NOT IN ('approved', 'effective', 'superseded', 'expired')"
            " OR (first_approver_id IS NOT NULL AND first_approver_id <> approver_id)",
            name="two_approvers_where_marked",
        ),
        CheckConstraint("first_approver_id IS NULL OR first_approver_id <> author_id",
                        name="author_is_not_first_approver"),
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
    # What goes out with the words: [{"id", "name", "kind", "size", "sha256"}], the files' proofs included.
    attachments: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]"))
    note: str = Field(default="", max_length=300)  # why this version
    author_id: str = Field(max_length=64)
    drafted_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    submitted_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # Fixed when it is submitted; 2 where the words promise money. The first of two signs before ``approver_id`` does.
    approvals_needed: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    first_approver_id: str | None = Field(default=None, max_length=64)
    first_approved_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
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
FROZEN = ("key", "version", "channel", "text", "variables", "buttons", "examples", "attachments", "author_id",
          "approvals_needed", "first_approver_id", "first_approved_at", "approver_id", "approved_at", "digest",
          "effective_from", "effective_to")


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


class ScriptFile(SQLModel, table=True):
    """A picture or PDF that goes out with approved words; its bytes lie encrypted under the files folder by id."""

    __tablename__ = "script_files"

    id: str = Field(primary_key=True, max_length=32)
    name: str = Field(max_length=80)
    kind: str = Field(max_length=32)  # media type by magic bytes
    size: int
    sha256: str = Field(max_length=64, index=True)
    added_by: str = Field(max_length=64)
    added_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class QuestionCluster(SQLModel, table=True):
    """Customers' questions that got no answer of their own, gathered by likeness. Words are masked before they come."""

    __tablename__ = "question_clusters"

    id: str = Field(primary_key=True, max_length=32)
    label: str = Field(sa_column=Column(EncryptedText, nullable=False))  # the phrase nearest to the middle
    phrases: str = Field(default="[]", sa_column=Column(EncryptedText, nullable=False))  # newest ones, JSON
    # The default script that was said instead of an answer of their own; None: the bot understood none of them.
    default_key: str | None = Field(default=None, max_length=80)
    count: int = 0
    customers: int = 0
    first_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    last_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    state: str = Field(default="open", max_length=8, index=True)  # open | linked | ignored
    script_key: str | None = Field(default=None, foreign_key="scripts.key", max_length=80)
    reason: str = Field(default="", max_length=300)
    decided_by: str | None = Field(default=None, max_length=64)
    decided_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class ClusteredQuestion(SQLModel, table=True):
    """Which message was counted in which cluster: a message counts once, however often the job runs."""

    __tablename__ = "clustered_questions"

    message_id: str = Field(primary_key=True, max_length=32)
    cluster_id: str = Field(foreign_key="question_clusters.id", max_length=32, index=True)
    customer_id: str = Field(max_length=32)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class ScriptProposal(SQLModel, table=True):
    """How an agent changed an approved answer before sending it, and what became of the idea.

    ``text`` has the variables back in their places and everything personal masked.
    """

    __tablename__ = "script_proposals"

    id: str = Field(primary_key=True, max_length=32)
    key: str = Field(foreign_key="scripts.key", max_length=80, index=True)
    version_id: str = Field(foreign_key="script_versions.id", max_length=32)
    message_id: str = Field(unique=True, max_length=32)
    conversation_id: str = Field(max_length=32)
    staff_id: str = Field(max_length=64, index=True)
    text: str = Field(sa_column=Column(EncryptedText, nullable=False))
    kept: float  # share of the approved wording that is left, 0 to 1
    said_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    state: str = Field(default="open", max_length=8, index=True)  # open | accepted | declined
    reason: str = Field(default="", max_length=300)
    decided_by: str | None = Field(default=None, max_length=64)
    decided_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    draft_id: str | None = Field(default=None, foreign_key="script_versions.id", max_length=32)
