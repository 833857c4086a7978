"""When a case's deadline climbs its ladder: who is told, who takes over, and both in the thread."""

from backend.complaints import store
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, append
from backend.deadlines import service as deadlines
from backend.deadlines.events import EscalationDue, TakeOverDue
from backend.infra.work import Work
from backend.people import service as people


def on_escalation(work: Work, fact: EscalationDue) -> None:
    """A rung is reached: whoever holds the case is told with the others, once, and the thread says so."""
    complaint = _case(work, fact)
    if complaint is None:
        return
    told = list(fact.told)
    if fact.tell_owner and complaint.owner_id is not None:
        told += deadlines.tell(work, fact, [complaint.owner_id])
    just_called = [one for one in deadlines.calls_of(work.session, SUBJECT, complaint.id) if one["told_at"] == work.now]
    if not told and just_called:
        return  # a higher rung came in the same breath and told them all: nobody reads the same twice
    names = [people.staff_name(work.session, one) for one in told]
    append(work, complaint, "escalated", clock=fact.kind, level=fact.level, words=fact.words, told=names,
           due_at=fact.due_at.isoformat(), at=fact.at.isoformat())  # fmt: skip
    work.hint("complaints")
    work.hint("alerts")


def on_take_over(work: Work, fact: TakeOverDue) -> None:
    """The ladder passes the case to the first candidate who does not hold it yet; nobody there: it stays."""
    complaint = _case(work, fact)
    if complaint is None or complaint.owner_id in fact.candidates:
        return
    successor = next(iter(fact.candidates), None)
    if successor is None:
        return
    before, complaint.owner_id = complaint.owner_id, successor
    work.session.add(complaint)
    name = people.staff_name(work.session, successor)
    append(work, complaint, "assigned", text=f"{deadlines.kind_name(fact.kind)}{fact.words}，按时限规则由{name}接手。",
           owner=successor, owner_name=name)  # fmt: skip
    work.journal("complaint_taken_over", SUBJECT, complaint.id, owner=successor, before=before, level=fact.level)
    work.hint("complaints")


def _case(work: Work, fact: EscalationDue | TakeOverDue) -> Complaint | None:
    """The case, while something is owed in it."""
    complaint = store.locked(work.session, fact.subject_id) if fact.subject_kind == SUBJECT else None
    return complaint if complaint is not None and complaint.closed_at is None else None
