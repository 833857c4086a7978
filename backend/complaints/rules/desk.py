"""The order of the desk, as one number. Pure.

A list of a million cases is paged by a single indexed column: what is due next first, of equals the higher
priority; then what waits with stopped clocks; then what is over, the newest first.
"""

from datetime import datetime

# Beyond every real instant in seconds × 1000 (the year 9999 is 2.5e14), so that the bands cannot meet.
WAITING = 4_000_000_000_000_000
ENDED = 8_000_000_000_000_000
MOST_PRIORITY = 999


def order_key(
    *, next_due_at: datetime | None, priority: int, filed_at: datetime, closed_at: datetime | None
) -> int:
    """Ascending: what to do first stands first."""
    if closed_at is not None:
        return ENDED - _milli(filed_at)
    rank = MOST_PRIORITY - max(0, min(priority, MOST_PRIORITY))
    if next_due_at is None:
        return WAITING + _milli(filed_at) // 1000 * 1000 + rank
    return _milli(next_due_at) // 1000 * 1000 + rank


def due_before(instant: datetime) -> int:
    """Every key of a case whose next due instant lies before ``instant`` is below this."""
    return _milli(instant) // 1000 * 1000


def _milli(at: datetime) -> int:
    return int(at.timestamp() * 1000)
