"""Shapes of the staff API."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Button(BaseModel):
    """Either says something for the customer or does something."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(max_length=40)
    say: str | None = Field(default=None, max_length=200)
    action: str | None = Field(default=None, max_length=40)


class DraftIn(BaseModel):
    """A new version. ``topic`` and ``title`` are needed for a new key only."""

    text: str = Field(max_length=5000)
    topic: str | None = Field(default=None, max_length=40)
    title: str | None = Field(default=None, max_length=80)
    channel: str = Field(default="any", max_length=16)
    buttons: list[Button] = Field(default_factory=list, max_length=20)
    examples: list[str] = Field(default_factory=list, max_length=200)
    note: str = Field(default="", max_length=300)
    source: str | None = Field(default=None, max_length=300)
    owner: str | None = Field(default=None, max_length=64)
    tags: list[str] | None = Field(default=None, max_length=20)
    review_on: date | None = None
    attachments: list[str] = Field(default_factory=list, max_length=10)  # ids of stored files
    effective_from: datetime | None = None
    effective_to: datetime | None = None


class MoveIn(BaseModel):
    """Which version; left out, the only one that fits. ``seen`` is the ``hash`` of the words that were read."""

    version: int | None = None
    reason: str = Field(default="", max_length=300)
    seen: str | None = Field(default=None, max_length=64)


class RollbackIn(BaseModel):
    """Which earlier version's words to say again."""

    version: int
    reason: str = Field(default="", max_length=300)


class VersionOut(BaseModel):
    """One version as it stands."""

    id: str
    key: str
    version: int
    channel: str
    state: str
    text: str
    variables: list[str]
    buttons: list[dict[str, Any]]
    examples: list[str]
    note: str
    author_id: str
    drafted_at: datetime
    attachments: list[dict[str, Any]]
    submitted_at: datetime | None
    approvals_needed: int
    first_approver_id: str | None
    first_approved_at: datetime | None
    approver_id: str | None
    approved_at: datetime | None
    refusal: str | None
    effective_from: datetime | None
    effective_to: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    restores: int | None
    hash: str


class ScriptOut(BaseModel):
    """One script and the versions that matter now."""

    key: str
    topic: str
    title: str
    owner: str
    source: str
    tags: list[str]
    review_on: date | None
    versions: list[VersionOut]
