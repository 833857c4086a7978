"""The units in which a deadline counts."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class Unit(StrEnum):
    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    WORKING_HOURS = "working_hours"
    WORKING_MINUTES = "working_minutes"
    HOURS = "hours"
    MINUTES = "minutes"

    @property
    def zh(self) -> str:
        return _UNIT_NAMES[self]


_UNIT_NAMES = {
    Unit.WORKING_DAYS: "个工作日",
    Unit.CALENDAR_DAYS: "日",
    Unit.WORKING_HOURS: "个工作小时",
    Unit.WORKING_MINUTES: "个工作分钟",
    Unit.HOURS: "小时",
    Unit.MINUTES: "分钟",
}
DAY_UNITS = frozenset({Unit.WORKING_DAYS, Unit.CALENDAR_DAYS})
WORKING_UNITS = frozenset({Unit.WORKING_DAYS, Unit.WORKING_HOURS, Unit.WORKING_MINUTES})
LENGTHS = {
    Unit.WORKING_HOURS: timedelta(hours=1),
    Unit.WORKING_MINUTES: timedelta(minutes=1),
    Unit.HOURS: timedelta(hours=1),
    Unit.MINUTES: timedelta(minutes=1),
}
