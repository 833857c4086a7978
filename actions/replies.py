"""Yes, no, leave it, go back, skip, a person please: short replies in all their forms. Pure.

Each rule reads clause by clause, so that 算了 leaves the form and 客服说算了不给我换 tells a story.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actions.folding import bare, clauses, fold

if TYPE_CHECKING:
    from actions.parsing import Said

#: What is longer than this is no short reply.
SHORT = 25

#: Denying words that agree.
_AGREES = re.compile(
    r"没有?错|没有?问题|没毛病|木有问题|米有错|不用改了?|不改了|没有?(?:什么|啥)?(?:要|需要)改的?了?|没(?:什么|啥)?(?:要)?补充的?了?|不用补充了?|"
    r"核对无误|无误|无异议|一字不差|不然呢|没意见"
)
_YES_WORD = re.compile(
    r"确认(?:提交|无误|登记)?|提交|登记|交(?:上去|吧)?|发出去|发吧|报上去|"
    r"就?(?:是)?这样就?行?|就?这么(?:着|交|办|定|回事|个事儿?)|就?按这个(?:来|办|报)?|照这个|就是这个意思|就这个|就登记这个|这个|这件事|号码|"
    r"是的?|是滴|对头|都?对着|对的?|系|啱嘅|都对|全对|完全|正确|准确|可以的?|阔以|可|得行|行|中|要得|好[的滴哒]?|成|妥了?|"
    r"okay|ok+|o了|哦了|欧克|yyds|yes|yep|yeah|y|嗯+|恩+|彳亍|同意|信息|内容|都|全|说得很清楚|总结得真准|差不多|看过了|看了|你说得对|说得对|那必须的?|必须的|"
    r"1|电话|手机号?|订单号?|单号|也|"
    r"赶紧|赶快|直接|就|快点?|尽快|处理|给我答复|谢谢你?|麻烦你?了?|辛苦了?|我|吧|啊|呀|哦|哈|嘞|呢|滴|呐|哇|嘛|的|了|没错就"
)
_YES_SIGN = re.compile(r"[👌👍✅✔☑🆗]")
_YES_CORE = re.compile(
    r"确认|提交|登记|交|发出去|发吧|报上去|这样|这么|按这个|照这个|这个|是|对|系|啱|正确|准确|可|阔以|行|中|要得|好|成|妥|"
    r"ok|okay|o了|哦了|欧克|^yes|yep|yeah|^y$|嗯|恩|彳亍|同意|清楚|真准|必须|^1$"
)
_NO_SIGN = re.compile(r"[❌✖👎🙅🙅‍]")
_NO = re.compile(
    r"(?<!对)(?<!行)不(?:太|大|完全|全|是很)?(?:对(?!起)|行|正确|准确|可以|确认|同意|认可|成|dui|中$|得行|系)|[8布弗莫]得?对|"
    r"不是(?:的|这|那|我|啊|吧|呀)?|错|有误|有问题|有出入|不一样|没写对|不能这|(?:先)?别(?:急着)?(?:提)?交|不要这样|这样写|这么写|"
    r"^no|nope|^n$|^否|唔系|唔啱|勿是|听岔|瞎写|乱写|什么跟什么|离谱|非也|不对马嘴|重来|不是一回事|"
    r"^(?:我)?(?:想|要|得)?(?:修改|改|编辑|重填|重新填)|有(?:一)?个地方|改(?:一下|个|改|完|吗|下)|(?:让我)?重填|编辑"
)
_ONLY_ASKS = re.compile(r"吗$|么$|[?？]$|为什么|为啥|是不是|会不会|能不能|可不可以|多久|怎么看|谁来")

_CANCEL = re.compile(
    r"^(?:那就?|还是|我们?|俺|先|哎|唉|嗯|今天|就|也|真|帮我|麻烦|把)*"
    r"(?:算[了啦]+(?:吧)?|蒜了|算[逑球]了?|罢了|拉倒|算数|算啦算啦|"
    r"(?:不|8|勿|唔)(?:想|要|用|再|必|打算)?(?:再)?(?:投诉|追究)(?:了|咧|喇|啦)?|(?:不|8|勿|唔)(?:想|要|用|再)?(?:再)?(?:投|告|弄|搞|整|填|写|说|管)(?:那没用的)?[了咧喇啦]|"
    r"(?:不|不想|不用)(?:提交|登记|办|交|报)了?|别(?:提交|登记)了|"
    r"(?:取消|撤[销回]?|退出|关掉|结束|放弃|停止|终止|作废|删[掉了])(?:这个|这次|我的)?(?:投诉|登记|申请)?[吧了掉]?|把?(?:这个|这单|这次|刚才说的)?(?:投诉|都)(?:作废|删[掉了]|不要了|撤了)|"
    r"这单投诉不要了|懒得(?:投诉|弄|说)了?|没必要了?|没事了|没事啦|当我没说|就?当没发生过?|(?:下次|改天|以后|过两天|回头)再(?:说|弄|看|投诉|来)|"
    r"别了|不要投诉了?|不必了|stop|cancel|quit|exit)"
    r"(?:算了|吧|了|啦|咧|噻|喇|哈|谢谢你?|不投诉了?|不弄了|不用管了|太麻烦|不好意思)*$"
)
#: 算了，你们看着办 leaves the remedy to the shop, not the form; a question does not leave either.
_GOES_ON = re.compile(r"看着办|按规定|照规定|随你们|你们定|[?？]\s*$")
_SKIP = re.compile(
    r"^(我)?(这边|手头|暂时|现在)?(没有?|无|跳过|略过?|过|不知道|不清楚|忘了|忘记了?|找不到|查不到|记不(得|住|清)了?|没(有)?订单号?|没下单|没买|不(提供|填|想说|记得|用)|没有单号|暂无|none|no|"
    r"门店买的|线下买的|店里买的|删了|丢了|弄丢了)"
    r"(订单编号|订单号?|单号|号码|订单|了|的|吧|啊|呀|哦|呢|先|跳过|门店买的|线下买的|怎么办)*$",
    re.IGNORECASE,
)
_NO_ORDER = re.compile(r"(?:没有?|无|不记得|忘了|找不到)(?:订单号?|单号)")
_BACK = re.compile(
    r"^(?:我要|我想|请|麻烦|先|再|能)*(?:返回|退回|回到?|倒回)?(?:到)?(?:上一步|上一个问题|上一题|上一项|前一步|前一个问题)(?:吧|去|一下|重填|重说|吗|了|填错了|写错了)*$|"
    r"^(?:返回|后退|退回去|倒回去|回去)(?:吧|一下|重填|改)*$|^(?:刚才|上面)(?:那个|那项|的)?(?:填|写|说|答)错了(?:重填|重来|重说)?$"
)
_PERSON = re.compile(r"人工|真人|转(接)?客服|找客服|(叫|找|换)(个)?(人|经理|主管|领导)(来|跟我|和我)")


def is_yes(said: Said) -> bool:
    if said.action is not None:
        return said.action == "confirm"
    words = bare(said.text)
    if not words:
        return bool(_YES_SIGN.search(said.text)) and not _NO_SIGN.search(said.text)
    agreed = _AGREES.sub("对", words) if len(words) <= 2 * SHORT else words
    if "1" in agreed and agreed != "1":
        agreed = agreed.replace("1", "一")
    rest = _YES_WORD.sub("", agreed)
    if not rest and _YES_CORE.search(agreed):
        return True
    return said.intent == "affirm" and said.confidence >= 0.5 and len(words) <= 8 and not _NO.search(agreed)


def is_no(said: Said) -> bool:
    if said.action is not None:
        return said.action == "edit"
    words = bare(said.text)
    if not words:
        return bool(_NO_SIGN.search(said.text))
    agreed = _AGREES.sub("对", words)
    if (
        _NO.search(agreed)
        and len(words) <= 20
        and not _ONLY_ASKS.search(fold(said.text).strip().replace("能改吗", "").replace("什么跟什么", ""))
    ):
        return True
    return said.intent == "deny" and said.confidence >= 0.5 and len(words) <= 8 and words not in ("等一下", "慢着")


def is_cancel(said: Said) -> bool:
    if said.action is not None:
        return said.action == "cancel"
    words = bare(said.text)
    leaves = len(words) <= SHORT and not _GOES_ON.search(fold(said.text))
    if leaves and any(_CANCEL.match(bare(clause)) for clause in [said.text, *clauses(said.text)]):
        return True
    return said.intent == "withdraw_complaint" and said.confidence >= 0.6 and len(words) <= 12


def is_skip(said: Said) -> bool:
    if said.action is not None:
        return said.action == "skip"
    words = bare(said.text)
    return (len(words) <= SHORT and bool(_SKIP.match(words))) or has_no_order(said.text)


def has_no_order(text: str) -> bool:
    """没有订单号 within a longer sentence."""
    return bool(_NO_ORDER.search(fold(text)))


def is_back(said: Said) -> bool:
    """上一步: the question before is asked once more."""
    words = bare(said.text)
    return said.action is None and len(words) <= SHORT and bool(_BACK.match(words))


def wants_person(said: Said) -> bool:
    """At any step of the form: the button, or plain words; 让经理给我道歉 is a remedy, not this."""
    if said.action is not None:
        return said.action == "request_human"
    words = bare(said.text)
    if len(words) <= 15 and _PERSON.search(words):
        return True
    return said.intent == "request_human" and said.confidence >= 0.8 and len(words) <= 10
