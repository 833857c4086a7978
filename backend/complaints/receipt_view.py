"""What the customer reads of a complaint on the receipt. Reads only."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints import evidence, proofs, rules, store, words
from backend.complaints.policy import policy
from backend.complaints.rules import ROAD, Action, Stage
from backend.complaints.rules.words import LEFT_THE_ROAD
from backend.complaints.tables import ComplaintEntry
from backend.complaints.thread import SUBJECT
from backend.deadlines import service as deadlines
from backend.kernel.clock import zh_datetime
from backend.kernel.masking import mask_contact


def receipt(session: Session, token: str, now: datetime) -> dict[str, Any] | None:
    """The receipt page's content; None for a link that opens nothing."""
    complaint = store.by_receipt(session, proofs.token_hash(token)) if token else None
    if complaint is None:
        return None
    stage = Stage(complaint.stage)
    # A merged case is worked on under another number; this receipt shows how that one stands.
    handled = store.by_id(session, complaint.merged_into_id) if complaint.merged_into_id else None
    active = Stage(handled.stage) if handled else stage
    promise = deadlines.promise_of(session, SUBJECT, complaint.id)
    kept = store.files(session, complaint.id)
    thread = store.entries(session, complaint.id)
    public = [entry for entry in thread if entry.public]
    told = [entry for entry in public if entry.kind in ("communicate", "update") and entry.text]
    until = rules.reopen_until(complaint.closed_at, policy().reopen_days) if complaint.closed_at else None
    _, promised_text = deadlines.promise_words(promise)
    remaining, late = words.remaining(stage, promise, now)
    return {
        "number": complaint.number,
        "title": rules.title(complaint.description),
        "stage": complaint.stage,
        "stage_text": stage.zh,
        "complaint_id": complaint.id,
        "promise_label": words.promise_label(stage, promise),
        "promised_text": words.large(promised_text) or stage.zh,
        "remaining_text": remaining,
        "late": late,
        "explanation": deadlines.explain_to_customer(promise) if promise else [],
        "day_cells": deadlines.describe(promise, now)["cells"] if promise and not promise.provisional else [],
        "latest": _told(told[-1], now) if told else None,
        "stages": _road(stage, thread, promise, now),
        "merged_into": handled.number if handled else "",
        "files": [
            {"id": one.id, "name": one.name, "word": evidence.word(one.kind)}
            for one in kept
            if one.from_customer
        ],
        "can_withdraw": Action.WITHDRAW in rules.LIFECYCLE.actions(stage),
        "can_reopen": Action.REOPEN in rules.LIFECYCLE.actions(stage) and (until is None or now <= until),
        "reopen_until_text": zh_datetime(until, now, relative=False) if until else "",
        "reopen_days": policy().reopen_days,
        "closed": stage is Stage.CLOSED,
        "history": [
            {
                "at_text": words.short(entry.at, now),
                "who": words.who_for_customer(entry),
                "what": words.what_for_customer(entry),
                "text": entry.text,
            }
            for entry in reversed(public)
        ],
        "can_supplement": active not in rules.OVER,
        "can_urge": active not in rules.ANSWERED,
        "urged_count": complaint.urged,
        "urged_at_text": words.short(complaint.last_urged_at, now) if complaint.last_urged_at else "",
        "description": complaint.description,
        "remedy": complaint.remedy,
        "order_no": complaint.order_no,
        "contact_masked": mask_contact(complaint.contact_kind, complaint.contact),
    }


def _told(entry: ComplaintEntry, now: datetime) -> dict[str, str]:
    return {
        "text": entry.text,
        "who": words.who_for_customer(entry),
        "at_text": words.short(entry.at, now),
    }


def reached_of(thread: list[ComplaintEntry]) -> dict[str, ComplaintEntry]:
    """The last entry that brought the case to each stage."""
    return {entry.to_stage: entry for entry in thread if entry.to_stage}


def _road(stage: Stage, thread: list[ComplaintEntry], promise: Any, now: datetime) -> list[dict[str, Any]]:
    """The customer's steps. Closing is shown once it is near: before, it promises nothing to a customer."""
    reached, here = reached_of(thread), rules.standing(stage)
    shown = ROAD if stage in (Stage.COMMUNICATED, Stage.CLOSED) else ROAD[:-1]
    steps = []
    for index, step in enumerate(shown):
        entry = reached.get(step.stage.value)
        state = "done" if index < here else "now" if index == here else "todo"
        if stage in LEFT_THE_ROAD:
            state = "done" if entry else "todo"
        note = ""
        if entry and step.stage is Stage.ACKNOWLEDGED:
            note = f"由{words.who_for_customer(entry)}负责"
        if step.stage is Stage.COMMUNICATED and state != "done" and promise and not promise.provisional:
            note = f"最晚 {zh_datetime(promise.due_at, now, relative=False)}"
        label = {"done": step.done, "now": step.now, "todo": step.ahead}[state]
        # A step in progress has begun only where the stage itself lasts; of an earlier round it says nothing.
        begun = state == "done" or (state == "now" and step.stage is stage)
        at_text = words.short(entry.at, now) if entry and begun else ""
        steps.append({"label": label, "state": state, "at_text": at_text, "note": note})
    if stage in LEFT_THE_ROAD:
        last = reached[stage.value]
        steps = [step for step in steps if step["state"] == "done"]
        note = f"转给{last.detail.get('referred_to', '')}" if stage is Stage.REFERRED else ""
        steps.append({"label": stage.zh, "state": "done", "at_text": words.short(last.at, now), "note": note})
    return steps
