"""What goes along with a handoff, so that nobody asks again what is known."""

import re
from typing import Any

from sqlmodel import Session

from backend.conversations import service as conversations
from backend.handoffs import rules, store
from backend.handoffs.routing import language_of
from backend.infra.work import Work
from backend.kernel.masking import mask_text

_COMPLAINT_NO = re.compile(r"TS\d{8}-\d{4}")
_ORDER_NO = re.compile(r"(?<![0-9A-Za-z])HM\d{6}-?\d{4}(?!\d)")
_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z-])\d{7,}")
_LOOK_BACK = 200  # messages; a longer talk is read by the agent, not by a pattern


def known_things(work: Work, conversation_id: str, told: dict[str, Any]) -> dict[str, Any]:
    """Intent, numbers, earlier answers, visits: names of things only, nothing that names a person."""
    conversation = conversations.get(work.session, conversation_id)
    thread = conversations.thread(work.session, conversation_id, after=max(0, conversation.last_seq - _LOOK_BACK))
    spoken = " ".join(message.text for message in thread)
    intents = [message.intent for message in thread if message.sender == "customer" and message.intent]
    entities = {}
    for entity in told.get("entities") or []:
        name, value = str(entity.get("entity", "")), str(entity.get("value", ""))
        if name in rules.SAFE_ENTITIES and value:
            entities[name] = mask_text(value)[:60]
    orders = [str(told["order_no"])] if told.get("order_no") else []
    orders += [value for name, value in entities.items() if name in ("order_no", "order_number")]
    orders += _ORDER_NO.findall(spoken)
    # "request_human" says nothing about the matter: the intent before it does.
    about = [one for one in [*intents, told.get("intent")] if one and one not in ("request_human", "affirm", "deny")]
    return {
        "intent": str(about[-1]) if about else told.get("intent"),
        "entities": entities,
        "order_nos": list(dict.fromkeys(mask_text(one)[:40] for one in orders)),
        "complaint_nos": list(dict.fromkeys(_COMPLAINT_NO.findall(spoken))),
        "answered": [{"title": message.script_title, "version_id": message.script_version_id}
                     for message in {one.script_version_id: one for one in thread if _is_answer(one)}.values()],
        "visits": conversations.visits(work.session, conversation.customer_id, work.now - rules.VISIT_WINDOW),
        "rule": told.get("rule"),
        "language": language_of(message.text for message in thread if message.sender == "customer"),
    }


def earlier_contacts(session: Session, customer_id: str, besides: str) -> list[dict[str, Any]]:
    """The customer's last talks with a person: when, with whom, why, how it ended; the newest first."""
    talks = [one.id for one in conversations.of_customer(session, customer_id) if one.id != besides]
    return [{"at": one.requested_at.isoformat(), "conversation_id": one.conversation_id, "staff_id": one.taken_by,
             "reason": one.reason, "group": one.skill_group, "outcome": one.outcome, "intent": one.known.get("intent")}
            for one in (store.served(session, talks) if talks else ())]


def _is_answer(message: Any) -> bool:
    """Answers to questions; greetings and the forms' own words are not worth naming."""
    return (message.sender == "bot" and message.script_key is not None
            and message.script_key.split(".")[0] not in ("system", "handoff", "risk", "survey", "conversation"))


def summary_for(work: Work, conversation_id: str, told: dict[str, Any]) -> str:
    """The customer's last turns in one line, personal numbers masked; what the form had collected comes first."""
    conversation = conversations.get(work.session, conversation_id)
    thread = conversations.thread(work.session, conversation_id, after=max(0, conversation.last_seq - 40))
    said = [message for message in thread if message.sender == "customer"]
    turns = [message.text for message in said if not message.pressed and rules.tells_something(message.text, message.intent)]
    turns = (turns or [message.text for message in said])[-rules.SUMMARY_TURNS:]
    collected = [str(told[name]) for name in ("description", "remedy") if told.get(name)]
    turns = [turn for turn in turns if turn not in collected]
    # Also numbers that only look like a phone (a digit short, a digit too many) stay out of sight.
    return _LONG_NUMBER.sub(lambda found: found.group()[:3] + "****", mask_text(rules.summary_of([*collected, *turns])))
