"""The road of a complaint in words, and what is said of a promise. Pure."""

from dataclasses import dataclass
from datetime import datetime

from backend.complaints.rules.stages import Stage
from backend.kernel.clock import shanghai_date, zh_duration


def time_left(due_at: datetime, now: datetime) -> tuple[str, bool]:
    """What the receipt says about the promise, and whether it is late."""
    if now > due_at:
        return f"已经晚了 {zh_duration(now - due_at)}，我们正在加紧处理", True
    days = (shanghai_date(due_at) - shanghai_date(now)).days
    left = f"还有 {days} 天" if days else f"还有 {zh_duration(due_at - now)}"
    return f"{left}，正在按时处理", False


@dataclass(frozen=True)
class Step:
    """One stop of the road: what it is called when behind, when next, when ahead; and on the staff's rail."""

    stage: Stage
    done: str
    now: str
    ahead: str
    rail: str


ROAD: tuple[Step, ...] = (
    Step(Stage.FILED, "已受理", "已受理", "受理", "受理"),
    Step(Stage.ACKNOWLEDGED, "专人已接手", "等待专人接手", "专人接手", "确认"),
    Step(Stage.ASSESSED, "已评估", "正在评估", "评估", "评估"),
    Step(Stage.INVESTIGATING, "已调查", "正在调查", "调查", "调查"),
    Step(Stage.DECIDED, "已作出决定", "正在作出决定", "作出决定", "决定"),
    Step(Stage.COMMUNICATED, "已告诉您结果", "准备告诉您结果", "告诉您结果", "告知客户"),
    Step(Stage.CLOSED, "已结案", "等待结案", "结案", "结案与评价"),
)


# Withdrawn, merged or referred: the steps that were made stand, and no other follows.
LEFT_THE_ROAD = frozenset({Stage.WITHDRAWN, Stage.MERGED, Stage.REFERRED})


def standing(stage: Stage) -> int:
    """The index on the road of the step in progress: 7 when all is done, -1 for a case that left the road.

    Investigating is a step that lasts; every other stage is an event, and the step after it is the one in
    progress. A reopened case is judged anew: it stands before its assessment.
    """
    steps = [step.stage for step in ROAD]
    if stage in LEFT_THE_ROAD:
        return -1
    if stage is Stage.INVESTIGATING:
        return steps.index(stage)
    if stage is Stage.REOPENED:
        return steps.index(Stage.ASSESSED)
    return steps.index(stage) + 1
