"""What happened to a complaint. Facts carry codes and numbers, no personal words except ``public_text``."""

from dataclasses import dataclass

from backend.kernel.events import Fact


@dataclass(frozen=True, kw_only=True)
class ComplaintFiled(Fact):
    complaint_id: str
    number: str
    customer_id: str
    conversation_id: str | None
    channel: str
    topic: str | None = None  # the category as guessed from the words
    product: str | None = None


@dataclass(frozen=True, kw_only=True)
class ComplaintMoved(Fact):
    """A stage was left for another; ``public_text`` is what the customer reads on the receipt, or nothing.

    The rest is how the case stood after the move, for whoever counts: category, score, level, unit, product,
    outcome, and (from closing on) the root cause and what the remedy cost in fen.
    """

    complaint_id: str
    number: str
    action: str
    from_stage: str
    to_stage: str
    public_text: str
    by: str = "staff"  # staff | customer | bot | system
    told_in: str | None = None  # the conversation in which the bot tells the customer of it
    channel: str = ""
    owner_id: str | None = None
    category: str | None = None
    severity: int | None = None
    level: str | None = None
    unit: str | None = None
    product: str | None = None
    outcome: str | None = None
    cause: str | None = None
    remedy_cost: int | None = None


@dataclass(frozen=True, kw_only=True)
class ComplaintPaused(Fact):
    """The clocks were stopped; ``public_text`` says why, as the customer reads it."""

    complaint_id: str
    number: str
    reason: str
    public_text: str


@dataclass(frozen=True, kw_only=True)
class ComplaintResumed(Fact):
    """The clocks run again; ``by_itself`` when the customer's answer did it."""

    complaint_id: str
    number: str
    by_itself: bool


@dataclass(frozen=True, kw_only=True)
class ComplaintExtended(Fact):
    """A due date was moved later with approval; ``told`` when it is the customer's promise."""

    complaint_id: str
    number: str
    kind: str
    told: bool


@dataclass(frozen=True, kw_only=True)
class ComplaintUrged(Fact):
    """The customer asked to hurry; ``raised`` when this one lifted the priority (once a day)."""

    complaint_id: str
    number: str
    times: int
    raised: bool


@dataclass(frozen=True, kw_only=True)
class ComplaintSupplemented(Fact):
    """The customer added words or evidence to an open complaint."""

    complaint_id: str
    number: str


@dataclass(frozen=True, kw_only=True)
class ComplaintBecameMajor(Fact):
    """A trigger of the emergency plan was met; ``triggers`` are the rules' keys."""

    complaint_id: str
    number: str
    triggers: tuple[str, ...]
    owner_id: str | None


@dataclass(frozen=True, kw_only=True)
class ComplaintBurst(Fact):
    """Many complaints of one cause in a short time."""

    topic: str
    count: int
    hours: float
