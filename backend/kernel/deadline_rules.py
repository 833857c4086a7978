"""A deadline rule as an approved regime states it: how long, in which unit, from which event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from backend.kernel.deadline_units import DAY_UNITS, LENGTHS, WORKING_UNITS, Unit
from backend.kernel.errors import Invalid
from backend.kernel.escalation import Extension, Level, ladder

__all__ = ["DAY_UNITS", "LENGTHS", "NEAR", "WORKING_UNITS", "Rule", "Unit"]

NEAR = 0.8


@dataclass(frozen=True)
class Rule:
    """How long one stage may take. `start` names the event that starts it, `start_zh` says it in Chinese
    (受理).

    `internal` is the staff's own, shorter amount in the same unit. `end_time` is a Shanghai wall-clock time
    for day units; without it the day ends with business. `warn_at` are shares of the way to the internal due
    date.
    """

    stage: str
    amount: int
    unit: Unit
    start: str = "filed"
    end_time: time | None = None
    warn_at: tuple[float, ...] = (0.5, NEAR, 1.0)
    internal: int | None = None
    start_zh: str = "受理"
    legal: bool = False  # a law says so: nobody here may extend it beyond what the law allows
    note: str = ""
    escalation: tuple[Level, ...] = ()
    extension: Extension | None = None

    def __post_init__(self) -> None:
        if self.amount < 1:
            raise _bad_rule(self.stage, "时限至少为 1")
        if self.internal is not None and not 1 <= self.internal <= self.amount:
            raise _bad_rule(self.stage, "内部时限不能超过对外时限")
        if any(not 0 < share <= 1 for share in self.warn_at) or list(self.warn_at) != sorted(
            set(self.warn_at)
        ):
            raise _bad_rule(self.stage, "提醒点要在 0 到 1 之间，从小到大")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Rule:
        """From a regime's row: `{"stage", "amount", "unit", "start"?, "end_time"?: "18:00", "warn_at"?,
        "internal"?, "legal"?, "escalation"?, "extension"?}`.

        Raises Invalid (`bad_rule`, `bad_ladder`).
        """
        stage = str(data.get("stage", "")) or "?"
        try:
            end = data.get("end_time")
            return cls(
                stage=str(data["stage"]),
                amount=int(data["amount"]),
                unit=Unit(data["unit"]),
                start=str(data.get("start", "filed")),
                end_time=time.fromisoformat(str(end)) if end else None,
                warn_at=tuple(float(share) for share in data.get("warn_at", (0.5, NEAR, 1.0))),
                internal=None if data.get("internal") is None else int(data["internal"]),
                start_zh=str(data.get("start_zh") or "受理"),
                legal=bool(data.get("legal", False)),
                note=str(data.get("note") or ""),
                escalation=ladder(data.get("escalation") or ()),
                extension=Extension.from_dict(data["extension"]) if data.get("extension") else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _bad_rule(stage, "缺少内容或写法不对") from error

    def as_dict(self) -> dict[str, Any]:
        """The inverse of `from_dict`."""
        return {
            "stage": self.stage,
            "amount": self.amount,
            "unit": self.unit.value,
            "start": self.start,
            "end_time": self.end_time.strftime("%H:%M") if self.end_time else None,
            "warn_at": list(self.warn_at),
            "internal": self.internal,
            "start_zh": self.start_zh,
            "legal": self.legal,
            "note": self.note,
            "escalation": [level.as_dict() for level in self.escalation],
            "extension": self.extension.as_dict() if self.extension else None,
        }

    @property
    def amount_zh(self) -> str:
        """7 个工作日."""
        return f"{self.amount} {self.unit.zh}"


def _bad_rule(stage: str, why: str) -> Invalid:
    return Invalid("bad_rule", f"时限规则“{stage}”有误：{why}，请改正后再保存。")
