"""Who a customer is, as far as told. Names and contacts are encrypted; look-up goes by blind index."""

from datetime import datetime

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.infra.db import EncryptedText, UtcDateTime


class Customer(SQLModel, table=True):
    """A person as seen through one channel; ``ref_index`` is the blind index of the channel's reference."""

    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("channel", "ref_index"),)

    id: str = Field(primary_key=True, max_length=32)
    channel: str = Field(max_length=16)
    ref_index: str = Field(max_length=64)
    name: str | None = Field(default=None, sa_column=Column(EncryptedText))
    contact: str | None = Field(default=None, sa_column=Column(EncryptedText))
    contact_index: str | None = Field(default=None, max_length=64, index=True)
    visits: int = 0
    # The site whose signature vouched for the reference; None: a reference that anybody could have made up.
    signed_by: str | None = Field(default=None, max_length=40)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    last_seen_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class CustomerNote(SQLModel, table=True):
    """What colleagues should know about a customer. Never shown to the customer."""

    __tablename__ = "customer_notes"

    id: str = Field(primary_key=True, max_length=32)
    customer_id: str = Field(foreign_key="customers.id", index=True, max_length=32)
    staff_id: str = Field(foreign_key="staff.id", max_length=32)
    text: str = Field(sa_column=Column(EncryptedText, nullable=False))
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
