"""A complaint's clocks: started, kept, stopped and moved; and the case's place on the desk that follows."""

from datetime import datetime
from typing import Any

import structlog

from backend.complaints import rules, store
from backend.complaints.events import ComplaintExtended, ComplaintPaused, ComplaintResumed
from backend.complaints.policy import policy
from backend.complaints.rules import Action, Stage
from backend.complaints.rules.desk import order_key
from backend.complaints.rules.policy import check_pause
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, append
from backend.deadlines import service as deadlines
from backend.infra.work import Work
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import Conflict, NotFound

log = structlog.get_logger(__name__)

REGIME = deadlines.DEFAULT_REGIME


def start_all(work: Work, complaint: Complaint, event: str) -> None:
    """A complaint is received even where no regime is in force: then nobody is promised anything."""
    try:
        deadlines.start_all(work, SUBJECT, complaint.id, REGIME, event)
    except NotFound as error:
        log.warning("no_regime_in_force", regime=REGIME, complaint=complaint.number)
        work.journal("regime_missing", SUBJECT, complaint.id, regime=REGIME, code=error.code)


def start_again(work: Work, complaint: Complaint) -> None:
    """A reopened case owes a decision and its telling anew; what is still running runs on."""
    running = {row.kind for row in deadlines.of(work.session, SUBJECT, complaint.id) if row.clock.open}
    for kind in ("decide", "promise"):
        if kind not in running:
            try:
                deadlines.start(work, SUBJECT, complaint.id, kind, REGIME, kind)
            except NotFound:
                log.warning("no_rule_for", kind=kind, complaint=complaint.number)


def hold(work: Work, complaint_id: str) -> None:
    """Lock the deadlines of a case and of those merged into it, before the case itself (see deadlines.hold)."""
    for one in sorted([complaint_id, *store.merged_ids(work.session, complaint_id)]):
        deadlines.hold(work, SUBJECT, one)


def keep(work: Work, complaint: Complaint, kinds: tuple[str, ...]) -> None:
    """The promised thing was done: for this case, and for every one that was merged into it."""
    for one in (complaint.id, *store.merged_ids(work.session, complaint.id)):
        for kind in kinds:
            deadlines.meet(work, SUBJECT, one, kind)


def drop(work: Work, complaint: Complaint) -> None:
    """Nothing is owed any more, here and in what was merged into it."""
    for one in (complaint.id, *store.merged_ids(work.session, complaint.id)):
        deadlines.drop(work, SUBJECT, one)


def refresh(work: Work, complaint: Complaint) -> None:
    """Keep the case's next due instant and its place on the desk after anything that may change them."""
    running: list[datetime] = []
    for one in (complaint.id, *store.merged_ids(work.session, complaint.id)):
        running += [row.due_at for row in deadlines.of(work.session, SUBJECT, one) if row.clock.running]
    complaint.next_due_at = min(running, default=None) if complaint.closed_at is None else None
    place(work, complaint)


def place(work: Work, complaint: Complaint) -> None:
    """Only the priority or the stage has changed."""
    complaint.order_key = order_key(
        next_due_at=complaint.next_due_at,
        priority=complaint.priority,
        filed_at=complaint.filed_at,
        closed_at=complaint.closed_at,
    )
    work.session.add(complaint)


# --- staff's acts on the clocks -----------------------------------------------------------------------------


def touch(work: Work, complaint: Complaint, act: Action, text: str, detail: dict[str, Any]) -> None:
    """Extend, pause or resume. Raises Conflict (``move_not_allowed``), Invalid."""
    rules.check_clock_action(Stage(complaint.stage), act)
    if act is Action.EXTEND:
        _extend(work, complaint, text, detail)
    elif act is Action.PAUSE:
        _pause(work, complaint, text, str(detail.get("reason") or ""))
    else:
        resume(work, complaint, text)
    refresh(work, complaint)


def _extend(work: Work, complaint: Complaint, text: str, detail: dict[str, Any]) -> None:
    kind = str(detail.get("kind") or "promise")
    days = int(detail.get("working_days") or 0)
    asked_by = str(detail.get("requested_by") or complaint.owner_id or "")
    row = deadlines.extend(work, SUBJECT, complaint.id, kind, days, text, asked_by)
    # The customer learns of a new promise; the staff's own dates are the staff's.
    told = kind == "promise" and not row.provisional
    due = zh_datetime(row.due_at, work.now, relative=False)
    append(work, complaint, "extend", public=told, text=text, clock=kind, working_days=days, due_text=due)
    work.record(
        ComplaintExtended(
            at=work.now, complaint_id=complaint.id, number=complaint.number, kind=kind, told=told
        )
    )


def _pause(work: Work, complaint: Complaint, text: str, reason: str) -> None:
    key, words = check_pause(policy(), reason, text)
    rows = deadlines.pause(work, SUBJECT, complaint.id, words)
    for other in store.merged_ids(work.session, complaint.id):
        _quietly(deadlines.pause, work, SUBJECT, other, words)
    complaint.suspended = key or "other"
    append(
        work,
        complaint,
        "pause",
        public=True,
        text=words,
        clocks=[row.kind for row in rows],
        reason=complaint.suspended,
    )
    work.record(
        ComplaintPaused(
            at=work.now,
            complaint_id=complaint.id,
            number=complaint.number,
            reason=complaint.suspended,
            public_text=words,
        )
    )


def resume(work: Work, complaint: Complaint, text: str, *, by_itself: bool = False) -> None:
    """Let the stopped clocks run again. Raises Conflict (``not_paused``)."""
    rows = deadlines.resume(work, SUBJECT, complaint.id)
    for other in store.merged_ids(work.session, complaint.id):
        _quietly(deadlines.resume, work, SUBJECT, other)
    complaint.suspended = None
    append(
        work,
        complaint,
        "resume",
        public=True,
        text=text,
        clocks=[row.kind for row in rows],
        by_itself=by_itself,
    )
    work.record(
        ComplaintResumed(at=work.now, complaint_id=complaint.id, number=complaint.number, by_itself=by_itself)
    )


def _quietly(act: Any, *arguments: Any) -> None:
    """A merged case may have nothing left to stop or start; that refuses nothing of the one that holds it."""
    try:
        act(*arguments)
    except Conflict as refused:
        log.info("merged_clock_left", code=refused.code)


def resume_for_customer(work: Work, complaint: Complaint) -> bool:
    """The customer answered: clocks that waited for exactly that run again."""
    reason = policy().pauses.get(complaint.suspended or "")
    if reason is None or reason.resumes_on != "customer":
        return False
    resume(work, complaint, "客户已经回复，继续计时", by_itself=True)
    refresh(work, complaint)
    return True
