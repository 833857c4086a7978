"""Numbers that are honest about how little they may rest on: each carries its n, and most an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution
ENOUGH = 30  # below this many, pages show the number as 样本不足 and rank nobody
NO_DATA = "暂无数据"


def wilson(k: int, n: int, z: float = Z95) -> tuple[float, float] | None:
    """Wilson score interval of k out of n (Wilson, JASA 22, 1927); None when n is 0. Never leaves 0–1."""
    if n == 0:
        return None
    share, square = k / n, z * z
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    # With k = 0 the lower end is 0 exactly, with k = n the upper end 1; rounding would leave a speck.
    low = 0.0 if k == 0 else max(0.0, centre - half)
    high = 1.0 if k == n else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True, slots=True)
class Rate:
    """k out of n. Raises ValueError unless 0 ≤ k ≤ n."""

    k: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.k <= self.n:
            raise ValueError(f"a rate needs 0 <= k <= n, not {self.k} of {self.n}")

    @property
    def value(self) -> float | None:
        return self.k / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson, 95 %."""
        return wilson(self.k, self.n)

    @property
    def enough(self) -> bool:
        return self.n >= ENOUGH

    def percent(self, digits: int = 1) -> str:
        """87.5%, or 暂无数据."""
        return NO_DATA if self.value is None else f"{self.value * 100:.{digits}f}%"

    def zh(self, digits: int = 1) -> str:
        """87.5%（35/40，95% 区间 73.9%–94.5%）; says 样本不足 below 30."""
        if self.value is None or self.interval is None:
            return NO_DATA
        low, high = (f"{end * 100:.{digits}f}%" for end in self.interval)
        few = "" if self.enough else "，样本不足"
        return f"{self.percent(digits)}（{self.k}/{self.n}，95% 区间 {low}–{high}{few}）"


@dataclass(frozen=True, slots=True)
class Mean:
    """Arithmetic mean of n values with a 95 % interval (normal for n ≥ 30, Student's t below.

    None for n < 2).
    """

    n: int
    value: float | None
    interval: tuple[float, float] | None

    @property
    def enough(self) -> bool:
        return self.n >= ENOUGH

    def zh(self, digits: int = 2) -> str:
        """4.32（n=57，95% 区间 4.11–4.53）."""
        if self.value is None:
            return NO_DATA
        span = ""
        if self.interval is not None:
            span = f"，95% 区间 {self.interval[0]:.{digits}f}–{self.interval[1]:.{digits}f}"
        few = "" if self.enough else "，样本不足"
        return f"{self.value:.{digits}f}（n={self.n}{span}{few}）"


# Two-sided 95 % points of Student's t for 1 to 28 degrees of freedom.
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
    2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
)  # fmt: skip


def mean(values: Sequence[float]) -> Mean:
    n = len(values)
    if n == 0:
        return Mean(0, None, None)
    centre = math.fsum(values) / n
    if n == 1:
        return Mean(1, centre, None)
    spread = math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (n - 1))
    factor = _T95[n - 2] if n - 1 <= len(_T95) else Z95
    half = factor * spread / math.sqrt(n)
    return Mean(n, centre, (centre - half, centre + half))


@dataclass(frozen=True, slots=True)
class Percentile:
    """One quantile of n values; `value` is None when there are none."""

    q: float
    n: int
    value: float | None

    @property
    def enough(self) -> bool:
        return self.n >= ENOUGH


def percentile(values: Sequence[float], q: float) -> Percentile:
    """Linear interpolation between order statistics (Hyndman and Fan's type 7, as spreadsheets do).

    0 ≤ q ≤ 1.
    """
    if not 0 <= q <= 1:
        raise ValueError("q is a share between 0 and 1")
    if not values:
        return Percentile(q, 0, None)
    ordered = sorted(values)
    place = (len(ordered) - 1) * q
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    between = place - low
    # Equal neighbours are returned as they are: interpolating them can leave the data by one rounding.
    value = (
        ordered[low]
        if ordered[low] == ordered[high]
        else ordered[low] * (1 - between) + ordered[high] * between
    )
    return Percentile(q, len(ordered), value)


def median(values: Sequence[float]) -> Percentile:
    return percentile(values, 0.5)


def p90(values: Sequence[float]) -> Percentile:
    return percentile(values, 0.9)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two shares compared: `value` = first − second, its 95 % interval (Newcombe's hybrid score), two-sided
    p.
    """

    value: float
    interval: tuple[float, float]
    p: float
    verdict: Literal["significant", "not_significant", "too_few"]

    @property
    def significant(self) -> bool:
        return self.verdict == "significant"

    def zh(self) -> str:
        """差异显著 / 差异不显著 / 样本不足，不作比较."""
        words = {"significant": "差异显著", "not_significant": "差异不显著", "too_few": "样本不足，不作比较"}
        return words[self.verdict]


def difference(first: Rate, second: Rate, alpha: float = 0.05) -> Difference | None:
    """Two-proportion z-test with pooled variance; None when either side is empty, `too_few` when either has n
    < 30.

    Interval: Newcombe 1998, method 10, from the two Wilson intervals.
    """
    if first.value is None or second.value is None or not first.interval or not second.interval:
        return None
    delta = first.value - second.value
    pooled = (first.k + second.k) / (first.n + second.n)
    error = math.sqrt(pooled * (1 - pooled) * (1 / first.n + 1 / second.n))
    # Pooled variance is nil only if both shares are 0 or both are 1: no difference at all.
    p = math.erfc(abs(delta) / error / math.sqrt(2)) if error else 1.0
    (low1, high1), (low2, high2) = first.interval, second.interval
    low = delta - math.hypot(first.value - low1, high2 - second.value)
    high = delta + math.hypot(high1 - first.value, second.value - low2)
    if not (first.enough and second.enough):
        return Difference(delta, (low, high), p, "too_few")
    return Difference(delta, (low, high), p, "significant" if p < alpha else "not_significant")
