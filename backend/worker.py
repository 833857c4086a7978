"""What runs by the clock: sweeps, from- and to-dates of scripts, idle endings, the outbox, the journal's seal.

Every job is idempotent and claims what it touches, so that running late, twice or in several processes
changes nothing. By default the worker lives in the backend's process; ``python -m backend.worker`` runs it apart.
"""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from backend.complaints import service as complaints
from backend.conversations import silence
from backend.deadlines import service as deadlines
from backend.gateway.study import Study
from backend.handoffs import callbacks
from backend.handoffs import service as handoffs
from backend.infra import journal, logs, mail, outbox, schema
from backend.infra.db import make_engine
from backend.infra.hints import HintLine
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Unavailable
from backend.scripts import questions
from backend.scripts import service as scripts
from backend.settings import settings
from backend.wiring import REACTIONS, unanswered_questions, watch_letters

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
    scripts.activate_due(works)


def _sweep_deadlines(works: Works) -> None:
    deadlines.sweep(works)


def _release_abandoned(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        handoffs.release_abandoned(work)


def _route(works: Works) -> None:
    handoffs.offers.run_by_clock(works)


def _watch_desk(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        handoffs.presence.sweep(work)
    with works.begin(SYSTEM) as work:
        callbacks.watch(work)


def _index_complaints(works: Works) -> None:
    complaints.catch_up(works)


def _empty_outbox(works: Works, postbox: mail.Postbox) -> None:
    outbox.run_due(works, {mail.KIND: postbox.handle}, watch=watch_letters)


@dataclass(frozen=True)
class Job:
    """One duty and how often it is done, in seconds."""

    name: str
    every: float
    run: Callable[[Works], None]


JOBS = (
    Job("activate_scripts", 1.0, _activate_scripts),
    Job("sweep_deadlines", 5.0, _sweep_deadlines),
    Job("seal_journal", 5.0, _seal),
    Job("route", 1.0, _route),
    Job("watch_desk", 10.0, _watch_desk),
    Job("release_abandoned", 15.0, _release_abandoned),
    Job("index_complaints", 10.0, _index_complaints),
    Job("watch_silence", 30.0, _watch_silence),
)


class Worker:
    """Runs the jobs on a thread of its own until told to stop."""

    def __init__(self, works: Works, study: Study | None = None) -> None:
        self._works = works
        self.study = study  # for duties that ask the bot; None where the worker runs without one
        self._postbox = mail.postbox(settings())
        own = [Job("outbox", 1.0, self._outbox)]
        if study:
            own.append(Job("gather_questions", 60.0, self._gather_questions))
        self._jobs = (*JOBS, *own)
        self._apart: dict[str, threading.Thread] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the job at hand and end."""
        self._stop.set()
        self._thread.join(timeout=10)
        if letters := self._apart.get("outbox"):
            letters.join(timeout=5)

    def _release_letters(self) -> None:
        """What was parked for want of a mail server has one now: an administrator sets it right by a restart."""
        if self._postbox.trouble:
            return
        try:
            with self._works.begin(SYSTEM) as work:
                if count := outbox.release(work, mail.KIND):
                    log.info("letters_released", count=count)
        except Exception:
            log.exception("job_failed", job="release_letters")  # the others' duties begin all the same

    def _run_apart(self, name: str, duty: Callable[[], None]) -> None:
        """On a thread of its own: a neighbour that takes its time must not hold up from-dates and deadlines."""
        running = self._apart.get(name)
        if running is not None and running.is_alive():
            return

        def run() -> None:
            try:
                duty()
            except Exception:
                log.exception("job_failed", job=name)

        self._apart[name] = threading.Thread(target=run, name=name, daemon=True)
        self._apart[name].start()

    def _outbox(self, works: Works) -> None:
        self._run_apart("outbox", lambda: _empty_outbox(works, self._postbox))

    def _gather_questions(self, works: Works) -> None:
        study = self.study
        if study is None:
            return

        def gather() -> None:
            try:
                if count := questions.gather(works, study, unanswered_questions):
                    log.info("questions_gathered", count=count)
            except Unavailable as failure:
                log.info("questions_not_gathered", code=failure.code)  # the next run finds the same ones

        self._run_apart("gather_questions", gather)

    def _loop(self) -> None:
        self._release_letters()
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


def serve() -> None:
    """The worker in a process of its own, until told to stop; the backends then run with ``ZHIKE_WORKER=0``."""
    config = settings()
    logs.configure(config.log_level)
    works = Works(make_engine(config.database_url), REACTIONS)
    if not schema.is_current(works.engine):
        raise SystemExit("数据库结构不是最新的。请先运行 ./zhike db upgrade，或直接 make up。")
    line = HintLine(works.engine, lambda hints: None) if works.engine.dialect.name == "postgresql" else None
    if line:
        line.start()
        works.publish = line.send
    study = Study(config.bot_url, config.secrets.bot_secret)
    worker = Worker(works, study)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    worker.start()
    while not over.wait(1.0):  # waiting without end would not let the handler run on every platform
        pass
    worker.stop()
    study.close()
    if line:
        line.stop()
    works.engine.dispose()


if __name__ == "__main__":
    serve()
