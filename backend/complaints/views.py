"""A complaint in a few words: for the bot and cards, and beside a conversation on the desk. Reads only."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints import proofs, rules, store
from backend.complaints.rules import ROAD, Action, Stage
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT
from backend.deadlines import service as deadlines
from backend.kernel.masking import mask_contact
from backend.people import service as people


def summary(session: Session, complaint: Complaint, now: datetime) -> dict[str, Any]:
    """What the bot and cards say: the true stage, and a date only when it can be kept."""
    promise = deadlines.promise_of(session, SUBJECT, complaint.id)
    promised_at, promised_text = deadlines.promise_words(promise)
    return {
        "number": complaint.number,
        "title": rules.title(complaint.description),
        "stage": complaint.stage,
        "stage_text": Stage(complaint.stage).zh,
        "can_withdraw": Action.WITHDRAW in rules.LIFECYCLE.actions(Stage(complaint.stage)),
        "promised_at": promised_at.isoformat() if promised_at else None,
        "promised_text": promised_text,
        "receipt_url": proofs.receipt_url(complaint.id),
    }


def card(session: Session, complaint_id: str, now: datetime) -> dict[str, Any] | None:
    """The slip in the chat: what was filed, and the date that it will be answered by."""
    complaint = store.by_id(session, complaint_id)
    if complaint is None:
        return None
    promise = deadlines.promise_of(session, SUBJECT, complaint.id)
    return summary(session, complaint, now) | {
        "kind": "complaint_filed",
        "description": complaint.description,
        "remedy": complaint.remedy,
        "order_no": complaint.order_no,
        "contact_masked": mask_contact(complaint.contact_kind, complaint.contact),
        "note": deadlines.rule_words(promise),
    }


def panel(session: Session, complaint: Complaint, now: datetime) -> dict[str, Any]:
    """Beside a conversation on the desk: step, owner, the two dates that matter."""
    stage = Stage(complaint.stage)
    here = rules.standing(stage)
    clocks = [deadlines.describe(row, now) for row in deadlines.of(session, SUBJECT, complaint.id)]
    return {
        "number": complaint.number,
        "title": rules.title(complaint.description),
        "url": f"/complaints/{complaint.number}",
        "stage": complaint.stage,
        "stage_text": stage.zh,
        "open": stage not in rules.OVER,
        "step": min(max(here, 0) + 1, len(ROAD)),
        "steps": len(ROAD),
        "steps_done": max(here, 0),
        "owner_id": complaint.owner_id,
        "owner_name": people.staff_name(session, complaint.owner_id) if complaint.owner_id else None,
        "urged": complaint.urged,
        "remedy": complaint.remedy,
        "clocks": [clock for clock in clocks if clock["open"] and clock["kind"] in ("decide", "promise")],
        "receipt_url": proofs.receipt_url(complaint.id),
    }
