"""The base of every fact. A fact is named in the past tense, is frozen, and carries when it happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened. Subclasses stand in a room's `events.py`; reactions stand in `wiring.py`.

    `at` is an aware UTC instant: the moment the thing *really* happened, which may be earlier than the
    moment it was noticed (a deadline runs out at its due time, not when a sweep finds it).
    """

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a fact needs an aware instant")

    @classmethod
    def name(cls) -> str:
        """The fact's name in the journal and in logs."""
        return cls.__name__
