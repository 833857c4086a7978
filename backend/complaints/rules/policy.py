"""What an organisation has decided about its complaints: scales, categories, triggers, patience. Pure.

Read from the pack's ``complaints.yml``; every number here is somebody's decision and none stands in code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from backend.complaints.rules.stages import DEFAULT_REOPEN_DAYS, missing
from backend.kernel.errors import Invalid

SCALES = ("severity", "complexity", "impact", "urgency")


@dataclass(frozen=True)
class Scale:
    """One of the four questions of an assessment, with a word for each point (1, 2, 3 …)."""

    key: str
    title: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Level:
    """How grave a complaint is, from its score on; ``priority`` is what it adds on the desk."""

    key: str
    title: str
    from_score: int
    priority: int


@dataclass(frozen=True)
class Category:
    """A kind of complaint; ``parent`` is None on the first of the two storeys."""

    key: str
    title: str
    parent: str | None = None
    words: tuple[str, ...] = ()  # said by customers who complain of this; for a first guess only


@dataclass(frozen=True)
class PauseReason:
    key: str
    title: str
    resumes_on: str = ""  # customer: the clocks run again when the customer answers
    told: str = ""


@dataclass(frozen=True)
class MajorRule:
    """When a complaint is a major one (重大投诉). ``kind``: words | category | level | amount | customers."""

    key: str
    title: str
    kind: str
    words: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    level: str = ""
    at_least: int = 0  # yuan, or customers
    window: timedelta = timedelta(0)


@dataclass(frozen=True)
class Policy:
    """All of it, checked."""

    scales: tuple[Scale, ...]
    levels: tuple[Level, ...]  # lowest first
    floors: Mapping[str, Mapping[int, str]]  # scale → points → at least this level
    categories: Mapping[str, Category]
    units: Mapping[str, str]
    pauses: Mapping[str, PauseReason]
    major: tuple[MajorRule, ...]
    plan: Mapping[str, Any]
    reopen_days: int = DEFAULT_REOPEN_DAYS
    burst_count: int = 5
    burst_window: timedelta = timedelta(hours=24)
    alike: float = 0.5
    alike_same_order: float = 0.3
    quiet_after: timedelta = timedelta(hours=24)
    channels: Mapping[str, str] = field(default_factory=dict)

    def level_of(self, key: str | None) -> Level | None:
        return next((level for level in self.levels if level.key == key), None)

    def category_title(self, key: str | None) -> str:
        """取件失约 under its parent: 物流履约，取件失约. A code that is gone reads as it was stored."""
        one = self.categories.get(key or "")
        if one is None:
            return key or ""
        parent = self.categories.get(one.parent or "")
        return f"{parent.title}，{one.title}" if parent else one.title

    def tree(self) -> list[tuple[Category, list[Category]]]:
        """The two storeys, in the order of the pack."""
        tops = [one for one in self.categories.values() if one.parent is None]
        return [(top, [one for one in self.categories.values() if one.parent == top.key]) for top in tops]

    def under(self, key: str) -> list[str]:
        """A category and what stands under it: what a filter means by it."""
        return [one.key for one in self.categories.values() if key in (one.key, one.parent)]


@dataclass(frozen=True)
class Assessment:
    ratings: Mapping[str, int]
    score: int
    level: Level


def assess(policy: Policy, given: Mapping[str, Any]) -> Assessment:
    """The four ratings made a score and a level. The score is their product: a one counts as no weight.

    Raises Invalid (``field_missing``) naming each scale that lacks a point.
    """
    wrong: dict[str, str] = {}
    ratings: dict[str, int] = {}
    for scale in policy.scales:
        value = given.get(scale.key)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= len(scale.words):
            wrong[scale.key] = f"「{scale.title}」请选 1 到 {len(scale.words)} 分。"
        else:
            ratings[scale.key] = value
    if wrong:
        raise Invalid("field_missing", "".join(wrong.values()), fields=wrong)
    score = 1
    for value in ratings.values():
        score *= value
    return Assessment(ratings, score, _level(policy, score, ratings))


def _level(policy: Policy, score: int, ratings: Mapping[str, int]) -> Level:
    reached = [level for level in policy.levels if score >= level.from_score][-1]
    for scale, floors in policy.floors.items():
        floor = policy.level_of(floors.get(ratings[scale]))
        if floor is not None and floor.from_score > reached.from_score:
            reached = floor
    return reached


def check_category(policy: Policy, key: str | None) -> str | None:
    """Raises Invalid (``unknown_category``). Without any categories in the pack anything goes."""
    if not key:
        return None
    if policy.categories and key not in policy.categories:
        message = "没有这个类别，请从列表里选。"
        raise Invalid("unknown_category", message, fields={"category": message})
    return key


def check_unit(policy: Policy, key: str | None) -> str | None:
    """Raises Invalid (``unknown_unit``)."""
    if not key:
        return None
    if policy.units and key not in policy.units:
        message = "没有这个责任部门，请从列表里选。"
        raise Invalid("unknown_unit", message, fields={"unit": message})
    return key


def check_pause(policy: Policy, key: str, text: str) -> tuple[str, str]:
    """The reason's key and the words that the customer reads. Raises Invalid (``field_missing``)."""
    reason = policy.pauses.get(key)
    if key and reason is None:
        raise Invalid(
            "unknown_pause_reason", "没有这个暂停原因，请从列表里选。", fields={"reason": "请重新选"}
        )
    words = text.strip() or (reason.told if reason else "")
    if not words:
        raise missing("text", "请写明为什么暂停计时，客户看得到。")
    return key, words


