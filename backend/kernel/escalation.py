"""Who is told when a deadline draws near or has run out, and who may grant more time. Data in, checks, words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.kernel.actors import Role
from backend.kernel.deadline_units import Unit
from backend.kernel.errors import Invalid

OWNER = "owner"  # whoever holds the case
_ROLES = {role.value: role.zh for role in Role}
_BY_NAME = {zh: value for value, zh in _ROLES.items()} | {"负责人": OWNER}
_UNIT_WORDS = {
    "个工作日": Unit.WORKING_DAYS, "日": Unit.CALENDAR_DAYS, "个工作小时": Unit.WORKING_HOURS, "小时": Unit.HOURS,
}  # fmt: skip


@dataclass(frozen=True)
class Level:
    """One rung. Its moment is a share of the way (1: when time runs out), or so long after time ran out.

    ``tell`` and ``take_over`` name people by what they are: ``owner``, a role, ``group:投诉``, ``staff:ID``.
    """

    number: int
    tell: tuple[str, ...]
    share: float | None = None
    overdue: int | None = None
    overdue_unit: Unit = Unit.WORKING_DAYS
    take_over: str | None = None

    @property
    def point_zh(self) -> str:
        """50%, 到期时, 逾期 1 个工作日."""
        if self.overdue is not None:
            return f"逾期 {self.overdue} {self.overdue_unit.zh}"
        return "到期时" if self.share == 1 else f"{round((self.share or 0) * 100)}%"

    @property
    def zh(self) -> str:
        """80% 告知 负责人、主管; 到期时 告知 主管，由 主管 接管."""
        words = f"{self.point_zh} 告知 {'、'.join(map(who_zh, self.tell))}"
        return f"{words}，由 {who_zh(self.take_over)} 接管" if self.take_over else words

    def as_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"tell": list(self.tell), "take_over": self.take_over}
        if self.overdue is not None:
            return data | {"overdue": self.overdue, "overdue_unit": self.overdue_unit.value}
        return data | {"share": self.share}


@dataclass(frozen=True)
class Extension:
    """How often and by how much more time may be granted, and by holders of which role."""

    most: int = 30
    unit: Unit = Unit.WORKING_DAYS
    times: int = 3
    approver: str = Role.MANAGER.value

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Extension:
        """Raises Invalid (`bad_rule`)."""
        try:
            found = cls(
                most=int(data.get("most", 30)),
                unit=Unit(data.get("unit", Unit.WORKING_DAYS)),
                times=int(data.get("times", 3)),
                approver=str(data.get("approver", Role.MANAGER.value)),
            )
        except (TypeError, ValueError) as error:
            raise Invalid("bad_rule", "延期规则写法不对：需要最多几天、几次、由谁批准。") from error
        if found.unit not in (Unit.WORKING_DAYS, Unit.CALENDAR_DAYS):
            raise Invalid("bad_rule", "延期按工作日或日来算，请改正。")
        if found.most < 1 or found.times < 0 or found.approver not in _ROLES:
            raise Invalid("bad_rule", "延期规则写法不对：最少 1 天，批准人要是一个角色。")
        return found

    def as_dict(self) -> dict[str, Any]:
        return {"most": self.most, "unit": self.unit.value, "times": self.times, "approver": self.approver}

    @property
    def zh(self) -> str:
        if not self.times:
            return "不能延期"
        return f"最多延 {self.times} 次，每次至多 {self.most} {self.unit.zh}，由{_ROLES[self.approver]}批准"


def who_zh(token: str | None) -> str:
    """负责人, 主管, 投诉组; a colleague's id stays as it is."""
    if token is None:
        return ""
    if token == OWNER:
        return "负责人"
    if token.startswith("group:"):
        return f"{token.removeprefix('group:')}组"
    return _ROLES.get(token, token.removeprefix("staff:"))


