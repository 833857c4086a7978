"""What runs by the clock: sweeps, from- and to-dates of scripts, idle endings, the outbox, the journal's seal.

Every job is idempotent and claims what it touches, so that running late, twice or in several processes
changes nothing. By default the worker lives in the backend's process; ``python -m backend.worker`` runs it apart.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from backend.conversations import service as conversations
from backend.deadlines import service as deadlines
from backend.handoffs import service as handoffs
from backend.infra import journal, outbox
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.scripts import service as scripts

log = structlog.get_logger(__name__)


def _seal(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        journal.seal(work.session, work.now)


def _close_idle(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        conversations.close_idle(work)


def _activate_scripts(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        scripts.activate_due(work)


def _sweep_deadlines(works: Works) -> None:
    deadlines.sweep(works)


def _release_abandoned(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        handoffs.release_abandoned(work)


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
    Job("close_idle", 30.0, _close_idle),
)


class Worker:
    """Runs the jobs on a thread of its own until told to stop."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the job at hand and end."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _loop(self) -> None:
        waited: dict[str, float] = {job.name: job.every for job in JOBS}
        while True:
            for job in JOBS:
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
