"""The sweep notices what has neared or run out, once each, stamped with the instant at which it came true."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from backend.deadlines import notices, store
from backend.deadlines.clockwatch import Watch
from backend.deadlines.roster import Roster
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM

log = structlog.get_logger(__name__)

# Rows noticed in one transaction: large enough to spread the cost of a commit, small enough to hold nobody up.
BATCH = 50
# One sweep stops here, so that the worker's other duties get their turn; the next one goes on.
MOST = 5_000

_watch = Watch()


def sweep(works: Works, now: datetime | None = None) -> int:
    """Notice what has neared or run out; returns how many notices were given.

    Rows are claimed, judged again and compared-and-set, so that running this twice, late, or in ten processes
    gives each notice once. A batch that fails is done again row by row: one failing reaction holds up no other
    row, and is tried again by the next sweep. Without ``now`` the clock is read here, and not believed while it
    leaps (`clockwatch`).
    """
    if now is None:
        now = _watch.now()
        if now is None:
            return 0
    given = looked = 0
    after: tuple[datetime, str] | None = None
    while looked < MOST:
        with works.read(SYSTEM, now) as work:
            due = store.wakeable(work.session, now, BATCH, after)
        if not due:
            break
        looked += len(due)
        after = (due[-1][1], due[-1][0])
        given += _batch(works, [deadline_id for deadline_id, _ in due], now)
        if len(due) < BATCH:
            break
    return given


def _batch(works: Works, ids: Sequence[str], now: datetime) -> int:
    try:
        return _notice(works, ids, now)
    except Exception:
        # A deadlock with somebody's move, or one bad row among good ones.
        log.warning("sweep_batch_failed", rows=len(ids), exc_info=len(ids) == 1)
    if len(ids) == 1:
        return 0
    return sum(_batch(works, [one], now) for one in ids)


def _notice(works: Works, ids: Sequence[str], now: datetime) -> int:
    with works.begin(SYSTEM, now) as work:
        roster = Roster(work.session)
        # In the order of their subjects, so that two sweeps never wait for each other crosswise.
        rows = sorted(store.claim(work.session, ids, now), key=lambda row: (row.subject_id, row.id))
        given = sum(notices.give(work, row, roster) for row in rows)
    return given  # counted once it stands
