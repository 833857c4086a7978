"""Jobs that follow a commit and must not be lost: kept as rows, claimed by one worker, retried with patience."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import JSON, Column, Index, update
from sqlmodel import Field, Session, SQLModel, col, select

from backend.infra.db import UtcDateTime
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM
from backend.kernel.ids import new_id

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)
# Doubling from ten seconds to half an hour: a neighbour that is away for a night is waited for, about ten hours.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=30)
MAX_TRIES = 26

type Handler = Callable[[Works, dict[str, Any]], None]
type Watcher = Callable[[Work, "OutboxJob"], None]


class Parked(Exception):
    """A handler's answer: not before somebody has set something right. Kept, and not tried until `release`."""


class Hopeless(Exception):
    """A handler's answer: never, however often it is tried."""


class OutboxJob(SQLModel, table=True):
    """One job. ``due_at`` moves ahead while a worker holds it and after each failure (doubling).

    It ends done or given up (then ``error`` says why); ``parked_at`` while it waits for `release`.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_due", "done_at", "due_at"),)

    id: str = Field(primary_key=True, max_length=32)
    kind: str = Field(max_length=40)
    payload: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    tries: int = 0
    error: str | None = Field(default=None, max_length=300)
    done_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    gave_up_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    parked_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


def put(
    work: Work, kind: str, payload: dict[str, Any], due_at: datetime | None = None, once: str | None = None
) -> None:
    """Leave a job that runs after this transaction has committed, not before ``due_at``.

    ``once`` names the deed: a second job of that name is never left, done or not; of two transactions at the same
    time the database refuses one.
    """
    job_id = new_id() if once is None else hashlib.sha256(f"{kind}:{once}".encode()).hexdigest()[:32]
    if once is not None:
        work.flush()
        if work.session.get(OutboxJob, job_id) is not None:
            return
    work.session.add(OutboxJob(id=job_id, kind=kind, payload=payload, due_at=due_at or work.now))


def run_due(
    works: Works, handlers: Mapping[str, Handler], limit: int = 20, watch: Watcher | None = None
) -> int:
    """Run what is due; returns how many succeeded. Several workers may run this at once.

    ``watch`` sees each job in the transaction that notes how it went: for alerts.
    """
    done = 0
    with works.read(SYSTEM) as work:
        now = work.now
        due = work.session.exec(
            select(OutboxJob)
            .where(
                col(OutboxJob.done_at).is_(None), col(OutboxJob.gave_up_at).is_(None),
                col(OutboxJob.parked_at).is_(None), OutboxJob.due_at <= now,
            )
            .order_by(col(OutboxJob.due_at)).limit(limit)
        ).all()
    for job in due:
        with works.begin(SYSTEM) as work:
            if not _claim(work.session, job, work.now):
                continue
        try:
            handlers[job.kind](works, job.payload)
        except (Parked, Hopeless) as answer:
            log.warning("outbox_not_done", job=job.kind, answer=type(answer).__name__, why=str(answer))
            _settle(works, job, answer, watch)
        except Exception as error:
            log.exception("outbox_failed", job=job.kind, tries=job.tries + 1)
            _settle(works, job, error, watch)
        else:
            _settle(works, job, None, watch)
            done += 1
    return done


def release(work: Work, kind: str) -> int:
    """What was parked is due now; gives how many. Their tries count anew."""
    result = work.session.execute(
        update(OutboxJob).where(col(OutboxJob.kind) == kind, col(OutboxJob.parked_at).is_not(None))
        .values(parked_at=None, due_at=work.now, tries=0)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def _claim(session: Session, job: OutboxJob, now: datetime) -> bool:
    """Compare-and-set on the due instant we saw: of two workers one wins."""
    result = session.execute(
        update(OutboxJob)
        .where(col(OutboxJob.id) == job.id, col(OutboxJob.due_at) == job.due_at, col(OutboxJob.done_at).is_(None),
               col(OutboxJob.parked_at).is_(None))
        .values(due_at=now + LEASE, tries=job.tries + 1)
    )
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def _settle(works: Works, job: OutboxJob, error: Exception | None, watch: Watcher | None) -> None:
    with works.begin(SYSTEM) as work:
        row = work.session.get(OutboxJob, job.id)
        if row is None:
            return
        if error is None:
            row.done_at = work.now
            row.error = None
        elif isinstance(error, Parked):
            row.parked_at = work.now
            row.error = str(error)[:300]
        elif isinstance(error, Hopeless) or row.tries >= MAX_TRIES:
            row.gave_up_at = work.now
            row.error = (str(error) if isinstance(error, Hopeless) else repr(error))[:300]
        else:
            row.due_at = work.now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** (row.tries - 1))
            row.error = repr(error)[:300]
        work.session.add(row)
        if watch is not None:
            watch(work, row)
