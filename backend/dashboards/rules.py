"""What each number means, over which days, and when a difference or a signal is real: pure.

The definitions are data, so that the page, the API, the exported files and the tests read the same words.
Change a formula and the version changes with it: numbers of two versions are not comparable.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from backend.kernel.clock import SHANGHAI, shanghai_date, to_utc
from backend.kernel.errors import Invalid
from backend.kernel.statistics import ENOUGH, Z95

FORMULA_VERSION = "2026.11"

WEEK = timedelta(days=7)
LONGEST_WINDOW = 400  # days; a page that reads years row by row would keep the house waiting
SATISFIED = 4  # top two of five
UNSATISFIED = 3  # up to here an answer says why not

# A bot message under one of these keys is not an answer to what was asked: it greets, apologises, asks back,
# or passes the customer on. Kept as data beside the formula, because the share of answered talks rests on it.
NOT_AN_ANSWER_PREFIXES = ("system.", "handoff.", "risk.", "survey.", "conversation.", "chat.")
NOT_AN_ANSWER_KEYS = (
    "order.ask_number", "order.not_found", "order.lookup_failed",
    "complaint.ask_description", "complaint.description_too_short", "complaint.ask_remedy", "complaint.ask_order_no",
    "complaint.bad_order_no", "complaint.ask_contact", "complaint.bad_contact", "complaint.contact_too_short",
    "complaint.confirm", "complaint.ask_what_to_change", "complaint.cancelled", "complaint.file_failed",
    "complaint.resume", "complaint.ask_number", "complaint.ask_last4", "complaint.not_found",
    "complaint.lookup_locked", "complaint.none_to_urge", "complaint.withdraw_ask_person",
    "complaint.withdraw_which", "complaint.withdraw_confirm",
)

# The deadlines that "overdue" speaks of: what the customer was told, and what staff decide by.
OWED_KINDS = ("promise", "decide")

Kind = Literal["count", "rate", "duration", "state"]
Family = Literal["conversation", "handoff", "survey", "invitation", "complaint", "promise"]


@dataclass(frozen=True)
class Target:
    """What was resolved to reach. ``value`` is a share, or seconds."""

    at_least: bool
    value: float
    words: str

    def met_by(self, value: float) -> bool:
        return value >= self.value if self.at_least else value <= self.value


@dataclass(frozen=True)
class Indicator:
    """One number: what is counted out of what, and what is left out.

    ``state`` indicators are counted as of now, all others over the window.
    """

    key: str
    title: str
    kind: Kind
    family: Family
    unit: str
    formula: str
    numerator: str
    denominator: str
    exclusions: str
    target: Target | None = None
    fewer_is_better: bool = False


_ASKED = "在这段时间开始、客户至少说过一句话的会话"
_CLOSED = "在这段时间开始、客户说过话、已经结束的会话"

INDICATORS: tuple[Indicator, ...] = (
    Indicator("conversations", "会话", "count", "conversation", "个", "计数", _ASKED, "无", "只打开没说话的不算"),
    Indicator("bot_resolved", "机器人解决", "rate", "conversation", "个会话", "机器人解决的 ÷ 已结束的",
              "机器人答上过、没转人工、没有人工说话、没登记投诉的", _CLOSED,
              "还没结束的不算；问候、没听懂、反问不算答上", Target(True, 0.60, "≥ 60%")),
    Indicator("abandoned", "没等到答复", "rate", "conversation", "个会话", "没等到答复的 ÷ 已结束的",
              "没人答上过，或转了人工没等到人", _CLOSED, "还没结束的不算", fewer_is_better=True),
    Indicator("handoff_share", "转人工的会话", "rate", "conversation", "个会话", "转过人工的 ÷ 会话",
              "转过人工的", _ASKED, "同一会话转几次只算一个"),
    Indicator("answered", "答上了", "rate", "conversation", "个会话", "答上的 ÷ 会话", "机器人答上过或人工说过话的", _ASKED,
              "问候、没听懂、反问不算答上"),
    Indicator("unaided", "答上且没转人工", "rate", "conversation", "个会话", "答上且没转人工的 ÷ 会话",
              "机器人答上过、没转人工、没登记投诉的", _ASKED, "是否真的解决没有核实"),
    Indicator("rated", "客户评了分", "rate", "conversation", "个会话", "评了分的 ÷ 会话", "客户评了分的", _ASKED,
              "按会话开始的时间算，不按评分的时间"),
    Indicator("handoffs", "转人工", "count", "handoff", "次", "计数", "在这段时间提出的转人工", "无", "同事之间转接的不算",
              fewer_is_better=True),
    Indicator("waiting", "等待接入", "duration", "handoff", "次接入", "接入时刻 − 提出时刻",
              "在这段时间提出、已经接入的转人工", "同左", "还在排队和没等到人的、同事转接的不算；含非工作时间", fewer_is_better=True),
    Indicator("first_reply", "人工首响 P90", "duration", "handoff", "次接入", "人工第一句话 − 提出转人工的时刻，第 90 百分位",
              "在这段时间提出、人工已经说话的转人工", "同左", "还没回复的、同事转接的不算；含非工作时间",
              Target(False, 180, "≤ 3 分"), fewer_is_better=True),
    Indicator("csat", "满意度（4 分以上）", "rate", "survey", "份", "4 分和 5 分的 ÷ 全部答卷", "4 分和 5 分的答卷",
              "在这段时间收到的答卷", "没回的不算，所以旁边给回收率", Target(True, 0.85, "≥ 85%")),
    Indicator("response", "评价回收率", "rate", "invitation", "份", "已回的 ÷ 发出的", "已经回的", "在这段时间发出的评价邀请",
              "邀请 72 小时内有效，刚发出的也算在内"),
    Indicator("unsatisfied", "不满意的答卷", "count", "survey", "份", "计数", "3 分和 3 分以下的答卷", "无", "无",
              fewer_is_better=True),
    Indicator("complaints_filed", "新登记投诉", "count", "complaint", "件", "计数", "在这段时间登记的投诉", "无", "无",
              fewer_is_better=True),
    Indicator("complaints_open", "未结投诉", "state", "complaint", "件", "计数，此刻", "还没办结的投诉", "无", "不分何时登记",
              fewer_is_better=True),
    Indicator("complaints_overdue", "逾期未结", "state", "complaint", "件", "计数，此刻",
              "没办结，而且给客户的承诺或内部期限已过的投诉", "无", "停表的不算", fewer_is_better=True),
    Indicator("complaints_due_today", "今天到期", "state", "complaint", "件", "计数，此刻",
              "没办结、没逾期，承诺或内部期限在今天 24:00 前到的投诉", "无", "停表的不算", fewer_is_better=True),
    Indicator("on_time", "投诉按时办结", "rate", "promise", "件到期", "按时的 ÷ 到期的", "到期前已经办到的",
              "承诺期限在这段时间、已经到期的（没有承诺的看内部期限）", "撤回的、停表的不算；逾期未结算未达",
              Target(True, 0.95, "≥ 95%")),
)

BY_KEY = {one.key: one for one in INDICATORS}


# --- windows -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """[since, until): from one Shanghai midnight to another."""

    since: datetime
    until: datetime

    @property
    def first_day(self) -> date:
        return shanghai_date(self.since)

    @property
    def last_day(self) -> date:
        """The last day that belongs to it."""
        return shanghai_date(self.until - timedelta(microseconds=1))

    def weeks_back(self, now: datetime) -> int:
        """How many whole weeks the window before lies back: as few as keep the two apart."""
        return max(1, math.ceil((min(self.until, now) - self.since) / WEEK))

    def before(self, now: datetime) -> "Window":
        """The window to compare with, whole weeks earlier: the same weekdays, and today no further than now."""
        shift = WEEK * self.weeks_back(now)
        return Window(self.since - shift, max(self.since, min(self.until, now)) - shift)

    def before_words(self, now: datetime) -> str:
        weeks = self.weeks_back(now)
        return "上周同期" if weeks == 1 else f"上 {weeks} 周"


def midnight(day: date) -> datetime:
    """The instant (UTC) at which a Shanghai day begins."""
    return to_utc(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI))


def window_of(first: date, last: date) -> Window:
    """All of the days from ``first`` to ``last``. Raises Invalid (``bad_window``)."""
    if first > last:
        raise Invalid("bad_window", "开始日期晚于结束日期，请对调。", fields={"from": "不能晚于结束日期"})
    if (last - first).days >= LONGEST_WINDOW:
        raise Invalid("bad_window", f"一次最多看 {LONGEST_WINDOW} 天，请缩短。", fields={"from": "离结束日期太远"})
    return Window(midnight(first), midnight(last + timedelta(days=1)))


PRESETS = {"week": "本周", "4w": "近 4 周", "quarter": "本季"}


def preset(name: str, now: datetime) -> Window:
    """本周 and 近 4 周 begin on a Monday, 本季 on its first day; all end with today."""
    today = shanghai_date(now)
    monday = today - timedelta(days=today.weekday())
    first = {"week": monday, "4w": monday - 3 * WEEK, "quarter": date(today.year, (today.month - 1) // 3 * 3 + 1, 1)}
    return window_of(first.get(name, first["4w"]), today)


# --- is a difference real? ---------------------------------------------------------------------------

Verdict = Literal["significant", "not_significant", "too_few"]


def counts_differ(first: int, second: int) -> Verdict:
    """Two Poisson counts over equally long windows: z = (a − b) / √(a + b); too few below 30 together."""
    if first + second < ENOUGH:
        return "too_few"
    return "significant" if abs(first - second) / math.sqrt(first + second) > Z95 else "not_significant"


def ranks_differ(first: Sequence[float], second: Sequence[float]) -> Verdict:
    """Mann and Whitney's rank test with tie correction, normal approximation, two-sided 5 %.

    Waiting times are skewed, so their means must not be compared by t; too few below 30 on either side.
    """
    a, b = len(first), len(second)
    if a < ENOUGH or b < ENOUGH:
        return "too_few"
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank_sum, ties, i = 0.0, 0, 0
    while i < len(ordered):
        j = i
        while j < len(ordered) and ordered[j][0] == ordered[i][0]:
            j += 1
        rank_sum += (i + j + 1) / 2 * sum(1 for _, side in ordered[i:j] if side == 0)
        ties += (j - i) ** 3 - (j - i)
        i = j
    n = a + b
    variance = a * b / 12 * ((n + 1) - ties / (n * (n - 1)))
    if variance <= 0:  # every value is the same
        return "not_significant"
    z = (rank_sum - a * (a + 1) / 2 - a * b / 2) / math.sqrt(variance)
    return "significant" if abs(z) > Z95 else "not_significant"


# --- the weekly control chart -------------------------------------------------------------------------

CHART_WEEKS = 24
BASELINE_WEEKS = 20  # fewer points give limits that are guesses


@dataclass(frozen=True)
class Week:
    """Answers of one week, Monday first: ``k`` satisfied of ``n``."""

    start: date
    k: int
    n: int


@dataclass(frozen=True)
class Point:
    """A week on the chart; limits are None without a baseline or without answers."""

    week: Week
    value: float | None
    lower: float | None = None
    upper: float | None = None

    @property
    def signal(self) -> Literal["low", "high"] | None:
        """Western Electric rule 1: beyond three sigma."""
        if self.value is None or self.lower is None or self.upper is None:
            return None
        return "low" if self.value < self.lower else "high" if self.value > self.upper else None


def weeks_from(answers: Sequence[tuple[datetime, bool]], first: date, last: date) -> list[Week]:
    """Answers (instant, satisfied) by Shanghai week, from the Monday ``first`` to the Monday ``last``."""
    counts: dict[date, list[int]] = {}
    for at, satisfied in answers:
        day = shanghai_date(at)
        pair = counts.setdefault(day - timedelta(days=day.weekday()), [0, 0])
        pair[0] += satisfied
        pair[1] += 1
    return [Week(start, *counts.get(start, (0, 0)))
            for start in (first + WEEK * i for i in range((last - first).days // 7 + 1))]


def baseline(weeks: Sequence[Week]) -> float | None:
    """p̄ of the first 20 weeks that have answers, frozen from then on; None while there are fewer."""
    filled = [week for week in weeks if week.n][:BASELINE_WEEKS]
    if len(filled) < BASELINE_WEEKS:
        return None
    return sum(week.k for week in filled) / sum(week.n for week in filled)


def p_chart(weeks: Sequence[Week], centre: float | None) -> list[Point]:
    """Limits by each week's own n: p̄ ± 3√(p̄(1 − p̄)/n), within 0 and 1."""
    points = []
    for week in weeks:
        if not week.n:
            points.append(Point(week, None))
        elif centre is None:
            points.append(Point(week, week.k / week.n))
        else:
            reach = 3 * math.sqrt(centre * (1 - centre) / week.n)
            points.append(Point(week, week.k / week.n, max(0.0, centre - reach), min(1.0, centre + reach)))
    return points
