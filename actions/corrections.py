"""不对，电话是139…, 改诉求, 不是快递员，是安装师傅: which field a correction means, and its new value. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

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
from actions.folding import bare, fold
from actions.numbers import any_contact, find_order_no
from actions.parsing import Said
from actions.wishes import find_remedy

#: A longer message answers or tells; it corrects nothing.
CORRECTION_CHARS = 300


@dataclass(frozen=True)
class Correction:
    """Slots to set (None: ask again), and the script that asks where it is not the usual one."""

    slots: Mapping[str, Any] = field(default_factory=dict)
    say: str | None = None


_FIELD_WORDS = {
    DESCRIPTION: re.compile(r"事由|事情|描述|经过|情况|内容(?!有错|有误|错了|不对)|(?<!有)问题|原因"),
    REMEDY: re.compile(r"诉求|要求|希望|解决(方式|方案|办法)|处理(方式|方案|结果)|期望|赔偿金额|我要的是"),
    ORDER_NO: re.compile(r"[订丁定]单号?|单号"),
    CONTACT: re.compile(r"电[话花活]|手机|联系方式|号码|旧号|座机|邮箱|邮件|email|e-mail", re.IGNORECASE),
}
_CUE = re.compile(
    r"不对|不是|错|改成|改为|改一下|修改|更正|更改|换成|换个|换了|应该是|要改|得改|^\W*改|改下|没写上|还有一点|少写|把.+改了|要换|少了|多了|漏了|除了|去掉|重写|重填|旧号|才是|不打|别打|别留|"
    r"不要打|加一条|再加|加一句|补充|就行,?不用|我没说|是.+不是"
)
_NEW_VALUE = re.compile(r"(?:改成|改为|换成|更正为|应该是|应为|是|为|[:：])\s*(?P<value>.+)$")
_ASKS = re.compile(r"为什么|为啥|吗\s*$|[?？]\s*$|必须.+吗|会不会|多久")
#: Something is added to what is there, not put in its place.
_ADDS = re.compile(r"(?:加|补充)(?:一[条点句下]|上|个)?|还要|还有一点|漏了|没写上|少写")
_AFTER_ADD = re.compile(
    r"^.*?(?:加一?[条点句]?|补充(?:一下)?|漏了|没写上|少写了?)[\s,，:：]*(?:还要|还有)?(?P<value>.+)$"
)
#: A correction of the story that names no field: 不是快递员骂人,是安装师傅; 时间错了,是上周四.
_STORY = re.compile(
    r"不是.+是|是.+不是|(?:时间|日期|商品|名字|对象|地点|数量|人)(?:名字|名)?(?:错了|不对).+|还有一点.+|没写上.+|少写了.+|[把姓].*改了.+|投诉对象.+|投诉原因.+"
)
#: Tells that the record is wrong, not what is right.
_MISQUOTED = re.compile(r"不是我说|我说的不是|不是这个意思|不是一回事")


def correct(asked: str, said: Said, draft: Mapping[str, Any]) -> Correction | None:
    """One field set, opened again, or added to; None when nothing is corrected."""
    if asked == DESCRIPTION or len(said.text) > CORRECTION_CHARS:
        return None
    text = fold(said.text)
    at_end = asked == CONFIRMED
    fields = [name for name in STEPS[:-1] if _FIELD_WORDS[name].search(text)]
    contact, order = _newest(any_contact, text, draft.get(CONTACT)), _newest(find_order_no, text, draft.get(ORDER_NO))
    done = {"complaint_editing": None, CONFIRMED: None}
    cue = bool(_CUE.search(text))
    choosing = at_end and draft.get("complaint_editing") == "choose"
    if contact and asked != CONTACT and ((CONTACT in fields and cue) or at_end or (cue and not fields)):
        return Correction({CONTACT: contact, **done})
    if order and asked != ORDER_NO and (at_end or (cue and ORDER_NO in fields)):
        return Correction({ORDER_NO: order, **done})
    if _ASKS.search(text) or not (cue or choosing or (at_end and fields and _NEW_VALUE.search(text))):
        return None
    if not at_end:
        return _earlier(asked, said, fields, draft, done)
    if len(fields) > 1 and len(bare(text)) <= 12:
        return Correction(dict.fromkeys(fields) | done)  # 电话和订单号都要改
    return _at_the_end(said.text, fields, draft, done)


def _newest(find: Callable[[str], str | None], text: str, present: object) -> str | None:
    """不是 HM…3382，是 HM…3383: the one that is not there already."""
    found = find(text)
    return find(text[text.rindex("是") + 1 :]) or found if found == present and "是" in text else found


def _earlier(
    asked: str, said: Said, fields: list[str], draft: Mapping[str, Any], done: dict[str, Any]
) -> Correction | None:
    """Before the end only a field that is already filled can be meant; a long sentence answers the question."""
    if len(fields) != 1 or fields[0] == asked or draft.get(fields[0]) is None:
        return None
    name = fields[0]
    value = _new_text(name, said.text)
    if value is not None:
        return Correction({name: value, **done})
    if len(bare(said.text)) > 10:
        return None
    return _reopened(name, said.text, done)


def _at_the_end(text: str, fields: list[str], draft: Mapping[str, Any], done: dict[str, Any]) -> Correction | None:
    if ORDER_NO in fields and re.search(r"去掉|不要|删", text):
        return Correction({ORDER_NO: SKIPPED, **done})
    if len(fields) == 1 and fields[0] in (CONTACT, ORDER_NO):
        return _reopened(fields[0], text, done)
    changed = _NEW_VALUE.search(text)
    wish = find_remedy(text) or (find_remedy(changed.group("value")) if changed and not fields else None)
    if fields == [DESCRIPTION] or (not fields and not wish) or (DESCRIPTION in fields and REMEDY not in fields):
        return _story(text, DESCRIPTION in fields, draft, done)
    if REMEDY in fields or wish:
        if _ADDS.search(text) and draft.get(REMEDY):
            more = wish or _value(_AFTER_ADD, text)
            if more:
                return Correction({REMEDY: f"{draft[REMEDY]}，{more}"[:MAX_REMEDY], **done})
        value = _new_text(REMEDY, text) or wish
        return Correction({REMEDY: value, **done})
    return None


def _story(text: str, named: bool, draft: Mapping[str, Any], done: dict[str, Any]) -> Correction | None:
    """The story keeps the customer's first words; what corrects it stands after them."""
    told = str(draft.get(DESCRIPTION) or "")
    more = _value(_AFTER_ADD, text) if _ADDS.search(text) else None
    if more is None and _STORY.search(fold(text)) and len(bare(text)) >= 6 and not _MISQUOTED.search(text):
        more = text
    if more is not None:
        return Correction({DESCRIPTION: f"{told}；{more}"[:MAX_DESCRIPTION], **done})
    if not named:
        return None
    return Correction({DESCRIPTION: _new_text(DESCRIPTION, text), **done})


def _value(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    value = found.group("value").strip(" ,，。") if found else ""
    return value if len(bare(value)) >= 3 else None


def _new_text(name: str, text: str) -> str | None:
    """诉求改成全额退款 → 全额退款."""
    if name not in (DESCRIPTION, REMEDY):
        return None
    found = _NEW_VALUE.search(text)
    if found is None or len(bare(found.group("value"))) < 2:
        return None
    value = re.sub(r"[,，]?\s*不是.*$", "", found.group("value")).strip()
    if name == REMEDY:
        value = re.sub(r"不是.+?[,，]\s*是", "", value)
    return value[: MAX_DESCRIPTION if name == DESCRIPTION else MAX_REMEDY] or None


def _reopened(name: str, text: str, done: dict[str, Any]) -> Correction:
    say = {CONTACT: "complaint.bad_contact", ORDER_NO: "complaint.bad_order_no"}.get(name)
    tried = bool(re.search(r"\d{5,}", fold(text)))
    return Correction({name: None, **done}, say=say if tried else None)
