"""Major complaints (重大投诉): the emergency plan from the trigger to the closing report."""

import json
from datetime import timedelta
from typing import Any

import structlog

from backend.complaints import clocks, store
from backend.complaints.events import ComplaintBecameMajor
from backend.complaints.policy import policy
from backend.complaints.rules import OVER, Stage, missing
from backend.complaints.rules.major import CaseFacts, Trigger, evaluate
from backend.complaints.rules.policy import MajorRule
from backend.complaints.tables import Complaint, ComplaintTask, MajorPlan
from backend.complaints.thread import SUBJECT, append, locked, not_found
from backend.conversations import alerts
from backend.deadlines import service as deadlines
from backend.deadlines.events import DeadlineBreached, DeadlineNeared
from backend.infra import mail
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import Conflict, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people

log = structlog.get_logger(__name__)

PLAN = "major_plan"  # the subject kind of the update rhythm's deadline
RHYTHM = "major_update"  # its kind and its stage in the regime
# A major complaint stands before everything that is due at the same time, whatever else is urged.
PRIORITY = 10

REPORT_FIELDS = {
    "happened": "发生了什么",
    "done": "采取了什么措施",
    "cause": "根本原因",
    "result": "客户怎么说，结果如何",
    "prevention": "怎么防止再发生",
}


# --- judging ---------------------------------------------------------------------------------------


def judge(work: Work, complaint: Complaint, more: str = "") -> list[Trigger]:
    """Evaluate the rules now (at filing, supplement and assessment); what is newly met starts or joins the plan."""

    def customers(rule: MajorRule) -> int:
        if complaint.topic is None:
            return 0
        # One task group looks into one cause: while its plan runs, the next case of it is a case like any other.
        for plan in store.running_plans(work.session, complaint.topic):
            if plan.complaint_id != complaint.id and rule.key in {one["key"] for one in plan.triggers}:
                return 0
        return store.count_of_topic(work.session, complaint.topic, work.now - rule.window)[1]

    facts = CaseFacts(
        text=f"{complaint.description}\n{complaint.remedy}\n{more}",
        category=complaint.category,
        cause=complaint.topic,
        level=complaint.level,
        customers=customers,
    )
    found = evaluate(policy(), facts)
    plan = store.plan_of(work.session, complaint.id, lock=True)
    known = {one["key"] for one in plan.triggers} if plan else set()
    fresh = [one for one in found if one.key not in known]
    if fresh:
        _start(work, complaint, plan, fresh)
    return fresh


