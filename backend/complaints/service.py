"""Use cases of complaints. Each part stands in a module of its own; outsiders take them all from here."""

from typing import Any

from backend.complaints import clocks, major, rules, store, telling
from backend.complaints.case_view import case, plan_of
from backend.complaints.closing import close, explain_breach
from backend.complaints.customer import not_satisfied, supplement, urge, withdraw
from backend.complaints.desk import (
    FILTERS,
    Query,
    assign,
    assign_many,
    counts,
    drop_view,
    due_today,
    listing,
    my_tasks,
    query_from,
    save_view,
    views_of,
)
from backend.complaints.duplicates import probable
from backend.complaints.escalating import on_escalation, on_take_over
from backend.complaints.evidence import add as add_evidence
from backend.complaints.evidence import read as read_evidence
from backend.complaints.filing import file
from backend.complaints.finding import (
    by_id,
    by_number,
    by_token,
    find_for_customer,
    found_in,
    get,
    look_up,
    of_conversation,
    of_customer,
)
from backend.complaints.major import declare as declare_major
from backend.complaints.major import finish as finish_plan
from backend.complaints.major import set_team as set_plan_team
from backend.complaints.major import update as update_plan
from backend.complaints.moves import move
from backend.complaints.policy import policy
from backend.complaints.receipt_view import receipt
from backend.complaints.replies import offered as offered_replies
from backend.complaints.searching import catch_up
from backend.complaints.tables import Complaint
from backend.complaints.tasks import add_finding, add_task, finish_task
from backend.complaints.thread import SUBJECT, append, locked
from backend.complaints.views import card, panel, summary
from backend.deadlines.events import DeadlineBreached, DeadlineMoved, DeadlineNeared
from backend.infra.work import Work
from backend.kernel.actors import Permission

__all__ = [
    "FILTERS",
    "Query",
    "add_evidence",
    "add_finding",
    "add_note",
    "add_task",
    "assign",
    "assign_many",
    "by_id",
    "by_number",
    "by_token",
    "card",
    "case",
    "catch_up",
    "close",
    "counts",
    "declare_major",
    "drop_view",
    "due_today",
    "explain_breach",
    "file",
    "find_for_customer",
    "finish_plan",
    "finish_task",
    "found_in",
    "get",
    "listing",
    "look_up",
    "move",
    "my_tasks",
    "not_satisfied",
    "of_conversation",
    "of_customer",
    "offered_replies",
    "on_deadline",
    "on_escalation",
    "on_rated",
    "on_take_over",
    "panel",
    "plan_of",
    "policy",
    "probable",
    "query_from",
    "read_evidence",
    "receipt",
    "save_view",
    "set_plan_team",
    "summary",
    "supplement",
    "telling",
    "update_plan",
    "urge",
    "views_of",
    "withdraw",
]


def add_note(work: Work, number: str, text: str, *, public: bool = False) -> Complaint:
    """A line in the thread: internal, or an update that the customer reads. Raises Invalid, NotFound."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    words = rules.check_supplement(text)
    complaint = locked(work, get(work.session, number).id)
    append(work, complaint, "update" if public else "note", public=public, text=words)
    work.hint("complaints")
    return complaint


# --- what follows from other rooms' facts ----------------------------------------------------------------


def on_deadline(work: Work, fact: DeadlineNeared | DeadlineBreached | DeadlineMoved) -> None:
    """A notice about a complaint's deadline goes into its thread, for staff only (wired in ``wiring``)."""
    if fact.subject_kind == major.PLAN:
        if not isinstance(fact, DeadlineMoved):
            major.on_deadline(work, fact)
        return
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
        _follow(work, complaint)
        if fact.why != "calendar":
            return  # people's own moves have their entries already
        detail |= {"old_due_at": fact.old_due_at.isoformat()}
        append(work, complaint, "recomputed", **detail)
    else:
        kind = "neared" if isinstance(fact, DeadlineNeared) else "breached"
        append(work, complaint, kind, **detail)
    work.hint("complaints")


def _follow(work: Work, complaint: Complaint) -> None:
    """A clock was moved, whoever moved it: the case takes its new place, and so does what it was merged into."""
    clocks.refresh(work, complaint)
    if complaint.merged_into_id is not None:
        clocks.refresh(work, locked(work, complaint.merged_into_id))


def on_rated(work: Work, complaint_id: str, score: int, comment: str | None) -> None:
    """The customer rated the handling: it stands in the thread, and in the customer's own history."""
    complaint = store.locked(work.session, complaint_id)
    if complaint is not None:
        append(work, complaint, "rated", public=True, text=comment or "", score=score)
        work.hint("complaints")
