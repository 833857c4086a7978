"""What programs may send to the desk."""

from pydantic import BaseModel, Field


class StatusBody(BaseModel):
    status: str = Field(max_length=16)


class ReplyBody(BaseModel):
    """An agent's words. ``based_on``: the script version that was inserted, ``kept``: how much of it is left."""

    text: str = Field(max_length=5000)
    client_id: str = Field(min_length=1, max_length=64, pattern=r"^[\w.:-]+$")
    based_on: str | None = Field(default=None, max_length=32)
    kept: float | None = Field(default=None, ge=0, le=1)


class NoteBody(BaseModel):
    text: str = Field(max_length=5000)
    client_id: str | None = Field(default=None, max_length=64, pattern=r"^[\w.:-]+$")


class CustomerNoteBody(BaseModel):
    text: str = Field(max_length=2000)


class TransferBody(BaseModel):
    """To one colleague or to one group."""

    to_staff: str | None = Field(default=None, max_length=32)
    to_group: str | None = Field(default=None, max_length=32)
    note: str = Field(default="", max_length=2000)


class WrapUpBody(BaseModel):
    outcome: str = Field(default="", max_length=24)
    note: str = Field(default="", max_length=2000)
    correct_intent: str | None = Field(default=None, max_length=40)
