"""How each script did in 30 days: said how often, and what became of the conversations in which it was said.

"Resolved" and "handed off" are shares of the closed conversations that heard the script at least once; the
satisfaction is that of the same conversations' answers. A conversation that heard several scripts counts for each of
them: these figures say where to look, not which script caused it.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched
from typing import Any
from urllib.parse import quote

from sqlalchemy import ColumnElement, case
from sqlalchemy import select as columns
from sqlmodel import Session, and_, col, exists, func, select

from backend.conversations.tables import Conversation, Message
from backend.dashboards import store
from backend.dashboards.rules import SATISFIED
from backend.dashboards.words import CHANNELS, CLOSED_BY, STATES, named
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import NotFound
from backend.kernel.statistics import Rate
from backend.scripts.library import Usage
from backend.scripts.tables import Script, ScriptVersion
from backend.surveys.tables import SatisfactionFact

WINDOW = timedelta(days=30)
PER_PAGE = 50
PORTION = 500  # ids in one question to the database

#: Which of the conversations behind a script's figures: name and title, in the order of the page.
PARTS: Mapping[str, str] = {
    "": "全部", "resolved": "没转人工就结束", "handed_off": "转了人工", "open": "还没结束", "satisfied": "满意（4、5 分）",
    "unsatisfied": "3 分及以下",
}

# So many times as long as they took to count, figures are not counted anew: of a small house they are always fresh,
# of one with 100,000 conversations a month they are a minute old.
KEPT = 50


@dataclass(frozen=True)
class _Window:
    """What became of the conversations of 30 days: ids, and each one's score."""

    closed: set[str]
    handed: set[str]
    scores: dict[str, int]

    def part(self, name: str, heard: set[str]) -> set[str]:
        rated = heard & self.scores.keys()
        happy = {one for one in rated if self.scores[one] >= SATISFIED}
        ended = heard & self.closed
        return {"resolved": ended - self.handed, "handed_off": ended & self.handed, "open": heard - ended,
                "satisfied": happy, "unsatisfied": rated - happy}.get(name, heard)


