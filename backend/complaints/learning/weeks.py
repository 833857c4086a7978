"""Week by week on control charts: the rate of complaints (u chart) and the days that handling took (XmR)."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session

from backend.complaints.learning import baselines
from backend.complaints.learning.names import zh_day
from backend.complaints.learning.selecting import days_taken, link, selected, talked
from backend.complaints.learning.tables import FrozenBaseline
from backend.complaints.rules import learning as rules
from backend.complaints.rules.asking import Ask
from backend.complaints.rules.improving import per_thousand
from backend.complaints.rules.learning import Case, Week
from backend.infra.work import Work
from backend.kernel.clock import shanghai_date
from backend.kernel.control_charts import Point, Sample, chart
from backend.kernel.statistics import median


def rate_samples(
    asked: Ask, today: date, cases: list[Case], opened: dict[date, int]
) -> tuple[list[Sample], list[Week]]:
    found = rules.weeks(asked.first, asked.last, today)
    counts = rules.by_week(found, rules.days_of(one.filed_at for one in cases))
    bases = rules.by_week(found, opened)
    return [Sample(k, n, week.unfinished) for k, n, week in zip(counts, bases, found, strict=True)], found


def day_samples(session: Session, asked: Ask, now: datetime) -> tuple[list[Sample], list[Week]]:
    """Of each week the median handling days of what was closed in it, and how many that were."""
    found = rules.weeks(asked.first, asked.last, shanghai_date(now))
    spent: dict[date, list[float]] = {week.monday: [] for week in found}
    for one in selected(session, replace(asked, basis="closed"), now)[0]:
        if one.closed_at is not None:
            day = shanghai_date(one.closed_at)
            spent[day - timedelta(days=day.weekday())].append(days_taken(one))
    return [
        Sample(median(spent[week.monday]).value or 0.0, len(spent[week.monday]), week.unfinished) for week in found
    ], found


def freeze(work: Work, name: str, asked: Ask) -> FrozenBaseline:
    """Freeze the limits of a chart as this filter shows it. Raises as ``baselines.freeze``."""
    asked = replace(asked, basis="filed")
    if name == "days":
        samples, found = day_samples(work.session, asked, work.now)
    else:
        cases, _ = selected(work.session, asked, work.now)
        opened = talked(work.session, asked, work.now)
        samples, found = rate_samples(asked, shanghai_date(work.now), cases, opened)
    return baselines.freeze(work, name, asked, samples, found)


def weekly(session: Session, asked: Ask, now: datetime, cases: list[Case], opened: dict[date, int]) -> dict[str, Any]:
    """Complaints per thousand conversations, week by week: a u chart."""
    today = shanghai_date(now)
    samples, found = rate_samples(asked, today, cases, opened)
    base, note = baselines.standing(session, "rate", asked, samples, found, now)
    points = chart("u", samples, base)
    shown = []
    for week, sample, point in zip(found, samples, points, strict=True):
        text = (
            f"{_week_words(week, today)} {per_thousand(int(sample.k), int(sample.n))}"
            f"，{int(sample.k):,} 件 / {int(sample.n):,} 次会话"
        )
        shown.append(_shown(asked, week, sample, point, 1000, text, "filed"))
    return {
        "points": shown,
        "centre": base.centre * 1000 if base else None,
        **note,
        **_finding(shown, base is not None, "每千次会话的投诉", "会话"),
    }


def handling(session: Session, asked: Ask, now: datetime) -> dict[str, Any]:
    """Median handling days of what was closed in each week: an XmR chart."""
    today = shanghai_date(now)
    samples, found = day_samples(session, asked, now)
    base, note = baselines.standing(session, "days", asked, samples, found, now)
    points = chart("xmr", samples, base)
    shown = []
    for week, sample, point in zip(found, samples, points, strict=True):
        text = f"{_week_words(week, today)} " + (
            f"中位 {sample.k:.1f} 天，结案 {int(sample.n)} 件" if sample.n else "没有结案"
        )
        shown.append(_shown(asked, week, sample, point, 1, text, "closed"))
    return {
        "points": shown,
        "centre": base.centre if base else None,
        "range_limit": 3.267 * base.moving_range if base else None,
        **note,
        **_finding(shown, base is not None, "处理天数", "结案"),
    }


def _week_words(week: Week, today: date) -> str:
    return f"{zh_day(week.first, today)}当周{'（还没过完）' if week.unfinished else ''}"


def _shown(asked: Ask, week: Week, sample: Sample, point: Point, scale: int, text: str, basis: str) -> dict[str, Any]:
    narrowed: dict[str, Any] = {"first": week.first, "last": week.last, "basis": basis}
    signal = "" if not point.rules else "high" if point.side >= 0 else "low"
    query = replace(asked, **narrowed).as_dict()

    def times(value: float | None) -> float | None:
        return None if value is None else value * scale

    return {
        "week": week.monday.isoformat(),
        "label": f"{week.first.month}/{week.first.day}",
        "text": text,
        "value": times(point.value),
        "k": sample.k,
        "n": int(sample.n),
        "lower": times(point.lower),
        "upper": times(point.upper),
        "unfinished": week.unfinished,
        "signal": signal,
        "rules": list(point.rules),
        "rule_words": point.words,
        "few": rules.few(int(sample.n)),
        "href": link(asked, **narrowed),
        "improve_href": "/complaints/improvements/new?" + urlencode({"source": "signal", **query}) if signal else "",
    }


def _finding(shown: list[dict[str, Any]], limited: bool, what: str, base: str) -> dict[str, Any]:
    """The chart's title and its sentence: the newest signal, or that there is none, or that it is too early."""
    filled = [one for one in shown if one["value"] is not None]
    signals = [one for one in filled if one["signal"]]
    if not filled:
        title = f"这段时间没有{base}"
    elif not limited:
        finished = sum(not one["unfinished"] for one in filled)
        title = f"{what}：有数据的 {finished} 周，不到 20 周，先不画控制限"
    elif signals:
        newest = signals[-1]
        side = "偏高" if newest["signal"] == "high" else "偏低"
        title = f"{what}在 {newest['text'].split(' ')[0]}{side}：{newest['rule_words']}"
    else:
        title = f"{what}平稳，{len(filled)} 周里没有信号"
    said = "；".join(f"{one['text']}，{one['rule_words']}" for one in signals[-5:])
    return {
        "title": title,
        "signals": len(signals),
        "filled": len(filled),
        "label": f"{title}。" + (f"信号 {len(signals)} 处：{said}" if said else ""),
    }
