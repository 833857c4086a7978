"""What the last words of the bot make of the next words of the customer: choices, yes and no, corrections, two wants.

Pure: the channel hands in what it knows of the dialogue and acts on the reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.answers import INQUIRIES, OFFERS_PERSON
from bot.short_answers import Answer, accepts_offer, picks, plain, read
from bot.withdrawing import answer_to_withdrawal, chooses

#: The bot has asked for a number; 算了 leaves the question, and nothing else.
ASKED_A_NUMBER = frozenset({
    "order.ask_number", "order.not_found", "order.lookup_failed", "complaint.ask_number", "complaint.ask_last4",
    "complaint.not_found", "complaint.none_to_urge", "complaint.withdraw_which",
})  # fmt: skip
#: Which complaint is to be withdrawn, and whether it really is.
ASKED_WHICH, ASKED_WITHDRAWAL, WITHDRAWS = "complaint.withdraw_which", "complaint.withdraw_confirm", "withdraw_complaint"
CONFIRM_SLOT = "complaint_confirmed"


@dataclass(frozen=True)
class Context:
    """Where the dialogue stands before a message."""

    said_last: str | None = None  # script the customer saw last, also where the house said it
    options: Mapping[str, str] = field(default_factory=dict)  # script key → title of the choice just offered
    form: str | None = None
    asked: str | None = None  # the form's present question


@dataclass(frozen=True)
class Reading:
    """A message that needs no classifier: `intent` is certain; `action` and `script` as if a button were pressed."""

    intent: str
    action: str | None = None
    script: str | None = None


CHOOSE = "choose_script"
_NONE_OF_THESE = Reading("nlu_fallback", action="none_of_these")
_HOME = re.compile(r"^(我(想|要))?(返回|回到?)(主?菜单|首页|主页|开头|最开始|一开始)(吧|去|重新开始)*$|^(返回|主菜单|首页|重新开始|从头(开始|来)|重来)(吧|一遍)?$")


def interpret(text: str, context: Context) -> Reading | None:
    """What a typed message means as an answer to what was just said; None: it speaks for itself."""
    if context.form:
        return _in_form(text, context)
    if context.options:
        return _choice(text, context.options)
    if context.said_last in OFFERS_PERSON:
        answer = accepts_offer(text)
        if answer is not Answer.OTHER:
            return Reading("affirm" if answer is Answer.YES else "deny")
    if context.said_last == ASKED_WITHDRAWAL:
        action = {Answer.YES: "confirm", Answer.NO: "cancel"}.get(answer_to_withdrawal(text))
        if action:
            return Reading(WITHDRAWS, action=action)
    if context.said_last == ASKED_WHICH and (chooses(text) or answer_to_withdrawal(text) is Answer.NO):
        return Reading(WITHDRAWS if chooses(text) else "deny")
    if context.said_last in ASKED_A_NUMBER and read(text) in (Answer.LEAVE, Answer.NO):
        return Reading("deny")
    if _HOME.match(plain(text)):
        return Reading(CHOOSE, script="chat.greet")
    return None


def _in_form(text: str, context: Context) -> Reading | None:
    """At the read-back a clear answer is as good as the button; everything else is the form's."""
    if context.asked != CONFIRM_SLOT:
        return None
    return {
        Answer.YES: Reading("affirm", action="confirm"),
        Answer.NO: Reading("deny", action="edit"),
        Answer.LEAVE: Reading("deny", action="cancel"),
    }.get(read(text))


def pressed(action: str, title: str, context: Context) -> Reading | None:
    """A button under the question whether to withdraw answers that question; elsewhere it means what it says.

    Its yes pressed late, with other words in between, puts the question again: it is known what was wanted.
    """
    if context.form is not None or action not in ("confirm", "edit", "cancel"):
        return None
    if context.said_last == ASKED_WITHDRAWAL:
        return Reading(WITHDRAWS, action=action)
    return Reading(WITHDRAWS) if action == "confirm" and "撤" in title else None


def must_ask_again(intent: str, context: Context) -> bool:
    """Something like yes or no, but not plainly: a complaint is not withdrawn on a guess."""
    return context.form is None and context.said_last == ASKED_WITHDRAWAL and intent in ("affirm", "deny")


def no_answer(text: str, context: Context) -> bool:
    """At the read-back: neither yes nor no, whatever the classifier takes it for. Filing waits for a clear word."""
    return context.asked == CONFIRM_SLOT and read(text) is Answer.OTHER


def _choice(text: str, options: Mapping[str, str]) -> Reading | None:
    keys = list(options)
    index = picks(text, list(options.values()))
    if index is not None and index >= 0:
        return Reading(CHOOSE, script=keys[index])
    answer = accepts_offer(text)
    if index == -1 or answer is Answer.NO:
        return _NONE_OF_THESE
    if answer is Answer.YES and len(keys) == 1:
        return Reading(CHOOSE, script=keys[0])
    return None


