"""The complaint form's slots, and what it does with a turn: answer, digression, correction, end. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actions.parsing import (
    Said,
    bare,
    find_contact,
    find_order_no,
    find_remedy,
    is_cancel,
    is_no,
    is_skip,
    is_yes,
    tells_something,
    wants_person,
)

DESCRIPTION, REMEDY, ORDER_NO = "complaint_description", "complaint_remedy", "complaint_order_no"
CONTACT, CONFIRMED = "complaint_contact", "complaint_confirmed"
STEPS = (DESCRIPTION, REMEDY, ORDER_NO, CONTACT, CONFIRMED)

#: Shown in the repetition where the customer gave no order number; filed as none.
SKIPPED = "无"
MAX_DESCRIPTION = 2000
MAX_REMEDY = 500

#: Intents that leave the form for a person at once, and the reason the backend is given.
RISKS = {"report_emergency": "emergency", "report_fraud": "fraud", "threaten_escalation": "escalation"}
RISK_SURE = 0.6
INQUIRIES = frozenset(
    [
        "ask_order_status",
        "ask_logistics",
        "cancel_order",
        "modify_order",
        "ask_return_exchange",
        "ask_refund",
        "ask_invoice",
        "ask_price_protection",
        "ask_payment",
        "ask_promotion",
        "ask_product",
        "ask_warranty_repair",
        "ask_account",
        "ask_review",
        "ask_service_info",
        "ask_privacy",
    ]
)
SMALL_TALK = frozenset({"greet", "thank", "bot_challenge", "chitchat", "query_complaint"})

_QUESTION = re.compile(
    r"[?？]\s*$|吗$|么$|呢$|怎么|咋|如何|多久|多长时间|几点|多少|什么时候|啥时候|几天|哪里|在哪|哪儿|能不能|可不可以|是不是|有没有|支不支持|要不要|可以.*吗"
)
#: Signs that a sentence tells what happened rather than asks.
_GRIEVANCE = re.compile(
    r"骂|态度|凶|打人|威胁|骗|欺|假|坏|破|裂|烂|漏|断|摔|扔|脏|划|刮|歪|晃|少发|漏发|错发|发错|没收到|没送|不送|不来|不理|不管|不退|不给|"
    r"不处理|不解决|不承认|拒|推|拖|一直|三番|多次|好几|反复|天了|周了|月了|小时了|还没|迟迟|至今|结果|居然|竟然|投诉|举报|太差|垃圾|敷衍|赔|道歉|"
    r"异味|气味|味道|刺鼻|生锈|掉漆|质量"
)
_FIELD_WORDS = {
    DESCRIPTION: re.compile(r"事由|事情|描述|经过|情况|内容|问题|原因"),
    REMEDY: re.compile(r"诉求|要求|希望|解决(方式|方案|办法)|处理(方式|方案)"),
    ORDER_NO: re.compile(r"订单号?|单号"),
    CONTACT: re.compile(r"电话|手机|联系方式|号码|邮箱|邮件|email|e-mail", re.IGNORECASE),
}
_CORRECTION = re.compile(
    r"不对|不是|错了|写错|填错|说错|打错|弄错|改成|改为|改一下|修改|更正|更改|换成|换个|应该是|要改|^改|改下"
)
_NEW_VALUE = re.compile(r"(?:改成|改为|换成|更正为|应该是|应为|是|为|[:：])\s*(?P<value>.+)$")


@dataclass(frozen=True)
class Step:
    """What the form does with a turn.

    digress: another rule answers, the form asks again. fill: `slots` are set, the next question comes,
    in the words of script `say` where given. end: the form closes with `outcome`
    (file, cancel, or the reason of a handoff).
    """

    kind: str
    slots: Mapping[str, Any] = field(default_factory=dict)
    say: str | None = None
    outcome: str | None = None


def is_digression(asked: str, said: Said) -> bool:
    """A question of its own, to be answered by its script before the form goes on.

    At the description (and the remedy) a sentence about delivery or refunds usually tells the story, so
    it must look like a question and carry no grievance; where a number is awaited, any inquiry counts.
    """
    if said.action is not None:
        return False
    words = bare(said.text)
    if said.intent in SMALL_TALK:
        return said.confidence >= 0.5 and len(words) <= 12 and not _GRIEVANCE.search(said.text)
    if said.intent not in INQUIRIES:
        return False
    asks = bool(_QUESTION.search(said.text.strip()))
    if asked == DESCRIPTION:
        return asks and said.confidence >= 0.45 and len(words) <= 25 and not _GRIEVANCE.search(said.text)
    if asked == REMEDY:
        return asks and said.confidence >= 0.45 and len(words) <= 30
    return said.confidence >= 0.4 and (asks or said.confidence >= 0.6)


# ── the form ─────────────────────────────────────────────────────────────────


def start(said: Said, draft: Mapping[str, Any]) -> Step:
    """The first turn: the sentence that opened the form already counts where it says something."""
    reset = {CONFIRMED: None, "complaint_outcome": None, "complaint_unfiled": None, "complaint_editing": None}
    if draft.get(DESCRIPTION):
        # A draft that could not be filed goes on where it stood.
        return Step("fill", dict(reset), say=draft.get("form_say"))
    slots: dict[str, Any] = dict(reset)
    if said.action is None and tells_something(said.text):
        slots[DESCRIPTION] = said.text[:MAX_DESCRIPTION]
        slots.update(_extras(said.text, {}))
    return Step("fill", slots)


def next_step(asked: str, said: Said, draft: Mapping[str, Any]) -> Step:
    """One turn inside the form. `draft` holds the slots by name, and complaint_editing."""
    if is_cancel(said):
        return Step("end", outcome="cancel")
    if wants_person(said):
        return Step("end", outcome="customer_request")
    if said.intent in RISKS and said.confidence >= RISK_SURE:
        slots = {DESCRIPTION: said.text[:MAX_DESCRIPTION]} if asked == DESCRIPTION else {}
        return Step("end", slots, outcome=RISKS[said.intent])
    correction = _correct(asked, said, draft)
    if correction is not None:
        return correction
    if not _answers_plainly(asked, said) and is_digression(asked, said):
        return Step("digress")
    return _ANSWERS[asked](said, draft)


def _answers_plainly(asked: str, said: Said) -> bool:
    """没有订单号 looks like an inquiry to a classifier that does not know the question."""
    if asked == ORDER_NO:
        return is_skip(said) or find_order_no(said.text) is not None
    if asked == CONTACT:
        return find_contact(said.text) is not None
    return asked == CONFIRMED and (is_yes(said) or is_no(said))


def _extras(text: str, draft: Mapping[str, Any]) -> dict[str, Any]:
    """What the description says besides: nothing is asked twice."""
    extras: dict[str, Any] = {}
    remedy, contact, order = find_remedy(text), find_contact(text), find_order_no(text)
    if remedy and not draft.get(REMEDY):
        extras[REMEDY] = remedy[:MAX_REMEDY]
    if contact and not draft.get(CONTACT):
        extras[CONTACT] = contact
    if order and not draft.get(ORDER_NO):
        extras[ORDER_NO] = order
    return extras


def _describe(said: Said, draft: Mapping[str, Any]) -> Step:
    if said.action is not None or not tells_something(said.text):
        return Step("fill", say="complaint.description_too_short")
    slots = {DESCRIPTION: said.text[:MAX_DESCRIPTION]}
    return Step("fill", slots | _extras(said.text, draft))


def _remedy(said: Said, draft: Mapping[str, Any]) -> Step:
    if said.action is not None or not bare(said.text) or said.text == "…":
        return Step("fill", say="complaint.ask_remedy")
    return Step("fill", {REMEDY: said.text[:MAX_REMEDY]})


def _order(said: Said, draft: Mapping[str, Any]) -> Step:
    contact = find_contact(said.text)
    found = find_order_no(said.text)
    if found and found != contact:
        return Step("fill", {ORDER_NO: found})
    if is_skip(said) or is_no(said):
        return Step("fill", {ORDER_NO: SKIPPED})
    # A phone given one question early is kept.
    kept = {CONTACT: contact} if contact else {}
    return Step("fill", kept, say="complaint.bad_order_no")


def _contact(said: Said, draft: Mapping[str, Any]) -> Step:
    contact = find_contact(said.text)
    if contact:
        return Step("fill", {CONTACT: contact})
    digits = re.sub(r"\D", "", said.text)
    if 5 <= len(digits) < 11 and "@" not in said.text:
        return Step("fill", say="complaint.contact_too_short")
    return Step("fill", say="complaint.bad_contact")


def _confirm(said: Said, draft: Mapping[str, Any]) -> Step:
    if is_yes(said):
        return Step("end", {CONFIRMED: True}, outcome="file")
    if is_no(said) or draft.get("complaint_editing"):
        return Step("fill", {"complaint_editing": "choose"}, say="complaint.ask_what_to_change")
    return Step("fill")


_ANSWERS = {
    DESCRIPTION: _describe,
    REMEDY: _remedy,
    ORDER_NO: _order,
    CONTACT: _contact,
    CONFIRMED: _confirm,
}


def _correct(asked: str, said: Said, draft: Mapping[str, Any]) -> Step | None:
    """不对，电话是139… sets one field; 改电话 opens it again. None when nothing is corrected."""
    if said.action is not None or asked == DESCRIPTION:
        return None
    choosing = draft.get("complaint_editing") == "choose"
    cue = bool(_CORRECTION.search(said.text))
    if not cue and not (asked == CONFIRMED and choosing) and not (asked == CONFIRMED and _names_value(said.text)):
        return None
    fields = [name for name in STEPS[:-1] if _FIELD_WORDS[name].search(said.text)]
    contact, order = find_contact(said.text), find_order_no(said.text)
    done = {"complaint_editing": None, CONFIRMED: None}
    if contact and (CONTACT in fields or not fields or asked == CONFIRMED) and asked != CONTACT:
        return Step("fill", {CONTACT: contact, **done})
    if order and asked != ORDER_NO and (ORDER_NO in fields or asked == CONFIRMED):
        return Step("fill", {ORDER_NO: order, **done})
    if len(fields) != 1 or fields[0] == asked:
        return None
    name = fields[0]
    if asked != CONFIRMED and draft.get(name) is None:
        return None  # nothing there yet to correct: the sentence answers the present question
    if name in (DESCRIPTION, REMEDY):
        value = _NEW_VALUE.search(said.text)
        if value and len(bare(value.group("value"))) >= 2:
            limit = MAX_DESCRIPTION if name == DESCRIPTION else MAX_REMEDY
            return Step("fill", {name: value.group("value").strip()[:limit], **done})
    if asked != CONFIRMED and len(bare(said.text)) > 10:
        return None  # a long sentence with 要求 in it answers the question rather than reopening a field
    say = {CONTACT: "complaint.bad_contact", ORDER_NO: "complaint.bad_order_no"}.get(name)
    tried = bool(re.search(r"\d{3,}", said.text))
    return Step("fill", {name: None, **done}, say=say if tried else None)


def _names_value(text: str) -> bool:
    """电话是139…: a field and its value, without any word of correction."""
    return bool(_NEW_VALUE.search(text)) and any(words.search(text) for words in _FIELD_WORDS.values())


def answered_in_between(events: Sequence[Mapping[str, Any]], form: str) -> bool:
    """True when another action has already spoken in this turn: the form only asks again."""
    own = {form, f"validate_{form}", "action_listen", "action_extract_slots", "action_session_start"}
    for event in reversed(events):
        if event.get("event") == "user":
            return False
        if event.get("event") == "action" and event.get("name") not in own:
            return True
    return False
