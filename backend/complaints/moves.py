"""Staff's acts on a complaint: along the table of stages, and on its clocks."""

from typing import Any

import structlog

from backend.complaints import rules, store
from backend.complaints.events import ComplaintMoved
from backend.complaints.filing import REGIME
from backend.complaints.rules import Action, Stage
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, append, locked, not_found
from backend.deadlines import service as deadlines
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import NotFound

log = structlog.get_logger(__name__)


def move(work: Work, number: str, action: str, text: str = "", **detail: Any) -> Complaint:
    """One action of the table, or one on the clocks, by a person, with its reason.

    ``detail``: severity, category (assess); outcome (decide); channel (communicate); public_text (an update
    that the customer reads, any action); kind, working_days, requested_by (extend). Raises NotFound,
    Forbidden, Conflict (``move_not_allowed`` and the guards' own codes), Invalid.
    """
    try:
        act = Action(action)
    except ValueError as error:
        raise NotFound("unknown_action", f"没有「{action}」这个操作。") from error
    permission = Permission.COMPLAINT_EXTEND_DEADLINE if act is Action.EXTEND else Permission.COMPLAINT_HANDLE
    work.actor.require(permission)
    complaint_id = store.id_of(work.session, number.strip().upper())
    if complaint_id is None:
        raise not_found()
    deadlines.hold(work, SUBJECT, complaint_id)
    complaint = locked(work, complaint_id)
    text = text.strip()
    if act in rules.CLOCK_ACTIONS:
        _touch_clocks(work, complaint, act, text, detail)
    else:
        _change_stage(work, complaint, act, text, detail)
    work.hint("complaints")
    return complaint


def _change_stage(work: Work, complaint: Complaint, act: Action, text: str, detail: dict[str, Any]) -> None:
    before = Stage(complaint.stage)
    public_text = str(detail.pop("public_text", "") or "").strip()
    facts = {**detail, "text": text, "now": work.now, "closed_at": complaint.closed_at}
    after = rules.LIFECYCLE.next(before, act, **facts)
    complaint.stage = after.value
    if act is Action.ASSESS:
        complaint.severity = detail.get("severity")
        complaint.category = detail.get("category") or complaint.category
    complaint.closed_at = work.now if after in rules.OVER else None
    if complaint.owner_id is None and work.actor.is_staff:
        complaint.owner_id = work.actor.id
    work.session.add(complaint)
    # What the customer was told is public by its nature; other reasons stay inside.
    open_words = act is Action.COMMUNICATE
    kept = {key: detail[key] for key in ("severity", "category", "outcome", "channel") if detail.get(key)}
    append(
        work, complaint, act.value, from_stage=before, to_stage=after, public=open_words, text=text, **kept
    )
    if public_text:
        append(work, complaint, "update", public=True, text=public_text)
    for kind in rules.KEEPS.get(act, ()):
        deadlines.meet(work, SUBJECT, complaint.id, kind)
    if act is Action.WITHDRAW:
        deadlines.drop(work, SUBJECT, complaint.id)
    if act is Action.REOPEN:
        _start_again(work, complaint)
    work.journal(
        f"complaint_{act.value}",
        SUBJECT,
        complaint.id,
        number=complaint.number,
        from_stage=before.value,
        to_stage=after.value,
        **kept,
    )
    work.record(
        ComplaintMoved(
            at=work.now,
            complaint_id=complaint.id,
            number=complaint.number,
            action=act.value,
            from_stage=before.value,
            to_stage=after.value,
            public_text=public_text or (text if open_words else ""),
        )
    )


def _start_again(work: Work, complaint: Complaint) -> None:
    """A reopened case owes a decision and its telling anew; what is still running runs on."""
    running = {row.kind for row in deadlines.of(work.session, SUBJECT, complaint.id) if row.clock.open}
    for kind in ("decide", "promise"):
        if kind not in running:
            try:
                deadlines.start(work, SUBJECT, complaint.id, kind, REGIME, kind)
            except NotFound:
                log.warning("no_rule_for", kind=kind, complaint=complaint.number)


def _touch_clocks(work: Work, complaint: Complaint, act: Action, text: str, detail: dict[str, Any]) -> None:
    rules.check_clock_action(Stage(complaint.stage), act)
    if act is Action.EXTEND:
        kind = str(detail.get("kind") or "promise")
        days = int(detail.get("working_days") or 0)
        asked_by = str(detail.get("requested_by") or complaint.owner_id or "")
        row = deadlines.extend(work, SUBJECT, complaint.id, kind, days, text, asked_by)
        # The customer learns of a new promise; the staff's own dates are the staff's.
        told = kind == "promise" and not row.provisional
        due = zh_datetime(row.due_at, work.now, relative=False)
        append(
            work, complaint, act.value, public=told, text=text, clock=kind, working_days=days, due_text=due
        )
    elif act is Action.PAUSE:
        rows = deadlines.pause(work, SUBJECT, complaint.id, text)
        append(work, complaint, act.value, public=True, text=text, clocks=[row.kind for row in rows])
    else:
        rows = deadlines.resume(work, SUBJECT, complaint.id)
        append(work, complaint, act.value, public=True, text=text, clocks=[row.kind for row in rows])
