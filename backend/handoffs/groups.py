"""Skill groups and their hours, from the organisation's pack."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from backend.handoffs.routing import CHAT, COMPLAINT, Policy
from backend.handoffs.rules import Reason
from backend.kernel.calendar import Calendar, DaySource
from backend.kernel.errors import Invalid
from backend.kernel.hours import WorkingHours
from backend.settings import settings

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVERYTHING = "general"
# These are complaints before they are questions, whatever the last message was about.
_TO_COMPLAINTS = frozenset({Reason.EMERGENCY, Reason.FRAUD, Reason.ESCALATION, Reason.ANGER})


@dataclass(frozen=True)
class SkillGroup:
    """Who answers what, and when somebody is there."""

    key: str
    name: str
    intents: frozenset[str]
    default: bool
    hours: WorkingHours | None  # None: always
    kind: str = CHAT  # which of a person's two measures a conversation of this group fills
    weight: float = 1.0
    answer_within: timedelta = timedelta(hours=2)  # of its own working time: a message left, a call asked for

    def is_open(self, days: DaySource, now: datetime) -> bool:
        """Whether the group works at this instant; ``days`` knows holidays and make-up days."""
        return self.hours is None or Calendar(days, self.hours).is_working(now)


@dataclass(frozen=True)
class Book:
    """skill_groups.yml, read."""

    groups: Mapping[str, SkillGroup]
    policy: Policy
    channels: Mapping[str, float]  # how heavy a conversation of a channel is; not named: 1


def book() -> Book:
    """The organisation's groups and its word on routing; one group for everything when the pack names none."""
    path = settings().pack_dir / "skill_groups.yml"
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


def all_groups() -> Mapping[str, SkillGroup]:
    """Every group by key, in the pack's order."""
    return book().groups


@lru_cache(maxsize=2)
def _read(path: Path, changed: int) -> Book:
    data: dict[str, Any] = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if changed else {}
    return read_book(data)


def read_book(data: Mapping[str, Any]) -> Book:
    """Raises Invalid (``bad_groups``) where a number is none or a helper is no group."""
    rows = data.get("skill_groups", [])
    found = {row["key"]: SkillGroup(
        row["key"], row["name"], frozenset(row.get("intents", [])), bool(row.get("default")), _hours(row.get("hours")),
        _kind(row.get("kind", CHAT)), _number(row, "weight", 1.0),
        timedelta(minutes=_number(row, "answer_within_working_minutes", 120))) for row in rows}
    groups = found or {_EVERYTHING: SkillGroup(_EVERYTHING, "客服", frozenset(), True, None)}
    return Book(groups, _policy(data.get("routing") or {}, rows, groups),
                {channel: _number(data["channel_weights"], channel, 1.0) for channel in data.get("channel_weights") or {}})


def _policy(row: Mapping[str, Any], groups: Any, known: Mapping[str, SkillGroup]) -> Policy:
    usual = Policy()

    def seconds(name: str, otherwise: timedelta) -> timedelta:
        return timedelta(seconds=_number(row, name, otherwise.total_seconds()))

    helpers = {one["key"]: frozenset(one["overflow_to"]) for one in groups if one.get("overflow_to")}
    if strangers := {name for names in helpers.values() for name in names} - known.keys():
        raise Invalid("bad_groups", f"skill_groups.yml 的 overflow_to 里没有「{min(strangers)}」这个组。")
    return Policy(
        offer_for=seconds("offer_seconds", usual.offer_for), named_for=seconds("named_colleague_seconds", usual.named_for),
        known_for=seconds("last_agent_seconds", usual.known_for), again_after=seconds("again_after_seconds", usual.again_after),
        misses_before_busy=int(_number(row, "misses_before_busy", usual.misses_before_busy)),
        offers_at_once=int(_number(row, "offers_at_once", usual.offers_at_once)),
        overflow_after=seconds("overflow_after_seconds", usual.overflow_after), helpers=helpers,
        overflow={one["key"]: timedelta(seconds=_number(one, "overflow_after_seconds", 0)) for one in groups
                  if one.get("overflow_after_seconds")})


def _number(row: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = row.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100_000:
        raise Invalid("bad_groups", f"skill_groups.yml 里的 {name} 应是大于 0 的数，现在是「{value}」。")
    return float(value)


def _kind(word: str) -> str:
    if word not in (CHAT, COMPLAINT):
        raise Invalid("bad_groups", f"skill_groups.yml 里的 kind 只能是 {CHAT} 或 {COMPLAINT}，现在是「{word}」。")
    return word


def _hours(written: Mapping[str, Any] | None) -> WorkingHours | None:
    if not written:
        return None
    weekdays = {_DAYS.index(day): frames for day, frames in written["weekdays"].items()}
    return WorkingHours.parse(weekdays, makeup=written.get("makeup", ()),
                              follows_holidays=bool(written.get("follows_holidays", False)))


def group_for(reason: Reason, intent: str | None, named: str | None = None) -> SkillGroup:
    """The group that was named, else that a reason or an intent belongs to."""
    groups = all_groups()
    if named in groups:
        return groups[str(named)]
    if reason in _TO_COMPLAINTS and "complaint" in groups:
        return groups["complaint"]
    for group in groups.values():
        if intent in group.intents:
            return group
    return next((group for group in groups.values() if group.default), next(iter(groups.values())))


def group_name(key: str) -> str:
    found = all_groups().get(key)
    return found.name if found else key


def keys_by_name() -> dict[str, str]:
    return {group.name: group.key for group in all_groups().values()}


def measure_of(group: str, channel: str) -> tuple[str, float]:
    """Which measure of a person a conversation fills, and how much of it."""
    own = book()
    found = own.groups.get(group)
    share = own.channels.get(channel, 1.0)
    return (found.kind, found.weight * share) if found else (CHAT, share)
