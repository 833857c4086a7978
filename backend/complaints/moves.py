"""Acts on a complaint along the table of stages: each with its guard, its actor, its time and its reason."""

from typing import Any

from backend.complaints import clocks, major, merging, replies, rules, store
from backend.complaints.events import ComplaintMoved
from backend.complaints.learning import whys
from backend.complaints.learning.books import causes
from backend.complaints.policy import policy
from backend.complaints.rules import Action, Stage
from backend.complaints.rules.policy import assess, check_category, check_unit
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, append, locked, not_found
from backend.deadlines import service as deadlines
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Conflict, Invalid, NotFound

# What an entry keeps of an act, beside its words.
KEPT = (
    "category",
    "unit",
    "outcome",
    "channel",
    "other_ways",
    "remedy_cost",
    "cause",
    "referred_to",
    "into",
    "ratings",
    "score",
    "level",
    "script_key",
    "script_version",
    "script_version_id",
    "edited",
    "approved_text",
)


def move(work: Work, number: str, action: str, text: str = "", **detail: Any) -> Complaint:
    """One action of the table, or one on the clocks, by a member of staff, with its reason.

    ``detail``: severity, complexity, impact, urgency, category, unit (assess); outcome, other_ways,
    remedy_cost (decide); channel, script (communicate); cause (close); into (merge); referred_to (refer);
    reason (pause); kind, working_days, requested_by (extend); public_text (an update that the customer reads,
    any action). Raises NotFound, Forbidden, Conflict (``move_not_allowed`` and the guards' own codes), Invalid.
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
    return advance(work, complaint_id, act, text, detail)


def advance(work: Work, complaint_id: str, act: Action, text: str, detail: dict[str, Any]) -> Complaint:
    """The move itself; whoever calls has judged that this actor may make it."""
    text = text.strip()
    if act is Action.MERGE:
        into_id = merging.target(work, str(detail.get("into") or ""))
        # Two cases are taken in one order whichever is merged into which, or two merges would lock each other.
        for one in sorted({complaint_id, into_id}):
            clocks.hold(work, one)
        held = {one: locked(work, one) for one in sorted({complaint_id, into_id})}
        complaint = held[complaint_id]
        _in_table(complaint, act)
        merging.check(work, complaint, held[into_id])
        detail = {**detail, "into": held[into_id].number, "into_id": into_id}
    else:
        clocks.hold(work, complaint_id)
        complaint = locked(work, complaint_id)
    if act in rules.CLOCK_ACTIONS:
        clocks.touch(work, complaint, act, text, detail)
    else:
        _change_stage(work, complaint, act, text, detail)
    work.hint("complaints")
    return complaint


def _in_table(complaint: Complaint, act: Action) -> None:
    """An impossible move is said to be one, before anything is said of its fields."""
    stage = Stage(complaint.stage)
    if act not in rules.LIFECYCLE.actions(stage):
        rules.LIFECYCLE.next(stage, act)  # raises move_not_allowed


def _change_stage(work: Work, complaint: Complaint, act: Action, text: str, detail: dict[str, Any]) -> None:
    _in_table(complaint, act)
    before = Stage(complaint.stage)
    public_text = str(detail.pop("public_text", "") or "").strip()
    told_in = detail.pop("told_in", None)
    detail = _PREPARE.get(act, _as_given)(work, complaint, text, detail)
    facts = {**detail, "text": text, "now": work.now, "closed_at": complaint.closed_at}
    after = rules.LIFECYCLE.next(before, act, reopen_days=policy().reopen_days, **facts)
    _write(complaint, act, detail)
    complaint.stage = after.value
    complaint.closed_at = work.now if after in rules.OVER else None
    if complaint.owner_id is None and work.actor.is_staff:
        complaint.owner_id = work.actor.id
    work.session.add(complaint)
    if act is Action.REFER and not public_text:
        public_text = f"这件投诉由{detail['referred_to']}办理，我们已经转过去。{text}"
    # What the customer was told is public by its nature, and so are the customer's own words; other reasons
    # stay inside.
    open_words = act is Action.COMMUNICATE or (not work.actor.is_staff)
    kept = {key: detail[key] for key in KEPT if detail.get(key) not in (None, "", {}, [])}
    append(
        work, complaint, act.value, from_stage=before, to_stage=after, public=open_words, text=text, **kept
    )
    if public_text:
        append(work, complaint, "update", public=True, text=public_text)
    _clocks_after(work, complaint, act)
    if act is Action.COMMUNICATE:
        merging.pass_on(work, complaint, text)
    elif act is Action.MERGE:
        merging.tie(work, complaint, str(detail["into_id"]), text)
    elif act is Action.ASSESS:
        major.judge(work, complaint)
    _report(work, complaint, act, before, after, public_text or (text if open_words else ""), kept, told_in)


def _clocks_after(work: Work, complaint: Complaint, act: Action) -> None:
    clocks.keep(work, complaint, rules.KEEPS.get(act, ()))
    if act is Action.WITHDRAW:
        clocks.drop(work, complaint)
    if act in (Action.WITHDRAW, Action.REFER):
        major.stand_down(work, complaint)
    if act is Action.REOPEN:
        clocks.start_again(work, complaint)
    if complaint.closed_at is not None:
        complaint.suspended = None
    clocks.refresh(work, complaint)


def _report(
    work: Work,
    complaint: Complaint,
    act: Action,
    before: Stage,
    after: Stage,
    told: str,
    kept: dict[str, Any],
    told_in: str | None,
) -> None:
    codes = (
        "category",
        "unit",
        "outcome",
        "channel",
        "score",
        "level",
        "cause",
        "remedy_cost",
        "into",
        "script_key",
        "script_version",
        "edited",
    )
    work.journal(
        f"complaint_{act.value}",
        SUBJECT,
        complaint.id,
        number=complaint.number,
        from_stage=before.value,
        to_stage=after.value,
        **{key: kept[key] for key in codes if key in kept},
    )
    work.record(
        ComplaintMoved(
            at=work.now,
            complaint_id=complaint.id,
            number=complaint.number,
            action=act.value,
            from_stage=before.value,
            to_stage=after.value,
            public_text=told,
            by=work.actor.kind,
            told_in=told_in,
            channel=complaint.channel,
            owner_id=complaint.owner_id,
            category=complaint.category,
            severity=complaint.severity,
            level=complaint.level,
            unit=complaint.unit,
            product=complaint.product,
            outcome=complaint.outcome,
            cause=complaint.cause,
            remedy_cost=complaint.remedy_cost,
        )
    )


# --- what each action needs to be prepared with ------------------------------------------------------------------


def _as_given(work: Work, complaint: Complaint, text: str, detail: dict[str, Any]) -> dict[str, Any]:
    return detail


def _assessed(work: Work, complaint: Complaint, text: str, detail: dict[str, Any]) -> dict[str, Any]:
    rating = assess(policy(), detail)
    return detail | {
        "ratings": dict(rating.ratings),
        "score": rating.score,
        "level": rating.level.key,
        "category": check_category(policy(), detail.get("category")) or complaint.category,
        "unit": check_unit(policy(), detail.get("unit")) or complaint.unit,
    }


def _decided(work: Work, complaint: Complaint, text: str, detail: dict[str, Any]) -> dict[str, Any]:
    cost = detail.get("remedy_cost")
    if cost is not None and not 0 <= int(cost) <= 20_000_000_00:  # the column holds 32 bits
        message = "补偿成本写不对，请填元数，例如 128.50。"
        raise Invalid("bad_cost", message, fields={"remedy_cost": message})
    return detail


def _told(work: Work, complaint: Complaint, text: str, detail: dict[str, Any]) -> dict[str, Any]:
    return detail | replies.proof(work, complaint, str(detail.get("script") or ""), text)


def _closed(work: Work, complaint: Complaint, text: str, detail: dict[str, Any]) -> dict[str, Any]:
    waiting = [one for one in store.tasks(work.session, complaint.id) if one.done_at is None]
    if waiting:
        raise Conflict("tasks_open", f"还有 {len(waiting)} 项任务没完成，先完成再结案。")
    plan = store.plan_of(work.session, complaint.id)
    if plan is not None and plan.closed_at is None:
        raise Conflict("plan_open", "重大投诉预案还没结束，先写结案报告再结案。")
    # What ran late is explained, and a severe case has its root cause, before it leaves anybody's desk.
    deadlines.require_causes(work, SUBJECT, complaint.id)
    whys.guard_closing(work.session, complaint)
    if detail.get("cause"):
        causes().check(str(detail["cause"]))
    return detail


_PREPARE = {
    Action.ASSESS: _assessed,
    Action.DECIDE: _decided,
    Action.COMMUNICATE: _told,
    Action.CLOSE: _closed,
}


def _write(complaint: Complaint, act: Action, detail: dict[str, Any]) -> None:
    """The columns that mirror an act."""
    if act is Action.ASSESS:
        before, after = policy().level_of(complaint.level), policy().level_of(detail["level"])
        complaint.priority += (after.priority if after else 0) - (before.priority if before else 0)
        complaint.ratings, complaint.severity = detail["ratings"], detail["score"]
        complaint.level = detail["level"]
        complaint.category, complaint.unit = detail["category"], detail["unit"]
        complaint.topic = complaint.category or complaint.topic
    elif act is Action.DECIDE:
        complaint.outcome = detail["outcome"]
        complaint.remedy_cost = detail.get("remedy_cost", complaint.remedy_cost)
    elif act is Action.CLOSE:
        complaint.cause = detail.get("cause") or complaint.cause
    elif act is Action.MERGE:
        complaint.merged_into_id = detail["into_id"]
