"""Frozen baselines: what a chart is judged against, who froze it and when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints.learning import store
from backend.complaints.learning.names import zh_span
from backend.complaints.learning.tables import FrozenBaseline
from backend.complaints.rules.asking import Ask
from backend.complaints.rules.learning import Week, unknown
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date, zh_datetime
from backend.kernel.control_charts import LEAST_POINTS, Baseline, Kind, Sample, baseline
from backend.kernel.errors import Conflict
from backend.kernel.ids import new_id
from backend.people import service as people

CHARTS: dict[str, Kind] = {"rate": "u", "days": "xmr"}


def standing(
    session: Session, name: str, asked: Ask, samples: Sequence[Sample], found: Sequence[Week], now: datetime
) -> tuple[Baseline | None, dict[str, Any]]:
    """The newest frozen baseline of this filter; else one tried out on the weeks shown; else none, and why."""
    today = shanghai_date(now)
    kind = CHARTS[name]
    row = store.frozen(session, name, asked.scope())
    formula = "u 图，3σ" if kind == "u" else "XmR 图，均值 ± 2.66 × 平均移动极差"
    if row is not None:
        who = people.staff_name(session, row.frozen_by)
        return Baseline(kind, row.centre, row.points, row.moving_range), {
            "state": "frozen",
            "can_freeze": _filled(samples) >= LEAST_POINTS,
            "note": f"{formula}，基线 {zh_span(row.first_day, row.last_day, today)} {row.points} 周，"
            f"{who} {zh_datetime(row.frozen_at, now)}冻结",
        }
    trial = baseline(kind, samples)
    if trial is None:
        return None, {
            "state": "none",
            "can_freeze": False,
            "note": f"{formula}；至少 {LEAST_POINTS} 周，现在 {_filled(samples)} 周",
        }
    return trial, {
        "state": "trial",
        "can_freeze": True,
        "note": f"{formula}，界限按所示 {trial.points} 周试算，还没冻结",
    }


def _filled(samples: Sequence[Sample]) -> int:
    return sum(one.n > 0 and not one.unfinished for one in samples)


def freeze(work: Work, name: str, asked: Ask, samples: Sequence[Sample], found: Sequence[Week]) -> FrozenBaseline:
    """Take the finished weeks of this filter as the baseline from now on; earlier ones stay to be read.

    Raises Forbidden, Invalid (``unknown_code``), Conflict (``too_few_points``).
    """
    work.actor.require(Permission.COMPLAINT_IMPROVE)
    if name not in CHARTS:
        raise unknown("chart", "没有这张图，请回到学习页再试。")
    kind = CHARTS[name]
    base = baseline(kind, samples)
    if base is None:
        raise Conflict(
            "too_few_points",
            f"有数据的完整周不到 {LEAST_POINTS} 周（现在 {_filled(samples)} 周），不能冻结。请把周期放长。",
        )
    used = [week for week, one in zip(found, samples, strict=True) if one.n > 0 and not one.unfinished]
    row = FrozenBaseline(
        id=new_id(),
        chart=name,
        scope=asked.scope(),
        query=asked.as_dict(),
        first_day=used[0].first,
        last_day=used[-1].last,
        points=base.points,
        centre=base.centre,
        moving_range=base.moving_range,
        frozen_by=work.actor.id,
        frozen_at=work.now,
    )
    work.session.add(row)
    work.flush()
    work.journal(
        "baseline_frozen",
        "complaint_baseline",
        row.id,
        chart=name,
        query=row.query,
        points=row.points,
        centre=row.centre,
    )
    return row
