"""How each script did in 30 days: said how often, and what became of the conversations in which it was said.

"Resolved" and "handed off" are shares of the closed conversations that heard the script at least once; the
satisfaction is that of the same conversations' answers. A conversation that heard several scripts counts for each of
them: these figures say where to look, not which script caused it.
"""

from collections import Counter, defaultdict
from datetime import timedelta

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from backend.conversations.tables import Conversation, Message
from backend.dashboards.rules import SATISFIED
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.statistics import Rate
from backend.scripts.library import Usage
from backend.scripts.tables import ScriptVersion
from backend.surveys.tables import SatisfactionFact

WINDOW = timedelta(days=30)


def of_scripts(work: Work) -> dict[str, Usage]:
    """Figures by script key over the 30 days before now; scripts that nobody heard are absent."""
    return _figures(work, ScriptVersion.key, None)


def of_versions(work: Work, key: str) -> dict[str, Usage]:
    """The same by version id, for one script: whether the newer words do better."""
    return _figures(work, ScriptVersion.id, col(ScriptVersion.key) == key)


def _figures(work: Work, name: str, of: ColumnElement[bool] | None) -> dict[str, Usage]:
    """Figures by ``name`` (a column of script_versions), narrowed to some versions where asked."""
    since = work.now - WINDOW
    session = work.session
    said: Counter[str] = Counter()
    heard: dict[str, set[str]] = defaultdict(set)
    spoken = (select(name, Message.conversation_id)
              .join(ScriptVersion, col(ScriptVersion.id) == col(Message.script_version_id))
              .where(Message.at >= since))
    for one, conversation_id in session.exec(spoken if of is None else spoken.where(of)):
        said[one] += 1
        heard[one].add(conversation_id)
    closed = set(session.exec(select(Conversation.id).where(
        Conversation.state == "closed", Conversation.last_message_at >= since)))
    handed = set(session.exec(select(Handoff.conversation_id).where(Handoff.requested_at >= since)))
    scores = dict(session.exec(select(SatisfactionFact.conversation_id, SatisfactionFact.score)
                               .where(SatisfactionFact.answered_at >= since)).all())
    figures = {}
    for one, conversations in heard.items():
        ended = conversations & closed
        rated = [scores[each] for each in conversations if each in scores]
        figures[one] = Usage(
            used=said[one], resolved=Rate(len(ended - handed), len(ended)), handed_off=Rate(len(ended & handed), len(ended)),
            satisfied=Rate(sum(score >= SATISFIED for score in rated), len(rated)))
    return figures
