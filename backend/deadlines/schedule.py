"""The moments of a deadline at which somebody is told: planned when it starts, judged by the sweep. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from backend.deadlines.rules import Clock, judge, next_check
from backend.kernel.calendar import Calendar
from backend.kernel.deadlines import NEAR, Rule, overdue_point, same_distance, warning_points
from backend.kernel.escalation import Level


@dataclass(frozen=True)
class Point:
    """A moment besides near and due: a warning at a share of the way, or a rung of the ladder."""

    name: str  # share:0.5 | level:2
    at: datetime
    share: float | None = None
    level: int | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Point":
        return cls(data["point"], datetime.fromisoformat(data["at"]), data.get("share"), data.get("level"))

    def as_dict(self) -> dict[str, Any]:
        return {"point": self.name, "at": self.at.isoformat(), "share": self.share, "level": self.level}

    def reached(self, due_at: datetime, now: datetime) -> bool:
        """The last instant itself is in time, so what is said of a breach is said after it."""
        return now > self.at if self.at >= due_at else now >= self.at


def read(rows: Sequence[Mapping[str, Any]]) -> list[Point]:
    return [Point.from_dict(row) for row in rows]


def write(points: Sequence[Point]) -> list[dict[str, Any]]:
    return [point.as_dict() for point in sorted(points, key=lambda point: (point.at, point.name))]


def plan(rule: Rule, start: datetime, due: datetime, calendar: Calendar) -> tuple[datetime, list[Point]]:
    """The near point and all other points on the way from ``start`` to ``due`` and beyond."""
    near_share = next((share for share in rule.warn_at if share >= NEAR), 1.0)
    wanted = {near_share, *rule.warn_at, *(one.share for one in rule.escalation if one.share is not None), 1.0}
    at = dict(warning_points(replace(rule, warn_at=tuple(sorted(wanted))), start, due, calendar))
    points = [
        Point(f"share:{share:g}", at[share], share=share)
        for share in rule.warn_at
        if share not in (near_share, 1.0)
    ]
    for level in rule.escalation:
        if level.share is not None:
            points.append(Point(f"level:{level.number}", at[level.share], level=level.number))
        elif level.overdue is not None:
            late = overdue_point(due, level.overdue, level.overdue_unit, calendar)
            points.append(Point(f"level:{level.number}", late, level=level.number))
    return at[near_share], points


def after_extension(
    rule: Rule, start: datetime, due: datetime, calendar: Calendar, pending: Sequence[Point], now: datetime
) -> tuple[datetime, list[Point]]:
    """A later due date is a new way with new points; what has been told and lies behind stays told."""
    near_at, planned = plan(rule, start, due, calendar)
    waiting = {point.name for point in pending}
    return near_at, [point for point in planned if not point.reached(due, now) or point.name in waiting]


def after_resume(
    rule: Rule, old_due: datetime, due: datetime, calendar: Calendar, near_at: datetime, pending: Sequence[Point]
) -> tuple[datetime, list[Point]]:
    """The time that was left is left again: every point keeps its distance, nothing told comes back."""

    def moved(point: Point) -> Point:
        level = next((one for one in rule.escalation if one.number == point.level), None)
        if level is not None and level.overdue is not None:
            return replace(point, at=overdue_point(due, level.overdue, level.overdue_unit, calendar))
        return replace(point, at=same_distance(point.at, old_due, due, rule.unit, calendar))

    return min(same_distance(near_at, old_due, due, rule.unit, calendar), due), [moved(one) for one in pending]


@dataclass(frozen=True)
class Owed:
    """What a sweep has to say now. ``passed`` were reached in the same breath as something graver."""

    neared: bool
    breached: bool
    warned: Point | None
    passed: tuple[Point, ...]
    levels: tuple[Point, ...]
    left: tuple[Point, ...]
    next_check_at: datetime | None

    @property
    def count(self) -> int:
        return int(self.neared) + int(self.breached) + int(self.warned is not None) + len(self.levels)


def owed(clock: Clock, points: Sequence[Point], now: datetime) -> Owed:
    """Judge a row anew: every point once, the gravest of those that come together, the rest marked as passed."""
    if not clock.running:
        return Owed(False, False, None, (), (), tuple(points), None)
    verdict = judge(clock, now)
    reached = [point for point in points if point.reached(clock.due_at, now)]
    left = tuple(point for point in points if point not in reached)
    shares = sorted((point for point in reached if point.share is not None), key=lambda point: point.at)
    warned = None
    if shares and not verdict.breached and clock.breached_at is None:
        last = shares[-1]
        # The near point outranks the warnings before it.
        if not verdict.neared or last.at > clock.near_at:
            warned = shares.pop()
    levels = tuple(sorted((point for point in reached if point.level is not None), key=lambda one: one.level or 0))
    after = replace(
        clock,
        neared_at=clock.neared_at or (clock.near_at if verdict.neared or verdict.breached else None),
        breached_at=clock.breached_at or (clock.due_at if verdict.breached else None),
    )
    return Owed(verdict.neared, verdict.breached, warned, tuple(shares), levels, left, wake(after, left))


def wake(clock: Clock, points: Sequence[Point]) -> datetime | None:
    """When a sweep has to look at this row again; None when there is nothing left to say."""
    if not clock.running:
        return None
    moments = [point.at for point in points]
    own = next_check(clock)
    if own is not None:
        moments.append(own)
    return min(moments, default=None)


def level_of(rule: Rule, point: Point) -> Level | None:
    return next((level for level in rule.escalation if level.number == point.level), None)
