"""What the desk shows: lists, one conversation with everything known, and the people around. Reads only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.conversations import service as conversations
from backend.conversations import understanding
from backend.customers import service as customers
from backend.handoffs import presence, rules, store
from backend.handoffs.groups import all_groups, group_name
from backend.handoffs.rules import OnDuty, Reason, Status
from backend.handoffs.service import as_waiting
from backend.handoffs.suggestions import Suggestion, suggest
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date, zh_datetime, zh_time
from backend.kernel.errors import ZhikeError
from backend.people import service as people

SHOWN = 60  # messages; earlier ones on request


def desk(work: Work) -> dict[str, Any]:
    """The acting agent's list, the queue in the order of serving, presence and counts."""
    session, now, me = work.session, work.now, work.actor.id
    team = presence.on_duty(session, now)
    mine = sorted((_row(session, one, now) for one in store.held_by(session, me)),
                  key=lambda row: (row["waiting_since"] is None, row["waiting_since"] or row["last_at"]))
    queue = _queue(session, me, team, now)
    return {
        "me": _me(session, me, team, now),
        "mine": mine,
        "queue": queue,
        "counts": {
            "mine": len(mine), "waiting": sum(1 for row in mine if row["waiting_since"] is not None),
            "queue": len(queue), "online": sum(1 for one in team if one.offered),
            "longest_text": max(((row["requested_at"], row["clock"].text) for row in queue),
                                key=lambda pair: -pair[0].timestamp(), default=(None, ""))[1],
        },
    }


def _me(session: Session, staff_id: str, team: list[OnDuty], now: datetime) -> dict[str, Any]:
    row = store.presence(session, staff_id)
    status = Status(row.status) if row else Status.OFFLINE
    return {
        "status": status.value, "status_text": status.zh, "since": row.since if row else now,
        "since_text": rules.minutes_seconds(now - row.since) if row else "0:00",
        "load": len(store.held_by(session, staff_id)), "capacity": row.capacity if row else rules.CAPACITY,
        "there": any(one.id == staff_id for one in team),
        "choices": [{"value": one.value, "text": one.zh} for one in Status],
    }


def _row(session: Session, handoff: Handoff, now: datetime) -> dict[str, Any]:
    conversation = conversations.get(session, handoff.conversation_id)
    last = next(iter(reversed(conversations.thread(session, conversation.id, max(0, conversation.last_seq - 6)))), None)
    spoken = next((one for one in reversed(conversations.thread(
        session, conversation.id, max(0, conversation.last_seq - 12))) if one.sender in ("customer", "agent", "bot")), last)
    name = customers.name_of(session, conversation.customer_id)
    visits = int(handoff.known.get("visits", 1))
    return {
        "conversation_id": conversation.id, "name": name, "initial": _initial(name), "channel": conversation.channel,
        "reason": handoff.reason, "reason_text": Reason.of(handoff.reason).zh,
        "last_text": "" if spoken is None else ("你：" if spoken.sender == "agent" else "") + spoken.text[:80],
        "last_seq": conversation.last_seq, "last_at": conversation.last_message_at,
        "waiting_since": conversation.waiting_since, "clock": rules.reply_clock(conversation.waiting_since, now),
        "urgent": handoff.priority >= rules.URGENT, "visits": visits, "repeat": visits >= rules.REPEAT_VISITS,
        "find": " ".join([name, *handoff.known.get("order_nos", []), *handoff.known.get("complaint_nos", [])]),
        "requested_at": handoff.requested_at,
    }


