"""The learning page: clusters, weeks on control charts, recurrence, costs, groups of like words. Reads only."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session

from backend.complaints import rules as complaint_rules
from backend.complaints.learning import baselines, store
from backend.complaints.learning.books import causes
from backend.complaints.learning.names import name_of, words_of, zh_day
from backend.complaints.learning.tables import FrozenBaseline
from backend.complaints.policy import policy
from backend.complaints.rules import learning as rules
from backend.complaints.rules.asking import Ask
from backend.complaints.rules.causes import yuan
from backend.complaints.rules.improving import per_thousand
from backend.complaints.rules.learning import Case, Cluster, Week
from backend.conversations import tallies
from backend.infra.work import Work
from backend.kernel.clock import shanghai_date
from backend.kernel.control_charts import Point, Sample, chart
from backend.kernel.statistics import Rate, median, p90, wilson

DAY = 86_400
MOST_GROUPED = 200  # texts compared with each other; the newest
SHOWN_BARS = 10


def link(asked: Ask, **changed: Any) -> str:
    """The rows of a number: the same question, narrowed."""
    return f"/complaints/learning/rows?{urlencode(replace(asked, **changed).as_dict())}"


def selected(session: Session, asked: Ask, now: datetime) -> tuple[list[Case], set[str]]:
    """The cases that a question means, and which of them are recurrences."""
    cases = store.cases(session, asked, now)
    if not cases:
        return [], set()
    days = causes().recurrence_days
    oldest = min(one.filed_at for one in cases)
    newest = max(one.filed_at for one in cases)
    kin = store.kin(session, oldest - timedelta(days=days), newest + timedelta(seconds=1))
    again = rules.recurrences(kin, days) & {one.id for one in cases}
    if asked.only == "recurring":
        cases = [one for one in cases if one.id in again]
    return cases, again


def talked(session: Session, asked: Ask, now: datetime) -> dict[date, int]:
    """Conversations by day on the same channel: what complaints are counted against."""
    until = min(store.day_start(asked.last + timedelta(days=1)), now)
    channel = asked.channel if asked.channel not in ("", rules.NOTHING) else None
    return tallies.opened_by_day(session, store.day_start(asked.first), until, channel)


def overview(session: Session, asked: Ask, by: str, now: datetime) -> dict[str, Any]:
    """All of the page in plain values; every number with its n, its interval and where its rows are."""
    today = shanghai_date(now)
    asked = replace(asked, basis="filed")
    cases, again = selected(session, asked, now)
    opened = talked(session, asked, now)
    found = rules.clusters(cases, by, again)
    conversations = sum(opened.values())
    return {
        "n": len(cases),
        "few": rules.few(len(cases)),
        "words": words_of(session, asked, today),
        "href": link(asked),
        "rate": _rate(len(cases), conversations),
        "recurrence": _recurrence(asked, len(again & {one.id for one in cases}), len(cases)),
        "cost": _cost(asked, cases),
        "handled": _handled(session, asked, now),
        "pareto": _pareto(session, asked, by, found, len(cases)),
        "clusters": [_cluster(session, asked, by, one, len(cases)) for one in found],
        "by": by,
        "weekly": weekly(session, asked, now, cases, opened),
        "days": handling(session, asked, now),
        "groups": _groups(session, cases),
        "today": today,
    }


# --- the headline figures -----------------------------------------------------------------------------------


def percent(value: float, digits: int = 1) -> str:
    return f"{value * 100:.{digits}f}%"


def share_words(rate: Rate) -> dict[str, Any]:
    """A share as the page shows it: value, interval, base; 无数据 and 样本不足 where they belong."""
    interval = rate.interval
    return {
        "k": rate.k,
        "n": rate.n,
        "value": rate.value,
        "text": "无数据" if rate.value is None else percent(rate.value),
        "interval_text": f"{interval[0] * 100:.1f}–{interval[1] * 100:.1f}" if interval else "",
        "interval": list(interval) if interval else None,
        "base_text": f"{rate.k:,} / {rate.n:,}",
        "few": rules.few(rate.n),
    }


def _rate(k: int, n: int) -> dict[str, Any]:
    """Complaints per thousand conversations. Paper and telephone may make them outnumber conversations."""
    interval = wilson(k, n) if k <= n else None
    return {
        "k": k,
        "n": n,
        "value": k / n if n else None,
        "text": per_thousand(k, n),
        "interval": list(interval) if interval else None,
        "interval_text": f"{interval[0] * 1000:.1f}–{interval[1] * 1000:.1f}" if interval else "",
        "base_text": f"{k:,} 件 / {n:,} 次会话",
        "few": rules.few(n),
    }


def _recurrence(asked: Ask, k: int, n: int) -> dict[str, Any]:
    return share_words(Rate(k, n)) | {"href": link(asked, only="recurring"), "days": causes().recurrence_days}


def _cost(asked: Ask, cases: list[Case]) -> dict[str, Any]:
    costed = [one.cost for one in cases if one.cost is not None]
    middle, high = median(costed), p90(costed)
    return {
        "total": sum(costed),
        "text": yuan(sum(costed)) if costed else "无数据",
        "median_text": yuan(round(middle.value)) if middle.value is not None else "",
        "p90_text": yuan(round(high.value)) if high.value is not None else "",
        "share": share_words(Rate(len(costed), len(cases))),
        "few": rules.few(len(costed)),
        "n": len(costed),
        "href": link(asked, only="costed"),
    }


def _handled(session: Session, asked: Ask, now: datetime) -> dict[str, Any]:
    days = [days_taken(one) for one in selected(session, replace(asked, basis="closed"), now)[0]]
    middle, high = median(days), p90(days)
    return {
        "n": len(days),
        "few": rules.few(len(days)),
        "text": f"{middle.value:.1f} 天" if middle.value is not None else "无数据",
        "p90_text": f"{high.value:.1f} 天" if high.value is not None else "",
        "href": link(asked, basis="closed"),
    }


def days_taken(case: Case) -> float:
    """Calendar days from filing to the (last) closing."""
    return (case.closed_at - case.filed_at).total_seconds() / DAY if case.closed_at else 0.0


# --- clusters -------------------------------------------------------------------------------------------------


def _cluster(session: Session, asked: Ask, by: str, one: Cluster, n: int) -> dict[str, Any]:
    change: dict[str, Any] = {by: one.key}
    narrowed = replace(asked, **change)
    return {
        "key": one.key,
        "title": name_of(session, by, one.key),
        "full": name_of(session, by, one.key, long=True),
        "cases": one.cases,
        "weight": one.weight,
        "judged": one.judged,
        "share": share_words(one.share),
        "recurrence": share_words(Rate(one.recurring, one.cases)),
        "cost": one.cost,
        "costed": one.costed,
        "cost_text": yuan(one.cost) if one.costed else "无数据",
        "running": one.running,
        "query": narrowed.as_dict(),
        "href": link(narrowed),
        "again_href": link(narrowed, only="recurring"),
        "cost_href": link(narrowed, only="costed"),
        "improve_href": "/complaints/improvements/new?"
        + urlencode({"source": "pareto", **narrowed.as_dict()}),
    }


def _pareto(session: Session, asked: Ask, by: str, found: list[Cluster], n: int) -> dict[str, Any]:
    """The bars, heaviest first; what does not fit is one last bar, which opens the table."""
    total = found[-1].running if found else 0
    bars = []
    for one in found[:SHOWN_BARS]:
        bars.append(
            {
                "title": name_of(session, by, one.key),
                "cases": one.cases,
                "weight": one.weight,
                "running": one.running,
                "share": one.running / total,
                "href": link(asked, **{by: one.key}),
            }
        )
    rest = found[SHOWN_BARS:]
    if rest:
        bars.append(
            {
                "title": f"其余 {len(rest)} 类",
                "cases": sum(one.cases for one in rest),
                "weight": sum(one.weight for one in rest),
                "running": total,
                "share": 1.0,
                "href": "#clusters",
            }
        )
    dimension = rules.DIMENSIONS[by]
    title = rules.pareto_title(found, dimension, lambda key: name_of(session, by, key))
    unjudged = n - sum(one.judged for one in found)
    return {
        "title": title,
        "bars": bars,
        "total": total,
        "vital": rules.vital(found),
        "dimension": dimension,
        "unjudged": unjudged,
        "label": f"按{dimension}：{title}。"
        + "，".join(f"{bar['title']} {bar['cases']} 件 {bar['weight']} 分" for bar in bars),
    }


# --- weeks ----------------------------------------------------------------------------------------------------


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
        Sample(median(spent[week.monday]).value or 0.0, len(spent[week.monday]), week.unfinished)
        for week in found
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


def weekly(
    session: Session, asked: Ask, now: datetime, cases: list[Case], opened: dict[date, int]
) -> dict[str, Any]:
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


def _shown(
    asked: Ask, week: Week, sample: Sample, point: Point, scale: int, text: str, basis: str
) -> dict[str, Any]:
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
        "improve_href": "/complaints/improvements/new?" + urlencode({"source": "signal", **query})
        if signal
        else "",
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


# --- groups of like words ---------------------------------------------------------------------------------------


def _groups(session: Session, cases: list[Case]) -> list[dict[str, Any]]:
    """Cases of one category in nearly the same words: one matter that many people met."""
    newest = store.of_ids(session, [one.id for one in cases[:MOST_GROUPED]])
    by_topic: dict[str | None, dict[str, str]] = {}
    for one in newest:
        by_topic.setdefault(one.topic, {})[one.id] = one.description
    rows = {one.id: one for one in newest}
    groups = [
        (topic, group)
        for topic, texts in by_topic.items()
        for group in rules.like_groups(texts, policy().alike)
    ]
    groups.sort(key=lambda each: len(each[1]), reverse=True)
    shown = []
    for topic, group in groups[:6]:
        members = [rows[one] for one in group]
        first = min(one.filed_at for one in members)
        last = max(one.filed_at for one in members)
        asked = Ask(
            shanghai_date(first),
            shanghai_date(last),
            category=topic or rules.NOTHING,
            numbers=tuple(one.number for one in members[:100]),
        )
        shown.append(
            {
                "title": complaint_rules.title(members[0].description),
                "cases": len(members),
                "customers": len({one.customer_id for one in members}),
                "category": name_of(session, "category", topic or rules.NOTHING),
                "numbers": [one.number for one in members],
                "href": link(asked),
                "improve_href": "/complaints/improvements/new?"
                + urlencode({"source": "group", **asked.as_dict()}),
            }
        )
    return shown
