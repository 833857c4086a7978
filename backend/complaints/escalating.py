"""When a case's deadline climbs its ladder: who is told, who takes over, and both in the thread."""

from backend.complaints import store
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, append
from backend.deadlines import service as deadlines
from backend.deadlines.events import EscalationDue, TakeOverDue
from backend.infra import mail
from backend.infra.work import Work
from backend.kernel.clock import zh_datetime
from backend.people import service as people
from backend.settings import settings


def on_escalation(work: Work, fact: EscalationDue) -> None:
    """A rung is reached: whoever holds the case is told with the others, once, by mail too, and the thread says so."""
    complaint = _case(work, fact)
    if complaint is None:
        return
    told = list(fact.told)
    just_called = [one for one in deadlines.calls_of(work.session, SUBJECT, complaint.id) if one["told_at"] == work.now]
    higher = {one["staff_id"] for one in just_called if one["kind"] == fact.kind and one["level"] > fact.level}
    if fact.tell_owner and complaint.owner_id is not None and complaint.owner_id not in higher:
        told += deadlines.tell(work, fact, [complaint.owner_id])
    _write_to(work, complaint, fact, told)
    if not told and just_called:
        return  # a higher rung came in the same breath and told them all: nobody reads the same twice
    names = [people.staff_name(work.session, one) for one in told]
    append(work, complaint, "escalated", clock=fact.kind, level=fact.level, words=fact.words, told=names,
           due_at=fact.due_at.isoformat(), at=fact.at.isoformat())  # fmt: skip
    work.hint("complaints")
    work.hint("alerts")


def _write_to(work: Work, complaint: Complaint, fact: EscalationDue, staff_ids: list[str]) -> None:
    """A letter to each of them who has an address, once for this rung of this due instant.

    It leaves the house: the number, what is due and when, and the way here; nothing of the customer's.
    """
    name = deadlines.kind_name(fact.kind)
    late = fact.due_at <= work.now
    due = zh_datetime(fact.due_at, work.now, relative=False)
    subject = f"投诉 {complaint.number}：{name}{'已逾期' if late else '快到期'}（第 {fact.level} 级）"
    text = (
        f"投诉 {complaint.number} 的{name}{'已经逾期，应在' if late else '快到期，要在'} {due} 前完成。\n"
        f"按时限规则到了第 {fact.level} 级（{fact.words}），告知到您。\n"
        f"打开这件投诉：{settings().address}/complaints/{complaint.number}\n\n"
        "这封信由系统自动发出，请勿回复。"
    )
    for staff_id, address in people.mail_of(work.session, staff_ids).items():
        once = f"escalation:{fact.deadline_id}:{fact.due_at.isoformat()}:{fact.level}:{staff_id}"
        mail.put(work, address, subject, text, once=once)


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
