"""The complaint form's slots, and what it does with a turn: answer, digression, correction, end. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actions.corrections import correct
from actions.fields import (
    CONFIRMED,
    CONTACT,
    DESCRIPTION,
    MAX_DESCRIPTION,
    MAX_REMEDY,
    ORDER_NO,
    REMEDY,
    SKIPPED,
    STEPS,
)
from actions.folding import bare, clauses, fold
from actions.numbers import any_contact, find_contact, find_order_no, without_numbers
from actions.parsing import Said
from actions.replies import has_no_order, is_back, is_cancel, is_no, is_skip, is_yes, wants_person
from actions.stories import facts_of
from actions.wishes import find_remedy, tells_something

__all__ = [
    "CONFIRMED",
    "CONTACT",
    "DESCRIPTION",
    "ORDER_NO",
    "REMEDY",
    "SKIPPED",
    "STEPS",
    "Step",
    "next_step",
    "start",
]

# Ways to be reached that the form cannot take: an answer all the same, however chatty it sounds. Not 微信支付.
_APP = r"(?:微信|[vw]x|qq|扣扣|钉钉)"
_OTHER_WAY = re.compile(rf"(?:加|留|用|发)[我你个一下]{{0,3}}{_APP}(?!支?付)|{_APP}[上里]?(?:联系|找|聊|说|号|加)|^我?的?{_APP}[吧呗可行]")

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
#: A pressed title of an earlier question, also in the middle of the form.
CHOSEN_TITLE = "choose_script"
SMALL_TALK = frozenset({"greet", "thank", "bot_challenge", "chitchat", "query_complaint"})

_QUESTION = re.compile(
    r"[?？]\s*$|吗$|么$|呢$|怎么|咋|如何|多久|多长时间|几点|多少|什么时候|啥时候|几天|哪里|在哪|哪儿|能不能|可不可以|是不是|有没有|支不支持|要不要|可以.*吗"
)
_SAME_MATTER = re.compile(r"同一[件个]|(就是|是)(那|这|它|上次|之前)|一样的|重复了?|一回事")
_OTHER_MATTER = re.compile(
    r"不是(同一|一回事|那|这|上次|之前|一样)|(另|别|其他|其它|新)(外|一|的)?(一)?[件个]|两[件个]|不一样|不同|不重复|再(登记|提交|投诉)一"
)
_NUMBER_WORDS = re.compile(
    r"(?:我的?)?(?:联系|手机|电话|邮箱|订单|单)(?:方式|号码?|编号)?(?:号)?(?:是|为)?(?=\s*[:：]?\s*(?:$|[,，。;；]|\s))"
)
#: Signs that a sentence tells what happened rather than asks.
_GRIEVANCE = re.compile(
    r"骂|态度|凶|打人|威胁|骗|欺|假|坏|破|裂|烂|漏|断|摔|扔|脏|划|刮|歪|晃|少发|漏发|错发|发错|没收到|没送|不送|不来|不理|不管|不退|不给|"
    r"不处理|不解决|不承认|拒|推|拖|一直|三番|多次|好几|反复|天了|周了|月了|小时了|还没|迟迟|至今|结果|居然|竟然|投诉|举报|太差|垃圾|敷衍|赔|道歉|"
    r"异味|气味|味道|刺鼻|生锈|掉漆|质量"
)


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
    if said.intent == CHOSEN_TITLE:
        return True
    words = bare(said.text)
    if said.intent in SMALL_TALK:
        return said.confidence >= 0.5 and len(words) <= 12 and not _GRIEVANCE.search(fold(said.text))
    if said.intent not in INQUIRIES:
        return False
    asks = bool(_QUESTION.search(fold(said.text).strip()))
    if asked == DESCRIPTION:
        return asks and said.confidence >= 0.45 and len(words) <= 25 and not _GRIEVANCE.search(fold(said.text))
    if asked == REMEDY:
        return asks and said.confidence >= 0.45 and len(words) <= 30
    return said.confidence >= 0.4 and (asks or said.confidence >= 0.6)


# ── the form ─────────────────────────────────────────────────────────────────


def start(said: Said, draft: Mapping[str, Any]) -> Step:
    """The first turn: the sentence that opened the form already counts for whatever it says."""
    reset = {CONFIRMED: None, "complaint_outcome": None, "complaint_unfiled": None, "complaint_editing": None}
    if draft.get(DESCRIPTION):
        # A draft that could not be filed goes on where it stood.
        return Step("fill", dict(reset), say=draft.get("form_say"))
    slots: dict[str, Any] = dict(reset)
    if said.action is None:
        slots.update(_extras(said.text, {}))
        if tells_something(said.text):
            slots[DESCRIPTION] = facts_of(said.text)[:MAX_DESCRIPTION]
    if ORDER_NO not in slots and draft.get("order_no"):
        # Asked about a moment ago in this conversation; repeated back before anything is filed.
        known = find_order_no(str(draft["order_no"]))
        if known:
            slots[ORDER_NO] = known
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
    if is_back(said):
        return _back(asked)
    if asked == CONFIRMED and draft.get("complaint_twin"):
        told = same_or_other(said)
        if told is not None:
            return Step("end", {CONFIRMED: True}, outcome=told)
    if asked == CONFIRMED and is_yes(said):
        return Step("end", {CONFIRMED: True}, outcome="file")
    corrected = correct(asked, said, draft) if said.action is None else None
    if corrected is not None:
        return Step("fill", corrected.slots, say=corrected.say)
    if not _answers_plainly(asked, said) and is_digression(asked, said):
        return Step("digress")
    return _ANSWERS[asked](said, draft)


def _back(asked: str) -> Step:
    """The question before is put again; before the first there is none, so that one stays."""
    before = STEPS[max(0, STEPS.index(asked) - 1)]
    return Step("fill", {before: None, "complaint_editing": None, CONFIRMED: None})


def _answers_plainly(asked: str, said: Said) -> bool:
    """没有订单号 looks like an inquiry to a classifier that does not know the question."""
    if asked == REMEDY:
        return find_remedy(said.text) is not None and not _QUESTION.search(fold(said.text).strip())
    if asked == ORDER_NO:
        return is_skip(said) or find_order_no(said.text) is not None
    if asked == CONTACT:
        return any_contact(said.text) is not None or _OTHER_WAY.search(fold(said.text).lower()) is not None
    return asked == CONFIRMED and (is_yes(said) or is_no(said))


def _extras(text: str, draft: Mapping[str, Any]) -> dict[str, Any]:
    """What a sentence says besides: nothing is asked twice."""
    extras: dict[str, Any] = {}
    remedy, contact, order = find_remedy(text), find_contact(text), find_order_no(text)
    if remedy and not draft.get(REMEDY):
        extras[REMEDY] = remedy[:MAX_REMEDY]
    if contact and not draft.get(CONTACT):
        extras[CONTACT] = contact
    if not draft.get(ORDER_NO):
        if order:
            extras[ORDER_NO] = order
        elif has_no_order(text):
            extras[ORDER_NO] = SKIPPED
    return extras


def _describe(said: Said, draft: Mapping[str, Any]) -> Step:
    # A number or a wish given one question early is kept.
    extras = _extras(said.text, draft) if said.action is None else {}
    if said.action is not None or not tells_something(said.text):
        return Step("fill", extras, say="complaint.description_too_short")
    facts = facts_of(said.text, known_remedy=bool(draft.get(REMEDY)))
    return Step("fill", {DESCRIPTION: facts[:MAX_DESCRIPTION]} | extras)


def _remedy(said: Said, draft: Mapping[str, Any]) -> Step:
    if said.action is not None:
        return Step("fill", say="complaint.ask_remedy")
    extras = _extras(said.text, draft)
    if CONTACT in extras or ORDER_NO in extras:
        # 退款，电话13912348000: the number is an answer of its own.
        rest = _NUMBER_WORDS.sub("", without_numbers(said.text)).strip(" ,，。.;；:：、")
        extras.setdefault(REMEDY, rest[:MAX_REMEDY] if len(bare(rest)) >= 2 else None)
        return Step("fill", extras)
    if not bare(said.text) or said.text == "…":
        return Step("fill", say="complaint.ask_remedy")
    return Step("fill", {REMEDY: said.text[:MAX_REMEDY]})


def _order(said: Said, draft: Mapping[str, Any]) -> Step:
    kept = {CONTACT: find_contact(said.text)} if not draft.get(CONTACT) and find_contact(said.text) else {}
    found = find_order_no(said.text)
    if found:
        return Step("fill", {ORDER_NO: found, **kept})
    first = Said((clauses(said.text) or [""])[0])
    if is_skip(said) or is_skip(first) or _denies(said):
        return Step("fill", {ORDER_NO: SKIPPED, **kept})
    if draft.get("form_say") == "complaint.bad_order_no":
        # Twice not recognised: a number that may be left out is not worth a third question.
        return Step("fill", {ORDER_NO: SKIPPED, **kept})
    # A phone given one question early is kept.
    return Step("fill", kept, say="complaint.bad_order_no")


def _denies(said: Said) -> bool:
    """不, 不用: no number. 写错了 is not that."""
    return said.action == "edit" or bool(re.match(r"^(不|不用|不要|没|no?|否)[了的吧]*$", bare(said.text)))


def _contact(said: Said, draft: Mapping[str, Any]) -> Step:
    contact = any_contact(said.text)
    order = find_order_no(said.text)
    if contact:
        # An order number that comes along replaces 无, never a number given before.
        late = {ORDER_NO: order} if order and draft.get(ORDER_NO) in (None, SKIPPED) else {}
        return Step("fill", {CONTACT: contact, **late})
    digits = re.sub(r"\D", "", fold(said.text))
    if 5 <= len(digits) < 11 and "@" not in said.text:
        return Step("fill", say="complaint.contact_too_short")
    return Step("fill", say="complaint.bad_contact")


def same_or_other(said: Said) -> str | None:
    """The answer to 是同一件吗: ``same``, ``file_anyway``, or None where it is neither."""
    words = fold(said.text)
    if said.action is None and _OTHER_MATTER.search(words):
        return "file_anyway"
    if is_yes(said) or (said.action is None and _SAME_MATTER.search(words)):
        return "same"
    return "file_anyway" if is_no(said) else None


def _confirm(said: Said, draft: Mapping[str, Any]) -> Step:
    if draft.get("complaint_twin"):
        return Step("fill", say="complaint.known_already")
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


def answered_in_between(events: Sequence[Mapping[str, Any]], form: str) -> bool:
    """True when another action has already spoken in this turn: the form only asks again."""
    own = {form, f"validate_{form}", "action_listen", "action_extract_slots", "action_session_start"}
    for event in reversed(events):
        if event.get("event") == "user":
            return False
        if event.get("event") == "action" and event.get("name") not in own:
            return True
    return False
