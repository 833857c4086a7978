"""What staff read of one case: rail, thread, clocks, tasks, evidence, relatives, plan. Reads only."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints import closing, duplicates, evidence, major, proofs, rules, store, words
from backend.complaints.policy import policy
from backend.complaints.receipt_view import reached_of
from backend.complaints.rules import ROAD, Stage
from backend.complaints.rules.words import LEFT_THE_ROAD
from backend.complaints.tables import Complaint, ComplaintEntry, ComplaintFile, ComplaintTask
from backend.complaints.thread import SUBJECT
from backend.conversations.hiding import hide_secrets
from backend.customers import service as customers
from backend.deadlines import service as deadlines
from backend.kernel.clock import zh_datetime
from backend.kernel.masking import mask_contact
from backend.people import service as people


def case(session: Session, complaint: Complaint, now: datetime) -> dict[str, Any]:
    """Everything real about one case: rail, thread newest first, deadlines, what can be done."""
    stage = Stage(complaint.stage)
    thread = store.entries(session, complaint.id)
    known = policy()
    level = known.level_of(complaint.level)
    suspended = known.pauses.get(complaint.suspended or "")
    into = store.by_id(session, complaint.merged_into_id) if complaint.merged_into_id else None
    merged = store.merged_into(session, complaint.id)
    hidden = {complaint.id, *(one.id for one in merged)}
    duplicates_found = (
        []
        if into
        else [
            match
            for match in duplicates.probable(
                session,
                now,
                customer_id=complaint.customer_id,
                contact=complaint.contact,
                order_no=complaint.order_no,
                description=complaint.description,
                but=complaint.id,
            )
            if match.complaint.id not in hidden
        ][:3]
    )
    alike, alike_count = duplicates.similar(session, complaint)
    clocks = [deadlines.describe(row, now) for row in deadlines.of(session, SUBJECT, complaint.id)]
    shown = [clock for clock in clocks if clock["kind"] in ("decide", "promise") or clock["open"]]
    main = next((clock for clock in clocks if clock["kind"] == "promise"), clocks[-1] if clocks else None)
    return {
        "number": complaint.number,
        "title": rules.title(complaint.description),
        "description": hide_secrets(complaint.description),
        "remedy": hide_secrets(complaint.remedy),
        "order_no": complaint.order_no,
        "contact_masked": mask_contact(complaint.contact_kind, complaint.contact),
        "customer": customers.card(session, complaint.customer_id, now),
        "conversation_id": complaint.conversation_id,
        "channel": complaint.channel,
        "stage": complaint.stage,
        "stage_text": stage.zh,
        "severity": complaint.severity,
        "ratings": complaint.ratings,
        "level": complaint.level,
        "level_text": level.title if level else "",
        "category": complaint.category,
        "category_text": known.category_title(complaint.category),
        "guess": None if complaint.category else complaint.topic,
        "unit": complaint.unit,
        "unit_text": known.units.get(complaint.unit or "", ""),
        "product": complaint.product,
        "outcome": complaint.outcome,
        "remedy_cost": complaint.remedy_cost,
        "cause": complaint.cause,
        "channel_text": known.channels.get(complaint.channel, ""),
        "merged_into": into.number if into else None,
        "merged": [{"number": one.number, "title": rules.title(one.description)} for one in merged],
        "suspended_text": suspended.title if suspended else "",
        "resumes_itself": bool(suspended and suspended.resumes_on == "customer"),
        "tasks": [_task(session, task, now) for task in store.tasks(session, complaint.id)],
        "files": [_file(one, now) for one in store.files(session, complaint.id)],
        "plan": plan_of(session, complaint, now),
        "duplicates": [_match(match, now) for match in duplicates_found],
        "similar": [_match(match, now) for match in alike],
        "similar_count": alike_count,
        "open": complaint.closed_at is None,
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
        "unexplained": closing.unexplained(session, complaint, now),
        "closing": closing.demands(session, complaint, now) if stage is Stage.COMMUNICATED else None,
        "breach_causes": list(deadlines.BREACH_CAUSES.items()),
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
    reached, here = reached_of(thread), rules.standing(stage)
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
        if stage in LEFT_THE_ROAD:
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
            note = f"结案后 {policy().reopen_days} 天内可重开"
        elif state == "now":
            note = "等你处理"
        steps.append({"label": step.rail, "state": state, "note": note})
    return steps


def _task(session: Session, task: ComplaintTask, now: datetime) -> dict[str, Any]:
    return {
        "id": task.id,
        "what": task.what,
        "who": people.staff_name(session, task.assignee_id),
        "assignee_id": task.assignee_id,
        "due_text": zh_datetime(task.due_at, now),
        "late": task.done_at is None and now > task.due_at,
        "done": task.done_at is not None,
        "done_text": words.short(task.done_at, now) if task.done_at else "",
        "done_by": people.staff_name(session, task.done_by) if task.done_by else "",
        "result": task.result or "",
    }


def _file(one: ComplaintFile, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "word": evidence.word(one.kind),
        "image": one.kind.startswith("image/"),
        "who": "客户" if one.from_customer else one.actor_name,
        "at_text": words.short(one.at, now),
        "size_text": f"{one.size / 1024 / 1024:.1f} MB"
        if one.size >= 1_000_000
        else f"{one.size // 1024 + 1} KB",
    }


def _match(match: duplicates.Match, now: datetime) -> dict[str, Any]:
    other = match.complaint
    return {
        "number": other.number,
        "title": rules.title(other.description),
        "stage_text": Stage(other.stage).zh,
        "why": match.likeness.why,
        "percent": match.likeness.percent,
        "filed_text": words.short(other.filed_at, now),
        "mergeable": match.likeness.same_person and Stage(other.stage) not in rules.ANSWERED,
    }


def plan_of(session: Session, complaint: Complaint, now: datetime) -> dict[str, Any] | None:
    """The emergency plan as the case page, the list and the printed report show it."""
    plan = store.plan_of(session, complaint.id)
    if plan is None:
        return None
    timeline = [
        words.thread_line(entry, now)
        for entry in store.entries(session, complaint.id)
        if entry.kind not in ("told", "note") and entry.at >= plan.started_at
    ]
    report = major.report_of(plan)
    return {
        "open": plan.closed_at is None,
        "triggers": plan.triggers,
        "owner_id": plan.owner_id,
        "owner_name": people.staff_name(session, plan.owner_id) if plan.owner_id else "",
        "members": [people.staff_name(session, one) for one in plan.members],
        "member_ids": plan.members,
        "started_text": words.short(plan.started_at, now),
        "started_at": plan.started_at,
        "closed_at": plan.closed_at,
        "next_text": zh_datetime(plan.next_update_at, now) if plan.next_update_at else "",
        "late": plan.next_update_at is not None and now > plan.next_update_at,
        "closed_text": words.short(plan.closed_at, now) if plan.closed_at else "",
        "closed_by": people.staff_name(session, plan.closed_by) if plan.closed_by else "",
        "report": [(title, report.get(key, "")) for key, title in major.REPORT_FIELDS.items()],
        "timeline": timeline,
        "updates": [line for line in reversed(timeline) if line["kind"] == "plan_update"][:3],
    }