def declare(work: Work, number: str, why: str) -> Complaint:
    """A person judges it a major one, whatever the rules say. Raises Invalid, Conflict (``complaint_over``)."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    if not why.strip():
        raise missing("text", "请写明为什么按重大投诉办。")
    complaint = _locked(work, number)
    if Stage(complaint.stage) in OVER:
        raise Conflict("complaint_over", "这件投诉已经结束，不能再启动预案。")
    plan = store.plan_of(work.session, complaint.id, lock=True)
    if plan is not None and plan.closed_at is None:
        raise Conflict("plan_running", "这件已经在按重大投诉办。")
    _start(
        work, complaint, plan, [Trigger(f"declared_{work.now:%Y%m%d%H%M%S}", "人工判定", why.strip()[:200])]
    )
    return complaint


def _start(work: Work, complaint: Complaint, plan: MajorPlan | None, fresh: list[Trigger]) -> None:
    rows = [one.as_dict() for one in fresh]
    words = "；".join(f"{one.title}：{one.why}" for one in fresh)
    running = plan is not None and plan.closed_at is None
    if plan is None:
        owner = _first_owner(work, complaint)
        members = [one for one in dict.fromkeys((owner, complaint.owner_id)) if one]
        plan = MajorPlan(
            id=new_id(),
            complaint_id=complaint.id,
            triggers=rows,
            owner_id=owner,
            members=members,
            started_at=work.now,
        )
    else:
        plan.triggers = [*plan.triggers, *rows]
        plan.closed_at = plan.closed_by = None
    work.session.add(plan)
    work.flush()
    append(work, complaint, "major", text=words, triggers=[one.key for one in fresh])
    work.journal(
        "major_triggered", SUBJECT, complaint.id, number=complaint.number, triggers=[one.key for one in fresh]
    )
    if running:
        return
    if complaint.major_at is None:
        complaint.major_at = work.now
        complaint.priority += PRIORITY
    clocks.place(work, complaint)
    for step in policy().plan.get("first_steps", []):
        if plan.owner_id:
            work.session.add(
                ComplaintTask(
                    id=new_id(),
                    complaint_id=complaint.id,
                    what=str(step["what"]),
                    assignee_id=plan.owner_id,
                    due_at=work.now + timedelta(hours=float(step["hours"])),
                    created_by="major_plan",
                    created_at=work.now,
                )
            )
    _next_round(work, plan)
    _tell_the_top(work, complaint, f"{complaint.number} 启动重大投诉预案：{words}")
    work.record(
        ComplaintBecameMajor(
            at=work.now,
            complaint_id=complaint.id,
            number=complaint.number,
            triggers=tuple(one.key for one in fresh),
            owner_id=plan.owner_id,
        )
    )
    work.hint("complaints")


def _first_owner(work: Work, complaint: Complaint) -> str | None:
    """The case's owner when the role fits, else the first active person who has it: somebody answers at once."""
    role = str(policy().plan.get("owner_role", "manager"))
    able = sorted(one.id for one, roles in people.everybody(work.session) if one.active and role in roles)
    return complaint.owner_id if complaint.owner_id in able else next(iter(able), complaint.owner_id)


def _next_round(work: Work, plan: MajorPlan) -> None:
    """When the next update is owed, by the plan's regime; without one in force nobody is reminded."""
    try:
        row = deadlines.start(work, PLAN, plan.id, RHYTHM, str(policy().plan.get("regime", PLAN)), RHYTHM)
    except NotFound as error:
        work.journal("regime_missing", PLAN, plan.id, code=error.code)
        plan.next_update_at = None
    else:
        plan.next_update_at = row.due_at
    work.session.add(plan)


def _tell_the_top(work: Work, complaint: Complaint, words: str) -> None:
    """An alert on every manager's page, and a letter where the pack names addresses."""
    alerts.raise_alert(work, "complaint_major", complaint.number, words)
    for address in policy().plan.get("mail", []):
        # Numbers, rules and our own words: a letter leaves the house, a customer's words do not.
        mail.put(work, str(address), f"重大投诉 {complaint.number}", words[:500])


# --- working by the plan ----------------------------------------------------------------------------


def update(work: Work, number: str, text: str) -> MajorPlan:
    """Progress told to the top: kept in the timeline, and the next one is owed from now on."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    words = text.strip()
    if not words:
        raise missing("text", "请写下进展，哪怕是「还在等检测，16:00 再报」。")
    plan, complaint = _held(work, number)
    append(work, complaint, "plan_update", text=words)
    deadlines.meet(work, PLAN, plan.id, RHYTHM)
    _next_round(work, plan)
    alerts.resolve(work, "complaint_plan_late", complaint.number)
    _tell_the_top(work, complaint, f"{complaint.number} 进展，{work.actor.name}：{words[:120]}")
    work.hint("complaints")
    return plan


def set_team(work: Work, number: str, owner_id: str, members: list[str]) -> MajorPlan:
    """Who leads and who is in the task group. Raises NotFound (``staff_not_found``)."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    plan, complaint = _held(work, number)
    chosen = list(dict.fromkeys([owner_id, *members]))
    names = []
    for one in chosen:
        staff = people.staff_by_id(work.session, one)
        if staff is None or not staff.active:
            raise NotFound("staff_not_found", "没有这位同事，请重新选择。")
        names.append(staff.display_name)
    plan.owner_id, plan.members = owner_id, chosen
    work.session.add(plan)
    append(work, complaint, "plan_team", text="", owner_name=names[0], members=names)
    work.journal("major_team", SUBJECT, complaint.id, owner=owner_id, members=chosen)
    work.hint("complaints")
    return plan


