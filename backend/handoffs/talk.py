"""One conversation as somebody at the desk sees it: who holds it, what is known, every message with its marks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.conversations import marks, understanding
from backend.conversations import service as conversations
from backend.conversations.service import Conversation, MessageView
from backend.conversations.understanding import Finding
from backend.customers import service as customers
from backend.handoffs import beside, consulting, presence, rules, store, tagging
from backend.handoffs.groups import all_groups, group_name
from backend.handoffs.rules import Reason
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import shanghai_date, to_shanghai, zh_datetime, zh_time
from backend.people import service as people

SHOWN = 60  # messages; earlier ones on request


def room(work: Work, conversation_id: str, *, everything: bool = False) -> dict[str, Any]:
    """One conversation as the acting agent sees it. Raises NotFound, Forbidden."""
    work.actor.require(Permission.CONVERSATION_READ)
    session, now = work.session, work.now
    conversation = conversations.get(session, conversation_id)
    handoff = store.open_of(session, conversation_id) or store.latest_of(session, conversation_id)
    name = customers.name_of(session, conversation.customer_id)
    role = _role(work, conversation.state, conversation.holder_id)
    return {
        "id": conversation.id, "name": name, "initial": beside.initial(name), "channel": conversation.channel,
        "customer_id": conversation.customer_id, "state": conversation.state, "role": role,
        "holder_id": conversation.holder_id,
        "holder_name": people.staff_name(session, conversation.holder_id) if conversation.holder_id else None,
        "may_supervise": work.actor.can(Permission.DESK_SUPERVISE),
        "consults": consulting.about(session, conversation_id, work.actor.id),
        "here": marks.is_here(conversation.customer_seen_at, now), "read_seq": conversation.agent_read_seq,
        "return_asked": handoff is not None and handoff.ended_at is None and handoff.return_asked_at is not None,
        "handoff": handoff, "known": _known(session, handoff, now) if handoff else None,
        "can_wrap_late": (role == "closed" and handoff is not None and handoff.taken_by == work.actor.id
                          and handoff.wrap_up is None and handoff.outcome == "customer_left"),
        "outcome_text": _outcome(handoff) if role == "closed" else None,
        "tags": tagging.titles_of(session, conversation_id),
        "messages": messages(session, conversation, work.actor, now,
                             after=0 if everything else max(0, conversation.last_seq - SHOWN)),
        "earlier": 0 if everything else max(0, conversation.last_seq - SHOWN),
    }


def forms(work: Work, shown: Mapping[str, Any]) -> dict[str, Any]:
    """What the forms of a conversation offer to choose from; read once when it is opened."""
    return {
        "outcomes": rules.OUTCOMES, "intents": rules.INTENT_NAMES, "tag_choices": tagging.choices(),
        "most_tags": tagging.known_tags().most,
        "colleagues": colleagues(work.session, work.actor.id, work.now),
        "owners": owners(work.session),
        "due_default": f"{to_shanghai(work.now) + timedelta(days=1):%Y-%m-%d}T10:00",
        "groups": [{"key": group.key, "name": group.name} for group in all_groups().values()],
        "fields": beside.fields(work, shown["id"], shown["customer_id"]),
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
        "earlier": _earlier(session, known.get("earlier") or [], now),
        "visits": int(known.get("visits", 1)), "group_text": group_name(handoff.skill_group),
        "findings": _once_a_rule(understanding.findings(session, handoff.conversation_id)),
    }


def _once_a_rule(found: Sequence[Finding]) -> list[str]:
    """What each rule said last, in order of its last time; one that was met again says how often."""
    often = Counter(one.rule for one in found)
    last = {one.rule: one.explanation for one in found}
    order = list(dict.fromkeys(one.rule for one in reversed(found)))[::-1]
    return [last[rule] + (f"（共 {often[rule]} 次）" if often[rule] > 1 else "") for rule in order]


def _earlier(session: Session, contacts: list[dict[str, Any]], now: datetime) -> list[dict[str, str]]:
    """The customer's last talks with a person, the newest first."""
    ends = {**rules.OUTCOMES, **rules.OTHER_ENDS}
    return [{"conversation_id": one["conversation_id"], "who": people.staff_name(session, one.get("staff_id")),
             "at_text": zh_datetime(datetime.fromisoformat(one["at"]), now),
             "end": ends.get(one.get("outcome") or "", "")} for one in contacts[:3]]


