"""What happened to a deadline. ``at`` is when time really got there, not when the sweep noticed."""

from dataclasses import dataclass
from datetime import datetime

from backend.kernel.events import Fact


@dataclass(frozen=True, kw_only=True)
class DeadlineNeared(Fact):
    """The warning point was passed and the thing is not done."""

    subject_kind: str
    subject_id: str
    kind: str
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeadlineBreached(Fact):
    """Time ran out at ``at`` (which equals ``due_at``)."""

    subject_kind: str
    subject_id: str
    kind: str
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeadlineMoved(Fact):
    """A due date was changed: by an extension, a pause, or an official calendar that makes it earlier."""

    subject_kind: str
    subject_id: str
    kind: str
    why: str  # extended | resumed | calendar
    old_due_at: datetime
    due_at: datetime
