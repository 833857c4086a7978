"""What happened, and what the customer wants done about it, in one and the same sentence. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from actions.folding import bare, clauses, fold
from actions.numbers import without_numbers

#: A clause is read this far: nobody states a wish after a hundred characters without a pause.
CLAUSE_CHARS = 120
#: Whom and how to be reached is said in fewer; what is longer tells something.
ROLE_CHARS = 24

#: Fewer meaningful characters than this say nothing about what happened.
MIN_DESCRIPTION = 4

_CLAUSE = re.compile(r"[^\s,，。.!！?？~～;；:：…]+")
_DEED = (
    r"道歉|赔礼|赔罪|对不起|赔偿|补偿|赔|退款|退货|退钱|退全款|退[还回]|全[额款]退|退一|退差|退我|退了|退掉|差价|换货|换[一个新把张台件套成只]|"
    r"更换|调换|重[新做]|重发|补[发寄送齐给]|维修|修[好理]|返修|返工|处罚|处分|开除|辞退|解雇|[扣罚].{0,4}(?:工资|奖金|钱)|"
    r"解释|说法|交代|说明|答复|兑现|报销|派(?:个|人)|(?:再|重新|派人)上门|重装|拆[走掉]|取[走回]|拉走|下架|整改|公示|公开|撤回|恢复|"
    r"严肃处理|处理(?:他|她|这个|那个|一下这|掉)|给我?(?:修|换|装|送|退|赔|补)|尽快(?:发货|送|装|安装|退)|送(?:过来|到)|发货|安装好|开发票"
)
_WISH = re.compile(
    r"^(?P<lead>.*?)(?P<cue>要求|希望|请求|诉求是?|恳请|强烈要求|必须|应该|我就?只?要|我只求|只要求?|只求|想要|要|想|请|赶紧|赶快|麻烦|尽快|马上|立刻|得)"
    r"(?:的是|是|能够|能|求)?(?P<who>(?:你们|他们|她们|你|他|她|佢|商家|贵司|公司|店家|师傅|赶紧|尽快|立刻|马上|必须|再)*)"
    rf"(?:给我|给俺|把|对我|向我|跟我|帮我|替我|跟俺)?(?P<what>.*?(?:{_DEED}).*)$"
)
#: A clause that is nothing but the wish: 退全款, 公开道歉, 换个人来装就行, 要么送要么退钱.
_PLAIN = re.compile(
    rf"^(?:就|只|直接|那就|请|赶紧|马上|立刻|全部?|当面|公开|书面|要么.+要么.*?|给我|给俺|给个?)*(?:{_DEED}|赔|退|换).*$"
)
_COSTS = re.compile(r"(?:费|钱|损失)(?:用)?(?:你们|他们|店里|商家)?(?:得|要|必须|应该|全)?(?:出|赔|报销|承担|掏)$")
_LET_KNOW = re.compile(r"(?:要|想|得)(?P<what>让.{1,8}(?:知道|出面|来(?:说|谈|道歉)|给我.+))$")
_LABELLED = re.compile(
    r"(?:要求|诉求|希望|想要的?结果|处理要求|期望)\s*(?:是|为)?\s*[:：]\s*(?P<what>[^,，。;；!！\n]{2,60})"
)
_REFUSED = re.compile(r"(?:不要|不需要|不用|不想|不是要|没说要|别|不求|不图|不稀罕)")
#: Signs that the clause tells what went on: 退款拖了十天, 他要求我给五星, 换货换了三次.
_TOLD = re.compile(
    r"不给|不让|不肯|不愿|不同意|不理|不认|不管|不退|不换|不赔|不修|不发|没(?!别的)|被|拒|拖|一直|还是|居然|竟|却|结果|说好|承诺|答应|"
    r"了[一二两三四五六七八九十\d几半好]|[三四五六七八九十几两\d]次|过[了的]?$|要求我|让我(?!满意)|不可能|怎么|为什么|吗$"
)
_LEAD_OK = re.compile(
    r"^(?:我|俺|咱|我们|现在|就|也|只|只是|但|所以|那|还|并|并且|同时|另外|最好|真的|强烈|本人|投诉|这次|必须|希望)*$"
)
_TAIL = re.compile(r"(?:就行|就可以|就好|即可|就够|吧|啊|呀|哦|哈|嘛|了|谢谢)+$")

_WANT_WORDS = re.compile(
    r"我?(们)?(真的|现在|今天)?(就)?(是)?(想要|要求|想|要|需要|必须|得)?(正式)?(进行|提交|提出|提|做|登记|发起|来|再)?(一个|一下|个|下|一次)?"
    r"(投诉|举报|客诉|tousu)(一下|一个|下)?(建议|电话|渠道|中心|入口|过)?|"
    r"你好|您好|在吗|亲|客服在|请问|怎么|如何|在哪里?|可以|可不可以|能不能|能|这里|这儿|帮我|帮忙|麻烦|登记|请|我要|我想|俺要|想要|吗|呢|啊|吧|呀|谢谢|了解"
)
_ROLES = re.compile(
    r"^(?:你们?|您|恁|贵司|他们?|她|这个|那个|这家|这|那|家|店铺?|门店|公司|商家|卖家|平台|的|送货|配送|派送|送|安装|上门|快递|物流|客服|售后|售前|"
    r"导购|收银|店员|店长|经理|老板|师傅|人员|人|员|小哥|小姐姐|站|部门|团队|服务|[一-龥]某|\d+号|订单|这单|那单|单子|单|一下|一个|东西|产品|商品|质量)*$"
)
_NO_STORY = re.compile(
    r"具体的?(?:情况|事情)?(?:我)?(?:等会儿?|等下|待会儿?|稍后|回头|一会儿?)(?:再)?[说讲]|(?:先)?记(?:一?下)?(?:我的?)?(?:号码?|电话|手机号?)|"
    r"(?:我的?|联系|手机|电话|邮箱|方式|号码|号|是|为|单号|订单号?|订单编号|编号|没有?|打|给|这个|联系我|别打座机|尾号|的)+"
)


@dataclass(frozen=True)
class Wish:
    """What is wished, and where in the text it stands; `before` is what the same clause tells ahead of it."""

    what: str
    start: int
    end: int
    before: str = ""


def wishes(text: str) -> list[Wish]:
    """Every wish of a text in its order; a labelled one (要求：…) is the only one."""
    words = without_numbers(text)
    labelled = _LABELLED.search(words)
    if labelled:
        return [Wish(labelled.group("what").strip(), *labelled.span())]
    found = []
    for clause in _CLAUSE.finditer(fold(words)):
        wish, before = _wish_of(clause.group()[:CLAUSE_CHARS])
        if wish:
            found.append(Wish(wish, *clause.span(), before))
    return found


def find_remedy(text: str) -> str | None:
    """要求道歉, 退全款, 给我换一张新的 …; several wishes are joined. A refused one (不要赔偿) is none."""
    return "，".join(dict.fromkeys(wish.what for wish in wishes(text))) or None


def _read(words: str) -> list[str]:
    return [clause[:CLAUSE_CHARS] for clause in clauses(words)]


def _wish_of(clause: str) -> tuple[str | None, str]:
    """The wish of a clause, and what stands before it and may tell something."""
    if _REFUSED.search(clause) and not re.search(r"只要|就要|换个", clause):
        return None, ""
    known = _LET_KNOW.search(clause)
    if known:
        return known.group("what"), clause[: known.start()]
    if _COSTS.search(clause) and not _TOLD.search(clause):
        return clause, ""
    wish = _WISH.match(clause)
    if wish and not _TOLD.search(wish.group("what")) and not _TOLD.search(clause):
        strong = wish.group("cue") not in ("要", "想", "请", "得", "尽快", "马上", "立刻", "应该")
        if strong or is_lead(wish.group("lead")):
            return _trimmed(wish.group("what")), wish.group("lead")
    if (
        len(clause) <= 16
        and _PLAIN.match(clause)
        and not _TOLD.search(clause)
        and not re.search(r"师傅|的是|的也", clause)
    ):
        return _trimmed(clause), ""
    return None, ""


def is_lead(before: str) -> bool:
    """我只, 但现在 …: nothing is told ahead of the wish."""
    return bool(_LEAD_OK.match(before))


def _trimmed(wish: str) -> str:
    return _TAIL.sub("", wish).strip() or wish


def tells_something(text: str) -> bool:
    """More than 我要投诉, whom, and how to be reached: at least one clause says what happened."""
    return any(len(_story(clause)) >= MIN_DESCRIPTION for clause in _read(without_numbers(text)))


def _story(clause: str) -> str:
    """What a clause tells, without the wish to complain, the wish itself, and announcements."""
    words = bare(clause)
    wish, before = _wish_of(clause)
    if wish is not None and not re.search(r"投诉|举报", clause):
        return "" if is_lead(before) else bare(before)
    if re.search(r"投诉|举报|客诉|tousu", words):
        rest = _WANT_WORDS.sub(" ", words)
        return "".join(part for part in rest.split() if not _says_nothing(part))
    if _says_nothing(words):
        return ""
    return _WANT_WORDS.sub("", words)


def _says_nothing(part: str) -> bool:
    """Only whom the complaint is about, or that a number follows."""
    return len(part) <= ROLE_CHARS and bool(_ROLES.match(part) or _NO_STORY.fullmatch(part))
