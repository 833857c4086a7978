"""How well the promised waits held: what customers were told, against what came of it."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.handoffs import store
from backend.kernel.statistics import Rate

NEAR_ENOUGH = 120.0  # seconds; a promise of minutes that is off by less has held


@dataclass(frozen=True)
class Accuracy:
    """``bias`` above zero: people came later than was said."""

    n: int
    mean_error: float | None  # seconds, either way
    bias: float | None
    held: Rate  # promises that were off by less than two minutes, or better
    longest: float | None  # the longest wait beyond the promise

    def as_dict(self) -> dict[str, Any]:
        return {"n": self.n, "mean_error_seconds": self.mean_error, "bias_seconds": self.bias,
                "held": {"k": self.held.k, "n": self.held.n, "value": self.held.value}, "longest_beyond_seconds": self.longest}


def accuracy(session: Session, since: datetime, until: datetime) -> Accuracy:
    """Of everybody taken between two instants who had been told a time."""
    return judge(store.promised_and_waited(session, since, until))


def judge(pairs: Sequence[tuple[float, float]]) -> Accuracy:
    """``pairs``: promised and waited, in seconds. Early is no broken promise, but an error of the estimate."""
    if not pairs:
        return Accuracy(0, None, None, Rate(0, 0), None)
    errors = [waited - promised for promised, waited in pairs]
    return Accuracy(
        len(errors), round(statistics.fmean(abs(one) for one in errors), 1), round(statistics.fmean(errors), 1),
        Rate(sum(1 for one in errors if one < NEAR_ENOUGH), len(errors)), round(max(errors), 1))