def _queue(session: Session, me: str, team: list[OnDuty], now: datetime) -> list[dict[str, Any]]:
    rows = {row.id: row for row in store.waiting(session)}
    own = next((one for one in team if one.id == me), None)
    queue = []
    for place in rules.in_order(map(as_waiting, rows.values()), now):
        handoff = rows[place.id]
        row = _row(session, handoff, now)
        repeat = row["repeat"] and handoff.reason == Reason.CUSTOMER_REQUEST
        queue.append(row | {
            "clock": rules.queue_clock(handoff.requested_at, now), "requested_at": handoff.requested_at,
            "why": f"14 天内第 {row['visits']} 次来" if repeat else row["reason_text"],
            "group_text": group_name(handoff.skill_group), "for_me": handoff.preferred_id == me,
            "suits": own is not None and rules.suits(place, own, team, now),
            "passed_by": people.staff_name(session, handoff.passed_by) if handoff.passed_by else None,
        })
    return queue


def _initial(name: str) -> str:
    return "访" if name.startswith("访客") else name[:1]


def room(work: Work, conversation_id: str, *, everything: bool = False) -> dict[str, Any]:
    """One conversation as the acting agent sees it. Raises NotFound, Forbidden."""
    work.actor.require(Permission.CONVERSATION_READ)
    session, now = work.session, work.now
    conversation = conversations.get(session, conversation_id)
    handoff = store.open_of(session, conversation_id) or store.latest_of(session, conversation_id)
    name = customers.name_of(session, conversation.customer_id)
    role = _role(work, conversation.state, conversation.holder_id)
    return {
        "id": conversation.id, "name": name, "initial": _initial(name), "channel": conversation.channel,
        "customer_id": conversation.customer_id, "state": conversation.state, "role": role,
        "holder_name": people.staff_name(session, conversation.holder_id) if conversation.holder_id else None,
        "may_supervise": work.actor.can(Permission.DESK_SUPERVISE),
        "handoff": handoff, "known": _known(session, handoff, now) if handoff else None,
        "can_wrap_late": (role == "closed" and handoff is not None and handoff.taken_by == work.actor.id
                          and handoff.wrap_up is None and handoff.outcome == "customer_left"),
        "outcome_text": _outcome(handoff) if role == "closed" else None,
        "messages": messages(session, conversation_id, work.actor.id, now,
                             after=0 if everything else max(0, conversation.last_seq - SHOWN)),
        "earlier": 0 if everything else max(0, conversation.last_seq - SHOWN),
        "outcomes": rules.OUTCOMES, "intents": rules.INTENT_NAMES,
        "colleagues": colleagues(session, work.actor.id, now),
        "groups": [{"key": group.key, "name": group.name} for group in all_groups().values()],
    }


def _role(work: Work, state: str, holder_id: str | None) -> str:
    """What the acting agent is to this conversation: holder, onlooker of a colleague's, of the queue's …"""
    if state == "agent":
        return "holder" if holder_id == work.actor.id else "colleague"
    return state


def _outcome(handoff: Handoff | None) -> str | None:
    if handoff is None or handoff.outcome is None:
        return None
    return {**rules.OUTCOMES, **rules.OTHER_ENDS}.get(handoff.outcome, handoff.outcome)


def _known(session: Session, handoff: Handoff, now: datetime) -> dict[str, Any]:
    known: Mapping[str, Any] = handoff.known
    passed = people.staff_name(session, handoff.passed_by) if handoff.passed_by else "小知"
    return {
        "when": zh_time(handoff.requested_at) if _today(handoff.requested_at, now) else
        zh_datetime(handoff.requested_at, now),
        "from": passed, "why": Reason.of(handoff.reason).zh,
        "summary": handoff.summary, "intent_text": rules.intent_name(known.get("intent")) if known.get("intent") else None,
        "intent": known.get("intent"), "order_nos": known.get("order_nos", []),
        "complaint_nos": known.get("complaint_nos", []), "answered": known.get("answered", []),
        "visits": int(known.get("visits", 1)), "group_text": group_name(handoff.skill_group),
        "findings": list(dict.fromkeys(
            one.explanation for one in understanding.findings(session, handoff.conversation_id))),
    }


def _today(at: datetime, now: datetime) -> bool:
    return shanghai_date(at) == shanghai_date(now)


