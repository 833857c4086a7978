"""What all processes of a rehearsal share: the simulated clock, the tables that watch from outside, the regime."""

import mmap
import struct
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine

from backend.deadlines import events
from backend.infra.db import make_engine
from backend.infra.work import Reactions, Work, Works
from backend.kernel.clock import shanghai_instant

BEGINS = shanghai_instant(2026, 9, 14, 9)
LASTS = timedelta(days=45)  # over the National Day holiday and back to ordinary weeks
SLOTS = 16  # the clock, how far each writer has come (1–), how often each player has acted (8–)

REGIMES = """
regimes:
  - key: soak
    title: 演练
    source: 演练
    valid_from: 2026-01-01
    rules:
      - {stage: first_person, amount: 4, unit: working_hours, warn_at: [0.8, 1.0]}
      - stage: decide
        amount: 5
        unit: working_days
        end_time: "18:00"
        warn_at: [0.5, 0.8, 1.0]
        escalation:
          - {share: 0.5, tell: [owner]}
          - {share: 0.8, tell: [manager]}
          - {share: 1.0, tell: [manager, quality], take_over: manager}
          - {overdue: 1, overdue_unit: working_days, tell: [admin]}
        extension: {most: 5, unit: working_days, times: 2, approver: manager}
      - {stage: promise, amount: 7, unit: working_days, end_time: "18:00"}
"""
KINDS = ("first_person", "decide", "promise")
POINTS = {
    "first_person": {"near", "breach"},
    "decide": {"share:0.5", "near", "breach", "level:1", "level:2", "level:3", "level:4"},
    "promise": {"share:0.5", "near", "breach"},
}


class Clock:
    """Simulated time in a file that every process maps: written by the director, read by the players."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack(f"{SLOTS}d", BEGINS.timestamp(), *([0.0] * (SLOTS - 1))))
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), SLOTS * 8)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._read(0), BEGINS.tzinfo)

    def set(self, instant: datetime) -> None:
        self._write(0, instant.timestamp())

    def progress(self, lane: int) -> float:
        return self._read(1 + lane)

    def report(self, lane: int, share: float) -> None:
        self._write(1 + lane, share)

    def beats(self, player: int) -> float:
        return self._read(8 + player)

    def beat(self, player: int) -> None:
        self._write(8 + player, self._read(8 + player) + 1)

    def _read(self, slot: int) -> float:
        return float(struct.unpack_from("d", self._map, slot * 8)[0])

    def _write(self, slot: int, value: float) -> None:
        struct.pack_into("d", self._map, slot * 8, value)


def prepare(engine: Engine) -> None:
    """Two tables that no rule of the house guards: what was said, and what was done."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE soak_said (subject VARCHAR(32), kind VARCHAR(32), fact VARCHAR(32),"
                                " due VARCHAR(40), detail VARCHAR(200))"))
        connection.execute(text("CREATE TABLE soak_moves (id VARCHAR(40) PRIMARY KEY, lane INTEGER,"
                                " move VARCHAR(16), subject VARCHAR(32))"))


def _listen(work: Work, fact: Any) -> None:
    """Everything said is written down in the transaction that says it: twice said would be twice written."""
    detail = str(getattr(fact, "level", "")) or str(getattr(fact, "share", ""))
    for told in getattr(fact, "told", ()) or ("",):
        work.session.execute(
            text("INSERT INTO soak_said VALUES (:subject, :kind, :fact, :due, :detail)"),
            {"subject": fact.subject_id, "kind": fact.kind, "fact": type(fact).__name__,
             "due": fact.due_at.isoformat(), "detail": f"{detail}:{told}"},
        )


SAID: Sequence[type[Any]] = (
    events.DeadlineWarned, events.DeadlineNeared, events.DeadlineBreached, events.EscalationDue,
)  # fmt: skip
REACTIONS: Reactions = {kind: [_listen] for kind in SAID}


def works(url: str) -> Works:
    return Works(make_engine(url), REACTIONS)