# --- corrections --------------------------------------------------------------------------------

_TOOK_BACK = re.compile(
    r"^(不对|不是|错了|说错了|打错了|不是这个|不是这意思|我不是问这个|不是问这个|答错了|你理解错了)(的|啦|了|哦|呀|啊)*[\s,，。.!！;；:：]*"
    r"(我(是)?(想|要)?(问|说|指|要|办)(的)?(是|的是)?|是(想问|问|说)?|应该是|我是)?[\s,，:：]*(?P<rest>.{2,})$",
    re.DOTALL,
)
_ORDER_NO = re.compile(r"(?<![a-z0-9])(hm[- ]?)?\d{6}-?\d{4}(?!\d)", re.IGNORECASE)


def corrected(text: str, context: Context) -> str:
    """不对，我问的是发票 → 发票: after an answer, what was meant instead. Elsewhere the text itself."""
    if context.form or context.said_last is None:
        return text
    found = _TOOK_BACK.match(text.strip())
    rest = found.group("rest").strip() if found else ""
    return rest if found and len(plain(rest)) >= 2 and read(rest) is Answer.OTHER else text


def names_other_order(text: str, context: Context) -> bool:
    """不对，是HM260920-1107 after an order was told: another number, the same question."""
    return bool(context.said_last and context.said_last.startswith("order.") and _ORDER_NO.search(text)) and (
        len(plain(text)) <= 30
    )


# --- two wants in one sentence ------------------------------------------------------------------

_SEPARATORS = (
    re.compile(r"[\s,，。;；!！?？]*(?:另外|还有|顺便|再(?:帮我)?(?:问|看|查)(?:一下|下|个)?|对了|以及|然后再?|同时|还想(?:再)?(?:问|知道)(?:一下|下)?)[\s,，:：]*"),
    re.compile(r"[。;；!！?？]+"),
    re.compile(r"[,，]+|\s{1,}"),
    re.compile(r"(?:和|跟|还有)(?=.{2,}(?:怎么|多久|多少|几|吗|呢|能不能|可以))"),
)
_ASKS = re.compile(r"[?？]|吗|呢|么|怎么|咋|如何|多久|多少|几[天点个号时折]|什么|啥|哪|能不能|能否|可不可以|可以|能.{1,8}不|要不要|有没有|是不是|查|开|退|换|改|取消|想|要|帮|到了没|发了没")
#: What is left of a half without these words is what it asks about: 正常吗, 要多久 and 那多少钱 ask about the other half.
_BARE = re.compile(r"怎么(?:办|回事|弄|样)?|咋(?:办|整|弄)?|如何|什么(?:时候|意思|情况|原因)?|啥(?:时候|意思)?|为何|为什么|为啥|多久|多少|多长|几[天点个号时]?|哪[里儿]?|"
                   r"能不能|可不可以|要不要|是不是|有没有|行不行|对不对|可以|需要|应该|正常|合理|合适|合规|大概|大约|一般|现在|这样|这个|那个|这|那|你们|我们|请问|麻烦|帮我|一下|时间|"
                   r"[吗呢么啊呀吧嘛哦的了要想能会行对是不没有得我您你钱块元贵算问]")
MIN_HALF, MAX_TWO, MIN_ABOUT = 3, 80, 2


def halves(text: str) -> tuple[str, str] | None:
    """A sentence that looks like two requests, cut in two; None when it does not."""
    text = text.strip().strip("。.!！?？~～ ")
    if not 8 <= len(text) <= MAX_TWO:
        return None
    for separator in _SEPARATORS:
        parts = [part.strip() for part in separator.split(text) if part and len(plain(part)) >= MIN_HALF]
        if len(parts) == 2 and all(_ASKS.search(part) and _stands_alone(part) for part in parts):
            return parts[0], parts[1]
    return None


def _stands_alone(part: str) -> bool:
    return len(_BARE.sub("", plain(part))) >= MIN_ABOUT


def both_clear(wants: Sequence[tuple[str, float]], sure: float) -> bool:
    """Two confident inquiries about different things (an order's state and its parcel are one)."""
    names = {"ask_order" if name in ("ask_order_status", "ask_logistics") else name for name, _ in wants}
    return len(names) == len(wants) and all(name in INQUIRIES and confidence >= sure for name, confidence in wants)


def wants_of(parsed: Mapping[str, Any]) -> tuple[str, float]:
    """Intent and confidence of a parsed half."""
    intent = parsed.get("intent") or {}
    return str(intent.get("name") or ""), float(intent.get("confidence") or 0.0)