def guess_category(policy: Policy, text: str) -> str | None:
    """The category whose words the customer used most: a first guess, until a person has judged."""
    hits = {
        key: sum(word in text for word in one.words) for key, one in policy.categories.items() if one.words
    }
    best = max(hits, key=lambda key: hits[key], default=None)
    return best if best is not None and hits[best] else None


# --- from the pack ------------------------------------------------------------------------------------


def policy_from(raw: Mapping[str, Any]) -> Policy:
    """Raises Invalid (``bad_policy``) saying what does not fit."""
    scales = tuple(Scale(str(row["key"]), str(row["title"]), tuple(row["words"])) for row in raw["scales"])
    if tuple(scale.key for scale in scales) != SCALES or any(len(scale.words) < 2 for scale in scales):
        raise _bad(f"scales 要依次是 {'、'.join(SCALES)}，每项至少两档")
    levels = tuple(
        Level(str(row["key"]), str(row["title"]), int(row["from_score"]), int(row["priority"]))
        for row in raw["levels"]
    )
    starts = [level.from_score for level in levels]
    if not levels or starts[0] > 1 or starts != sorted(set(starts)):
        raise _bad("levels 要从 1 分起，从低到高")
    categories: dict[str, Category] = {}
    for top in raw.get("categories", []):
        categories[str(top["key"])] = Category(str(top["key"]), str(top["title"]), None, _words(top))
        for row in top.get("children", []):
            categories[str(row["key"])] = Category(
                str(row["key"]), str(row["title"]), str(top["key"]), _words(row)
            )
    floors = {
        str(scale): {int(points): str(level) for points, level in rows.items()}
        for scale, rows in (raw.get("floors") or {}).items()
    }
    known = {level.key for level in levels}
    if set(floors) - set(SCALES) or {level for rows in floors.values() for level in rows.values()} - known:
        raise _bad("floors 里有没定义的项目或等级")
    limits = raw.get("limits") or {}
    return Policy(
        scales=scales,
        levels=levels,
        floors=floors,
        categories=categories,
        units={str(row["key"]): str(row["title"]) for row in raw.get("units", [])},
        pauses={
            str(row["key"]): PauseReason(
                str(row["key"]), str(row["title"]), str(row.get("resumes_on", "")), str(row.get("told", ""))
            )
            for row in raw.get("pauses", [])
        },
        major=tuple(_major(row, known, categories) for row in raw.get("major", [])),
        plan=dict(raw.get("plan") or {}),
        reopen_days=int(limits.get("reopen_days", DEFAULT_REOPEN_DAYS)),
        burst_count=int(limits.get("burst_count", 5)),
        burst_window=timedelta(hours=float(limits.get("burst_hours", 24))),
        alike=float(limits.get("alike", 0.5)),
        alike_same_order=float(limits.get("alike_same_order", 0.3)),
        quiet_after=timedelta(hours=float(limits.get("quiet_hours", 24))),
        channels={str(key): str(title) for key, title in (raw.get("channels") or {}).items()},
    )


MAJOR_KINDS = ("words", "category", "level", "amount", "customers")


def _major(row: Mapping[str, Any], levels: set[str], categories: Mapping[str, Category]) -> MajorRule:
    rule = MajorRule(
        key=str(row["key"]),
        title=str(row["title"]),
        kind=str(row["kind"]),
        words=tuple(str(word) for word in row.get("words", [])),
        categories=tuple(str(key) for key in row.get("categories", [])),
        level=str(row.get("level", "")),
        at_least=int(row.get("at_least", 0)),
        window=timedelta(hours=float(row.get("hours", 0))),
    )
    needs = {
        "words": bool(rule.words),
        "category": bool(rule.categories) and set(rule.categories) <= set(categories),
        "level": rule.level in levels,
        "amount": rule.at_least > 0,
        "customers": rule.at_least > 1 and rule.window > timedelta(0),
    }
    if not needs.get(rule.kind, False):
        raise _bad(f"major 规则「{rule.key}」写得不完整")
    return rule


def _words(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(word) for word in row.get("words", []))


def _bad(what: str) -> Invalid:
    return Invalid("bad_policy", f"complaints.yml 不对：{what}。请改好后重启。")
