"""Control charts: limits from a baseline, and the Western Electric rules that say when a process has changed.

p chart: p̄ ± 3√(p̄(1−p̄)/nᵢ). u chart: ū ± 3√(ū/nᵢ). XmR: x̄ ± 2.66·mR̄, moving ranges up to 3.267·mR̄.
A baseline needs 20 points; with fewer there are no limits, and a page says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

LEAST_POINTS = 20
XMR_FACTOR = 2.66  # three sigma in mean moving ranges (3 / 1.128)
RANGE_FACTOR = 3.267

type Kind = Literal["p", "u", "xmr"]
type Rule = Literal["beyond_3", "two_of_three", "four_of_five", "eight", "range"]

# Western Electric Statistical Quality Control Handbook, 1956; the last one is the mR chart's own limit.
RULE_NAMES: dict[Rule, str] = {
    "beyond_3": "1 点超出 3σ",
    "two_of_three": "3 点中 2 点超出 2σ",
    "four_of_five": "5 点中 4 点超出 1σ",
    "eight": "连续 8 点在中线同一侧",
    "range": "与前一点相差超出移动极差上限",
}


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a process looked like when it was left alone: its centre, and for XmR its mean moving range."""

    kind: Kind
    centre: float
    points: int
    moving_range: float = 0.0

    def sigma(self, n: float) -> float:
        """The standard error of one point that rests on ``n`` (ignored by XmR)."""
        if self.kind == "xmr":
            return XMR_FACTOR * self.moving_range / 3
        if n <= 0:
            raise ValueError("a point without a base has no limits")
        spread = self.centre * (1 - self.centre) if self.kind == "p" else self.centre
        return math.sqrt(spread / n)


@dataclass(frozen=True, slots=True)
class Sample:
    """One period: ``k`` of ``n`` on p and u charts; on XmR ``k`` is the value itself and ``n`` its rows.

    ``n`` = 0 is a period without data. An unfinished period is drawn and not judged.
    """

    k: float
    n: float
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A sample on its chart. ``rules`` are those whose pattern ends here; ``side`` is +1 above the centre."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    z: float | None = None
    side: int = 0
    rules: tuple[Rule, ...] = ()

    @property
    def words(self) -> str:
        return "，".join(RULE_NAMES[rule] for rule in self.rules)


def value_of(kind: Kind, sample: Sample) -> float | None:
    if sample.n <= 0:
        return None
    return sample.k if kind == "xmr" else sample.k / sample.n


def baseline(kind: Kind, samples: Sequence[Sample]) -> Baseline | None:
    """The baseline of finished periods that hold data; None when there are fewer than 20 of them."""
    used = [one for one in samples if one.n > 0 and not one.unfinished]
    if len(used) < LEAST_POINTS:
        return None
    if kind != "xmr":
        whole = math.fsum(one.n for one in used)
        return Baseline(kind, math.fsum(one.k for one in used) / whole, len(used))
    values = [one.k for one in used]
    ranges = [abs(b - a) for a, b in pairwise(values)]
    return Baseline(kind, math.fsum(values) / len(values), len(used), math.fsum(ranges) / len(ranges))


def chart(
    kind: Kind,
    samples: Sequence[Sample],
    base: Baseline | None,
    *,
    floor: float | None = 0.0,
    ceiling: float | None = None,
) -> list[Point]:
    """Every sample as a point, judged against ``base``; without one there are values only."""
    points = [_point(kind, one, base, floor, ceiling) for one in samples]
    if base is None:
        return points
    judged = [i for i, one in enumerate(samples) if points[i].z is not None and not one.unfinished]
    scores = [points[i].z or 0.0 for i in judged]
    limit = RANGE_FACTOR * base.moving_range
    for place, i in enumerate(judged):
        found = rules_at(scores, place)
        if kind == "xmr" and place and abs(samples[i].k - samples[judged[place - 1]].k) > limit > 0:
            found = (*found, "range")
        points[i] = replace(points[i], rules=found)
    return points


def _point(kind: Kind, sample: Sample, base: Baseline | None, floor: float | None, ceiling: float | None) -> Point:
    value = value_of(kind, sample)
    if value is None or base is None:
        return Point(value)
    sigma = base.sigma(sample.n)
    lower, upper = base.centre - 3 * sigma, base.centre + 3 * sigma
    if floor is not None:
        lower = max(floor, lower)
    if kind == "p":
        upper = min(1.0, upper)
    elif ceiling is not None:
        upper = min(ceiling, upper)
    away = value - base.centre
    # A centre of nought has no spread: whatever differs lies beyond every limit.
    z = away / sigma if sigma > 0 else 0.0 if away == 0 else math.copysign(math.inf, away)
    return Point(value, lower, upper, z, (z > 0) - (z < 0))


def rules_at(scores: Sequence[float], place: int) -> tuple[Rule, ...]:
    """The rules whose pattern is completed by the point at ``place``; ``scores`` are distances in sigma."""
    here = scores[place]
    side = 1 if here > 0 else -1
    found: list[Rule] = []

    def beyond(last: int, sigmas: float) -> int:
        if place + 1 < last:
            return 0
        return sum(one * side > sigmas for one in scores[place + 1 - last : place + 1])

    if abs(here) > 3:
        found.append("beyond_3")
    if here * side > 2 and beyond(3, 2) >= 2:
        found.append("two_of_three")
    if here * side > 1 and beyond(5, 1) >= 4:
        found.append("four_of_five")
    if beyond(8, 0) == 8:
        found.append("eight")
    return tuple(found)
