"""A company with one regime of deadlines, and what its tests share."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from backend.deadlines import service as deadlines
from backend.deadlines.events import DeadlineBreached, DeadlineMoved, DeadlineNeared, DeadlineWarned
from backend.deadlines.tables import Deadline
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant, to_shanghai
from tests.cast import NOW

REGIMES = """
regimes:
  - key: test_default
    title: 测试时限
    source: 测试
    valid_from: 2026-01-01
    rules:
      - {stage: decide, amount: 5, unit: working_days, end_time: "18:00", start: filed}
      - {stage: promise, amount: 7, unit: working_days, end_time: "18:00", start: filed}
      - {stage: refund, amount: 15, unit: calendar_days, end_time: "18:00", start: refund_or_return_due}
      - {stage: call, amount: 4, unit: working_hours, start: callback_promised}
  - key: only_reference
    title: 参照
    source: 测试
    binds: regulator
    rules:
      - {stage: accept, amount: 7, unit: working_days, start: filed}
"""
FILED = shanghai_instant(2026, 9, 24, 10, 12)  # the story of the mock pages


def a_company(engine: Engine, tmp_path: Path) -> Works:
    """A database with one regime, and no reactions to its deadlines but the ones a test adds."""
    (tmp_path / "regimes.yml").write_text(REGIMES, encoding="utf-8")
    own = Works(engine, {})
    with own.begin(SYSTEM, NOW) as work:
        deadlines.seed(work, tmp_path)
    return own


@contextmanager
def listening(works: Works) -> Iterator[tuple[Works, list[Any]]]:
    heard: list[Any] = []
    reactions = {
        kind: [lambda work, fact: heard.append(fact)]
        for kind in (DeadlineWarned, DeadlineNeared, DeadlineBreached, DeadlineMoved)
    }
    yield Works(works.engine, reactions), heard


def begin(works: Works, kind: str = "promise", at: datetime = FILED, subject: str = "c1") -> Deadline:
    with works.begin(SYSTEM, at) as work:
        return deadlines.start(work, "complaint", subject, kind, "test_default", kind)


def row_of(works: Works, kind: str = "promise", subject: str = "c1") -> Deadline:
    with works.read(SYSTEM) as work:
        return next(one for one in deadlines.of(work.session, "complaint", subject) if one.kind == kind)


def shown(instant: datetime) -> str:
    return to_shanghai(instant).strftime("%m-%d %H:%M")
