"""What happened to a deadline. ``at`` is when time really got there, not when the sweep noticed."""

from dataclasses import dataclass
from datetime import datetime

from backend.kernel.events import Fact


@dataclass(frozen=True, kw_only=True)
class _OfDeadline(Fact):
    """``subject_kind`` and ``subject_id`` say whose deadline (complaint …), ``kind`` which of its deadlines."""

    subject_kind: str
    subject_id: str
    kind: str
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeadlineWarned(_OfDeadline):
    """A warning point before (or after) the near point: so much of the way is gone (``share``, 0.5 is half)."""

    share: float


@dataclass(frozen=True, kw_only=True)
class DeadlineNeared(_OfDeadline):
    """The near point (80 %) was passed and the thing is not done."""


@dataclass(frozen=True, kw_only=True)
class DeadlineBreached(_OfDeadline):
    """Time ran out at ``at`` (which equals ``due_at``). The case needs a cause before it closes."""


@dataclass(frozen=True, kw_only=True)
class DeadlineEnded(_OfDeadline):
    """Nothing is owed any more: the thing was done (``met``), or is no longer owed (``dropped``)."""

    how: str
    late: bool


@dataclass(frozen=True, kw_only=True)
class DeadlineMoved(_OfDeadline):
    """A due date was changed: by an extension, a pause, an official calendar, or another regime version."""

    why: str  # extended | resumed | calendar | rebased
    old_due_at: datetime

    @property
    def earlier(self) -> bool:
        return self.due_at < self.old_due_at


@dataclass(frozen=True, kw_only=True)
class EscalationDue(_OfDeadline):
    """A rung of the ladder is reached. ``told`` were told now; whoever holds the case is for the case's room to tell.

    ``level`` 0 is no rung: a new official calendar made the date earlier.
    """

    deadline_id: str
    level: int
    words: str  # 80%, 到期时, 逾期 1 个工作日
    told: tuple[str, ...]
    tell_owner: bool


@dataclass(frozen=True, kw_only=True)
class TakeOverDue(_OfDeadline):
    """By its ladder the case passes to one of ``candidates`` (staff ids, those with the least on hand first)."""

    level: int
    words: str
    candidates: tuple[str, ...]
