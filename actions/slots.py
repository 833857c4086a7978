"""What a customer's sentence means to the complaint form and to look-ups. Pure, without Rasa.

Wording patterns are understanding, not speech: everything the customer reads is a script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DESCRIPTION, REMEDY, ORDER_NO = "complaint_description", "complaint_remedy", "complaint_order_no"
CONTACT, CONFIRMED = "complaint_contact", "complaint_confirmed"
STEPS = (DESCRIPTION, REMEDY, ORDER_NO, CONTACT, CONFIRMED)

#: Shown in the repetition where the customer gave no order number; filed as none.
SKIPPED = "无"
MAX_DESCRIPTION = 2000
MAX_REMEDY = 500
#: Fewer meaningful characters than this say nothing about what happened.
MIN_DESCRIPTION = 4

#: Intents that leave the form for a person at once, and the reason the backend is given.
RISKS = {"report_emergency": "emergency", "report_fraud": "fraud", "threaten_escalation": "escalation"}
RISK_SURE = 0.6
INQUIRIES = frozenset(
    """ask_order_status ask_logistics cancel_order modify_order ask_return_exchange ask_refund ask_invoice
    ask_price_protection ask_payment ask_promotion ask_product ask_warranty_repair ask_account ask_review
    ask_service_info ask_privacy""".split()
)
SMALL_TALK = frozenset({"greet", "thank", "bot_challenge", "chitchat", "query_complaint"})

_PUNCTUATION = re.compile(r"[\s,，。.!！?？~～、;；:：…“”\"'‘’（）()【】\-—]+")
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_MOBILE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3})[- ]?(\d{7,8})(?!\d)")
_COMPLAINT_NO = re.compile(r"(?<![A-Za-z0-9])(?:TS)?[- ]?(20\d{6})[- ]?(\d{4})(?![A-Za-z0-9])", re.IGNORECASE)
_ORDER_HM = re.compile(r"(?<![A-Za-z0-9])(?:HM[- ]?)?(\d{6})-(\d{4})(?!\d)|HM[- ]?(\d{6})[- ]?(\d{4})(?!\d)", re.IGNORECASE)
_ORDER_ANY = re.compile(r"(?<![A-Za-z0-9@._-])(?=[A-Za-z0-9-]*\d{4})[A-Za-z]{0,4}[- ]?[0-9][A-Za-z0-9-]{5,19}(?![A-Za-z0-9@])")
_LAST4 = re.compile(r"(?<!\d)(\d{4})(?!\d)")
_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

_WANT_ONLY = re.compile(
    r"我?(们)?(真的|现在|今天)?(就)?(是)?(想要|要求|想|要|需要|必须)?(进行|提交|提出|提|做|登记|发起|来)?(一个|一下|个|下)?"
    r"(投诉|举报|客诉)(你们|你|一下|建议|电话|渠道|中心|入口)?|"
    r"你好|您好|客服|请问|怎么|如何|在哪里?|可以|帮我|麻烦|请|我要|我想|吗|呢|啊|吧|呀|谢谢"
)
_CANCEL = re.compile(
    r"^(那|那就|还是|我|先|哎|唉|嗯)*(算了(吧|算了)?|(先|我)?不(想)?投诉了?|取消(投诉|登记|吧|了)?|放弃(投诉|了)?|不(弄|办|登记|提交|填|说|写)了|"
    r"先?不用(投诉|登记)了?|撤销(吧|投诉)?|退出|没事了|不投了|不要投诉了?)(算了|吧|了|谢谢|不投诉了|不弄了)*$"
)
_PERSON = re.compile(r"人工|真人|转(接)?客服|找客服|(叫|找|换)(个)?(人|经理|主管|领导)(来|跟我|和我)")
_YES = re.compile(
    r"^(是|是的|是滴|对|对的|对头|没错|没问题|正确|准确|无误|确认(提交|无误|登记)?|提交|登记|可以|可以的|好|好的|好滴|行|行的|中|"
    r"嗯|恩|嗯嗯|ok|okay|yes|y|yep|同意|就这样|就这么办|就是这样|是这样|这样就行|都对|全对|发吧|交吧)"
    r"(的|了|吧|啊|呀|哦|哈|嘞|滴|呢|提交|确认|可以|没错|没问题|谢谢|就这样|对|是|好|嗯)*$",
    re.IGNORECASE,
)
_NO = re.compile(
    r"^(不|不是|不对|不行|不可以|不正确|错了?|有误|有问题|改|要改|修改|我要改|改一下|修改一下|等等|等一下|慢着|no|重新填|重填|不是这样|要修改)"
    r"(的|了|吧|啊|呀|哦|一下|要改|改|修改)*$",
    re.IGNORECASE,
)
_SKIP = re.compile(
    r"^(我)?(没有?|无|跳过|不知道|不清楚|忘了|忘记了?|找不到|记不(得|住|清)了?|没(有)?订单号?|没下单|没买|不(提供|填|想说|记得)|没有单号|暂无|none|no)"
    r"(订单号?|单号|订单|了|的|吧|啊|呀|哦|呢|先|跳过)*$",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"[?？]\s*$|吗$|么$|呢$|怎么|咋|如何|多久|多长时间|几点|多少|什么时候|啥时候|几天|哪里|在哪|哪儿|能不能|可不可以|是不是|有没有|支不支持|要不要|可以.*吗"
)
#: Signs that a sentence tells what happened rather than asks.
_GRIEVANCE = re.compile(
    r"骂|态度|凶|打人|威胁|骗|欺|假|坏|破|裂|烂|漏|断|摔|扔|脏|划|刮|歪|晃|少发|漏发|错发|发错|没收到|没送|不送|不来|不理|不管|不退|不给|"
    r"不处理|不解决|不承认|拒|推|拖|一直|三番|多次|好几|反复|天了|周了|月了|小时了|还没|迟迟|至今|结果|居然|竟然|投诉|举报|太差|垃圾|敷衍|赔|道歉|"
    r"异味|气味|味道|刺鼻|生锈|掉漆|质量"
)
_REMEDY_CUE = re.compile(
    r"(?:要求|希望|请求|诉求是?|必须|应该|我要|我想|想要|想|请)(?:你们|你|他|商家|贵司|公司|店家)?(?:给我|给|能|把|对我|向我|跟我)?"
    r"(?P<what>(?:[^,，。;；!！]*?)(?:道歉|赔偿|补偿|赔|退款|退货|退钱|换货|换一[件个台张]|更换|重新?发|补发|补寄|维修|修好|处罚|处分|开除|解释|说法)[^,，。;；!！]*)"
)
_FIELD_WORDS = {
    DESCRIPTION: re.compile(r"事由|事情|描述|经过|情况|内容|问题|原因"),
    REMEDY: re.compile(r"诉求|要求|希望|解决(方式|方案|办法)|处理(方式|方案)"),
    ORDER_NO: re.compile(r"订单号?|单号"),
    CONTACT: re.compile(r"电话|手机|联系方式|号码|邮箱|邮件|email|e-mail", re.IGNORECASE),
}
_CORRECTION = re.compile(r"不对|不是|错了|写错|填错|说错|打错|弄错|改成|改为|改一下|修改|更正|更改|换成|换个|应该是|要改|^改|改下")
_NEW_VALUE = re.compile(r"(?:改成|改为|换成|更正为|应该是|应为|是|为|[:：])\s*(?P<value>.+)$")

_HOW_TO = re.compile(r"怎么(查|看|查询|修改|联系|追踪)|如何|在哪(里|儿)?(看|查|能)|能不能|可以.*吗|可不可以|一般|通常|默认|支持|运费|邮费|包邮|哪家|哪个快递|送不送|能送|送到.*吗|改约|预约|自提|签收但|没收到")
_PERSONAL = re.compile(
    r"到哪|哪了|在哪(了)?$|还没(到|发|收|送|来|出库|动静)|没(到|发货|收到|发)|什么时候(到|发|送|能到|发货|送到)|啥时候(到|发|送)|何时(到|发)|多久(能)?到|几时到|"
    r"查(一下|下|个|询)?(我的)?(订单|快递|物流|包裹|货)|订单(状态|进度|情况)|物流(信息|进度|情况|状态)?$|(快递|包裹|货|东西|桌子|椅子|订单).*(呢|到了没|发了没|到没)|发货了?(没|吗)|发了(没|吗)|到了(没|吗)"
)


@dataclass(frozen=True)
class Said:
    """One customer turn, as far as the rules need it."""

    text: str
    intent: str = ""
    confidence: float = 0.0
    action: str | None = None
    match_score: float = 0.0
    match_key: str | None = None

    @staticmethod
    def of(latest: Mapping[str, Any] | None) -> Said:
        """From Rasa's latest_message, which our channel made."""
        latest = latest or {}
        intent = latest.get("intent") or {}
        match = latest.get("script_match") or {}
        return Said(
            text=str(latest.get("text") or "").translate(_WIDTH).strip(),
            intent=str(intent.get("name") or ""),
            confidence=float(intent.get("confidence") or 0.0),
            action=latest.get("button_action"),
            match_score=float(match.get("score") or 0.0),
            match_key=match.get("key"),
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


# ── parsing ──────────────────────────────────────────────────────────────────


def bare(text: str) -> str:
    """Without spaces and punctuation, lower case."""
    return _PUNCTUATION.sub("", text.translate(_WIDTH)).lower()


def find_contact(text: str) -> str | None:
    """A Chinese mobile or landline number, or an e-mail address; normalised."""
    text = text.translate(_WIDTH)
    email = _EMAIL.search(text)
    if email:
        return email.group().lower()
    mobile = _MOBILE.search(text)
    if mobile:
        return "".join(mobile.groups())
    landline = _LANDLINE.search(text)
    if landline:
        return f"{landline.group(1)}-{landline.group(2)}"
    return None


def mask_contact(contact: str) -> str:
    """139****8000, z***@example.com: enough to recognise one's own."""
    if "@" in contact:
        name, _, host = contact.partition("@")
        return f"{name[:1]}***@{host}"
    digits = contact.replace("-", "")
    return f"{digits[:3]}****{digits[-4:]}"


def find_order_no(text: str) -> str | None:
    """HM260917-3382 in any of its spellings, else 6 to 20 letters and digits as the customer gave them."""
    text = text.translate(_WIDTH)
    exact = _ORDER_HM.search(text)
    if exact:
        day, number = exact.group(1) or exact.group(3), exact.group(2) or exact.group(4)
        return f"HM{day}-{number}"
    for other in _ORDER_ANY.finditer(_EMAIL.sub(" ", text)):
        value = other.group().strip().replace(" ", "")
        if _MOBILE.fullmatch(value) or _COMPLAINT_NO.fullmatch(value):
            continue
        if re.fullmatch(r"\d{10}", value):  # the demo shop's own numbers without HM and dash
            return f"HM{value[:6]}-{value[6:]}"
        return value.upper()
    return None


def find_complaint_no(text: str) -> str | None:
    """TS20260924-0017; TS and the dash may be missing."""
    found = _COMPLAINT_NO.search(text.translate(_WIDTH))
    return f"TS{found.group(1)}-{found.group(2)}" if found else None


def find_last4(text: str) -> str | None:
    """The last four digits of a phone; the whole number is welcome too."""
    contact = find_contact(text)
    if contact and "@" not in contact:
        return contact[-4:]
    rest = _COMPLAINT_NO.sub(" ", text.translate(_WIDTH))
    found = _LAST4.findall(rest)
    return found[-1] if found else None


def find_remedy(text: str) -> str | None:
    """要求道歉, 希望换一件 … inside a longer sentence."""
    found = _REMEDY_CUE.search(text)
    return found.group("what").strip(" ，,。") or None if found else None


def tells_something(text: str) -> bool:
    """More than 我要投诉: enough words about what happened."""
    return len(bare(_WANT_ONLY.sub("", bare(text)))) >= MIN_DESCRIPTION


def is_yes(said: Said) -> bool:
    if said.action is not None:
        return said.action == "confirm"
    return bool(_YES.match(bare(said.text))) or (
        said.intent == "affirm" and said.confidence >= 0.5 and len(bare(said.text)) <= 8
    )


def is_no(said: Said) -> bool:
    if said.action is not None:
        return said.action == "edit"
    return bool(_NO.match(bare(said.text))) or (
        said.intent == "deny" and said.confidence >= 0.5 and len(bare(said.text)) <= 8
    )


def is_cancel(said: Said) -> bool:
    if said.action is not None:
        return said.action == "cancel"
    words = bare(said.text)
    return bool(_CANCEL.match(words)) or (
        said.intent == "withdraw_complaint" and said.confidence >= 0.6 and len(words) <= 12
    )


def is_skip(said: Said) -> bool:
    return said.action == "skip" or bool(_SKIP.match(bare(said.text)))


def wants_person(said: Said) -> bool:
    """At any step of the form: the button, or plain words; 让经理给我道歉 is a remedy, not this."""
    if said.action is not None:
        return said.action == "request_human"
    words = bare(said.text)
    if len(words) <= 15 and _PERSON.search(words):
        return True
    return said.intent == "request_human" and said.confidence >= 0.8 and len(words) <= 10


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


# ── after and beside the form ────────────────────────────────────────────────


def answered_in_between(events: Sequence[Mapping[str, Any]], form: str) -> bool:
    """True when another action has already spoken in this turn: the form only asks again."""
    own = {form, f"validate_{form}", "action_listen", "action_extract_slots", "action_session_start"}
    for event in reversed(events):
        if event.get("event") == "user":
            return False
        if event.get("event") == "action" and event.get("name") not in own:
            return True
    return False


def wants_own_order(said: Said) -> bool:
    """订单到哪了 asks for one's own order; 怎么查物流 asks how it is done."""
    if _HOW_TO.search(said.text):
        return False
    return bool(_PERSONAL.search(said.text))


def supplements_something(text: str) -> bool:
    """我要补充材料 announces; 补充：外箱照片上有破口 tells."""
    rest = re.sub(r"补充(材料|一下|资料|证据|说明|信息|内容)?|材料|证据|投诉|上传|提交", "", bare(text))
    return tells_something(rest)
