"""What a deadline row means at an instant, and how its reckoning is shown. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from backend.kernel.clock import shanghai_date, zh_datetime, zh_duration
from backend.kernel.deadlines import DeadlineState, DueDates, Unit, state

# The one kind that customers are told; all others are worked to by staff, and may be earlier.
PROMISE = "promise"

KIND_NAMES = {
    "acknowledge": "受理确认",
    "first_person": "专人接手",
    "decide": "内部期限",
    "promise": "对客户的承诺",
    "decide_complex": "复杂情形",
    "refund": "退款退货",
    "callback": "回电",
    "major_update": "进展通报",
    "accept": "决定是否受理",
    "mediate": "调解",
}

# What may start a clock from outside; ``met:<stage>`` starts one when another stage is done.
EVENTS = {
    "filed": "受理",
    "reopened": "重开",
    "refund_or_return_due": "应当退款退货之日",
    "callback_promised": "答应回电",
    "evidence_complete": "材料齐全",
    "major_declared": "列为重大投诉",
    "regulator_received": "主管部门收到",
    "regulator_accepted": "主管部门受理",
}
MET = "met:"

BREACH_CAUSES = {
    "waiting_inside": "等内部答复",
    "waiting_supplier": "等供应商或物流",
    "waiting_customer": "等客户，没有停表",
    "short_of_staff": "人手不足",
    "handed_over_late": "转交晚了",
    "misjudged": "复杂程度估计不足",
    "overlooked": "漏看或忘记",
    "system": "系统故障",
    "other": "其他",
}

# An extension beyond this is a new promise, not an extension; the regimes of the field stop at 30 days.
MOST_EXTENSION_DAYS = 30


def kind_name(kind: str) -> str:
    return KIND_NAMES.get(kind, kind)


def start_name(start: str) -> str:
    """受理, 「决定是否受理」完成."""
    if start.startswith(MET):
        return f"「{kind_name(start.removeprefix(MET))}」完成"
    return EVENTS.get(start, start)


def due_of(kind: str, dates: DueDates) -> datetime:
    """The instant that a row of this kind is held to.

    The promise is the legal date; while that is provisional (nothing was promised) it is worked to by the
    earliest variant. All else goes by the internal date.
    """
    return dates.legal_due if kind == PROMISE and not dates.provisional else dates.internal_due


@dataclass(frozen=True)
class Clock:
    """A row's instants, as far as judging needs them."""

    due_at: datetime
    near_at: datetime
    neared_at: datetime | None = None
    breached_at: datetime | None = None
    paused_at: datetime | None = None
    met_at: datetime | None = None
    dropped_at: datetime | None = None

    @property
    def running(self) -> bool:
        return self.met_at is None and self.dropped_at is None and self.paused_at is None

    @property
    def open(self) -> bool:
        return self.met_at is None and self.dropped_at is None


@dataclass(frozen=True)
class Verdict:
    """What a sweep has to note now, and when to look again."""

    neared: bool
    breached: bool
    next_check_at: datetime | None


def judge(clock: Clock, now: datetime) -> Verdict:
    """Which notices are owed. The last instant itself is in time; a breach makes the nearing old news."""
    if not clock.running or clock.breached_at is not None:
        return Verdict(False, False, None)
    if now > clock.due_at:
        return Verdict(False, True, None)
    if clock.neared_at is None and now >= clock.near_at:
        return Verdict(True, False, clock.due_at)
    return Verdict(False, False, next_check(clock))


def next_check(clock: Clock) -> datetime | None:
    """When the sweep has to look at this row again; None when there is nothing left to notice."""
    if not clock.running or clock.breached_at is not None:
        return None
    return clock.due_at if clock.neared_at is not None else min(clock.near_at, clock.due_at)


def state_of(clock: Clock, now: datetime) -> DeadlineState:
    return state(clock.due_at, now, near_at=clock.near_at, met_at=clock.met_at, paused_at=clock.paused_at)


ClockTone = Literal["track", "near", "breached", "paused", "provisional", "met", "dropped"]


def clock_tag(clock: Clock, now: datetime, *, provisional: bool) -> tuple[ClockTone, str]:
    """Tone and words of a clock as staff see it: 还剩 3 时 24 分, 逾期 20 时, 停表 2 天, 按时完成."""
    if clock.dropped_at is not None:
        return "dropped", "不再计时"
    if clock.met_at is not None:
        late = clock.met_at - clock.due_at
        return ("met", "按时完成") if late <= timedelta(0) else ("breached", f"晚了 {zh_duration(late)}")
    judged = state_of(clock, now)
    if judged is DeadlineState.BREACHED:
        return "breached", f"逾期 {zh_duration(now - clock.due_at)}"
    if judged is DeadlineState.PAUSED and clock.paused_at is not None:
        return "paused", f"停表 {zh_duration(now - clock.paused_at)}"
    rest = clock.due_at - now
    # Hours do not matter while there are days.
    left = f"还剩 {rest.days} 天" if rest.days > 0 else f"还剩 {zh_duration(rest)}"
    if provisional:
        return "provisional", f"暂定，{left}"
    return ("near", left) if judged is DeadlineState.NEAR else ("track", left)


