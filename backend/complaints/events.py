"""What happened to a complaint."""

from dataclasses import dataclass

from backend.kernel.events import Fact


@dataclass(frozen=True, kw_only=True)
class ComplaintFiled(Fact):
    complaint_id: str
    number: str
    customer_id: str
    conversation_id: str | None
    channel: str


@dataclass(frozen=True, kw_only=True)
class ComplaintMoved(Fact):
    """A stage was left for another; ``public_text`` is what the customer reads on the receipt, or nothing."""

    complaint_id: str
    number: str
    action: str
    from_stage: str
    to_stage: str
    public_text: str


@dataclass(frozen=True, kw_only=True)
class ComplaintUrged(Fact):
    """The customer asked to hurry; ``raised`` when this one lifted the priority (once a day)."""

    complaint_id: str
    number: str
    times: int
    raised: bool


@dataclass(frozen=True, kw_only=True)
class ComplaintSupplemented(Fact):
    """The customer added words to an open complaint."""

    complaint_id: str
    number: str
