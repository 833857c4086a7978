"""What closing a case asks for, and closing it with all of that in one go: nothing half done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints import moves, store
from backend.complaints.finding import get
from backend.complaints.learning import store as learning
from backend.complaints.learning import whys as causes_of_cases
from backend.complaints.learning.books import causes
from backend.complaints.policy import policy
from backend.complaints.rules import Action
from backend.complaints.rules.causes import needs_cause
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, append, locked
from backend.deadlines import service as deadlines
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Invalid


def unexplained(session: Session, complaint: Complaint, now: datetime) -> list[dict[str, str]]:
    """Kinds of deadlines that ran out and that nobody has explained yet."""
    kinds = {row.kind for row in deadlines.unexplained(session, SUBJECT, complaint.id, now)}
    return [{"kind": kind, "name": deadlines.kind_name(kind)} for kind in sorted(kinds)]


def demands(session: Session, complaint: Complaint, now: datetime) -> dict[str, Any]:
    """What stands between a case and its closing: what must be done first, and what the form must ask."""
    book = causes()
    revisions = learning.whys(session, complaint.id)
    plan = store.plan_of(session, complaint.id)
    required = needs_cause(policy(), book, complaint.level)
    layers = causes_of_cases.layers_of(revisions[0]) if revisions else []
    return {
        "tasks": sum(one.done_at is None for one in store.tasks(session, complaint.id)),
        "plan": plan is not None and plan.closed_at is None,
        "late": unexplained(session, complaint, now),
        "ask_whys": required and len(layers) < book.least_whys,
        "least": book.least_whys,
        "whys": layers,
        "cause": revisions[0].cause if revisions else complaint.cause or "",
        "tree": book.tree(),
    }


def close(
    work: Work,
    number: str,
    text: str = "",
    *,
    cause: str = "",
    late: Mapping[str, tuple[str, str]] | None = None,
    whys: Sequence[tuple[str, str]] = (),
) -> Complaint:
    """Close, with what closing asks for said in the same breath.

    ``late``: by the kind of a deadline, why it ran out and in which words; ``whys``: the five whys that end in
    ``cause``. Raises what `moves.move`, `explain_breach` and the record of causes raise; then nothing is kept.
    """
    for kind, (why, words) in (late or {}).items():
        try:
            explain_breach(work, number, kind, why, words)
        except Invalid as error:
            fields = {f"late_{name}_{kind}": said for name, said in (error.fields or {}).items()}
            raise Invalid(error.code, f"{deadlines.kind_name(kind)}：{error.message}", fields=fields) from error
    if any(answer.strip() for _, answer in whys):
        causes_of_cases.record(work, number, list(whys), cause)
    return moves.move(work, number, Action.CLOSE.value, text, cause=cause)


def explain_breach(work: Work, number: str, kind: str, cause: str, text: str) -> Complaint:
    """Write down why a deadline ran out. Raises Invalid (``unknown_cause``, ``cause_needs_words``), NotFound."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    complaint = locked(work, get(work.session, number).id)
    deadlines.record_cause(work, SUBJECT, complaint.id, kind, cause, text)
    words = "。".join(part for part in (deadlines.BREACH_CAUSES[cause], text.strip()) if part)
    append(work, complaint, "note", text=f"逾期原因（{deadlines.kind_name(kind)}）：{words}")
    work.hint("complaints")
    return complaint
