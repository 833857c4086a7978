"""Surveys, invitations (one a conversation), satisfaction facts for dashboards, ratings of handled complaints."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime


class SurveyVersion(SQLModel, table=True):
    """One version of a questionnaire, frozen once invitations point at it."""

    __tablename__ = "survey_versions"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: str = Field(primary_key=True, max_length=32)
    key: str = Field(max_length=40)
    version: int
    question: str = Field(max_length=120)
    labels: list[str] = Field(sa_column=Column(JSON, nullable=False))
    reasons: dict[str, list[str]] = Field(sa_column=Column(JSON, nullable=False))
    comment_prompt: str = Field(max_length=80)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Invitation(SQLModel, table=True):
    """The one invitation of a conversation, with who and what is being rated as it was at closing."""

    __tablename__ = "survey_invitations"

    id: str = Field(primary_key=True, max_length=32)
    token_hash: str = Field(unique=True, max_length=64)
    survey_version_id: str = Field(foreign_key="survey_versions.id", max_length=32)
    conversation_id: str = Field(foreign_key="conversations.id", unique=True, max_length=32)
    agent_id: str | None = Field(default=None, foreign_key="staff.id", index=True, max_length=32)
    channel: str = Field(max_length=16)
    intents: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    script_version_ids: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    sent_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    declined_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class SatisfactionFact(SQLModel, table=True):
    """One answer; unique by invitation, so that nobody rates twice."""

    __tablename__ = "satisfaction_facts"
    __table_args__ = (CheckConstraint("score BETWEEN 1 AND 5", name="score_is_one_to_five"),)

    id: str = Field(primary_key=True, max_length=32)
    invitation_id: str = Field(foreign_key="survey_invitations.id", unique=True, max_length=32)
    conversation_id: str = Field(foreign_key="conversations.id", max_length=32)
    agent_id: str | None = Field(default=None, foreign_key="staff.id", index=True, max_length=32)
    channel: str = Field(max_length=16, index=True)
    score: int
    reasons: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    comment: str | None = Field(default=None, sa_column=Column(EncryptedText))
    answered_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class HandlingRating(SQLModel, table=True):
    """How a customer rates the handling of a complaint: asked once when it is closed, answered once or never."""

    __tablename__ = "complaint_ratings"
    __table_args__ = (CheckConstraint("score IS NULL OR score BETWEEN 1 AND 5", name="handling_score_is_one_to_five"),)

    id: str = Field(primary_key=True, max_length=32)
    complaint_id: str = Field(foreign_key="complaints.id", unique=True, max_length=32)
    survey_version_id: str = Field(foreign_key="survey_versions.id", max_length=32)
    owner_id: str | None = Field(default=None, foreign_key="staff.id", max_length=32)
    channel: str = Field(max_length=16)
    asked_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    answered_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, index=True))
    score: int | None = None
    reasons: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    comment: str | None = Field(default=None, sa_column=Column(EncryptedText))
