"""How each script did in 30 days: said how often, and what became of the conversations in which it was said.

"Resolved" and "handed off" are shares of the closed conversations that heard the script at least once; the
satisfaction is that of the same conversations' answers. A conversation that heard several scripts counts for each of
them: these figures say where to look, not which script caused it.
"""

from collections import Counter, defaultdict
from datetime import timedelta

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
    since = work.now - WINDOW
    session = work.session
    said: Counter[str] = Counter()
    heard: dict[str, set[str]] = defaultdict(set)
    for key, conversation_id in session.exec(
            select(ScriptVersion.key, Message.conversation_id)
            .join(ScriptVersion, col(ScriptVersion.id) == col(Message.script_version_id))
            .where(Message.at >= since)):
        said[key] += 1
        heard[key].add(conversation_id)
    closed = set(session.exec(select(Conversation.id).where(
        Conversation.state == "closed", Conversation.last_message_at >= since)))
    handed = set(session.exec(select(Handoff.conversation_id).where(Handoff.requested_at >= since)))
    scores = dict(session.exec(select(SatisfactionFact.conversation_id, SatisfactionFact.score)
                               .where(SatisfactionFact.answered_at >= since)).all())
    figures = {}
    for key, conversations in heard.items():
        ended = conversations & closed
        rated = [scores[one] for one in conversations if one in scores]
        figures[key] = Usage(
            used=said[key], resolved=Rate(len(ended - handed), len(ended)), handed_off=Rate(len(ended & handed), len(ended)),
            satisfied=Rate(sum(score >= SATISFIED for score in rated), len(rated)))
    return figures
