"""The rows behind the wall's numbers: one table a number, each row opens its conversation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backend.conversations import glance
from backend.customers import service as customers
from backend.handoffs import callback_store, callbacks, desk_store, rules, store, wall
from backend.handoffs.groups import group_name
from backend.handoffs.rules import Reason
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_duration, zh_time
from backend.people import service as people

NAMES = {
    "waiting": "排队的客户", "held": "正在接待的会话", "asked": "今天要人工的", "level": "今天多快有人答",
    "late": "今天没有按时答的", "left": "今天排队中离开的", "waits": "今天报过的等待时间", "callbacks": "没办的回电和留言",
}


def rows(work: Work, name: str, group: str = "", staff: str = "") -> dict[str, Any]:
    """Raises Forbidden."""
    work.actor.require(Permission.DESK_SUPERVISE)
    session, now = work.session, work.now
    if name == "callbacks":
        return {"kind": name, "rows": [callbacks.describe(session, one, work.actor.id, now)
                                       for one in callback_store.still_open(session)]}
    if name == "waits":
        return {"kind": name, "rows": _waits(work)}
    if name == "waiting":
        found: Sequence[Handoff] = [one for one in store.waiting(session) if group in ("", one.skill_group)]
    elif name == "held":
        found = [one for one in store.held(session) if staff in ("", one.taken_by)]
    else:
        found = _today(work, name)
    seen = glance.glances(session, {one.conversation_id for one in found})
    names = customers.names_of(session, {one.conversation.customer_id for one in seen.values()})
    shown = [_row(work, one, names[seen[one.conversation_id].conversation.customer_id], now) for one in found]
    return {"kind": "handoffs", "rows": sorted(shown, key=lambda row: row["requested_at"], reverse=name not in ("waiting", "held"))}


def _today(work: Work, name: str) -> list[Handoff]:
    now = work.now
    today = desk_store.asked_since(work.session, wall.midnight(now))
    match name:
        case "level":
            return [one for one in today if wall.judged(one, now) is not None]
        case "late":
            return [one for one in today if wall.judged(one, now) is False]
        case "left":
            return [one for one in today if one.outcome == "abandoned"]
    return list(today)


def _waits(work: Work) -> list[dict[str, Any]]:
    """What was promised and what it took, the worst first."""
    found = [(one, waited, waited - float(one.eta_seconds or 0)) for one, waited in
             wall.promised(desk_store.asked_since(work.session, wall.midnight(work.now)))]
    seen = glance.glances(work.session, {one.conversation_id for one, _, _ in found})
    names = customers.names_of(work.session, {one.conversation.customer_id for one in seen.values()})
    return [{
        "conversation_id": one.conversation_id, "name": names[seen[one.conversation_id].conversation.customer_id],
        "at_text": zh_time(one.requested_at), "promised_text": zh_duration(one.eta_seconds or 0),
        "waited_text": zh_duration(waited), "error_text": ("多等 " if off > 0 else "少等 ") + zh_duration(off),
    } for one, waited, off in sorted(found, key=lambda row: -abs(row[2]))]


def _row(work: Work, one: Handoff, name: str, now: datetime) -> dict[str, Any]:
    took = wall.answered_in(one)
    judged = wall.judged(one, now)
    ends = {**rules.OUTCOMES, **rules.OTHER_ENDS}
    return {
        "conversation_id": one.conversation_id, "name": name, "why": Reason.of(one.reason).zh,
        "group": group_name(one.skill_group), "requested_at": one.requested_at, "at_text": zh_time(one.requested_at),
        "waited_text": zh_duration((one.taken_at or one.ended_at or now) - one.requested_at),
        "answered_text": zh_duration(took) if took is not None else "",
        "verdict": {True: "按时", False: "超时", None: ""}[judged], "late": judged is False,
        "by": people.staff_name(work.session, one.taken_by) if one.taken_by else "",
        "end": ends.get(one.outcome, one.outcome) if one.outcome else
        ("接待中" if one.taken_at else "排队中"),
    }
