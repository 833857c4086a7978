"""One process of a rehearsal: a writer that files cases and moves them, or a worker that sweeps and seals.

It may be killed at any instant: a writer that starts again goes on where the database says its lane stopped.
"""

import os
import random
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from backend.deadlines import service as deadlines
from backend.infra import journal
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import ZhikeError
from backend.kernel.ids import new_id
from tests.cast import HAN_TAO, LIN_JIA
from tests.soak.stage import KINDS, Clock, works

MOVES_A_CASE = 3


class Writer:
    """Files this lane's cases one after the other, with random moves of earlier ones between."""

    def __init__(self, given: Works, clock: Clock, folder: Path, lane: int, seed: int, cases: int) -> None:
        self.works, self.clock, self.lane, self.cases = given, clock, lane, cases
        self.random = random.Random(seed)
        self.done = (folder / f"done-{lane}-{seed}.txt").open("a", encoding="utf-8")

    def run(self) -> None:
        with self.works.read(SYSTEM) as work:
            filed = int(work.session.execute(
                text("SELECT COUNT(*) FROM soak_moves WHERE lane = :lane AND move = 'file'"), {"lane": self.lane}
            ).scalar_one())
        while filed < self.cases:
            subject = f"case-{self.lane}-{filed}"
            if self._move("file", subject, lambda work, one=subject: deadlines.start_all(work, "case", one, "soak", "filed")):  # type: ignore[misc]
                filed += 1
            for _ in range(MOVES_A_CASE):
                self._random_move(f"case-{self.lane}-{self.random.randrange(max(filed - 400, 0), filed)}")
            self.clock.report(self.lane, filed / self.cases)
        self.clock.report(self.lane, 1.0)

    def _random_move(self, subject: str) -> None:
        kind = self.random.choice(KINDS)
        name = self.random.choices(("meet", "pause", "resume", "extend", "drop"), (5, 3, 4, 2, 1))[0]
        acts: dict[str, Callable[[Work], object]] = {
            "meet": lambda work: deadlines.meet(work, "case", subject, kind),
            "pause": lambda work: deadlines.pause(work, "case", subject, "等客户"),
            "resume": lambda work: deadlines.resume(work, "case", subject),
            "extend": lambda work: deadlines.extend(work, "case", subject, kind, 1 + self.random.randrange(3), "等检测",
                                                    LIN_JIA.id),
            "drop": lambda work: deadlines.drop(work, "case", subject),
        }
        self._move(name, subject, acts[name])

    def _move(self, name: str, subject: str, act: Callable[[Work], object]) -> bool:
        """One transaction; said to be done only after it stands. A refusal of the rules is an answer too."""
        move_id = new_id()
        try:
            with self.works.begin(HAN_TAO, self.clock.now()) as work:
                deadlines.hold(work, "case", subject)
                act(work)
                work.session.execute(
                    text("INSERT INTO soak_moves VALUES (:id, :lane, :move, :subject)"),
                    {"id": move_id, "lane": self.lane, "move": name, "subject": subject},
                )
        except (ZhikeError, OperationalError):
            return False
        self.done.write(move_id + "\n")
        self.done.flush()
        self.clock.beat(self.lane)
        return True


def work_on(given: Works, clock: Clock, lane: int) -> None:
    """Sweep and seal until killed."""
    while True:
        now = clock.now()
        given_notices = deadlines.sweep(given, now)
        try:
            with given.begin(SYSTEM, now) as work:
                journal.seal(work.session, now)
        except (IntegrityError, OperationalError):
            pass  # another worker sealed first
        clock.beat(2 + lane)
        if not given_notices:
            time.sleep(0.02)


def play(role: str, url: str, folder: Path, lane: int, seed: int, cases: int) -> None:
    """The life of one process; what it dies of stands in its log."""
    try:
        clock = Clock(folder / "clock")
        if role == "writer":
            Writer(works(url), clock, folder, lane, seed, cases).run()
        else:
            work_on(works(url), clock, lane)
    except BaseException:
        (folder / f"{role}-{lane}.log").write_text(traceback.format_exc(), encoding="utf-8")
        os._exit(1)
    os._exit(0)
