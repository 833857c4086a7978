"""One unit of work: one transaction, its facts, its journal rows and its hints. Only this module commits.

A service decides and records facts; the reactions to a fact (``backend.wiring``) run inside the same
transaction, so that a fact and what follows from it stand or fall together. Hints go out after the commit
and may be lost: whoever receives one reads the truth from the database.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Engine
from sqlmodel import Session

from backend.infra.journal import JournalEntry
from backend.infra.turns import turn_of
from backend.kernel.actors import Actor
from backend.kernel.clock import utc_now
from backend.kernel.events import Fact
from backend.kernel.ids import new_id

type Reaction = Callable[["Work", Any], None]
type Reactions = Mapping[type[Fact], Sequence[Reaction]]

log = structlog.get_logger(__name__)

# A chain of facts that react to each other this deep is a loop in the wiring, not business.
MAX_ROUNDS = 20

# A work whose instant is this far from the clock was given another time on purpose (a rehearsal, a test).
LIVE = timedelta(minutes=1)


class Work:
    """A transaction in progress, on whose behalf (``actor``) and at which instant (``now``, UTC)."""

    def __init__(self, session: Session, actor: Actor, now: datetime) -> None:
        self.session = session
        self.actor = actor
        self.now = now
        self._live = abs(utc_now() - now) < LIVE
        self.facts: list[Fact] = []
        self.hints: list[str] = []
        self._after_commit: list[Callable[[], None]] = []

    def record(self, fact: Fact) -> None:
        """State that something happened; its reactions run before the commit."""
        self.facts.append(fact)

    def hint(self, topic: str) -> None:
        """Tell live listeners of ``topic`` after the commit that there is something to read."""
        if topic not in self.hints:
            self.hints.append(topic)

    def after_commit(self, job: Callable[[], None]) -> None:
        """Run ``job`` once the transaction stands; its failure cannot undo the transaction."""
        self._after_commit.append(job)

    def journal(self, action: str, subject_kind: str, subject_id: str, **detail: Any) -> None:
        """Write who did what, when. ``detail`` must be JSON and free of personal data."""
        self.session.add(
            JournalEntry(
                id=new_id(), at=self.now, actor_kind=self.actor.kind, actor_id=self.actor.id,
                action=action, subject_kind=subject_kind, subject_id=subject_id, detail=detail,
            )
        )

    def catch_up(self) -> datetime:
        """Move ``now`` on to the clock, once locks have been waited for; gives the instant.

        What is stamped after this comes, by its stamps too, after whatever the lock's last holder did. A work
        at another time than the clock's stays there.
        """
        if self._live:
            self.now = max(self.now, utc_now())
        return self.now

    def flush(self) -> None:
        """Send pending rows to the database, so that its constraints speak now."""
        self.session.flush()


class Works:
    """Opens units of work on one engine. ``publish`` receives the hints of each committed work."""

    def __init__(self, engine: Engine, reactions: Reactions | None = None,
                 publish: Callable[[Sequence[str]], None] | None = None) -> None:
        self.engine = engine
        self.reactions: Reactions = reactions or {}
        self.publish = publish or (lambda hints: None)
        self._turn = turn_of(engine)

    @contextmanager
    def begin(self, actor: Actor, now: datetime | None = None) -> Iterator[Work]:
        """A writing transaction: commits at the end of the block, rolls back on any exception."""
        with self._turn, Session(self.engine, expire_on_commit=False) as session:
            work = Work(session, actor, now or utc_now())
            yield work
            self._react(work)
            session.commit()
        if work.hints:
            self.publish(work.hints)
        for job in work._after_commit:
            try:
                job()
            except Exception:
                log.exception("after_commit_failed", job=getattr(job, "__name__", repr(job)))

    @contextmanager
    def read(self, actor: Actor, now: datetime | None = None) -> Iterator[Work]:
        """A reading transaction: never commits, so a write slipped in here is lost on purpose."""
        with Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"zhike_reading": True})
            yield Work(session, actor, now or utc_now())
            # A rollback empties what was read; whoever keeps a row keeps it as it was.
            session.expunge_all()
            session.rollback()

    def _react(self, work: Work) -> None:
        done = 0
        for _ in range(MAX_ROUNDS):
            batch = work.facts[done:]
            if not batch:
                return
            done += len(batch)
            for fact in batch:
                for reaction in self.reactions.get(type(fact), ()):
                    reaction(work, fact)
        raise RuntimeError(f"reactions do not settle: {[type(f).__name__ for f in work.facts[-5:]]}")
