"""Sums of money in a Chinese sentence, as decimal yuan. Pure.

No library serves: jionlp's money extractor reads 49 of the 96 sentences of tests/nlu/amounts.yml (两百五, 3块5,
¥1,899, 1.2万 and 九块九 are not among them) and brings 160 MB along.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Optional

from bot.numbers import ARABIC, WRITTEN, number


@dataclass(frozen=True)
class Amount:
    """`yuan` is the number named; `approx` marks 十来块, 一千多, 小一千, 左右."""

    start: int
    end: int
    yuan: Decimal
    approx: bool


#: One character at a time and no longer than any sum: a thousand digits cost nothing.
_N = rf"(?:[\d{WRITTEN}]|(?<=\d)[.,](?=\d)){{1,20}}"
_DIGIT = r"[\d一二两三四五六七八九]"
_ABOUT_BEFORE = re.compile(r"(小|快|近|将近|大概|大约|约|差不多|不到|超过)\s?(?:要|有|是)?\s?$")
_ABOUT_AFTER = re.compile(r"\s*(左右|上下|出头|以上|不到|开外)")
_MORE = r"(?P<more>[多来把几余])?"
_PREFIXED = re.compile(rf"(?:[¥￥]|rmb|cny|人民币|(?<![a-z])us\$)\s*(?P<n>{_N}[kw]?)\s*(?:元|块钱?|圆)?整?")
#: 块 and its relatives; 12块8, 两块二毛五, 一百块零五毛.
_YUAN = re.compile(
    rf"(?P<n>半|{_N}[kw]?)\s*{_MORE}\s*(?:个)?\s*(?P<unit>块钱|块|元钱|元|圆|大洋|蚊|rmb|人民币|刀乐|大元)"
    rf"(?P<half>半)?(?P<tail>零?(?P<jiao>{_DIGIT})(?:[毛角](?:(?P<fen>{_DIGIT})分?)?)?(?![{WRITTEN}\d个张把件台条套]))?整?(?:钱)?"
)
_SMALL = re.compile(rf"(?P<n>半|{_N})\s*(?P<unit>[毛角分])(?P<money>钱)?(?:(?P<fen>{_DIGIT})分?(?![{WRITTEN}\d]))?")
#: A round sum without any word for money: 一千八, 1.2万, 2w. Something in the sentence must say that it is one.
_ROUND = re.compile(rf"(?P<n>(?:[\d{WRITTEN}kw]|(?<=\d)[.,](?=\d)){{1,20}}){_MORE}")
_BIG = re.compile(r"[百佰千仟万亿kw]")
_NAMED = re.compile(
    r"(?:差价|差额|[定订押]金|价格|价钱|价位|单价|总价|金额|预算|运费|[退赔付补交花扣][了我款给他们你还回偿]{0,3}|(?<!买)收了我?|卖|只要|才)"
    rf"(?:是|为|了|要|交了|付了|[:：])?\s*(?P<n>{ARABIC})(?=$|[\s,，。.!！?？;；、]|[了没给吧呢还左整行就的就也]|以[内下上])"
)

#: After 块: a piece of something, not money.
_PIECE_OF = re.compile(
    r"\s*(板|木|布|砖|玻璃|石|瓷|地|肉|糖|表|屏|面板|电|漆|皮|铁|毛巾|料|区|隔|抽屉|垫|镜|牌|海绵|搁|层|挡|补丁|泡|"
    r"肥皂|香皂|豆腐|蛋糕|方|钢|塑料|桌|床|的?(时候|板子|玻璃|木头))"
)
_NOT_YUAN = re.compile(r"\s*(素|旦|件|宵|月|老|首|帅|气|凶|配)")
_MONEY = re.compile(
    r"钱|价|费|退|赔|付|收|花|扣|差|贵|便宜|买|卖|券|红包|预算|补|优惠|返|涨|降|[押定订]金|充|提现|余额|报销|发票|找零|减|省|抢|总共|一共|合计|起步|罚"
)
#: After a round number: what shows that it counted something else.
_COUNTED = re.compile(
    r"\s*(?:多|来|几)?(?:个|次|遍|件|斤|公斤|千克|克|吨|米|公里|里|厘|毫|寸|尺|平|升|度|倍|人|名|位|天|年|月|日|小时|分|秒|点|积分|折|成|"
    r"步|户|家|层|楼|号|室|页|字|种|款|转|瓦|安|伏|张|把(?!块)|条|只|台|套|组|箱|包|瓶|颗|根|粉|单|订单|[a-z%％℃]|\d|屏|分辨率|高清|显示|灯|快充|别|一|万一)"
)
_PRICED = re.compile(
    r"\s*(?:的|左右|上下|以内|以下|以上|出头|整|呢|吧|得了|就|一(?:套|把|张|个|件|台|盏|只|条|组|对|单|晚|次))"
)
_FILLING = re.compile(r"[\s,，。.!！?？~～]|左右|上下|多|来|吧|呢|吗|是|大概|差不多|就")
_NOT_BEFORE = re.compile(r"[几数好第每百分之a-z\d.\-#]$")


def find_amounts(text: str) -> list[Amount]:
    """All sums, left to right; `text` is folded (half width, simplified, lower case; same offsets)."""
    found: list[Amount] = []
    taken: set[int] = set()
    for rule in (_prefixed, _yuan, _small, _round, _named):
        for amount in rule(text):
            span = range(amount.start, amount.end)
            if amount.yuan > 0 and taken.isdisjoint(span):
                taken.update(span)
                found.append(amount)
    return sorted(found, key=lambda amount: amount.start)


def _before(text: str, start: int) -> str:
    """The few characters that a rule looks back on."""
    return text[max(0, start - 6) : start]


def _about(text: str, start: int, end: int) -> bool:
    return bool(_ABOUT_BEFORE.search(_before(text, start)) or _ABOUT_AFTER.match(text, end))


def _prefixed(text: str) -> Iterator[Amount]:
    for match in _PREFIXED.finditer(text):
        value = number(match.group("n"))
        if value is not None:
            yield Amount(match.start(), match.end(), value, _about(text, match.start(), match.end()))


def _yuan(text: str) -> Iterator[Amount]:
    for match in _YUAN.finditer(text):
        value = _value(match.group("n"), bool(match.group("more")))
        if value is None or _refused_yuan(text, match, value):
            continue
        if match.group("half"):
            value += Decimal("0.5")
        if match.group("jiao"):
            value += (number(match.group("jiao")) or Decimal(0)) / 10
        if match.group("fen"):
            value += (number(match.group("fen")) or Decimal(0)) / 100
        approx = bool(match.group("more")) or _about(text, match.start(), match.end())
        yield Amount(match.start(), match.end(), value, approx)


def _refused_yuan(text: str, match: re.Match[str], value: Decimal) -> bool:
    before, after = _before(text, match.start()), text[match.end() :]
    if before.endswith(("几", "数", "第", "每", ".")) or re.search(r"[a-z]$", before):
        return True
    if match.group("n") in ("百", "千", "万") and not match.group("more"):
        return True  # 千元机, 百元店
    if match.group("unit") in ("元", "圆"):
        return not match.group("tail") and bool(_NOT_YUAN.match(after))
    if match.group("unit") != "块":
        return False
    if match.group("tail"):
        return False
    # 少了一块 is a piece; a small round number of 块 is money only where the sentence speaks of money.
    alone = match.start() == 0 and not after.strip(" 。.!！?？吗呢吧")
    small = value <= 20 and not match.group("half") and not match.group("more")
    return bool(_PIECE_OF.match(after)) or (small and not alone and not _MONEY.search(text))


def _small(text: str) -> Iterator[Amount]:
    for match in _SMALL.finditer(text):
        value = _value(match.group("n"), False)
        if value is None or _refused_small(text, match):
            continue
        factor = {"毛": Decimal("0.1"), "角": Decimal("0.1"), "分": Decimal("0.01")}[match.group("unit")]
        value *= factor
        if match.group("fen"):
            value += (number(match.group("fen")) or Decimal(0)) / 100
        yield Amount(match.start(), match.end(), value, _about(text, match.start(), match.end()))


def _refused_small(text: str, match: re.Match[str]) -> bool:
    before, after = _before(text, match.start()), text[match.end() :]
    if match.group("money"):
        return False
    if before.endswith(("几", "第")) or match.group("unit") == "分":
        return True  # 五分 is a score or minutes
    if match.group("unit") == "毛":
        return bool(re.match(r"不拔|特效|衣|巾|发|病|毯|绒|坯|孩|驴", after))
    return bool(re.match(r"[落度形铁钢尺码色]", after)) or before.endswith("的") or not _MONEY.search(text)


def _round(text: str) -> Iterator[Amount]:
    for match in _ROUND.finditer(text):
        start, written = match.start("n"), match.group("n")
        if written[-1] in "一" and len(written) > 1 and re.match(r"[套把张个件台盏只条组对单]", text[match.end("n") :]):
            written = written[:-1]  # 两千三百六一套: the price of one
        end = start + len(written)
        value = number(written) if _BIG.search(written) and "kw" not in written else None
        more = bool(match.group("more")) and end == match.end("n")
        before, after = _before(text, start), text[match.end() if more else end :]
        if value is None or value < 100 or _NOT_BEFORE.search(before) or written in ("千万", "百万"):
            continue
        if written.endswith("w") and re.match(r"的?(灯|充电|快充|功率|喇叭)", after):
            continue  # watts
        priced = bool(_PRICED.match(after))
        if _COUNTED.match(after) and not priced:
            continue
        rest = start > 6 or _FILLING.sub("", before + after[:20])
        scolding = written == "二百五" and re.search(r"[你他她是个]$", before)
        if scolding or not (priced or _MONEY.search(text) or not rest):
            continue
        yield Amount(start, end + (1 if more else 0), value, more or _about(text, start, end))


def _named(text: str) -> Iterator[Amount]:
    for match in _NAMED.finditer(text):
        value = number(match.group("n"))
        if value is not None and len(match.group("n")) <= 9:
            yield Amount(match.start("n"), match.end("n"), value, _about(text, match.start("n"), match.end("n")))


def _value(written: str, more: bool) -> Optional[Decimal]:
    if written == "半":
        return Decimal("0.5")
    return number(written)
