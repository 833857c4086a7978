"""What many complaints say together: clusters, weeks, recurrence, groups of like words. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt

from backend.complaints.rules.likeness import grams
from backend.kernel.clock import shanghai_date
from backend.kernel.errors import Invalid
from backend.kernel.statistics import ENOUGH, Rate

NOTHING = "-"  # the value of a filter that asks for what has none
LONGEST = timedelta(days=732)

# What complaints are looked at by, in the order of the page.
DIMENSIONS = {
    "category": "类别",
    "cause": "根因",
    "unit": "责任部门",
    "product": "商品",
    "channel": "渠道",
    "script": "投诉前的话术",
    "level": "严重程度",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One complaint as it is counted. ``category`` is the judged one, until then the guess."""

    id: str
    number: str
    filed_at: datetime
    closed_at: datetime | None
    category: str | None
    cause: str | None
    unit: str | None
    product: str | None
    channel: str
    level: str | None
    score: int | None
    script: str | None
    cost: int | None

    @property
    def weight(self) -> int:
        """The severity score; a case that nobody has judged weighs one."""
        return self.score or 1

    def value(self, dimension: str) -> str:
        return str(getattr(self, dimension) or NOTHING)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Cases of one value. ``weight`` is count times mean severity, ``running`` the sum up to here."""

    key: str
    cases: int
    weight: int
    judged: int
    costed: int
    cost: int
    recurring: int
    share: Rate  # of all cases
    running: int


def clusters(cases: Sequence[Case], dimension: str, recurring: frozenset[str] | set[str]) -> list[Cluster]:
    """Heaviest first. What has no value comes under ``NOTHING``, in its place like any other."""
    if dimension not in DIMENSIONS:
        raise unknown("by", "没有这种看法，请从列表里选。")
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.value(dimension)].append(case)
    ordered = sorted(
        groups.items(), key=lambda item: (-sum(one.weight for one in item[1]), -len(item[1]), item[0])
    )
    found, running = [], 0
    for key, members in ordered:
        weight = sum(one.weight for one in members)
        running += weight
        found.append(
            Cluster(
                key=key,
                cases=len(members),
                weight=weight,
                judged=sum(one.score is not None for one in members),
                costed=sum(one.cost is not None for one in members),
                cost=sum(one.cost or 0 for one in members),
                recurring=sum(one.id in recurring for one in members),
                share=Rate(len(members), len(cases)),
                running=running,
            )
        )
    return found


def vital(found: Sequence[Cluster]) -> int:
    """How many of the heaviest clusters carry half of the weight."""
    total = found[-1].running if found else 0
    return next((i for i, one in enumerate(found, start=1) if one.running * 2 >= total), 0)


def pareto_title(found: Sequence[Cluster], what: str, name: Callable[[str], str]) -> str:
    """取件失约、退款慢两类占投诉轻重的 61%."""
    if not found:
        return "这段时间没有投诉"
    total = found[-1].running
    if len(found) == 1:
        return f"都是「{name(found[0].key)}」" if found[0].key != NOTHING else f"都还没有{what}"
    first = min(max(vital(found), 1), 3)
    names = "、".join(name(one.key) for one in found[:first])
    share = found[first - 1].running / total
    return f"{names}{'' if first == 1 else f' {first} 类'}占投诉轻重的 {share * 100:.0f}%"


# --- recurrence -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kin:
    """What recurrence is judged by: whose, which order, which cause, when."""

    id: str
    filed_at: datetime
    customer: str
    contact: str | None
    order_no: str | None
    cause: str | None
    category: str | None


def same_cause(one: Kin, other: Kin) -> bool:
    """By the root cause where both have one, otherwise by category."""
    if one.cause and other.cause:
        return one.cause == other.cause
    return one.category is not None and one.category == other.category


def recurrences(kin: Iterable[Kin], days: int) -> set[str]:
    """Cases that the same customer, or the same order, had before for the same cause within ``days``."""
    window = timedelta(days=days)
    seen: dict[tuple[str, str], list[Kin]] = defaultdict(list)
    found: set[str] = set()
    for one in sorted(kin, key=lambda each: (each.filed_at, each.id)):
        marks = [("customer", one.customer)]
        marks += [("contact", one.contact)] if one.contact else []
        marks += [("order", one.order_no)] if one.order_no else []
        for mark in marks:
            if any(one.filed_at - past.filed_at <= window and same_cause(one, past) for past in seen[mark]):
                found.add(one.id)
            seen[mark].append(one)
    return found


# --- weeks ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Week:
    """Monday to Sunday in Shanghai, cut by the period; ``unfinished`` when it has not ended yet."""

    monday: date
    first: date
    last: date
    unfinished: bool

    @property
    def words(self) -> str:
        return f"{self.first.month}月{self.first.day}日当周"


def weeks(first: date, last: date, today: date) -> list[Week]:
    """The weeks of the days from ``first`` to ``last``. A period that ends today ends in an unfinished week."""
    found = []
    monday = first - timedelta(days=first.weekday())
    while monday <= last:
        sunday = monday + timedelta(days=6)
        found.append(Week(monday, max(first, monday), min(last, sunday), sunday >= today))
        monday += timedelta(days=7)
    return found


def by_week(found: Sequence[Week], days: Mapping[date, int]) -> list[int]:
    """Sums of a count by day."""
    sums = dict.fromkeys((week.monday for week in found), 0)
    for day, count in days.items():
        monday = day - timedelta(days=day.weekday())
        if monday in sums:
            sums[monday] += count
    return [sums[week.monday] for week in found]


def days_of(instants: Iterable[datetime]) -> dict[date, int]:
    counts: dict[date, int] = defaultdict(int)
    for at in instants:
        counts[shanghai_date(at)] += 1
    return counts


# --- groups of like words -----------------------------------------------------------------------------------


def like_groups(texts: Mapping[str, str], alike: float, least: int = 3) -> list[list[str]]:
    """Ids whose texts hang together by pairs at least ``alike``; biggest first, the most typical member in front."""
    ids = list(texts)
    vectors = {one: grams(texts[one]) for one in ids}
    norms = {one: sqrt(sum(n * n for n in vectors[one].values())) for one in ids}
    parent = {one: one for one in ids}

    def root(one: str) -> str:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    nearness: dict[str, float] = dict.fromkeys(ids, 0.0)
    for place, one in enumerate(ids):
        for other in ids[place + 1 :]:
            if not norms[one] or not norms[other]:
                continue
            small, big = sorted((vectors[one], vectors[other]), key=len)
            shared = sum(count * big[gram] for gram, count in small.items() if gram in big)
            likeness = shared / (norms[one] * norms[other])
            if likeness >= alike:
                parent[root(one)] = root(other)
                nearness[one] += likeness
                nearness[other] += likeness
    groups: dict[str, list[str]] = defaultdict(list)
    for one in ids:
        groups[root(one)].append(one)
    kept = [sorted(group, key=lambda one: -nearness[one]) for group in groups.values() if len(group) >= least]
    return sorted(kept, key=len, reverse=True)


# --- the period -------------------------------------------------------------------------------------------

PRESETS = {"12w": ("近 12 周", 12), "26w": ("近 26 周", 26), "52w": ("近 52 周", 52)}
USUAL = "26w"


def preset_days(name: str, today: date) -> tuple[date, date]:
    """Whole weeks from a Monday on, the present one included."""
    monday = today - timedelta(days=today.weekday())
    return monday - timedelta(weeks=PRESETS[name][1] - 1), today


def check_days(first: date, last: date) -> None:
    """Raises Invalid (``period_backwards``, ``period_too_long``)."""
    if first > last:
        raise Invalid(
            "period_backwards",
            "开始日期晚于结束日期，请把两个日期换过来。",
            fields={"from": "晚于结束日期", "to": "早于开始日期"},
        )
    if last - first > LONGEST:
        raise Invalid(
            "period_too_long", "一次最多看两年，请缩短时间。", fields={"from": "离结束日期超过两年"}
        )


def unknown(field: str, message: str) -> Invalid:
    return Invalid("unknown_code", message, fields={field: message})


def few(n: int) -> str:
    """What is said beside a number that rests on too little."""
    return "无数据" if n == 0 else "样本不足" if n < ENOUGH else ""