def day_cells(days: Sequence[Mapping[str, Any]], due_at: datetime, now: datetime) -> list[dict[str, Any]]:
    """Whole weeks around the counted days, Monday first: what a page draws as the signature calendar.

    Days before the start and after the due day are ``out``. A due date that was extended past the
    reckoning ends the row at its new day.
    """
    if not days:
        return []
    known = {date.fromisoformat(day["date"]): day for day in days}
    start, due, today = min(known), shanghai_date(due_at), shanghai_date(now)
    first = start - timedelta(days=start.weekday())
    last = max(due, max(known))
    last += timedelta(days=6 - last.weekday())
    cells = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        row = known.get(day)
        cells.append(
            {
                "date": day.isoformat(),
                "date_text": f"{day.month}/{day.day}",
                "weekday": day.weekday(),
                "counted": bool(row and row["counted"]),
                "ordinal": row["ordinal"] if row else None,
                "reason": _cell_word(row, start=day == start),
                "out": row is None and day != due,
                "start": day == start,
                "today": day == today,
                "due": day == due,
            }
        )
    return cells


def _cell_word(row: Mapping[str, Any] | None, *, start: bool) -> str:
    """One short word in the cell's corner: 中秋, 周日, 调休; nothing on an ordinary working day."""
    if row is None:
        return ""
    reason = str(row["reason"])
    if start:
        return reason.removesuffix("当天不计") + "日" if reason.endswith("当天不计") else reason
    return {"工作日": "", "调休上班": "调休", "可能调休上班": "调休?", "连续计时": ""}.get(reason, reason)


def cells_sentence(cells: Sequence[Mapping[str, Any]]) -> str:
    """The calendar in words, for those who do not see it."""
    counted = [cell for cell in cells if cell["counted"]]
    if not counted:
        return "没有逐日计数"
    words = [f"{counted[0]['date_text']} 为第 1 天"]
    words += [
        f"{cell['date_text']} 调休上班为第 {cell['ordinal']} 天"
        for cell in counted
        if cell["reason"] == "调休"
    ]
    words += [f"{cell['date_text']} 到期" for cell in cells if cell["due"]]
    return "，".join(words)


def move_sentence(move: Mapping[str, Any], start: datetime) -> str:
    """One line of the explanation for each time the date was moved; years are named if not the start's."""
    old = zh_datetime(datetime.fromisoformat(move["old"]), start, relative=False)
    new = zh_datetime(datetime.fromisoformat(move["new"]), start, relative=False)
    why = move.get("why")
    if why == "extended":
        return (
            f"延期 {move['working_days']} {unit_of(move)}，{old} 改为 {new}，{move['by_name']}批准：{move['reason']}"
        )
    if why == "resumed":
        since = zh_datetime(datetime.fromisoformat(move["paused_at"]), start, relative=False)
        kept = f"到期仍是 {new}" if old == new else f"到期由 {old} 改为 {new}"
        return f"{since} 起停表 {move['paused_text']}，{kept}：{move['reason']}"
    if "to" in move:
        kept = f"到期仍是 {new}" if old == new else f"{old} 改为 {new}"
        return f"改按「{move['to']}」（原「{move['from']}」），{kept}，{move['by_name']}决定：{move['reason']}"
    kept = f"{new} 由暂定改为确定" if old == new else f"{old} 改为 {new}"
    return f"{move['year']} 年放假安排公布，{kept}"


def unit_of(move: Mapping[str, Any]) -> str:
    """An extension's unit: 个工作日 or 日."""
    return Unit(move.get("unit", Unit.WORKING_DAYS)).zh


def paused_for(moves: Sequence[Mapping[str, Any]], paused_at: datetime | None, now: datetime) -> timedelta:
    """How long the clock has stood still in all, the present stop included."""
    total = timedelta(0)
    for move in moves:
        if move["why"] == "resumed":
            stopped, again = (datetime.fromisoformat(move[name]) for name in ("paused_at", "at"))
            total += max(again - stopped, timedelta(0))
    return total + max(now - paused_at, timedelta(0)) if paused_at else total