def ladder(rows: Sequence[Mapping[str, Any]]) -> tuple[Level, ...]:
    """The rungs of one rule, numbered from 1 in the order of their moments.

    Raises Invalid (`bad_ladder`): a rung that tells nobody, a moment out of order or twice, an unknown person.
    """
    levels: list[Level] = []
    for number, row in enumerate(rows, 1):
        try:
            share, overdue = row.get("share"), row.get("overdue")
            level = Level(
                number,
                tuple(str(one) for one in row["tell"]),
                share=None if share is None else float(share),
                overdue=None if overdue is None else int(overdue),
                overdue_unit=Unit(row.get("overdue_unit", Unit.WORKING_DAYS)),
                take_over=row.get("take_over") or None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _bad(number, "写法不对，需要时间点和告知谁") from error
        _check(level)
        levels.append(level)
    for before, after in itertools.pairwise(levels):
        if before.overdue is not None and after.overdue is None:
            raise _bad(after.number, "到期前的要排在逾期的前面")
        if before.share is not None and after.share is not None and after.share <= before.share:
            raise _bad(after.number, "时间点要从早到晚，不能重复")
        if (
            before.overdue is not None
            and after.overdue is not None
            and (after.overdue_unit is not before.overdue_unit or after.overdue <= before.overdue)
        ):
            raise _bad(after.number, "逾期的各级要用同一单位，从早到晚")
    return tuple(levels)


def _check(level: Level) -> None:
    if (level.share is None) == (level.overdue is None):
        raise _bad(level.number, "时间点写成百分比，或逾期多久，二选一")
    if level.share is not None and not 0 < level.share <= 1:
        raise _bad(level.number, "百分比要在 0 到 100 之间")
    if level.overdue is not None and level.overdue < 1:
        raise _bad(level.number, "逾期的时间至少为 1")
    if not level.tell:
        raise _bad(level.number, "没有写告知谁")
    for token in (*level.tell, *([level.take_over] if level.take_over else [])):
        if token != OWNER and token not in _ROLES and not re.fullmatch(r"(group|staff):\S+", token):
            raise _bad(level.number, f"不认识「{token}」，可以写负责人、角色名、组:投诉")


def _bad(number: int, why: str) -> Invalid:
    return Invalid("bad_ladder", f"升级阶梯第 {number} 级有误：{why}。")


# --- as people write it ---------------------------------------------------------------------------------


def read_ladder(text: str) -> list[dict[str, Any]]:
    """One rung a line: ``80% 负责人、主管``, ``100% 主管 接管 主管``, ``逾期1个工作日 主管、质检``.

    Raises Invalid (`bad_ladder`) naming the line.
    """
    rows: list[dict[str, Any]] = []
    for number, line in enumerate((one for one in text.splitlines() if one.strip()), 1):
        match = re.fullmatch(
            r"\s*(?:(?P<share>\d{1,3})\s*[%％]|逾期\s*(?P<overdue>\d{1,3})\s*(?P<unit>个工作日|个工作小时|小时|日|天))"
            r"\s*(?:告知)?\s*(?P<tell>\S+?)(?:\s*[，,]?\s*由?\s*接管\s*(?P<over>\S+))?\s*",
            line,
        )
        if match is None:
            raise _bad(number, f"看不懂「{line.strip()}」，请写成：80% 负责人、主管")
        row: dict[str, Any] = {"tell": [_token(one) for one in re.split(r"[、,，]", match["tell"]) if one]}
        if match["share"]:
            row["share"] = int(match["share"]) / 100
        else:
            row["overdue"] = int(match["overdue"])
            row["overdue_unit"] = _UNIT_WORDS["日" if match["unit"] == "天" else match["unit"]].value
        if match["over"]:
            row["take_over"] = _token(match["over"])
        rows.append(row)
    ladder(rows)
    return rows


def write_ladder(levels: Sequence[Level]) -> str:
    """The inverse of `read_ladder`."""
    lines = []
    for level in levels:
        point = (
            f"逾期{level.overdue}{level.overdue_unit.zh}"
            if level.overdue is not None
            else f"{round((level.share or 0) * 100)}%"
        )
        over = f" 接管 {_written(level.take_over)}" if level.take_over else ""
        lines.append(f"{point} {'、'.join(map(_written, level.tell))}{over}")
    return "\n".join(lines)


def _token(word: str) -> str:
    word = word.strip().replace("：", ":")
    if word.startswith("组:"):
        return f"group:{word.removeprefix('组:')}"
    return _BY_NAME.get(word, word)


def _written(token: str) -> str:
    if token.startswith("group:"):
        return f"组:{token.removeprefix('group:')}"
    return {value: zh for zh, value in _BY_NAME.items()}.get(token, token)
