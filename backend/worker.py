"""What runs by the clock: sweeps, from- and to-dates of scripts, idle endings, the outbox, the journal's seal.

Every job is idempotent and claims what it touches, so that running late, twice or in several processes
changes nothing. By default the worker lives in the backend's process; ``python -m backend.worker`` runs it apart.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from backend.complaints import service as complaints
from backend.conversations import silence
from backend.deadlines import service as deadlines
from backend.gateway.study import Study
from backend.handoffs import service as handoffs
from backend.infra import journal, outbox
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Unavailable
from backend.scripts import questions
from backend.scripts import service as scripts
from backend.settings import settings
from backend.wiring import unanswered_questions

log = structlog.get_logger(__name__)


def _seal(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        if journal.seal(work.session, work.now):
            work.flush()
            anchor = journal.anchor_of(work.session)
            if anchor is not None:
                # Only once the seals stand: the file may lag behind the chain, never run ahead of it.
                work.after_commit(partial(journal.write_anchor, settings().journal_anchor, anchor))


def _watch_silence(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        silence.sweep(work)


def _activate_scripts(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        scripts.activate_due(work)


def _sweep_deadlines(works: Works) -> None:
    deadlines.sweep(works)


def _release_abandoned(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        handoffs.release_abandoned(work)


def _index_complaints(works: Works) -> None:
    complaints.catch_up(works)


def _outbox(works: Works) -> None:
    outbox.run_due(works, {})


@dataclass(frozen=True)
class Job:
    """One duty and how often it is done, in seconds."""

    name: str
    every: float
    run: Callable[[Works], None]


JOBS = (
    Job("activate_scripts", 1.0, _activate_scripts),
    Job("outbox", 1.0, _outbox),
    Job("sweep_deadlines", 5.0, _sweep_deadlines),
    Job("seal_journal", 5.0, _seal),
    Job("release_abandoned", 15.0, _release_abandoned),
    Job("index_complaints", 10.0, _index_complaints),
    Job("watch_silence", 30.0, _watch_silence),
)


class Worker:
    """Runs the jobs on a thread of its own until told to stop."""

    def __init__(self, works: Works, study: Study | None = None) -> None:
        self._works = works
        self.study = study  # for duties that ask the bot; None where the worker runs without one
        self._jobs = (*JOBS, Job("gather_questions", 60.0, self._gather_questions)) if study else JOBS
        self._gathering: threading.Thread | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the job at hand and end."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _gather_questions(self, works: Works) -> None:
        """On a thread of its own: a bot that takes its time must not hold up from-dates and deadlines."""
        study = self.study
        if study is None or (self._gathering is not None and self._gathering.is_alive()):
            return

        def gather() -> None:
            try:
                if count := questions.gather(works, study, unanswered_questions):
                    log.info("questions_gathered", count=count)
            except Unavailable as failure:
                log.info("questions_not_gathered", code=failure.code)  # the next run finds the same ones
            except Exception:
                log.exception("job_failed", job="gather_questions")

        self._gathering = threading.Thread(target=gather, name="gather-questions", daemon=True)
        self._gathering.start()

    def _loop(self) -> None:
        waited: dict[str, float] = {job.name: job.every for job in self._jobs}
        while True:
            for job in self._jobs:
                if waited[job.name] >= job.every:
                    waited[job.name] = 0.0
                    try:
                        job.run(self._works)
                    except Exception:
                        # One failing duty must not stop the others; it is tried again next time.
                        log.exception("job_failed", job=job.name)
            if self._stop.wait(0.5):
                return
            for name in waited:
                waited[name] += 0.5
