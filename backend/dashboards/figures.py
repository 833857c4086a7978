"""From counts to what is shown: value, base, interval, change and verdict, with their words. Pure.

No rows: 无数据, never 0 %. Fewer than 30: 样本不足, and no verdict.
"""

from collections.abc import Sequence
from typing import Any

from backend.dashboards.rules import BY_KEY, Indicator, Verdict, counts_differ, ranks_differ
from backend.kernel.clock import zh_duration
from backend.kernel.statistics import ENOUGH, Rate, difference, median, p90

_REAL = {"significant": "差异显著", "not_significant": "差异不显著", "too_few": "样本不足"}


def percent(value: float) -> str:
    return f"{value * 100:.1f}%"


def wait_words(seconds: float) -> str:
    """2 分 51 秒: below an hour the seconds matter."""
    total = round(abs(seconds))
    if total >= 3600:
        return zh_duration(total)
    minutes, rest = divmod(total, 60)
    return f"{minutes} 分 {rest} 秒" if minutes and rest else f"{minutes} 分" if minutes else f"{rest} 秒"


def _verdict(indicator: Indicator, value: float | None, n: int) -> dict[str, Any]:
    """State as icon, word and colour: never colour alone."""
    if value is None or n == 0:
        return {"state": "empty", "text": "无数据", "tone": "line", "icon": "minus"}
    if n < ENOUGH:
        return {"state": "few", "text": "样本不足", "tone": "line", "icon": "info"}
    if indicator.target is None:
        return {"state": "none", "text": "", "tone": "line", "icon": "minus"}
    if indicator.target.met_by(value):
        return {"state": "met", "text": f"达标 {indicator.target.words}", "tone": "ok", "icon": "check"}
    return {"state": "missed", "text": f"未达 {indicator.target.words}", "tone": "warning", "icon": "alert"}


def _base(indicator: Indicator) -> dict[str, Any]:
    return {
        "key": indicator.key, "title": indicator.title, "kind": indicator.kind, "unit": indicator.unit,
        "formula": indicator.formula, "numerator": indicator.numerator, "denominator": indicator.denominator,
        "exclusions": indicator.exclusions,
        "target": {"value": indicator.target.value, "text": indicator.target.words} if indicator.target else None,
    }


def _change(delta: float | None, words: str, verdict: Verdict | None, previous: dict[str, Any]) -> dict[str, Any]:
    return {"delta": delta, "text": words, "verdict": verdict, "significant": verdict == "significant",
            "previous": previous}


def rate(key: str, now: tuple[int, int], before: tuple[int, int], before_words: str) -> dict[str, Any]:
    """k of n, with Wilson's interval and a two-proportion test against the window before."""
    indicator, this, that = BY_KEY[key], Rate(*now), Rate(*before)
    compared = difference(this, that)
    previous = {"k": that.k, "n": that.n, "value": that.value}
    if compared is None:
        change = _change(None, f"{before_words}没有可比的" if that.n == 0 else "", None, previous)
    else:
        points = compared.value * 100
        moved = "持平" if abs(points) < 0.05 else f"{points:+.1f} 点".replace("-", "−")
        words = f"较{before_words} {moved}，{_REAL[compared.verdict]}"
        change = _change(compared.value, words, compared.verdict, previous)
    interval = this.interval
    return _base(indicator) | {
        "k": this.k, "n": this.n, "value": this.value, "few": this.n < ENOUGH, "empty": this.n == 0,
        "interval": list(interval) if interval else None,
        "text": percent(this.value) if this.value is not None else "无",
        "interval_text": f"{interval[0] * 100:.1f}–{interval[1] * 100:.1f}" if interval else "",
        "base_text": f"{this.k:,} / {this.n:,} {indicator.unit}", "verdict": _verdict(indicator, this.value, this.n),
        "change": change,
    }


def count(key: str, now: int, before: int, before_words: str) -> dict[str, Any]:
    """A plain count; for counts as of now, ``before`` is the count at the window's beginning."""
    indicator = BY_KEY[key]
    unit = indicator.unit
    verdict = None if indicator.kind == "state" else counts_differ(now, before)
    moved = "持平" if now == before else f"{'多' if now > before else '少'} {abs(now - before):,} {unit}"
    said = f"较{before_words}{' ' if moved == '持平' else ''}{moved}"
    if now == before == 0:  # nothing then and nothing now: there is no difference to judge
        said, verdict = f"{before_words}也是 0", None
    return _base(indicator) | {
        "k": now, "n": now, "value": now, "few": False, "empty": now == 0 and indicator.kind == "count",
        "interval": None, "text": f"{now:,}", "interval_text": "", "base_text": unit,
        "verdict": {"state": "none", "text": "", "tone": "line", "icon": "minus"},
        "change": _change(now - before, f"{said}，{_REAL[verdict]}" if verdict else said, verdict,
                          {"k": before, "n": before, "value": before}),
    }


def duration(key: str, now: Sequence[float], before: Sequence[float], before_words: str) -> dict[str, Any]:
    """Median and 90th percentile in seconds; the headline is P90, because the average hides who waited."""
    indicator = BY_KEY[key]
    high, middle, earlier = p90(now), median(now), p90(before)
    previous = {"n": earlier.n, "value": earlier.value, "k": earlier.n}
    if high.value is None or earlier.value is None:
        words = f"{before_words}没有可比的" if high.value is not None else ""
        change = _change(None, words, None, previous)
    else:
        delta, verdict = high.value - earlier.value, ranks_differ(now, before)
        moved = " 持平" if round(delta) == 0 else f"{'慢' if delta > 0 else '快'} {wait_words(delta)}"
        change = _change(delta, f"较{before_words}{moved}，{_REAL[verdict]}", verdict, previous)
    n = len(now)
    return _base(indicator) | {
        "k": n, "n": n, "value": high.value, "median": middle.value, "p90": high.value, "few": n < ENOUGH,
        "empty": n == 0, "interval": None, "text": wait_words(high.value) if high.value is not None else "无",
        "median_text": wait_words(middle.value) if middle.value is not None else "无", "interval_text": "",
        "base_text": f"n {n:,} {indicator.unit}", "verdict": _verdict(indicator, high.value, n), "change": change,
    }
