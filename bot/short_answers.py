"""Yes, no, change it, forget it: what a short answer to a question of ours means. Pure.

Only used where the bot has just asked (a complaint read back, an offer of a person): the same words on their own
are for the classifier. What it cannot tell it leaves alone.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum


class Answer(str, Enum):
    """How a question was answered; OTHER is left to the classifier and the form."""

    YES = "yes"
    NO = "no"  # it is wrong, or wants a change without naming the field
    CORRECT = "correct"  # names a field or a value: the form reads it
    LEAVE = "leave"  # no longer wants it at all
    OTHER = "other"


_MARKS = re.compile(r"[\s,，。.!！~～、;；:：…\"“”'‘’()（）【】\-—]+")
#: Homophones, dialects and net spellings of a few small words; longest first.
_SPELLINGS = (
    ("不dui", "不对"), ("布对", "不对"), ("莫得对", "不对"), ("不得行", "不行"), ("不系", "不是"), ("唔系", "不是"), ("唔啱", "不对"),
    ("勿是", "不是"), ("弗对", "不对"), ("弗是", "不是"), ("酱紫", "这样子"), ("木有", "没有"), ("米有", "没有"), ("冇", "没有"), ("阔以", "可以"),
    ("彳亍", "行"), ("欧克", "ok"), ("哦了", "ok"), ("蒜了", "算了"), ("啱嘅", "对的"), ("系啊", "是啊"), ("系嘅", "是的"), ("唔", "不"),
    ("勿", "不"), ("弗", "不"), ("丁单", "订单"), ("电花", "电话"),
)
_EIGHT = re.compile(r"^8(?=[\u4e00-\u9fff])")  # 8对: 不对

_QUESTION = re.compile(r"[?？]|吗|多久|怎么(?!变)|为什么|为啥|谁|哪|几天|能不能|可不可以|是不是|行不行|会不会|必须填|什么意思|这是什么|^什么|^啥$")
_WAIT = re.compile(r"^(那|先|你)?(稍等|等一下|等下|等会儿?|慢着|让我看看|我看看|我先|我在)(?!.*(改|错|不对))")

_LEAVE = re.compile(
    r"(不|别|懒得|没必要|不想|不用|不必|不要|甭)再?(投诉|告(?!诉)|追究|举报)|不(提交|交|投|登记|弄|搞|整|填|写|办|报|要)(了|咧|喇|啦)|"
    r"(先|那)不(弄|投|提交|报|登记|交|办|搞)|缓缓.{0,3}不提交|不用(登记|提交)|[,，]?算了$|^(唉|哎|那|那就|还是|先|我|今天|就)*(算|罢)(了|啦|逑|球|数)|(先|还是|喇|那就)算(了|数)|拉倒|"
    r"^(取消|撤销|退出|放弃|作废|关掉|stop|cancel|quit|exit)|我?放弃|撤(了|掉|回)|没(事|必要)了|当我没(说|讲)|就?当没(发生|说|有)|"
    r"(下次|改天|回头|过两天|以后|改日)再(说|弄|看|来|讲)|已经?解决了|作废|不要提交.{0,3}放弃|还是别了|想通了"
)
#: Words of denying that agree.
_AGREEING = re.compile(
    r"(没有?|无|不用|不需要|没什么|没啥|没有什么|不必|用不着)(要|再|什么|啥)*(错|误|问题|毛病|异议|改|补充|修改|变|意见|出入)(的|了|动)*|不改了?|一字不差|"
    r"(其他|其它|别的|剩下的?)(都|全)?(对|没错|没问题)|(电话|号码|订单号?|单号|诉求)也?(都|全)?没错"
)
_FIELDS = re.compile(r"电话|手机|号码|联系|邮箱|座机|邮件|email|订单|单号|诉求|要求|希望|期望|赔|退|换|补发|描述|经过|情况|事情|内容|原因|对象|日期|时间|名字|姓|多加|加一(条|句)|[那这]个号|旧号|\d{4,}|@")
_CHANGE = re.compile(r"改|换|错|不对|不是|不要|重(写|填|说|新)|漏|少了|多了|多打|去掉|加一|补充|还有一点|要写|应该|才是|别留|旧号|不用退|只要|有出入")
_PLAIN_CHANGE = re.compile(
    r"^(那|嗯|等等?下?|稍微|帮我|让我|我|想|要|需要|能|得|给我)*(改|修改|编辑|重填|重新填)(改|一下|下|个|东西|几处|点|吧|完再交)*$|有(个|一个|处|一处)?地方(得改|要改|不对|不一样|错)"
)
_CONTENT = re.compile(r"不是.{1,8}是.{1,}|是.{2,}不是.{2,}")
_VALUE = re.compile(r"\d{7,}|[a-z0-9._]+@[a-z0-9]")
_NO = re.compile(
    r"不(太|完全|全|是很|怎么|大)?(对|是|行|可以|同意|确认|认可|准确|正确|中|成|能这么|要这样|属实)|错|有误|有问题|没(写|记|说)(对|清楚)|有出入|不一样|(乱|瞎)写|离谱|"
    r"(不是|哪是)?一回事|(先)?别(提交|交|急)|^no|nope|^n$|^否|非也|马嘴|什么跟什么|听岔|重来"
)
_NO_SIGNS = re.compile(r"✖|❌|👎|🙅|❎")
_YES_SIGNS = re.compile(r"👌|👍|✅|✔|🆗|💯")
_YES_WORD = (
    r"(没错|没问题|对头|对|是这样|就是这么(个|回)事儿?|就是|是|嗯|恩|好|可以|可|行|成|妥|中|正确|准确|无误|确认|同意|赞成|okk?|okay|yes|yep|yeah|y|sure|1|要得|得行|"
    r"提交|登记|交上去|交|发出去|报上去|就这样|就这么(着|办|交|定)?|就(按|照)这个(来|报|交)?|照这个|就登记这个|说得|你|我|很清楚|差不多|这个意思|必须|那|都|全|着|核对|信息|内容|完全|"
    r"看过|赶紧|快|直接|麻烦|谢谢|您|了|的|吧|呀|啊|哒|滴|呢|呐|嘛|哈|哦|喔|不然|这个号码|这件事|这个|处理|尽快|给我|答复|点|有|要|先|就|这样|总结|得|真准|yyds|意思)"
)
_ALL_YES = re.compile(rf"^{_YES_WORD}+$")
_YES_CORE = re.compile(r"没错|没问题|对|是|嗯|恩|好|可|行|成|妥|中|正确|准确|无误|确认|同意|ok|yes|yep|yeah|^y|sure|^1$|要得|提交|登记|交|发出|报上|就这|照这|就按|必须|这个意思|清楚")


def plain(text: str) -> str:
    """Width, case, marks and the commonest spellings made equal."""
    words = unicodedata.normalize("NFKC", text).lower().replace("\ufe0f", "")
    words = _MARKS.sub("", words)
    for spelt, meant in _SPELLINGS:
        words = words.replace(spelt, meant)
    return _EIGHT.sub("不", words)


def read(text: str) -> Answer:
    """What a reply to the read-back means."""
    words = plain(text)
    if not words:
        return Answer.OTHER
    if _LEAVE.search(words):
        return Answer.LEAVE
    if _WAIT.search(words):
        return Answer.OTHER
    rest = _AGREEING.sub("", words)
    agreed = rest != words
    if _VALUE.search(rest) or "除了" in rest or "还有一点" in rest:
        return Answer.CORRECT
    if _CHANGE.search(rest) and (_FIELDS.search(rest) or _CONTENT.search(rest)):
        return Answer.CORRECT
    if _PLAIN_CHANGE.search(rest):
        return Answer.NO
    asks = bool(_QUESTION.search(rest))
    if _NO_SIGNS.search(rest) or (_NO.search(rest) and not asks):
        return Answer.NO
    if asks:
        return Answer.OTHER
    signs = bool(_YES_SIGNS.search(rest))
    rest = _YES_SIGNS.sub("", rest)
    if (not rest and (agreed or signs)) or (_ALL_YES.match(rest) and (agreed or signs or _YES_CORE.search(rest))):
        return Answer.YES
    return Answer.OTHER


_TAKES = re.compile(r"^(好的?|行|可以|那|那就|嗯|麻烦)*(帮我)?(转|接)(过去|人工|吧|一下|给他们?|啊|呀)*(谢谢|了)*$")
_DECLINES = re.compile(r"^(暂时|现在|先|那|还是)*(不用|不转|不需要|不必|不要|没必要|免了|别转)(了|转|吧|啦|人工|谢谢|先|哈|哦)*$")


def accepts_offer(text: str) -> Answer:
    """A reply to 要不要转人工: yes, or no in any form; everything else is a matter of its own."""
    words = plain(text)
    if _TAKES.match(words):
        return Answer.YES
    if _DECLINES.match(words):
        return Answer.NO
    answer = read(text)
    if answer in (Answer.LEAVE, Answer.NO) and len(words) <= 10:
        return Answer.NO
    return answer if answer is Answer.YES else Answer.OTHER


_ORDINALS = {"一": 0, "1": 0, "①": 0, "二": 1, "2": 1, "②": 1, "两": 1, "三": 2, "3": 2, "③": 2}
_NTH = re.compile(r"^(我?(要|选|是|问的?是|想问|就))*(第)?([一二两三123])(个|条|项|种|件|号)?(吧|的|那个|啊|呢|事)*$")
_NONE = re.compile(r"^(都|全|这些|哪个)(都)?不(是|对)(的|啊|呢|哦)?$|^没有(一个)?(是|对)?的?$|^一个都不是$")


def picks(text: str, titles: list[str]) -> int | None:
    """Which of the offered titles a typed reply means; -1 for none of them, None when it says something else."""
    words = plain(text)
    if _NONE.match(words):
        return -1
    for index, title in enumerate(titles):
        if words == plain(title):
            return index
    if re.match(r"^(前者|前一个|前面那个|上面那个)(吧|的)?$", words):
        return 0
    if re.match(r"^(后者|后一个|后面那个|最后(一)?个|下面那个)(吧|的)?$", words):
        return len(titles) - 1 if titles else None
    nth = _NTH.match(words)
    if nth:
        index = _ORDINALS[nth.group(4)]
        return index if index < len(titles) else None
    return None