class RecentFigures:
    """`of_scripts` for pages: counted by one at a time, and kept for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._figures: dict[str, Usage] = {}
        self._until = -1.0

    def __call__(self, work: Work) -> dict[str, Usage]:
        with self._lock:
            began = time.monotonic()
            if began >= self._until:
                self._figures = _figures(work, ScriptVersion.key)
                took = time.monotonic() - began
                self._until = began + took * KEPT
        return _linked(work, self._figures)


def of_scripts(work: Work) -> dict[str, Usage]:
    """Figures by script key over the 30 days before now; scripts that nobody heard are absent."""
    return _linked(work, _figures(work, ScriptVersion.key))


def of_versions(work: Work, key: str) -> dict[str, Usage]:
    """The same by version id, for one script: whether the newer words do better."""
    found = _figures(work, ScriptVersion.id, col(ScriptVersion.key) == key)
    return {one: replace(figures, href=_href(work, key, one)) for one, figures in found.items()}


def _linked(work: Work, figures: Mapping[str, Usage]) -> dict[str, Usage]:
    return {key: replace(one, href=_href(work, key)) for key, one in figures.items()}


def _figures(work: Work, name: Any, of: ColumnElement[bool] | None = None) -> dict[str, Usage]:
    """Figures by ``name`` (a column of script_versions), narrowed to some versions where asked; counted in the database."""
    since = _since(work)
    closed = col(Conversation.state) == "closed"
    handed = exists(select(Handoff.id).where(Handoff.conversation_id == Conversation.id,
                                             Handoff.requested_at >= since).correlate(Conversation))
    became = (
        select(col(Conversation.id).label("talk"), closed.label("closed"), and_(closed, handed).label("handed"),
               col(SatisfactionFact.score).label("score"))
        .outerjoin(SatisfactionFact, and_(col(SatisfactionFact.conversation_id) == col(Conversation.id),
                                          col(SatisfactionFact.answered_at) >= since))
        .where(Conversation.last_message_at >= since).cte("became").prefix_with("MATERIALIZED")
    )
    heard: Any = (
        select(name.label("name"), col(Message.conversation_id).label("talk"), func.count().label("said"))
        .join(ScriptVersion, col(ScriptVersion.id) == col(Message.script_version_id)).where(Message.at >= since)
        .group_by(name, col(Message.conversation_id))
    )
    each = (heard if of is None else heard.where(of)).cte("each")

    def number(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    counted = work.session.execute(
        columns(each.c.name, func.sum(each.c.said), number(became.c.closed), number(became.c.handed),
                number(became.c.score >= SATISFIED), func.count(became.c.score))
        .join(became, became.c.talk == each.c.talk).group_by(each.c.name)
    )
    return {one: Usage(used=int(said), resolved=Rate(ended - away, ended), handed_off=Rate(away, ended),
                       satisfied=Rate(happy, rated))
            for one, said, ended, away, happy, rated in counted}


def rows(work: Work, key: str, version_id: str = "", part: str = "", page: int = 1,
         per_page: int = PER_PAGE) -> dict[str, Any]:
    """The conversations behind a script's figures (or one version's), newest first.

    Their numbers are the figures' own (a test holds them together). Raises NotFound (``script_not_found``).
    """
    session = work.session
    script = session.get(Script, key)
    version = session.get(ScriptVersion, version_id) if version_id else None
    if script is None or (version_id and (version is None or version.key != key)):
        raise NotFound("script_not_found", "没有这条话术，请从话术库重新打开。")
    of = col(ScriptVersion.id) == version_id if version_id else col(ScriptVersion.key) == key
    said = _heard(session, _since(work), of)
    became, whole = _became(work), set(said)
    part = part if part in PARTS else ""
    wanted = became.part(part, whole)
    pages = max(1, -(-len(wanted) // per_page))
    page = min(max(1, page), pages)
    shown = _newest(session, wanted, (page - 1) * per_page, per_page)
    agents = store.last_agents(session, [one.id for one in shown])
    names = store.staff_names(session, set(agents.values()))
    return {
        "key": key, "title": script.title, "version": version.version if version else None, "version_id": version_id,
        "said": said.total(), "part": part, "total": len(wanted), "page": page, "pages": pages,
        "parts": [(name, title, len(became.part(name, whole))) for name, title in PARTS.items()],
        "since": zh_datetime(work.now - WINDOW, work.now),
        "rows": [{
            "id": one.id, "conversation": one.id[:8], "href": f"/dashboard/rows/conversations/{one.id}",
            "opened": zh_datetime(one.opened_at, work.now), "channel": named(CHANNELS, one.channel), "said": said[one.id],
            "state": named(CLOSED_BY, one.closed_by) if one.closed_by else named(STATES, one.state),
            "handed": one.id in became.handed, "score": became.scores.get(one.id),
            "agent": names.get(agents.get(one.id, ""), ""),
        } for one in shown],
    }


def _href(work: Work, key: str, version_id: str = "") -> str | None:
    if not work.actor.can(Permission.DASHBOARD_READ):
        return None
    return f"/dashboard/rows/scripts/{quote(key)}{f'?version={version_id}' if version_id else ''}"


def _since(work: Work) -> datetime:
    return work.now - WINDOW


def _heard(session: Session, since: datetime, of: ColumnElement[bool]) -> Counter[str]:
    """How often something was said, by conversation."""
    spoken = (select(Message.conversation_id, func.count())
              .join(ScriptVersion, col(ScriptVersion.id) == col(Message.script_version_id))
              .where(Message.at >= since, of).group_by(col(Message.conversation_id)))
    return Counter(dict(session.exec(spoken).all()))


def _became(work: Work) -> _Window:
    session, since = work.session, _since(work)
    return _Window(
        closed=set(session.exec(select(Conversation.id).where(
            Conversation.state == "closed", Conversation.last_message_at >= since))),
        handed=set(session.exec(select(Handoff.conversation_id).where(Handoff.requested_at >= since))),
        scores=dict(session.exec(select(SatisfactionFact.conversation_id, SatisfactionFact.score)
                                 .where(SatisfactionFact.answered_at >= since)).all()),
    )


def _newest(session: Session, ids: set[str], offset: int, limit: int) -> list[Conversation]:
    """One page of these conversations, the latest opened first."""
    opened = [row for some in batched(sorted(ids), PORTION) for row in session.exec(
        select(Conversation.opened_at, Conversation.id).where(col(Conversation.id).in_(some)))]
    page = [one for _, one in sorted(opened, reverse=True)[offset:offset + limit]]
    found = {one.id: one for some in batched(page, PORTION)
             for one in session.exec(select(Conversation).where(col(Conversation.id).in_(some)))}
    return [found[one] for one in page]
