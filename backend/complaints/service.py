"""Use cases of complaints. Filing, finding and moving stand in modules of their own; the rest is here."""

from typing import Any

from backend.complaints import rules, store
from backend.complaints.events import ComplaintSupplemented, ComplaintUrged
from backend.complaints.filing import file
from backend.complaints.finding import (
    by_number,
    by_token,
    find_for_customer,
    found_in,
    get,
    look_up,
    of_conversation,
    of_customer,
)
from backend.complaints.moves import move
from backend.complaints.rules import Stage
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, append, locked
from backend.complaints.views import FILTERS, card, case, counts, due_today, listing, panel, receipt, summary
from backend.deadlines.events import DeadlineBreached, DeadlineMoved, DeadlineNeared
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Conflict, NotFound
from backend.people import service as people

__all__ = [
    "FILTERS",
    "add_note",
    "assign",
    "by_number",
    "by_token",
    "card",
    "case",
    "counts",
    "due_today",
    "file",
    "find_for_customer",
    "found_in",
    "get",
    "listing",
    "look_up",
    "move",
    "of_conversation",
    "of_customer",
    "on_deadline",
    "panel",
    "receipt",
    "summary",
    "supplement",
    "urge",
]


# --- the customer's acts ------------------------------------------------------------------------------


def urge(work: Work, complaint: Complaint) -> Complaint:
    """The customer asks to hurry: counted, in the thread, and the first of a day raises the priority.

    Raises Conflict (``nothing_to_urge``) once the result has been told.
    """
    complaint = locked(work, complaint.id)
    if Stage(complaint.stage) in rules.ANSWERED:
        raise Conflict("nothing_to_urge", "这件投诉已经有结果，不用再催；对结果不满意，可以转人工。")
    if rules.is_repeat(complaint.last_urged_at, work.now):
        return complaint  # a double click, or a retry whose answer was lost
    raised = rules.raises_priority(complaint.last_urged_at, work.now)
    complaint.urged += 1
    complaint.last_urged_at = work.now
    complaint.priority += int(raised)
    work.session.add(complaint)
    append(work, complaint, "urged", public=True, times=complaint.urged, raised=raised)
    work.record(
        ComplaintUrged(
            at=work.now,
            complaint_id=complaint.id,
            number=complaint.number,
            times=complaint.urged,
            raised=raised,
        )
    )
    work.hint("complaints")
    return complaint


def supplement(work: Work, complaint: Complaint, text: str) -> Complaint:
    """The customer adds something. Raises Invalid, Conflict (``complaint_over``)."""
    words = rules.check_supplement(text)
    complaint = locked(work, complaint.id)
    if Stage(complaint.stage) in rules.OVER:
        raise Conflict("complaint_over", "这件投诉已经结束，不能再补充。还有问题请转人工。")
    before = store.last_of_kind(work.session, complaint.id, "supplemented")
    if before is not None and before.text == words and rules.is_repeat(before.at, work.now):
        return complaint
    append(work, complaint, "supplemented", public=True, text=words)
    work.record(ComplaintSupplemented(at=work.now, complaint_id=complaint.id, number=complaint.number))
    work.hint("complaints")
    return complaint


# --- staff's notes and owners -----------------------------------------------------------------------


def add_note(work: Work, number: str, text: str, *, public: bool = False) -> Complaint:
    """A line in the thread: internal, or an update that the customer reads. Raises Invalid, NotFound."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    words = rules.check_supplement(text)
    complaint = locked(work, get(work.session, number).id)
    append(work, complaint, "update" if public else "note", public=public, text=words)
    work.hint("complaints")
    return complaint


def assign(work: Work, number: str, staff_id: str) -> Complaint:
    """Give the case an owner. Raises NotFound (``staff_not_found``)."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    staff = people.staff_by_id(work.session, staff_id)
    if staff is None or not staff.active:
        raise NotFound("staff_not_found", "没有这位同事，请重新选择负责人。")
    complaint = locked(work, get(work.session, number).id)
    if complaint.owner_id != staff_id:
        complaint.owner_id = staff_id
        work.session.add(complaint)
        append(work, complaint, "assigned", text="", owner=staff_id, owner_name=staff.display_name)
        work.journal("complaint_assigned", SUBJECT, complaint.id, owner=staff_id)
        work.hint("complaints")
    return complaint


# --- what follows from deadlines ------------------------------------------------------------------------


def on_deadline(work: Work, fact: DeadlineNeared | DeadlineBreached | DeadlineMoved) -> None:
    """A notice about a complaint's deadline goes into its thread, for staff only (wired in ``wiring``)."""
    if fact.subject_kind != SUBJECT:
        return
    complaint = store.locked(work.session, fact.subject_id)
    if complaint is None:
        return
    detail: dict[str, Any] = {
        "clock": fact.kind,
        "due_at": fact.due_at.isoformat(),
        "at": fact.at.isoformat(),
    }
    if isinstance(fact, DeadlineMoved):
        if fact.why != "calendar":
            return  # people's own moves have their entries already
        detail |= {"old_due_at": fact.old_due_at.isoformat()}
        append(work, complaint, "recomputed", **detail)
    else:
        kind = "neared" if isinstance(fact, DeadlineNeared) else "breached"
        append(work, complaint, kind, **detail)
    work.hint("complaints")
