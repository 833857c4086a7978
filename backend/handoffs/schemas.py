"""What programs may send to the desk."""

from pydantic import AwareDatetime, BaseModel, Field

CLIENT_ID = r"^[\w.:-]+$"


class StatusBody(BaseModel):
    """``reason`` says what kind of break it is."""

    status: str = Field(max_length=16)
    reason: str | None = Field(default=None, max_length=16)


class ReplyBody(BaseModel):
    """An agent's words. ``based_on``: the script version that was inserted, ``kept``: how much of it is left."""

    text: str = Field(max_length=5000)
    client_id: str = Field(min_length=1, max_length=64, pattern=CLIENT_ID)
    based_on: str | None = Field(default=None, max_length=32)
    kept: float | None = Field(default=None, ge=0, le=1)


class NoteBody(BaseModel):
    text: str = Field(max_length=5000)
    client_id: str | None = Field(default=None, max_length=64, pattern=CLIENT_ID)


class CustomerNoteBody(BaseModel):
    text: str = Field(max_length=2000)


class ReadBody(BaseModel):
    """The highest number that was before the agent's eyes."""

    seq: int = Field(ge=0, le=10_000_000)


class ConsultBody(BaseModel):
    """A question to one colleague."""

    asked: str = Field(max_length=32)
    question: str = Field(max_length=1000)


class TransferBody(BaseModel):
    """To one colleague or to one group."""

    to_staff: str | None = Field(default=None, max_length=32)
    to_group: str | None = Field(default=None, max_length=32)
    note: str = Field(default="", max_length=2000)


class FollowUpBody(BaseModel):
    """Something still to be done. ``due_at`` carries its zone; without ``owner`` it is one's own."""

    text: str = Field(max_length=1000)
    owner: str | None = Field(default=None, max_length=32)
    due_at: AwareDatetime



class WrapUpBody(BaseModel):
    outcome: str = Field(default="", max_length=24)
    note: str = Field(default="", max_length=2000)
    correct_intent: str | None = Field(default=None, max_length=40)
    tags: list[str] = Field(default_factory=list, max_length=20)
    follow_up: FollowUpBody | None = None


class CallbackDoneBody(BaseModel):
    """How a message left or a call back ended."""

    outcome: str = Field(default="", max_length=24)
    note: str = Field(default="", max_length=2000)
