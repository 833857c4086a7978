"""The sweep notices what has neared or run out, once each, stamped with the instant at which it came true."""

from datetime import datetime
from typing import Any

import structlog

from backend.deadlines import rules, store
from backend.deadlines.events import DeadlineBreached, DeadlineNeared
from backend.deadlines.tables import Deadline
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import utc_now

log = structlog.get_logger(__name__)

BATCH = 200


def sweep(works: Works, now: datetime | None = None) -> int:
    """Notice what has neared or run out; returns how many notices were given.

    A row is claimed, judged again and compare-and-set in its own transaction, so that running this twice,
    late, or in ten processes gives each notice once, and one failing reaction holds up no other row.
    """
    now = now or utc_now()
    given = 0
    with works.read(SYSTEM, now) as work:
        due = store.wakeable(work.session, now, BATCH)
    for deadline_id, seen in due:
        try:
            with works.begin(SYSTEM, now) as work:
                notices = _notice(work, deadline_id, seen)
            given += notices  # counted once it stands
        except Exception:
            log.exception("sweep_failed", deadline=deadline_id)
    return given


def _notice(work: Work, deadline_id: str, seen: datetime) -> int:
    row = store.claim(work.session, deadline_id, seen)
    if row is None:
        return 0
    verdict = rules.judge(row.clock, work.now)
    values: dict[str, Any] = {"next_check_at": verdict.next_check_at}
    # Stamped with the instant at which it came true, however late this sweep is.
    if verdict.neared:
        values["neared_at"] = row.near_at
    if verdict.breached:
        values |= {"breached_at": row.due_at, "neared_at": row.neared_at or row.near_at}
    if values == {"next_check_at": seen} or not store.compare_and_set(
        work.session, deadline_id, seen, values
    ):
        return 0
    if verdict.neared:
        announce(work, DeadlineNeared, row, row.near_at)
    if verdict.breached:
        announce(work, DeadlineBreached, row, row.due_at)
    return int(verdict.neared) + int(verdict.breached)


def announce(
    work: Work, fact: type[DeadlineNeared] | type[DeadlineBreached], row: Deadline, at: datetime
) -> None:
    work.record(
        fact(
            at=at, subject_kind=row.subject_kind, subject_id=row.subject_id, kind=row.kind, due_at=row.due_at
        )
    )
