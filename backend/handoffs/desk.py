"""What the desk's left column shows: my conversations, the queue, questions, tasks, and me. Reads only."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.conversations import glance
from backend.conversations.glance import Glance
from backend.customers import service as customers
from backend.handoffs import callbacks, consulting, followups, offer_store, presence, rules, store
from backend.handoffs.beside import initial, side, suggestions
from backend.handoffs.groups import group_name
from backend.handoffs.routing_tables import Offer
from backend.handoffs.rules import OnDuty, Reason, Status
from backend.handoffs.service import as_waiting
from backend.handoffs.tables import Handoff
from backend.handoffs.talk import colleagues, messages, room
from backend.infra.work import Work
from backend.kernel.clock import shanghai_date, shanghai_instant, zh_duration
from backend.people import service as people
from backend.scripts import proposals

# One door for callers: the lists, one conversation, what stands beside it.
__all__ = ["colleagues", "desk", "messages", "my_proposals", "room", "side", "suggestions"]

LAST_WORDS = 80


def desk(work: Work) -> dict[str, Any]:
    """The acting agent's list, the queue in the order of serving, questions, tasks, presence and counts.

    However many rows there are, conversations, last words and names are read in one query each.
    """
    session, now, me = work.session, work.now, work.actor.id
    team = presence.on_duty(session, now)
    held, waiting = store.held_by(session, me), store.waiting(session)
    at_a_glance = glance.glances(session, {one.conversation_id for one in (*held, *waiting)})
    names = customers.names_of(session, {one.conversation.customer_id for one in at_a_glance.values()})
    mine = sorted((_row(one, at_a_glance, names, now) for one in held),
                  key=lambda row: (row["waiting_since"] is None, row["waiting_since"] or row["last_at"]))
    queue = _queue(session, me, team, waiting, at_a_glance, names, now)
    to_do = followups.mine(session, me, now)
    return {
        "me": _me(session, me, len(held), team, now),
        "offers": [row for row in queue if row["offer_id"] is not None],
        "mine": mine,
        "queue": queue,
        "asked": consulting.asked_of_me(session, me, now),
        "to_do": to_do,
        "callbacks": callbacks.open_for_team(session, me, now),
        "edits": proposals.counts_of(session, me),
        "counts": {
            "mine": len(mine), "waiting": sum(1 for row in mine if row["waiting_since"] is not None),
            "queue": len(queue), "online": sum(1 for one in team if one.offered),
            "to_do_late": sum(1 for row in to_do if row["tone"] == "breached"),
            "longest_text": max(((row["requested_at"], row["clock"].text) for row in queue),
                                key=lambda pair: -pair[0].timestamp(), default=(None, ""))[1],
        },
    }


def _me(session: Session, staff_id: str, load: int, team: list[OnDuty], now: datetime) -> dict[str, Any]:
    row = store.presence(session, staff_id)
    status = Status(row.status) if row else Status.OFFLINE
    return {
        "status": status.value, "status_text": rules.BREAKS.get(row.reason or "", status.zh) if row else status.zh, "since": row.since if row else now,
        "since_text": rules.minutes_seconds(now - row.since) if row else "0:00",
        "reason": row.reason if row else None, "reason_text": rules.BREAKS.get(row.reason or "", "") if row else "",
        "load": load, "capacity": row.capacity if row else rules.CAPACITY,
        "there": any(one.id == staff_id for one in team),
        "notice": row.notice if row else None, "today_text": _today(session, staff_id, now),
        "choices": [{"value": one.value, "text": one.zh, "reasons":
                     [{"value": key, "text": name} for key, name in rules.BREAKS.items()] if one is Status.BREAK else []}
                    for one in Status],
    }


def _today(session: Session, staff_id: str, now: datetime) -> str:
    """Time kept today in each status but offline, what there was of it."""
    day = shanghai_date(now)
    kept = presence.times(session, staff_id, shanghai_instant(day.year, day.month, day.day), now)
    return "，".join(f"{one.zh} {zh_duration(kept[one.value])}" for one in Status
                    if one is not Status.OFFLINE and kept.get(one.value, 0) >= 60)


def _row(handoff: Handoff, at_a_glance: Mapping[str, Glance], names: Mapping[str, str], now: datetime) -> dict[str, Any]:
    seen = at_a_glance[handoff.conversation_id]
    conversation = seen.conversation
    name = names[conversation.customer_id]
    visits = int(handoff.known.get("visits", 1))
    return {
        "conversation_id": conversation.id, "name": name, "initial": initial(name), "channel": conversation.channel,
        "reason": handoff.reason, "reason_text": Reason.of(handoff.reason).zh,
        "last_text": ("你：" if seen.sender == "agent" else "") + seen.text[:LAST_WORDS],
        "last_seq": conversation.last_seq, "last_at": conversation.last_message_at,
        "unread": conversation.last_seq > conversation.agent_read_seq and conversation.waiting_since is not None,
        "waiting_since": conversation.waiting_since, "clock": rules.reply_clock(conversation.waiting_since, now),
        "urgent": handoff.priority >= rules.URGENT, "visits": visits, "repeat": visits >= rules.REPEAT_VISITS,
        "find": " ".join([name, *handoff.known.get("order_nos", []), *handoff.known.get("complaint_nos", [])]),
        "requested_at": handoff.requested_at,
    }


def _queue(session: Session, me: str, team: list[OnDuty], waiting: Iterable[Handoff],
           at_a_glance: Mapping[str, Glance], names: Mapping[str, str], now: datetime) -> list[dict[str, Any]]:
    rows = {row.id: row for row in waiting}
    own = next((one for one in team if one.id == me), None)
    offered = _standing(session, now)
    queue = []
    for place in rules.in_order(map(as_waiting, rows.values()), now):
        handoff = rows[place.id]
        row = _row(handoff, at_a_glance, names, now)
        repeat = row["repeat"] and handoff.reason == Reason.CUSTOMER_REQUEST
        queue.append(row | {
            "clock": rules.queue_clock(handoff.requested_at, now), "requested_at": handoff.requested_at,
            "why": f"14 天内第 {row['visits']} 次来" if repeat else row["reason_text"],
            "group_text": group_name(handoff.skill_group), "for_me": handoff.preferred_id == me,
            "suits": own is not None and rules.suits(place, own, team, now),
            "passed_by": people.staff_name(session, handoff.passed_by) if handoff.passed_by else None,
            **_offer(session, offered.get(handoff.id), me, now),
        })
    return queue


def _standing(session: Session, now: datetime) -> dict[str, Offer]:
    """Offers that stand, by handoff."""
    return {one.handoff_id: one for one in offer_store.still_open(session) if one.expires_at > now}


def _offer(session: Session, offer: Offer | None, me: str, now: datetime) -> dict[str, Any]:
    """Whether this place in the queue is held out to somebody now; with what the acting agent needs to take it."""
    if offer is None:
        return {"offer_id": None, "offered_to": None}
    if offer.staff_id != me:
        return {"offer_id": None, "offered_to": people.staff_name(session, offer.staff_id)}
    left = (offer.expires_at - now).total_seconds()
    return {"offer_id": offer.id, "offered_to": "你", "expires_at": offer.expires_at, "seconds_left": max(0, round(left)),
            "seconds": round((offer.expires_at - offer.offered_at).total_seconds())}


def my_proposals(work: Work) -> list[proposals.View]:
    """What became of the acting agent's edits of approved answers, newest first."""
    return proposals.views_of(work.session, work.actor.id, work.now)[:20]
