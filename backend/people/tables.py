"""Staff, their roles, sign-ins and the limits on trying."""

from datetime import datetime

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime


class Staff(SQLModel, table=True):
    """A person who works here. Never deleted, so that the journal keeps a name to every act."""

    __tablename__ = "staff"

    id: str = Field(primary_key=True, max_length=32)
    username: str = Field(unique=True, max_length=40)
    display_name: str = Field(max_length=40)
    password_hash: str = Field(max_length=255)
    active: bool = True
    skill_groups: str = Field(default="", max_length=200)  # keys of skill groups, separated by commas
    languages: str = Field(default="zh", max_length=40)  # spoken with customers, separated by commas: zh,en
    mail: str | None = Field(default=None, sa_column=Column(EncryptedText))  # letters of the house; none: told inside
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class StaffRole(SQLModel, table=True):
    """One role of one person."""

    __tablename__ = "staff_roles"

    staff_id: str = Field(foreign_key="staff.id", primary_key=True, max_length=32)
    role: str = Field(primary_key=True, max_length=24)


class SignIn(SQLModel, table=True):
    """A signed-in browser (``kind`` page) or program (``kind`` api). Only the token's hash is kept."""

    __tablename__ = "sign_ins"

    token_hash: str = Field(primary_key=True, max_length=64)
    staff_id: str = Field(foreign_key="staff.id", index=True, max_length=32)
    kind: str = Field(max_length=8)
    csrf: str = Field(max_length=64)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Attempt(SQLModel, table=True):
    """A limited try: a failed sign-in, a wrong guess at a complaint's phone digits, an opened chat.

    ``subject`` is a blind index (account and address), never the value itself.
    """

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_what", "purpose", "subject", "at"),)

    id: str = Field(primary_key=True, max_length=32)
    purpose: str = Field(max_length=24)
    subject: str = Field(max_length=64)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
