"""The supervisor's wall: who waits, who serves, how today goes. Numbers carry their n and open to their rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.conversations import alerts, glance
from backend.customers import service as customers
from backend.handoffs import callback_store, desk_store, hours, presence, rules, store, waits
from backend.handoffs.beside import initial
from backend.handoffs.groups import all_groups, group_name, keys_by_name
from backend.handoffs.rules import OnDuty, Reason, Status
from backend.handoffs.service import as_waiting
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date, shanghai_instant, zh_duration, zh_time
from backend.kernel.statistics import ENOUGH, Rate
from backend.people import service as people

# From asking for a person to that person's first word.
ANSWER_TARGET = rules.QUEUE_TARGET
GOAL = 0.8  # of the handoffs, within the target


def board(work: Work) -> dict[str, Any]:
    """Everything on the wall, at this instant. Raises Forbidden."""
    work.actor.require(Permission.DESK_SUPERVISE)
    session, now = work.session, work.now
    team = presence.on_duty(session, now)
    waiting, held = store.waiting(session), store.held(session)
    today = desk_store.asked_since(session, midnight(now))
    names = _names(session, [*waiting, *held])
    return {
        "at": now, "at_text": zh_time(now),
        "groups": _groups(session, waiting, team, names, now),
        "waiting": len(waiting),
        "longest": rules.queue_clock(min(one.requested_at for one in waiting), now) if waiting else None,
        "people": _people(session, team, held, names, now),
        "held": len(held), "there": sum(1 for one in team if one.offered),
        "level": shown(service_level(today, now), GOAL), "target_text": zh_duration(ANSWER_TARGET),
        "left": shown(abandoned(today)),
        "asked_today": len(today),
        "estimate": estimate(today), "callbacks": callbacks_due(session, now),
        "alerts": [{"kind": alerts.title_of(one.kind), "text": one.detail or one.subject, "count": one.count,
                    "at_text": zh_time(one.last_at)} for one in alerts.still_open(session)[:6]],
    }


def midnight(now: datetime) -> datetime:
    """The beginning of today, in Shanghai."""
    day = shanghai_date(now)
    return shanghai_instant(day.year, day.month, day.day)


# --- how today goes -------------------------------------------------------------------------------


def answered_in(one: Handoff) -> timedelta | None:
    """From asking to the first word of a person."""
    return one.first_reply_at - one.requested_at if one.first_reply_at else None


def judged(one: Handoff, now: datetime) -> bool | None:
    """Whether it was answered within the target; None while that is open, or where the customer left before it."""
    took = answered_in(one)
    if took is not None:
        return took <= ANSWER_TARGET
    late = (one.ended_at or now) - one.requested_at > ANSWER_TARGET
    return False if late else None


def service_level(today: Sequence[Handoff], now: datetime) -> Rate:
    """Answered within the target, of all whose case is clear: answered, or beyond the target without an answer."""
    clear = [found for found in (judged(one, now) for one in today) if found is not None]
    return Rate(sum(clear), len(clear))


def abandoned(today: Sequence[Handoff]) -> Rate:
    """Closed by the customer in the queue, of all that are not waiting any more. Going back to the bot by one's own
    wish is no abandoning."""
    settled = [one for one in today if one.taken_at is not None or one.ended_at is not None]
    return Rate(sum(1 for one in settled if one.outcome == "abandoned"), len(settled))


def callbacks_due(session: Session, now: datetime) -> dict[str, int]:
    """Messages left and calls asked for: how many are open, late, due today."""
    found = callback_store.still_open(session)
    return {"open": len(found), "late": sum(1 for one in found if one.due_at and one.due_at < now),
            "today": sum(1 for one in found if one.due_at and shanghai_date(one.due_at) == shanghai_date(now))}


def promised(today: Sequence[Handoff]) -> list[tuple[Handoff, float]]:
    """Who was told a time and then taken: with the seconds that they waited."""
    return [(one, (one.taken_at - one.requested_at).total_seconds())
            for one in today if one.eta_seconds is not None and one.taken_at is not None]


def estimate(today: Sequence[Handoff]) -> dict[str, Any] | None:
    """By how much the promised waits were off; None before the first."""
    found = waits.judge([(float(one.eta_seconds or 0), waited) for one, waited in promised(today)])
    if found.mean_error is None or found.bias is None:
        return None
    return {"text": zh_duration(found.mean_error), "n": found.n, "enough": found.n >= ENOUGH,
            "held_text": f"守住 {found.held.k} 次（晚不到 {zh_duration(waits.NEAR_ENOUGH)}）",
            "bias_text": "" if abs(found.bias) < 30 else f"平均{'少' if found.bias > 0 else '多'}报 {zh_duration(found.bias)}"}


def shown(rate: Rate, goal: float | None = None) -> dict[str, Any]:
    """A share as pages show it; a verdict only where there are enough to judge by."""
    low, high = rate.interval or (None, None)
    missed = goal is not None and rate.enough and high is not None and high < goal
    return {
        "k": rate.k, "n": rate.n, "percent": rate.percent(0) if rate.n else "无数据", "enough": rate.enough,
        "interval": f"{low * 100:.0f}%–{high * 100:.0f}%" if low is not None and high is not None else "",
        "goal": f"{goal * 100:.0f}%" if goal is not None else "", "missed": missed,
    }


# --- queue and people -----------------------------------------------------------------------------


def _names(session: Session, rows: Sequence[Handoff]) -> dict[str, Any]:
    """Conversation → (customer's name, conversation)."""
    seen = glance.glances(session, {one.conversation_id for one in rows})
    called = customers.names_of(session, {one.conversation.customer_id for one in seen.values()})
    return {key: (called[one.conversation.customer_id], one) for key, one in seen.items()}


def _groups(session: Session, waiting: Sequence[Handoff], team: Sequence[OnDuty], names: dict[str, Any],
            now: datetime) -> list[dict[str, Any]]:
    rows = {one.id: one for one in waiting}
    order = rules.in_order(map(as_waiting, waiting), now)
    found = []
    for group in all_groups().values():
        mine = [rows[place.id] for place in order if rows[place.id].skill_group == group.key]
        serving = [one for one in team if one.serves(group.key)]
        first = mine[0] if mine else None
        found.append({
            "key": group.key, "name": group.name, "waiting": len(mine), "open": hours.is_open(session, group.key, now),
            "longest": rules.queue_clock(min(one.requested_at for one in mine), now) if mine else None,
            "next": None if first is None else {
                "conversation_id": first.conversation_id, "name": names[first.conversation_id][0],
                "why": Reason.of(first.reason).zh, "urgent": first.priority >= rules.URGENT},
            "serving": sum(1 for one in serving if one.offered), "free": sum(one.free for one in serving),
        })
    return found


def _people(session: Session, team: Sequence[OnDuty], held: Sequence[Handoff], names: dict[str, Any],
            now: datetime) -> list[dict[str, Any]]:
    """Everybody who is there or holds something: status and since when, load, the oldest unanswered word."""
    there = {one.id: one for one in team}
    shown_people = []
    for row in store.presences(session):
        own = [one for one in held if one.taken_by == row.staff_id]
        if row.staff_id not in there and not own:
            continue
        staff = people.staff_by_id(session, row.staff_id)
        if staff is None:
            continue
        status = Status(row.status) if row.staff_id in there else Status.OFFLINE
        talks = sorted((_talk(one, names, now) for one in own), key=lambda talk: (
            talk["waiting_since"] is None, talk["waiting_since"] or now))
        oldest = next((talk for talk in talks if talk["waiting_since"]), None)
        shown_people.append({
            "id": staff.id, "name": staff.display_name, "initial": initial(staff.display_name),
            "status": status.value, "status_text": status.zh, "since": row.since,
            "reason_text": rules.BREAKS.get(row.reason or "", "") if status is Status.BREAK else "",
            "since_text": rules.minutes_seconds(now - row.since), "load": len(own), "capacity": row.capacity,
            "full": len(own) >= row.capacity, "gone": row.staff_id not in there, "talks": talks,
            "oldest": oldest["clock"] if oldest else None,
            "groups_text": "、".join(group_name(key) for key in sorted(
                rules.groups_served(staff.skill_groups, keys_by_name()))) or "全部",
        })
    ranks = {Status.ONLINE.value: 0, Status.BUSY.value: 1, Status.BREAK.value: 2, Status.OFFLINE.value: 3}
    return sorted(shown_people, key=lambda one: (ranks[one["status"]], one["name"]))


def _talk(one: Handoff, names: dict[str, Any], now: datetime) -> dict[str, Any]:
    name, seen = names[one.conversation_id]
    since = seen.conversation.waiting_since
    return {"conversation_id": one.conversation_id, "name": name, "waiting_since": since,
            "clock": rules.reply_clock(since, now)}
