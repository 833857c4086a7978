"""Skill groups and their hours, from the organisation's pack."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from backend.handoffs.rules import Reason
from backend.kernel.calendar import Calendar, DaySource
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

    def is_open(self, days: DaySource, now: datetime) -> bool:
        """Whether the group works at this instant; ``days`` knows holidays and make-up days."""
        return self.hours is None or Calendar(days, self.hours).is_working(now)


def all_groups() -> Mapping[str, SkillGroup]:
    """Every group by key, in the pack's order; one for everything when the pack names none."""
    path = settings().pack_dir / "skill_groups.yml"
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=2)
def _read(path: Path, changed: int) -> Mapping[str, SkillGroup]:
    data: dict[str, Any] = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if changed else {}
    rows = data.get("skill_groups", [])
    found = {row["key"]: SkillGroup(row["key"], row["name"], frozenset(row.get("intents", [])),
                                    bool(row.get("default")), _hours(row.get("hours"))) for row in rows}
    return found or {_EVERYTHING: SkillGroup(_EVERYTHING, "客服", frozenset(), True, None)}


def _hours(written: Mapping[str, Any] | None) -> WorkingHours | None:
    if not written:
        return None
    weekdays = {_DAYS.index(day): frames for day, frames in written["weekdays"].items()}
    return WorkingHours.parse(weekdays, makeup=written.get("makeup", ()),
                              follows_holidays=bool(written.get("follows_holidays", False)))


def group_for(reason: Reason, intent: str | None) -> SkillGroup:
    """The group that a reason, else an intent, belongs to."""
    groups = all_groups()
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
