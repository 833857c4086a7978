"""What one customer sentence says: numbers, yes and no, leaving, wanting a person. Pure, without Rasa.

Wording patterns are understanding, not speech: everything the customer reads is a script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Fewer meaningful characters than this say nothing about what happened.
MIN_DESCRIPTION = 4

_PUNCTUATION = re.compile(r"[\s,，。.!！?？~～、;；:：…“”\"'‘’（）()【】\-—]+")
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_MOBILE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3})[- ]?(\d{7,8})(?!\d)")
_COMPLAINT_NO = re.compile(r"(?<![A-Za-z0-9])(?:TS)?[- ]?(20\d{6})[- ]?(\d{4})(?![A-Za-z0-9])", re.IGNORECASE)
_ORDER_HM = re.compile(
    r"(?<![A-Za-z0-9])(?:HM[- ]?)?(\d{6})-(\d{4})(?!\d)|HM[- ]?(\d{6})[- ]?(\d{4})(?!\d)", re.IGNORECASE
)
_ORDER_ANY = re.compile(
    r"(?<![A-Za-z0-9@._-])(?=[A-Za-z0-9-]*\d{4})[A-Za-z]{0,4}[- ]?[0-9][A-Za-z0-9-]{5,19}(?![A-Za-z0-9@])"
)
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
_REMEDY_CUE = re.compile(
    r"(?:要求|希望|请求|诉求是?|必须|应该|我要|我想|想要|想|请)(?:你们|你|他|商家|贵司|公司|店家)?(?:给我|给|能|把|对我|向我|跟我)?"
    r"(?P<what>(?:[^,，。;；!！]*?)(?:道歉|赔偿|补偿|赔|退款|退货|退钱|换货|换一[件个台张]|更换|重新?发|补发|补寄|维修|修好|处罚|处分|开除|解释|说法)[^,，。;；!！]*)"
)
_PERSONAL = re.compile(
    r"到哪|哪了|在哪(了)?$|还没(到|发|收|送|来|出库|动静)|没(到|发货|收到|发)|什么时候(到|发|送|能到|发货|送到)|啥时候(到|发|送)|何时(到|发)|多久(能)?到|几时到|"
    r"查(一下|下|个|询)?(我的)?(订单|快递|物流|包裹|货)|订单(状态|进度|情况)|物流(信息|进度|情况|状态)?$|(快递|包裹|货|东西|桌子|椅子|订单).*(呢|到了没|发了没|到没)|发货了?(没|吗)|发了(没|吗)|到了(没|吗)"
)
_HOW_TO = re.compile(
    r"怎么(查|看|查询|修改|联系|追踪)|如何|在哪(里|儿)?(看|查|能)|能不能|可以.*吗|可不可以|一般|通常|默认|支持|运费|邮费|包邮|哪家|哪个快递|送不送|能送|送到.*吗|改约|预约|自提|签收但|没收到"
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
            # As written: it becomes the complaint's own words. Whoever looks for numbers folds the width.
            text=str(latest.get("text") or "").strip(),
            intent=str(intent.get("name") or ""),
            confidence=float(intent.get("confidence") or 0.0),
            action=latest.get("button_action"),
            match_score=float(match.get("score") or 0.0),
            match_key=match.get("key"),
        )


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


def wants_own_order(said: Said) -> bool:
    """订单到哪了 asks for one's own order; 怎么查物流 asks how it is done."""
    if _HOW_TO.search(said.text):
        return False
    return bool(_PERSONAL.search(said.text))


def supplements_something(text: str) -> bool:
    """我要补充材料 announces; 补充：外箱照片上有破口 tells."""
    rest = re.sub(r"补充(材料|一下|资料|证据|说明|信息|内容)?|材料|证据|投诉|上传|提交", "", bare(text))
    return tells_something(rest)
