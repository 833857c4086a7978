"""The figures of a window, each with its base, and the rows behind each of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.conversations import alerts
from backend.dashboards import figures, rules, store, tables_of_rows
from backend.dashboards.headline import headline
from backend.dashboards.rules import BY_KEY, FORMULA_VERSION, INDICATORS, WEEK, Window
from backend.dashboards.store import Scope
from backend.dashboards.words import CHANNELS, named
from backend.deadlines.rules import clock_tag, kind_name
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import shanghai_date
from backend.kernel.errors import NotFound
from backend.kernel.masking import mask_text
from backend.kernel.statistics import ENOUGH
from backend.people.service import staff_name

PER_PAGE = 50
MOST_EXPORTED = 20_000
SHOWN_PRESSING = 5


def _today_ends(now: datetime) -> datetime:
    return rules.midnight(shanghai_date(now) + timedelta(days=1))


def overview(session: Session, since: datetime, until: datetime, now: datetime, *, channel: str | None = None,
             actor: Actor | None = None) -> dict[str, Any]:
    """Every figure of [since, until) with its comparison, the charts' series, and what needs a person now.

    Without an ``actor`` who may read complaints, the pressing ones come by number only: their words and
    names are a customer's.
    """
    window = Window(since, until)
    before = window.before(now)
    scope, earlier = Scope(since, until, channel), Scope(before.since, before.until, channel)
    known = _figures(session, scope, earlier, now, window.before_words(now))
    chart = weekly(session, window, channel)
    pressing = _pressing(session, now, channel, actor)
    shown_alerts = [{"kind": row.kind, "title": alerts.title_of(row.kind), "subject": row.subject,
                     "detail": row.detail, "count": row.count, "first_at": row.first_at, "last_at": row.last_at}
                    for row in alerts.still_open(session)]
    waiting, oldest = store.queue(session, channel)
    queue = {"waiting": waiting, "oldest": oldest, "oldest_seconds": (now - oldest).total_seconds() if oldest else None}
    return {
        "formula_version": FORMULA_VERSION, "since": since, "until": until, "now": now, "channel": channel,
        "before": {"since": before.since, "until": before.until, "text": window.before_words(now)},
        "figures": known, "weekly": chart, "funnel": _funnel(known), "reasons": reasons(session, scope),
        "pressing": pressing, "alerts": shown_alerts, "queue": queue,
        "headline": headline(known, chart, shown_alerts, queue),
        "empty": known["conversations"]["k"] == 0 and known["complaints_open"]["k"] == 0 and known["csat"]["n"] == 0,
    }


def _figures(session: Session, scope: Scope, earlier: Scope, now: datetime, words: str) -> dict[str, dict[str, Any]]:
    this, that = store.conversation_counts(session, scope), store.conversation_counts(session, earlier)
    asked_for, taken, replied = store.handoff_times(session, scope)
    asked_before, taken_before, replied_before = store.handoff_times(session, earlier)
    channel, ends = scope.channel, _today_ends(now)

    def share(key: str, among: str) -> dict[str, Any]:
        return figures.rate(key, (this[key], this[among]), (that[key], that[among]), words)

    def satisfied(where: Scope) -> tuple[int, int]:
        answers = store.scores(session, where)
        return sum(score >= rules.SATISFIED for _, score in answers), len(answers)

    def unsatisfied(where: Scope) -> int:
        return len(store.reasons_of_unsatisfied(session, where))

    # A state is compared with the same state at the window's beginning, not with a sum over days.
    start, then = scope.since, "期初"
    start_ends = _today_ends(start)
    found = [
        figures.count("conversations", this["asked"], that["asked"], words),
        share("bot_resolved", "closed"), share("abandoned", "closed"), share("handoff_share", "asked"),
        share("answered", "asked"), share("unaided", "asked"), share("rated", "asked"),
        figures.count("handoffs", asked_for, asked_before, words),
        figures.duration("waiting", taken, taken_before, words),
        figures.duration("first_reply", replied, replied_before, words),
        figures.rate("csat", satisfied(scope), satisfied(earlier), words),
        figures.rate("response", store.responses(session, scope), store.responses(session, earlier), words),
        figures.count("unsatisfied", unsatisfied(scope), unsatisfied(earlier), words),
        figures.count("complaints_filed", store.complaints_filed(session, scope),
                      store.complaints_filed(session, earlier), words),
        figures.count("complaints_open", store.complaints(session, store.complaint_open(now, channel)),
                      store.complaints(session, store.complaint_open(start, channel)), then),
        figures.count("complaints_overdue", store.complaints(session, store.complaint_overdue(now, channel)),
                      store.complaints(session, store.complaint_overdue(start, channel)), then),
        figures.count("complaints_due_today", store.complaints(session, store.complaint_due_today(now, ends, channel)),
                      store.complaints(session, store.complaint_due_today(start, start_ends, channel)), then),
        figures.rate("on_time", store.on_time(session, scope, now), store.on_time(session, earlier, now), words),
    ]
    return {figure["key"]: figure for figure in found}


def weekly(session: Session, window: Window, channel: str | None) -> dict[str, Any]:
    """Satisfaction by week, the 24 weeks up to the window's last; limits only from 20 filled weeks on.

    The baseline is the first 20 weeks ever answered, and stays that: limits that follow the data would call
    a slow slide normal.
    """
    last = window.last_day - timedelta(days=window.last_day.weekday())
    first = last - (rules.CHART_WEEKS - 1) * WEEK
    begun = store.first_answer(session, channel)
    centre: float | None = None
    if begun is not None:
        day = shanghai_date(begun)
        started: date = day - timedelta(days=day.weekday())
        first = max(first, started)
        centre = rules.baseline(_first_weeks(session, started, last, channel))
    shown = Scope(rules.midnight(first), rules.midnight(last + WEEK), channel)
    weeks = rules.weeks_from(_satisfied(session, shown), first, last) if begun is not None and first <= last else []
    points = [{
        "week": point.week.start.isoformat(), "last_day": (point.week.start + timedelta(days=6)).isoformat(),
        "label": f"{point.week.start.month}/{point.week.start.day}",
        "words": f"{point.week.start.month}月{point.week.start.day}日当周", "k": point.week.k, "n": point.week.n,
        "value": point.value, "lower": point.lower, "upper": point.upper, "signal": point.signal,
    } for point in rules.p_chart(weeks, centre)]
    filled = sum(1 for point in points if point["n"])
    return {
        "points": points, "centre": centre, "filled": filled,
        "note": ("p 图，均值与界限取最早 20 周并冻结，3σ" if centre is not None
                 else f"有评价的 {filled} 周，满 {rules.BASELINE_WEEKS} 周才画控制限" if filled else "还没有评价"),
    }


def _first_weeks(session: Session, started: date, last: date, channel: str | None) -> list[rules.Week]:
    """The weeks that the baseline rests on: half a year at a time, no further than it needs."""
    weeks: list[rules.Week] = []
    begin = started
    while begin <= last and sum(1 for week in weeks if week.n) < rules.BASELINE_WEEKS:
        end = min(begin + 25 * WEEK, last)
        chunk = Scope(rules.midnight(begin), rules.midnight(end + WEEK), channel)
        weeks += rules.weeks_from(_satisfied(session, chunk), begin, end)
        begin = end + WEEK
    return weeks


def _satisfied(session: Session, scope: Scope) -> list[tuple[datetime, bool]]:
    return [(at, score >= rules.SATISFIED) for at, score in store.scores(session, scope)]


def _funnel(known: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """From asking to rating. The last step is measured against all who asked: not only the helped rate."""
    asked = known["conversations"]["k"]
    steps = [("conversations", "提问的会话", None), ("answered", "答上了", asked),
             ("unaided", "没转人工", known["answered"]["k"]), ("rated", "客户评了分", asked)]
    return [{
        "key": key, "title": title, "k": known[key]["k"], "of": whole, "part": "n" if key == "conversations" else "k",
        "share": known[key]["k"] / whole if whole else None,
        "note": "" if whole is None else f"{'占提问' if key == 'rated' else '↓'} "
                                         f"{figures.percent(known[key]['k'] / whole) if whole else '无数据'}",
    } for key, title, whole in steps]


def reasons(session: Session, scope: Scope) -> dict[str, Any]:
    """Why not satisfied: mentions by answers of 3 and below, most frequent first, with their running share."""
    given = list(store.reasons_of_unsatisfied(session, scope).values())
    counts = Counter(reason for chosen in given for reason in set(chosen))
    mentions, running = sum(counts.values()), 0
    rows: list[dict[str, Any]] = []
    for reason, k in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        running += k
        rows.append({"reason": reason, "k": k, "running": running, "share": running / mentions})
    title = "为什么不满意"
    if len(rows) > 2 and len(given) >= ENOUGH:
        title += f"，前两项占 {rows[1]['share'] * 100:.0f}%"
    return {"rows": rows, "n": len(given), "mentions": mentions, "silent": sum(not chosen for chosen in given),
            "title": title}


def _pressing(session: Session, now: datetime, channel: str | None, actor: Actor | None) -> list[dict[str, Any]]:
    may_read = actor is not None and actor.can(Permission.COMPLAINT_READ)
    may_reveal = actor is not None and actor.can(Permission.CUSTOMER_REVEAL)
    listed = []
    for complaint, deadline, customer in store.pressing(session, now, _today_ends(now), channel, SHOWN_PRESSING):
        tone, words = clock_tag(tables_of_rows.clock_of(deadline), now, provisional=deadline.provisional)
        # What runs out today is near, whatever share of its time has passed.
        tone = "near" if tone == "track" else tone
        name = customer.name if customer and customer.name else ""
        listed.append({
            "number": complaint.number, "title": _first_words(complaint.description) if may_read else complaint.number,
            "customer": (name if may_reveal else f"{name[:1]}*" if name else "") if may_read else "",
            "tone": tone, "clock": words, "due_at": deadline.due_at, "kind": kind_name(deadline.kind),
            "owner": staff_name(session, complaint.owner_id) if complaint.owner_id else "还没人接手",
        })
    return listed


def _first_words(text: str) -> str:
    """The first sentence, short enough for one line; numbers that name a person are masked."""
    first = next((line for line in text.splitlines() if line.strip()), "").strip()
    for mark in "。！？!?；;":
        first = first.split(mark)[0]
    first = mask_text(first)
    return first if len(first) <= 18 else f"{first[:17]}…"


# --- rows -----------------------------------------------------------------------------------------------


def rows(session: Session, name: str, since: datetime, until: datetime, now: datetime, page: int = 1, *,
         channel: str | None = None, part: str = "", reason: str | None = None,
         per_page: int = PER_PAGE) -> dict[str, Any]:
    """The rows behind a number. ``part``: ``k`` its numerator (the default of a share), ``n`` all, ``rest``.

    Raises NotFound (``figure_not_found``).
    """
    indicator = BY_KEY.get(name)
    if indicator is None:
        raise NotFound("figure_not_found", "没有这个指标，请从看板重新打开。")
    scope = Scope(since, until, channel)
    query = store.query(name, scope, now, _today_ends(now))
    if reason and name == "unsatisfied":
        query = store.with_reason(session, query, scope, reason)
    n = store.total(session, query, "n")
    k = store.total(session, query, "k") if query.counted is not None else n
    part = part if part in ("k", "n", "rest") and query.counted is not None else "n" if query.counted is None else "k"
    total = {"k": k, "n": n, "rest": n - k}[part]
    pages = max(1, -(-total // per_page))
    page = min(max(1, page), pages)
    found = store.page(session, query, part, (page - 1) * per_page, per_page)
    return {
        "name": name, "title": indicator.title, "kind": indicator.kind, "family": indicator.family,
        "formula": indicator.formula, "numerator": indicator.numerator, "denominator": indicator.denominator,
        "exclusions": indicator.exclusions, "formula_version": FORMULA_VERSION, "k": k, "n": n, "part": part,
        "total": total, "page": page, "pages": pages, "per_page": per_page, "reason": reason,
        "columns": tables_of_rows.columns(indicator, split=query.counted is not None),
        "rows": tables_of_rows.dress(session, indicator, found, now),
    }


def indicators() -> Sequence[rules.Indicator]:
    """All definitions, for the page that explains them."""
    return INDICATORS


def channels(session: Session) -> list[tuple[str, str]]:
    """Channels in use: key and name."""
    return [(key, named(CHANNELS, key)) for key in store.channels(session)]


def conversation(session: Session, conversation_id: str, now: datetime) -> dict[str, Any]:
    """One conversation to read: its facts, every message with its approved script, how it was rated.

    Raises NotFound (``conversation_not_found``).
    """
    return tables_of_rows.one_conversation(session, conversation_id, now)


def zh_span(window: Window, now: datetime) -> str:
    """9月14日 至 10月9日; the year only when it is not this one."""
    def day(one: date) -> str:
        year = "" if one.year == shanghai_date(now).year else f"{one.year}年"
        return f"{year}{one.month}月{one.day}日"

    return f"{day(window.first_day)} 至 {day(window.last_day)}"
