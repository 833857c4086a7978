"""The learning page: clusters, weeks on control charts, recurrence, costs, groups of like words. Reads only."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session

from backend.complaints import rules as complaint_rules
from backend.complaints.learning import store
from backend.complaints.learning.books import causes
from backend.complaints.learning.names import name_of, words_of
from backend.complaints.learning.selecting import days_taken, link, selected, talked
from backend.complaints.learning.weeks import handling, weekly
from backend.complaints.policy import policy
from backend.complaints.rules import learning as rules
from backend.complaints.rules.asking import Ask
from backend.complaints.rules.causes import yuan
from backend.complaints.rules.improving import per_thousand
from backend.complaints.rules.learning import Case, Cluster
from backend.kernel.clock import shanghai_date
from backend.kernel.statistics import Rate, median, p90, wilson

MOST_GROUPED = 200  # texts compared with each other; the newest
SHOWN_BARS = 10


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
        "improve_href": "/complaints/improvements/new?" + urlencode({"source": "pareto", **narrowed.as_dict()}),
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


# --- groups of like words ---------------------------------------------------------------------------------------


def _groups(session: Session, cases: list[Case]) -> list[dict[str, Any]]:
    """Cases of one category in nearly the same words: one matter that many people met."""
    newest = store.of_ids(session, [one.id for one in cases[:MOST_GROUPED]])
    by_topic: dict[str | None, dict[str, str]] = {}
    for one in newest:
        by_topic.setdefault(one.topic, {})[one.id] = one.description
    rows = {one.id: one for one in newest}
    groups = [(topic, group) for topic, texts in by_topic.items() for group in rules.like_groups(texts, policy().alike)]
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
                "improve_href": "/complaints/improvements/new?" + urlencode({"source": "group", **asked.as_dict()}),
            }
        )
    return shown