def _today(at: datetime, now: datetime) -> bool:
    return shanghai_date(at) == shanghai_date(now)


def messages(session: Session, conversation: Conversation, reader: Actor, now: datetime,
             after: int = 0) -> list[dict[str, Any]]:
    """The thread for staff, notes included, whispers only for whom they are."""
    whispers = "*" if reader.can(Permission.DESK_SUPERVISE) else reader.id
    found = understanding.findings(session, conversation.id)
    here = marks.is_here(conversation.customer_seen_at, now)
    rows = []
    for one in conversations.thread(session, conversation.id, after, notes=True, whispers=whispers):
        rows.append({
            "findings": [finding.explanation for finding in found if finding.seq == one.seq],
            "id": one.id, "seq": one.seq, "from": one.sender, "text": one.text, "at": one.at,
            "at_text": zh_time(one.at) if _today(one.at, now) else zh_datetime(one.at, now),
            "client_id": one.client_id, "mine": one.staff_id == reader.id,
            "by": "你" if one.staff_id == reader.id else one.staff_name, "attachment": _file(one),
            "buttons": [str(button.get("title", "")) for button in one.buttons], "card": one.card,
            "script": None if one.script_version_id is None else {
                "key": one.script_key, "version": one.script_version, "version_id": one.script_version_id,
                "title": one.script_title},
            "intent": one.intent, "intent_text": rules.intent_name(one.intent) if one.intent else None,
            "mark": _mark(conversation, one, here) if one.sender == "agent" else None,
            "whisper_to": None if one.whisper_to is None else
            "你" if one.whisper_to == reader.id else people.staff_name(session, one.whisper_to),
        })
    return rows


def _file(one: MessageView) -> dict[str, Any] | None:
    """An attachment as the desk shows it; ``shape`` says how: picture, sound, film or a link."""
    if one.attachment is None:
        return None
    shape = str(one.attachment["kind"]).split("/")[0]
    size = int(one.attachment["size"])
    return {**one.attachment, "shape": shape if shape in ("image", "audio", "video") else "link",
            "size_text": f"{max(1, round(size / 1024))} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"}


def _mark(conversation: Conversation, one: MessageView, here: bool) -> str:
    """What is known of an agent's words: read | delivered | sent (on the way) | away (they see it when they return)."""
    if one.seq <= conversation.customer_read_seq:
        return "read"
    if one.seq <= conversation.delivered_seq:
        return "delivered"
    # What was said after the word of an absent customer reaches them by the thread they come back to.
    return "sent" if here or conversation.state == "closed" else "away"


def colleagues(session: Session, me: str, now: datetime) -> list[dict[str, Any]]:
    """Who else is there now, for passing on and for asking."""
    team = [one for one in presence.on_duty(session, now) if one.id != me]
    return [{"id": one.id, "name": people.staff_name(session, one.id), "load": one.load, "capacity": one.capacity,
             "free": one.free > 0, "groups_text": "、".join(group_name(key) for key in sorted(one.groups)) or "全部"}
            for one in sorted(team, key=lambda one: (-one.free, one.load))]


def owners(session: Session) -> list[dict[str, str]]:
    """Who can be given something to do: everybody whose roles may use the desk."""
    return [{"id": staff.id, "name": staff.display_name} for staff, _ in people.everybody(session)
            if staff.active and people.actor_of(session, staff).can(Permission.CONVERSATION_TAKE)]


def is_mine(work: Work, conversation_id: str) -> bool:
    """Whether the acting person holds the conversation. Raises NotFound."""
    conversation = conversations.get(work.session, conversation_id)
    return conversation.state == "agent" and conversation.holder_id == work.actor.id


def customer_of(work: Work, conversation_id: str) -> str:
    """Whose conversation it is. Raises NotFound, Forbidden."""
    work.actor.require(Permission.CONVERSATION_READ)
    return conversations.get(work.session, conversation_id).customer_id
