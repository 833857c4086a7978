"""Who was called by a ladder: telling a case's holder, what waits for a person, what a case's page shows."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from backend.deadlines import notices, rules, store
from backend.deadlines.events import EscalationDue
from backend.deadlines.tables import DeadlineCall
from backend.infra.work import Work
from backend.people import service as people


def tell(work: Work, fact: EscalationDue, staff_ids: Sequence[str]) -> list[str]:
    """Tell these people of a rung too (the case's holder, known to the case's room); gives those told just now.

    Who was told of this rung before is not told again.
    """
    row = store.by_id(work.session, fact.deadline_id)
    if row is None:
        return []
    before = store.called(work.session, row.id, fact.due_at, fact.level)
    new = [one for one in dict.fromkeys(staff_ids) if one not in before and one not in fact.told]
    notices.call(work, row, fact.level, fact.at, tuple(new))
    work.flush()
    return new


def waiting_for(session: Session, staff_id: str, limit: int = 20) -> list[dict[str, Any]]:
    """Calls that this person has not looked at, the newest first."""
    return [_shown(session, one) for one in store.unseen_calls(session, staff_id, limit)]


def seen(work: Work, subject_kind: str, subject_id: str) -> None:
    """The actor has opened the subject's page: what called them there is seen."""
    store.see_calls(work.session, work.actor.id, subject_kind, subject_id, work.now)


def calls_of(session: Session, subject_kind: str, subject_id: str) -> list[dict[str, Any]]:
    """Everybody who was told about a subject's deadlines, in order."""
    return [_shown(session, one) for one in store.calls_of_subject(session, subject_kind, subject_id)]


def _shown(session: Session, one: DeadlineCall) -> dict[str, Any]:
    return {
        "subject_kind": one.subject_kind,
        "subject_id": one.subject_id,
        "kind": one.kind,
        "name": rules.kind_name(one.kind),
        "level": one.level,
        "staff_id": one.staff_id,
        "staff_name": people.staff_name(session, one.staff_id),
        "due_at": one.due_at,
        "at": one.at,
        "told_at": one.told_at,
        "seen_at": one.seen_at,
    }
