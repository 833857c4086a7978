"""A wall clock is not believed at once when it leaps: a wrong hour would breach a thousand promises.

Between two looks the wall clock must have moved as far as the machine's own stopwatch, which counts on through
suspend and knows no settings. After a leap the wall clock is believed again once it has kept its new pace for a
while: a correction that stands is a correction.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from backend.kernel.clock import utc_now

log = structlog.get_logger(__name__)

# Clocks are trimmed by seconds all the time; a minute is more than trimming.
LEAP = timedelta(seconds=60)
SETTLES = timedelta(minutes=3)


def _stopwatch() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Watch:
    """Reads the wall clock for one process."""

    def __init__(
        self, wall: Callable[[], datetime] = utc_now, stopwatch: Callable[[], float] = _stopwatch
    ) -> None:
        self._wall = wall
        self._stopwatch = stopwatch
        self._offset: timedelta | None = None  # wall clock less stopwatch, as believed
        self._doubted: tuple[timedelta, float] | None = None  # the new offset, and since when

    def now(self) -> datetime | None:
        """The wall clock, or None while it is in doubt."""
        wall, ticks = self._wall(), self._stopwatch()
        offset = timedelta(seconds=wall.timestamp() - ticks)
        if self._offset is None or abs(offset - self._offset) < LEAP:
            self._offset, self._doubted = offset, None
            return wall
        if self._doubted is None or abs(offset - self._doubted[0]) >= LEAP:
            self._doubted = (offset, ticks)
            log.warning("clock_leapt", seconds=round((offset - self._offset).total_seconds()))
            return None
        if timedelta(seconds=ticks - self._doubted[1]) < SETTLES:
            return None
        log.warning("clock_believed_again", seconds=round((offset - self._offset).total_seconds()))
        self._offset, self._doubted = offset, None
        return wall
