"""The end of a conversation in one act: outcome, words, corrected intent, tags, and what is still to be done."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from backend.handoffs import consulting, correcting, followups, service, tagging
from backend.handoffs.tables import Handoff
from backend.infra.work import Work


@dataclass(frozen=True)
class FollowUpWish:
    """Something still to be done: what, by whom, until when."""

    text: str
    owner_id: str
    due_at: datetime


@dataclass(frozen=True)
class Summary:
    """What an agent writes at the end."""

    outcome: str
    note: str = ""
    correct_intent: str | None = None
    tags: Sequence[str] = field(default_factory=tuple)
    follow_up: FollowUpWish | None = None


def wrap_up(work: Work, conversation_id: str, summary: Summary) -> Handoff:
    """All of it or nothing: a follow-up that cannot be kept refuses the end, so that nothing is half promised.

    Raises Invalid (``outcome_missing``, ``unknown_tag``, ``too_many_tags``, ``follow_up_incomplete``,
    ``unknown_intent``), Conflict (``not_holder``), NotFound (``no_such_target``).
    """
    handoff = service.wrap_up(work, conversation_id, summary.outcome, summary.note, summary.correct_intent)
    if summary.correct_intent:
        correcting.note(work, handoff, summary.correct_intent)
    tagging.put(work, conversation_id, summary.tags)
    wish = summary.follow_up
    if wish is not None:
        followups.add(work, conversation_id, wish.text, wish.owner_id, wish.due_at)
    consulting.end_all(work, conversation_id)
    return handoff