def finish(work: Work, number: str, report: dict[str, str]) -> MajorPlan:
    """End the plan with its report: every part is owed. Raises Invalid naming each missing one."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    told = {key: str(report.get(key) or "").strip()[:4000] for key in REPORT_FIELDS}
    wrong = {key: f"请写「{title}」。" for key, title in REPORT_FIELDS.items() if not told[key]}
    if wrong:
        raise Invalid("field_missing", "结案报告还差几项：" + "".join(wrong.values()), fields=wrong)
    plan, complaint = _held(work, number)
    plan.report = json.dumps(told, ensure_ascii=False)
    _end(work, plan, complaint)
    append(work, complaint, "plan_closed", text=told["result"])
    work.journal("major_closed", SUBJECT, complaint.id, number=complaint.number)
    work.hint("complaints")
    return plan


def stand_down(work: Work, complaint: Complaint) -> None:
    """The case left the road (withdrawn, referred): no more updates are owed. The timeline stays."""
    plan = store.plan_of(work.session, complaint.id, lock=True)
    if plan is not None and plan.closed_at is None:
        _end(work, plan, complaint)
        append(work, complaint, "plan_closed", text="投诉已不在办，预案随之结束。")


def _end(work: Work, plan: MajorPlan, complaint: Complaint) -> None:
    deadlines.drop(work, PLAN, plan.id)
    plan.closed_at, plan.closed_by, plan.next_update_at = work.now, work.actor.id, None
    work.session.add(plan)
    for kind in ("complaint_major", "complaint_plan_late"):
        alerts.resolve(work, kind, complaint.number)


def on_deadline(work: Work, fact: DeadlineNeared | DeadlineBreached) -> None:
    """An update is nearly due, or late: the owner is reminded in the thread, the top is told of lateness."""
    plan = work.session.get(MajorPlan, fact.subject_id)
    if plan is None:
        return
    complaint = locked(work, plan.complaint_id)
    due = zh_datetime(fact.due_at, work.now, relative=False)  # kept: 今天 would mean another day tomorrow
    who = people.staff_name(work.session, plan.owner_id) if plan.owner_id else "负责人"
    if isinstance(fact, DeadlineNeared):
        append(work, complaint, "plan_reminded", text=f"{who}要在 {due} 前报进展。")
    else:
        append(work, complaint, "plan_late", text=f"{who}没有在 {due} 前报进展。")
        alerts.raise_alert(
            work,
            "complaint_plan_late",
            complaint.number,
            f"{complaint.number} 的进展应在 {due} 前报，还没有报。",
        )
    work.hint("complaints")


def _held(work: Work, number: str) -> tuple[MajorPlan, Complaint]:
    """Raises NotFound (``plan_not_found``), Conflict (``plan_over``)."""
    complaint = _locked(work, number)
    plan = store.plan_of(work.session, complaint.id, lock=True)
    if plan is None:
        raise NotFound("plan_not_found", "这件没有启动重大投诉预案。")
    if plan.closed_at is not None:
        raise Conflict("plan_over", "这件的预案已经结束。")
    return plan, complaint


def _locked(work: Work, number: str) -> Complaint:
    complaint_id = store.id_of(work.session, number.strip().upper())
    if complaint_id is None:
        raise not_found()
    return locked(work, complaint_id)


def report_of(plan: MajorPlan) -> dict[str, Any]:
    """The report's parts, empty ones for a plan that still runs."""
    return json.loads(plan.report) if plan.report else {}
