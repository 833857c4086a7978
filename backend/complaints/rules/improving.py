"""The life of an improvement item, and how its effect is judged. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from backend.kernel.errors import Conflict, Invalid
from backend.kernel.statistics import Rate, difference
from backend.kernel.transitions import Lifecycle, Move

# The longest stretch before and after that is compared, and the shortest that is worth comparing.
MOST_DAYS = 84
LEAST_DAYS = 7


class State(StrEnum):
    OPEN = "open"
    DOING = "doing"
    CHECK = "check"
    CLOSED = "closed"
    DROPPED = "dropped"

    @property
    def zh(self) -> str:
        return _STATES[self]


class Deed(StrEnum):
    START = "start"
    FINISH = "finish"
    MEASURE = "measure"
    REDO = "redo"
    CLOSE = "close"
    DROP = "drop"

    @property
    def zh(self) -> str:
        return _DEEDS[self]


_STATES = {
    State.OPEN: "待开始",
    State.DOING: "进行中",
    State.CHECK: "看效果",
    State.CLOSED: "已关闭",
    State.DROPPED: "已取消",
}
_DEEDS = {
    Deed.START: "开始做",
    Deed.FINISH: "措施已落实",
    Deed.MEASURE: "比较前后",
    Deed.REDO: "效果不够，再做",
    Deed.CLOSE: "关闭",
    Deed.DROP: "取消",
}

OVER = frozenset({State.CLOSED, State.DROPPED})
SOURCES = {"pareto": "投诉分布", "group": "相近的投诉", "signal": "控制图信号", "manual": "人工提出"}


def _measured(*, effect: object = None, **_: object) -> bool:
    if not effect:
        raise Conflict("effect_not_checked", "还没有比较措施前后，不能关闭。请先点「比较前后」。")
    return True


def _said(*, text: str = "", **_: object) -> bool:
    if not text.strip():
        message = "请写明原因。"
        raise Invalid("field_missing", message, fields={"text": message})
    return True


def _concluded(*, text: str = "", effect: dict[str, Any] | None = None, **_: object) -> bool:
    """Measured; and whoever closes without a proven effect says why."""
    _measured(effect=effect)
    if effect and effect.get("verdict") != "better" and not text.strip():
        message = "前后差异没有证明变好，请写明为什么仍然关闭，或点「效果不够，再做」。"
        raise Invalid("field_missing", message, fields={"text": message})
    return True


LIFE: Lifecycle[State, Deed] = Lifecycle(
    {
        (State.OPEN, Deed.START): State.DOING,
        (State.DOING, Deed.FINISH): State.CHECK,
        (State.CHECK, Deed.MEASURE): State.CHECK,
        (State.CHECK, Deed.REDO): Move(State.DOING, _said),
        (State.CHECK, Deed.CLOSE): Move(State.CLOSED, _concluded),
        (State.OPEN, Deed.DROP): Move(State.DROPPED, _said),
        (State.DOING, Deed.DROP): Move(State.DROPPED, _said),
        (State.CHECK, Deed.DROP): Move(State.DROPPED, _said),
    },
    _STATES,
    _DEEDS,
)


@dataclass(frozen=True)
class Stretches:
    """Equally long stretches before and after the measure, whole days, both ends included."""

    before: tuple[date, date]
    after: tuple[date, date]
    days: int


def stretches(effective_on: date, today: date) -> Stretches:
    """Up to twelve weeks each side; the day under way does not count.

    Raises Conflict (``too_early_to_check``) in the first week.
    """
    days = min(MOST_DAYS, (today - effective_on).days)
    if days < LEAST_DAYS:
        ready = effective_on + timedelta(days=LEAST_DAYS)
        raise Conflict(
            "too_early_to_check", f"措施落实还不到 {LEAST_DAYS} 天，{ready.month}月{ready.day}日起可以比较。"
        )
    return Stretches(
        (effective_on - timedelta(days=days), effective_on - timedelta(days=1)),
        (effective_on, effective_on + timedelta(days=days - 1)),
        days,
    )


def judge(before: tuple[int, int], after: tuple[int, int]) -> dict[str, Any]:
    """The rates before and after, their difference with its interval, and a verdict.

    ``better`` and ``worse`` only where the difference is significant; else ``same`` or ``too_few``.
    Raises Conflict (``no_base``) when complaints outnumber conversations: then there is no share to compare.
    """
    if before[0] > before[1] or after[0] > after[1]:
        raise Conflict(
            "no_base", "同期会话比投诉还少，算不出比率，没法比较。请换一个渠道范围，或写明原因后取消。"
        )
    first, second = Rate(*after), Rate(*before)
    found = difference(first, second)
    if found is None:
        verdict = "too_few"
    elif found.significant:
        verdict = "better" if found.value < 0 else "worse"
    else:
        verdict = "too_few" if found.verdict == "too_few" else "same"
    return {
        "before": {"k": before[0], "n": before[1]},
        "after": {"k": after[0], "n": after[1]},
        "difference": found.value if found else None,
        "interval": list(found.interval) if found else None,
        "p": found.p if found else None,
        "verdict": verdict,
    }


VERDICTS = {
    "better": "变少了，差异显著",
    "worse": "变多了，差异显著",
    "same": "差异不显著",
    "too_few": "样本不足，不下判断",
}


def per_thousand(k: int, n: int) -> str:
    """8.2‰, or 无数据."""
    return f"{k / n * 1000:.1f}‰" if n else "无数据"


def effect_words(effect: dict[str, Any]) -> str:
    """8.2‰ → 3.1‰，差 -5.1‰（95% 区间 -8.0 至 -2.2），变少了，差异显著."""
    before, after = effect["before"], effect["after"]
    words = f"{per_thousand(before['k'], before['n'])} → {per_thousand(after['k'], after['n'])}"
    if effect["interval"]:
        low, high = (end * 1000 for end in effect["interval"])
        words += f"，差 {effect['difference'] * 1000:+.1f}‰（95% 区间 {low:+.1f} 至 {high:+.1f}）"
    return f"{words}，{VERDICTS[effect['verdict']]}"
