"""What customers and staff read of a complaint: summary, receipt, case page, list. Reads only."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints import proofs, rules, store, words
from backend.complaints.rules import ROAD, Stage
from backend.complaints.tables import Complaint, ComplaintEntry
from backend.complaints.thread import SUBJECT
from backend.customers import service as customers
from backend.deadlines import service as deadlines
from backend.kernel.clock import zh_datetime
from backend.kernel.masking import mask_contact
from backend.people import service as people

PAGE_SIZE = 20


def summary(session: Session, complaint: Complaint, now: datetime) -> dict[str, Any]:
    """What the bot and cards say: the true stage, and a date only when it can be kept."""
    promise = deadlines.promise_of(session, SUBJECT, complaint.id)
    promised_at, promised_text = deadlines.promise_words(promise)
    return {
        "number": complaint.number,
        "stage": complaint.stage,
        "stage_text": Stage(complaint.stage).zh,
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


# --- the customer's receipt ---------------------------------------------------------------------------


def receipt(session: Session, token: str, now: datetime) -> dict[str, Any] | None:
    """The receipt page's content; None for a link that opens nothing."""
    complaint = store.by_receipt(session, proofs.token_hash(token)) if token else None
    if complaint is None:
        return None
    stage = Stage(complaint.stage)
    promise = deadlines.promise_of(session, SUBJECT, complaint.id)
    thread = store.entries(session, complaint.id)
    public = [entry for entry in thread if entry.public]
    told = [entry for entry in public if entry.kind in ("communicate", "update") and entry.text]
    _, promised_text = deadlines.promise_words(promise)
    remaining, late = words.remaining(stage, promise, now)
    return {
        "number": complaint.number,
        "title": rules.title(complaint.description),
        "stage": complaint.stage,
        "stage_text": stage.zh,
        "promise_label": words.promise_label(stage, promise),
        "promised_text": words.large(promised_text) or stage.zh,
        "remaining_text": remaining,
        "late": late,
        "explanation": deadlines.explain_to_customer(promise) if promise else [],
        "day_cells": deadlines.describe(promise, now)["cells"] if promise and not promise.provisional else [],
        "latest": _told(told[-1], now) if told else None,
        "stages": _road(stage, thread, promise, now),
        "history": [
            {
                "at_text": words.short(entry.at, now),
                "who": words.who_for_customer(entry),
                "what": words.what_for_customer(entry),
                "text": entry.text,
            }
            for entry in reversed(public)
        ],
        "can_supplement": stage not in rules.OVER,
        "can_urge": stage not in rules.ANSWERED,
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


def _reached(thread: list[ComplaintEntry]) -> dict[str, ComplaintEntry]:
    """The last entry that brought the case to each stage."""
    return {entry.to_stage: entry for entry in thread if entry.to_stage}


def _road(stage: Stage, thread: list[ComplaintEntry], promise: Any, now: datetime) -> list[dict[str, Any]]:
    """The customer's steps. Closing is shown once it is near: before, it promises nothing to a customer."""
    reached, here = _reached(thread), rules.standing(stage)
    shown = ROAD if stage in (Stage.COMMUNICATED, Stage.CLOSED) else ROAD[:-1]
    steps = []
    for index, step in enumerate(shown):
        entry = reached.get(step.stage.value)
        state = "done" if index < here else "now" if index == here else "todo"
        if stage is Stage.WITHDRAWN:
            state = "done" if entry else "todo"
        note = ""
        if entry and step.stage is Stage.ACKNOWLEDGED:
            note = f"由{words.who_for_customer(entry)}负责"
        if step.stage is Stage.COMMUNICATED and state != "done" and promise and not promise.provisional:
            note = f"最晚 {zh_datetime(promise.due_at, now, relative=False)}"
        label = {"done": step.done, "now": step.now, "todo": step.ahead}[state]
        at_text = words.short(entry.at, now) if entry and state != "todo" else ""
        steps.append({"label": label, "state": state, "at_text": at_text, "note": note})
    if stage is Stage.WITHDRAWN:
        entry = reached[Stage.WITHDRAWN.value]
        steps = [step for step in steps if step["state"] == "done"]
        steps.append({"label": "已撤回", "state": "done", "at_text": words.short(entry.at, now), "note": ""})
    return steps


# --- the staff's case page ------------------------------------------------------------------------------


def case(session: Session, complaint: Complaint, now: datetime) -> dict[str, Any]:
    """Everything real about one case: rail, thread newest first, deadlines, what can be done."""
    stage = Stage(complaint.stage)
    thread = store.entries(session, complaint.id)
    clocks = [deadlines.describe(row, now) for row in deadlines.of(session, SUBJECT, complaint.id)]
    shown = [clock for clock in clocks if clock["kind"] in ("decide", "promise") or clock["open"]]
    main = next((clock for clock in clocks if clock["kind"] == "promise"), clocks[-1] if clocks else None)
    return {
        "number": complaint.number,
        "title": rules.title(complaint.description),
        "description": complaint.description,
        "remedy": complaint.remedy,
        "order_no": complaint.order_no,
        "contact_masked": mask_contact(complaint.contact_kind, complaint.contact),
        "customer": customers.card(session, complaint.customer_id, now),
        "conversation_id": complaint.conversation_id,
        "channel": complaint.channel,
        "stage": complaint.stage,
        "stage_text": stage.zh,
        "severity": complaint.severity,
        "category": complaint.category,
        "owner_id": complaint.owner_id,
        "owner_name": people.staff_name(session, complaint.owner_id) if complaint.owner_id else None,
        "urged": complaint.urged,
        "priority": complaint.priority,
        "filed_at": complaint.filed_at,
        "closed_at": complaint.closed_at,
        "receipt_url": proofs.receipt_url(complaint.id),
        "rail": _rail(stage, thread, clocks, now),
        "thread": [words.thread_line(entry, now) for entry in reversed(thread)],
        "clocks": shown,
        "main_clock": main,
        "paused": any(clock["tone"] == "paused" for clock in clocks),
        "actions": [action.value for action in rules.allowed(stage)],
        "others": [
            {
                "number": other.number,
                "stage_text": Stage(other.stage).zh,
                "title": rules.title(other.description),
            }
            for other in store.of_customer(session, complaint.customer_id)
            if other.id != complaint.id
        ][:5],
    }


def _rail(
    stage: Stage, thread: list[ComplaintEntry], clocks: list[dict[str, Any]], now: datetime
) -> list[dict[str, str]]:
    reached, here = _reached(thread), rules.standing(stage)
    due = {clock["kind"]: clock for clock in clocks if clock["open"]}
    ahead = {
        Stage.ACKNOWLEDGED: ("first_person", "最晚"),
        Stage.DECIDED: ("decide", "内部期限"),
        Stage.COMMUNICATED: ("promise", "承诺"),
    }
    steps = []
    for index, step in enumerate(ROAD):
        entry = reached.get(step.stage.value)
        state = "done" if index < here else "now" if index == here else "todo"
        if stage is Stage.WITHDRAWN:
            state = "done" if entry else "todo"
        note = ""
        if entry and (state == "done" or step.stage is stage):
            note = words.short(entry.at, now)
            if step.stage is stage is Stage.INVESTIGATING:
                note += " 起"
        elif step.stage in ahead and (clock := due.get(ahead[step.stage][0])):
            note = f"{ahead[step.stage][1]} {words.short(clock['due_at'], now)}"
            note += "，暂定" if clock["provisional"] else ""
        elif step.stage is Stage.CLOSED and state != "done":
            note = "结案后 7 天内可重开"
        elif state == "now":
            note = "等你处理"
        steps.append({"label": step.rail, "state": state, "note": note})
    return steps


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


# --- the list ---------------------------------------------------------------------------------------------

FILTERS = (("open", "未结"), ("overdue", "逾期"), ("today", "今天到期"), ("all", "全部"))


def counts(session: Session, now: datetime, owner_id: str | None = None) -> dict[str, int]:
    """How many cases each filter holds."""
    return {which: store.count_of(session, which, now, owner_id) for which, _ in FILTERS}


def due_today(session: Session, now: datetime) -> int:
    """How many open cases have something owed today: the number on the rail."""
    return store.count_of(session, "today", now)


def listing(
    session: Session,
    now: datetime,
    which: str = "open",
    owner_id: str | None = None,
    search: str = "",
    page: int = 1,
) -> dict[str, Any]:
    """One page of cases, by what is due next. ``page`` counts from 1."""
    which = which if which in dict(FILTERS) else "open"
    search = "".join(search.split()).upper()[:20]
    page = max(page, 1)
    total = store.count_of(session, which, now, owner_id, search)
    found = store.page_of(session, which, now, owner_id, search, (page - 1) * PAGE_SIZE, PAGE_SIZE)
    due = deadlines.of_many(session, SUBJECT, [complaint.id for complaint in found])
    rows = []
    for complaint in found:
        clocks = [deadlines.describe(row, now) for row in due[complaint.id]]
        owed = [clock for clock in clocks if clock["open"]]
        rows.append(
            {
                "number": complaint.number,
                "title": rules.title(complaint.description),
                "stage": complaint.stage,
                "stage_text": Stage(complaint.stage).zh,
                "customer_name": customers.name_of(session, complaint.customer_id),
                "owner_name": people.staff_name(session, complaint.owner_id) if complaint.owner_id else None,
                "urged": complaint.urged,
                "priority": complaint.priority,
                "severity": complaint.severity,
                "filed_at": complaint.filed_at,
                "filed_text": words.short(complaint.filed_at, now),
                "clock": owed[0] if owed else None,
                "late": any(clock["breached"] for clock in clocks),
            }
        )
    pages = max((total + PAGE_SIZE - 1) // PAGE_SIZE, 1)
    return {"rows": rows, "total": total, "page": page, "pages": pages, "which": which, "search": search}
