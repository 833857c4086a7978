"""A company of people with one regime and no other room: for tests of deadlines."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from backend.deadlines import events
from backend.deadlines import service as deadlines
from backend.deadlines.tables import Deadline
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant, to_shanghai
from tests.cast import NOW, hire

REGIMES = """
regimes:
  - key: house
    title: 测试时限
    source: 测试
    valid_from: 2026-01-01
    rules:
      - stage: decide
        amount: 5
        unit: working_days
        end_time: "18:00"
        warn_at: [0.5, 0.8, 1.0]
        escalation:
          - {share: 0.5, tell: [owner]}
          - {share: 0.8, tell: [owner, manager]}
          - {share: 1.0, tell: [manager, quality], take_over: manager}
          - {overdue: 1, overdue_unit: working_days, tell: [admin, "staff:hechuan"]}
        extension: {most: 3, unit: working_days, times: 1, approver: manager}
      - {stage: promise, amount: 7, unit: working_days, end_time: "18:00"}
      - {stage: callback, amount: 4, unit: working_hours, start: callback_promised}
      - {stage: refund, amount: 15, unit: calendar_days, start: "met:decide", legal: true}
"""
FILED = shanghai_instant(2026, 9, 24, 10, 12)
FACTS = (
    events.DeadlineWarned,
    events.DeadlineNeared,
    events.DeadlineBreached,
    events.DeadlineEnded,
    events.DeadlineMoved,
    events.EscalationDue,
    events.TakeOverDue,
)


class House:
    """The database with its regime; every fact that was recorded is in ``heard``."""

    def __init__(self, engine: Engine, folder: Path, regimes: str = REGIMES) -> None:
        self.heard: list[Any] = []
        reactions = {kind: [lambda work, fact: self.heard.append(fact)] for kind in FACTS}
        self.works = Works(engine, reactions)
        (folder / "regimes.yml").write_text(regimes, encoding="utf-8")
        with self.works.begin(SYSTEM, NOW) as work:
            hire(work)
            deadlines.seed(work, folder)

    def start(self, kind: str = "decide", subject: str = "c1", at: datetime = FILED, unit: str | None = None) -> Deadline:
        with self.works.begin(SYSTEM, at) as work:
            return deadlines.start(work, "case", subject, kind, "house", kind, unit)

    def row(self, kind: str = "decide", subject: str = "c1") -> Deadline:
        with self.works.read(SYSTEM) as work:
            return next(one for one in deadlines.of(work.session, "case", subject) if one.kind == kind)

    def sweep(self, now: datetime) -> int:
        return deadlines.sweep(self.works, now)

    def said(self, *kinds: type) -> Sequence[Any]:
        return [fact for fact in self.heard if isinstance(fact, kinds)]


def shown(instant: datetime) -> str:
    return to_shanghai(instant).strftime("%m-%d %H:%M")
