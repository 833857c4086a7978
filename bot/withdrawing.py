"""The answer to 确定撤回这件投诉吗, and to which of several. Pure.

Only used where the bot has just asked. 撤了吧 and 不投诉了 leave a form, but here they are the yes; what is not plain is
left to the classifier and asked once more: a complaint is never dropped on a guess.
"""

from __future__ import annotations

import re

from bot.short_answers import Answer, plain, read

#: Longer ones tell something of their own.
MOST = 16
_ASKS = re.compile(r"[?？]|吗|呢$|么$|怎么|咋|为什么|为啥|多久|会不会|能不能|可不可以|是不是|要不要|什么|谁|哪|如果|万一|的话|要是|除非")
_KEEPS = re.compile(
    r"(不|别|甭|莫|唔|勿|没)(是|想|要|用|必|需要|打算|急着|准备|能|会|让|再|说)*(我|你们?|您|给我?|帮我?|把|它|投诉|确定|确认)*"
    r"(撤|取消|销掉?|作废)|撤.{0,3}(错|早)|不确[定认]|"
    r"保留|留着|(继续|接着|照常|照旧|还是|仍然|依然)(给我|帮我)*(处理|办|投诉|跟进|查|追究|要投诉)|反悔|后悔|点错|按错|误点|误触|说错"
)
_WITHDRAWS = re.compile(r"撤|(不|别|唔)(想|要|用|必)?再?(投诉|追究|告(?!诉))|取消(这个|这件|我的|掉|了)*投诉|投诉.{0,2}(取消|作废|销掉)|销(掉|案)")
_WAITS = re.compile(r"算了|等(等|一?下|会)|再(想|考虑|看|说)|考虑|先(放|不)|慢着|暂时|改天|回头|下次")
_SURE = re.compile(r"确定|肯定|当然|必须")
_BARE_LEAVE = re.compile(r"^(那|就|先|还是)*(取消|退出|放弃|不了?|否|免了|罢了)(吧|了|啦|要)*$")

_NTH = re.compile(r"^(我|要|就|选|是|撤回?|把)*(第)?[1-5一二三四五](个|件|条|项|号)?(吧|的|那|个|件|投诉|撤回?|了)*$")


def answer_to_withdrawal(text: str) -> Answer:
    """YES withdraws, NO keeps the complaint, OTHER is neither."""
    words = plain(text)
    if not words or len(words) > MOST or _ASKS.search(words):
        return Answer.OTHER
    if _KEEPS.search(words):
        return Answer.NO
    if _WITHDRAWS.search(words):
        return Answer.YES
    if _WAITS.search(words) or _BARE_LEAVE.match(words):
        return Answer.NO
    answer = read(_SURE.sub("确认", words))
    return answer if answer in (Answer.YES, Answer.NO) else Answer.OTHER


def chooses(text: str) -> bool:
    """第二件, 2, 都撤了: an answer to which of several complaints."""
    words = plain(text)
    return bool(_NTH.match(words)) or answer_to_withdrawal(text) is Answer.YES