def messages(session: Session, conversation_id: str, me: str, now: datetime, after: int = 0) -> list[dict[str, Any]]:
    """The thread for staff, notes included, as the page and the API show it."""
    rows = []
    found = understanding.findings(session, conversation_id)
    for one in conversations.thread(session, conversation_id, after, notes=True):
        rows.append({
            "findings": [finding.explanation for finding in found if finding.seq == one.seq],
            "id": one.id, "seq": one.seq, "from": one.sender, "text": one.text, "at": one.at,
            "at_text": zh_time(one.at) if _today(one.at, now) else zh_datetime(one.at, now),
            "client_id": one.client_id, "mine": one.staff_id == me,
            "by": "你" if one.staff_id == me else one.staff_name, "attachment": one.attachment,
            "buttons": [str(button.get("title", "")) for button in one.buttons], "card": one.card,
            "script": None if one.script_version_id is None else {
                "key": one.script_key, "version": one.script_version, "version_id": one.script_version_id,
                "title": one.script_title},
            "intent": one.intent, "intent_text": rules.intent_name(one.intent) if one.intent else None,
        })
    return rows


def colleagues(session: Session, me: str, now: datetime) -> list[dict[str, Any]]:
    """Who else is there now, for passing on."""
    team = [one for one in presence.on_duty(session, now) if one.id != me]
    return [{"id": one.id, "name": people.staff_name(session, one.id), "load": one.load, "capacity": one.capacity,
             "free": one.free > 0, "groups_text": "、".join(group_name(key) for key in sorted(one.groups)) or "全部"}
            for one in sorted(team, key=lambda one: (-one.free, one.load))]


def side(session: Session, customer_id: str, conversation_id: str, now: datetime) -> list[dict[str, Any]]:
    """The panels of this room itself: the customer, the orders named, colleagues' notes."""
    handoff = store.open_of(session, conversation_id) or store.latest_of(session, conversation_id)
    orders = []
    for number in (handoff.known.get("order_nos", []) if handoff else [])[:3]:
        orders.append({"order_no": number, "order": _order(number, now)})
    card = customers.card(session, customer_id, now)
    panels = [{"template": "desk/panel_customer.html", "context": {"card": card}}]
    if orders:
        panels.append({"template": "desk/panel_orders.html", "context": {"orders": orders}})
    panels.append({"template": "desk/panel_notes.html", "context": {"card": card, "conversation_id": conversation_id}})
    return panels


def _order(number: str, now: datetime) -> dict[str, str | None] | None:
    """None when the order system does not know the number, or does not answer: the talk must go on."""
    try:
        return customers.find_order(number, now).as_dict()
    except ZhikeError:
        return None


def suggestions(work: Work, conversation_id: str, search: str = "") -> tuple[str, list[Suggestion]]:
    """The customer's last words and the approved answers for them (or for the agent's own search)."""
    session, now = work.session, work.now
    conversation = conversations.get(session, conversation_id)
    thread = conversations.thread(session, conversation_id, max(0, conversation.last_seq - 20))
    asked = next((one.text for one in reversed(thread) if one.sender == "customer"
                  and not rules.only_asks_for_a_person(one.text, one.intent)), "")
    handoff = store.open_of(session, conversation_id) or store.latest_of(session, conversation_id)
    values = {"agent_name": work.actor.name}
    name = customers.name_of(session, conversation.customer_id)
    if not name.startswith("访客"):
        values["customer_name"] = name
    if handoff and handoff.known.get("order_nos"):
        values["order_no"] = handoff.known["order_nos"][-1]
        order = _order(values["order_no"], now)
        if order is not None:
            values |= {"item_name": str(order["item_name"]), "order_status": str(order["status_text"])}
    if handoff and handoff.known.get("complaint_nos"):
        values["complaint_no"] = handoff.known["complaint_nos"][-1]
    topic = handoff.known.get("intent") if handoff else None
    return asked, suggest(session, asked, conversation.channel, values, now, search, topic)
