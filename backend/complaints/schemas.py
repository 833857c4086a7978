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
    force: bool = False  # the customer was asked and says that it is another matter


class BotLookup(_Body):
    conversation_id: str = Field(max_length=64)
    number: str = Field(max_length=64)
    last4: str = Field(max_length=64)


class BotUrge(_Body):
    conversation_id: str = Field(max_length=64)


class BotSupplement(_Body):
    conversation_id: str = Field(max_length=64)
    text: str = ""


class BotWithdraw(_Body):
    conversation_id: str = Field(max_length=64)
    text: str = ""
    confirmed: bool = False


class BotReopen(_Body):
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
    force: bool = False


class MoveBody(_Body):
    """Every action's reason (``text``) and what its guard asks for."""

    text: str = ""
    public_text: str = ""
    severity: int | None = None
    complexity: int | None = None
    impact: int | None = None
    urgency: int | None = None
    category: str | None = Field(default=None, max_length=40)
    unit: str | None = Field(default=None, max_length=40)
    outcome: str | None = None
    other_ways: str | None = None
    remedy_cost: int | None = None  # fen
    channel: str | None = None
    script: str | None = Field(default=None, max_length=80)
    cause: str | None = Field(default=None, max_length=40)
    into: str | None = Field(default=None, max_length=40)
    referred_to: str | None = Field(default=None, max_length=80)
    reason: str | None = Field(default=None, max_length=24)
    kind: str | None = None
    working_days: int | None = None
    requested_by: str | None = None


class NoteBody(_Body):
    text: str = ""
    public: bool = False


class OwnerBody(_Body):
    staff_id: str = Field(max_length=64)


class OwnersBody(OwnerBody):
    numbers: list[str] = Field(max_length=500)


class TaskBody(_Body):
    what: str = ""
    assignee_id: str = Field(max_length=64)
    due: str = Field(max_length=40)  # 2026-10-09 18:00, Shanghai time unless it names an offset


class ResultBody(_Body):
    result: str = ""


class PlanBody(_Body):
    text: str = ""
