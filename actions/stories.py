"""What is filed as the facts: the customer's words without 我要投诉 ahead of them and without the wish. Pure.

The wish stands in a field of its own, and the thread keeps the message as it was typed. Whatever is in doubt stays: a
word too many bothers nobody, a fact that is lost does.
"""

from __future__ import annotations

import re

from actions.fields import MAX_REMEDY
from actions.folding import bare, fold
from actions.wishes import CLAUSE_CHARS, Wish, find_remedy, is_lead, tells_something, wishes

_GREETING = r"(?:(?:你们?好|您好|哈[喽啰]|在[吗么]|亲|喂|hi|hello|客服(?:在吗)?)[\W_]*)*"
_WHO = r"(?:我们?|俺们?|本人|咱们?)?"
_HOW = r"(?:真的|现在|今天|就是?|还是|也|一定|强烈|正式|郑重|严重|实名|必须|再次?|先)*"
#: 我要投诉, 必须投诉, 帮我登记个投诉 …: says that one complains, before whatever is complained of.
_CUED = re.compile(
    rf"^[\W_]*{_GREETING}{_WHO}{_HOW}"
    rf"(?:(?:是?来|想要|需要|打算|必须|强烈|正式|实名|要求|要|想|得){_HOW}(?:跟你们|向你们|来)?(?:提交?|提出|进行|做|登记|发起)?(?:一个|个|一次)?|"
    r"(?:请|麻烦)?(?:你们?|您)?(?:帮我|给我|替我|帮忙)(?:登记|记|提交?|发起)(?:一下|下)?(?:一个|个|一件|件)?)"
    r"(?:投诉|举报|客诉|tousu)(?:一下|一个|下|吧)?(?:的(?:事情?|内容|问题|原因|对象|人)?是)?",
    re.IGNORECASE,
)
#: 投诉 alone is the declaration only where a pause follows, or somebody who can be complained of.
_PLAIN = re.compile(
    rf"^[\W_]*{_GREETING}(?:我|俺|本人)?(?:投诉|举报|tousu)+(?:一下)?"
    r"(?=\W|(?:你们|你家|您|恁|贵司|他们|商家|卖家|店家|快递|物流|送货|配送|安装|师傅|客服|售后|售前|导购|收银|店长|经理|老板|小哥|司机|骑手|员工|工作人员))",
    re.IGNORECASE,
)
#: What follows makes 投诉 a thing, or something done before: 投诉电话打不通, 投诉了三次, 想投诉又没地方.
_A_THING = re.compile(
    r"^(?:建议)?(?:的|电话|热线|渠道|中心|入口|部门|邮箱|平台|按钮|页面|专员|专线|单|编号|记录|结果|流程|处理|信|案|无门|无果|到|给|至|去|了|过|完|后|之后|以后|时|"
    r"又|但|可是|却|都|也|才|还|没|不|被|很|太|吗|呢|么|[一二两三四五六七八九十几多好\d]+(?:次|遍|回|天|个?月|个?星期|周|年))"
)
_TIMES = re.compile(r"^(?:你们|你家|您|他们|商家|卖家|店家|客服)?(?:都|已经|快)*(?:[一二两三四五六七八九十几多好\d]+(?:次|遍|回|天|个?月|个?星期|周|年)|没用|没人|无门|了|过)")
#: Only whom: nothing is lost without it.
_ONLY_WHOM = re.compile(r"^(?:你们?|您|恁|他们?|她|它|你们?家|你们?公司|你们?店|贵司|这家店?|这个|一下|吧|了|啊|呀)+(?=\W|$)")
#: 骂人要求道歉: a grievance has ended, the wish begins.
_TOLD_ALREADY = re.compile(
    r"(?:骂人|骂我|打人|动手|推我|差|恶劣|坏了|破了|裂了|碎了|断了|漏了|漏水|丢了|少了|错了|脏了|歪了|迟到|不理人?|不管|爽约|失约|没来|没到|没送|开裂|破损|损坏|掉漆|异味|不见了)$"
)
_SEPARATORS = " \t\r\n,，;；:：、"


def facts_of(text: str, known_remedy: bool = False) -> str:
    """The facts of what was typed; all of it where nothing told would be left.

    ``known_remedy``: the wish was given before, so the one in here is not taken out.
    """
    kept = [] if known_remedy or len(find_remedy(text) or "") > MAX_REMEDY else wishes(text)
    without_wish = _without(text, kept)
    for candidate in (_undeclared(without_wish), without_wish, _undeclared(text)):
        if candidate and tells_something(candidate):
            return candidate
    return text


def _without(text: str, found: list[Wish]) -> str:
    """The text without the clauses that are nothing but the wish, and the pause after each."""
    rest, at = "", 0
    for wish in found:
        start = _begins(text, wish)
        if start is None:
            continue
        rest += text[at:start]
        at = wish.end
        while at < len(text) and text[at] in _SEPARATORS + "。.!！~～…":
            at += 1
    rest += text[at:]
    return rest.rstrip(_SEPARATORS) if at else text


def _begins(text: str, wish: Wish) -> int | None:
    """Where the wish begins; None where its clause tells something else too, or names whom it is asked of."""
    clause = fold(text)[wish.start : wish.end]
    if len(clause) > CLAUSE_CHARS or "师傅" in clause.replace(wish.what, ""):
        return None
    if is_lead(wish.before):
        # 我要投诉 … 要求退款 in one breath is no clause of the wish alone.
        return None if re.search(r"投诉|举报", clause) and "投诉" not in wish.what else wish.start
    if _TOLD_ALREADY.search(wish.before):
        return wish.start + len(wish.before)
    return None


def _undeclared(text: str) -> str:
    """Without every declaration at the beginning."""
    rest = text
    while True:
        shorter = _one_less(rest)
        if shorter is None:
            return rest
        rest = shorter


def _one_less(text: str) -> str | None:
    folded = fold(text)
    declared = _CUED.match(folded)
    plain = None if declared else _PLAIN.match(folded)
    found = declared or plain
    if found is None:
        return None
    rest = folded[found.end() :]
    if _A_THING.match(rest) or (plain and _TIMES.match(rest)):
        return None
    whom = _ONLY_WHOM.match(rest)
    end = found.end() + (whom.end() if whom else 0)
    while end < len(text) and (text[end].isspace() or not bare(text[end])):
        end += 1
    return text[end:] or None
