"""Shapes of the HTTP interface. What the rules judge (lengths, contacts) is left to them and their words."""

from pydantic import BaseModel, ConfigDict, Field


class _Body(BaseModel):
    model_config = ConfigDict(str_max_length=20_000)


class BotFiling(_Body):
    idempotency_key: str = Field(min_length=1, max_length=200)
    conversation_id: str = Field(max_length=64)
    description: str = ""
    remedy: str = ""
    order_no: str | None = None
    contact: str = ""


class BotLookup(_Body):
    conversation_id: str = Field(max_length=64)
    number: str = Field(max_length=64)
    last4: str = Field(max_length=64)


class BotUrge(_Body):
    conversation_id: str = Field(max_length=64)


class BotSupplement(_Body):
    conversation_id: str = Field(max_length=64)
    text: str = ""


class StaffFiling(_Body):
    """A complaint that came by phone, letter or a conversation, taken down by a member of staff."""

    description: str = ""
    remedy: str = ""
    order_no: str | None = None
    contact: str = ""
    customer_name: str | None = Field(default=None, max_length=40)
    conversation_id: str | None = Field(default=None, max_length=64)
    channel: str = Field(default="phone", max_length=16)
    idempotency_key: str | None = Field(default=None, max_length=200)


class MoveBody(_Body):
    """Every action's reason (``text``) and what its guard asks for."""

    text: str = ""
    public_text: str = ""
    severity: int | None = None
    category: str | None = Field(default=None, max_length=40)
    outcome: str | None = None
    channel: str | None = None
    kind: str | None = None
    working_days: int | None = None
    requested_by: str | None = None


class NoteBody(_Body):
    text: str = ""
    public: bool = False


class OwnerBody(_Body):
    staff_id: str = Field(max_length=64)
