"""Which words promise money, and so need two approvers: price, refund, compensation. Pure.

The rule reads sentence by sentence. A promise is a money word together with something that binds (an amount, a time,
给您, 由我们…); asking about refunds or saying where they are found is none. What the rule does not know stands in the
organisation's own list (``two_approvals`` of organisation.yml), each word with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CLASSES: dict[str, str] = {"price": "价格", "refund": "退款", "compensation": "赔付"}
NEEDED = 2  # approvers, where a promise is found


@dataclass(frozen=True)
class Marked:
    """A pattern that makes words a promise of its class, and why two people must look at it."""

    kind: str
    pattern: str
    reason: str
    beside: str = ""  # must stand in the same sentence too


@dataclass(frozen=True)
class Promise:
    """One promise found: its class, the words, the reason for a second pair of eyes."""

    kind: str
    words: str
    reason: str

    @property
    def zh(self) -> str:
        return CLASSES.get(self.kind, self.kind)


_AMOUNT = r"(?:[0-9][0-9,.]*|[一二三四五六七八九十百千万两]+)\s?(?:元|块钱|万元)|[¥￥]\s?[0-9][0-9,.]*"
_SHARE = r"[0-9.]+\s?[折倍]|[一二三四五六七八九]折|(?:打|返|减|赔|退)[^，。]{0,4}?[0-9.]+\s?[%％]"
# 不免费 and 不能赔偿 promise nothing.
_NO = r"(?<!不)(?<!不能)(?<!不予)(?<!不给)(?<!无法)(?<!没有)(?<!不再)(?<!不会)(?<!不是)"
_BINDS = r"给您|为您|帮您|我们(?:出|退|赔|承担)|全额|原路|[天时日](?:以|之)?内|工作日|当天|立即"

RULES: tuple[Marked, ...] = (
    Marked("price", _AMOUNT, "说出金额，客户可以要求照办"),
    Marked("price", _SHARE, "说出折扣或比例，客户可以要求照办"),
    Marked("price", rf"{_NO}(?:免费|包邮|免运费|免邮)", "免费是价格承诺，要核对适用条件"),
    Marked("refund", rf"{_NO}(?:退款|退钱|退还|退回)", "退款的时间、金额和去向，说了就要做到", beside=_BINDS),
    Marked("refund", rf"{_NO}(?:全额退|退[您你]?(?:差价|运费)|补[您你]?差价|秒退)", "退款的金额和方式，说了就要做到"),
    Marked("refund", rf"{_NO}[退返](?:[您你还]|给您)?\s?(?:{_AMOUNT})", "退款的金额，说了就要做到"),
    Marked("compensation", rf"{_NO}[赔补](?:[您你]|给您)?\s?(?:{_AMOUNT})", "赔付的金额，说了就要做到"),
    Marked("compensation", rf"{_NO}(?:赔付|赔偿|补偿|赔[您给]|包赔|先赔|假一赔|返现)", "赔付和补偿是合同责任，要核对依据"),
)
_SENTENCE = re.compile(r"[^。！？!?；;\n]+[。！？!?；;\n]?")
_VARIABLE = re.compile(r"\{[a-z0-9_]+\}")


def found_in(texts: Iterable[str], own: Iterable[Marked] = ()) -> list[Promise]:
    """Every promise in these texts, each wording once; the organisation's list (``own``) counts like the rule."""
    rules = (*RULES, *own)
    seen: dict[tuple[str, str], Promise] = {}
    for text in texts:
        for sentence in _SENTENCE.findall(text):
            # A question promises nothing, unless it names an amount.
            if sentence.rstrip().endswith(("？", "?")) and not re.search(_AMOUNT, sentence):
                continue
            plain = _VARIABLE.sub("某", sentence)
            for rule in rules:
                if rule.beside and not re.search(rule.beside, plain):
                    continue
                for found in re.finditer(rule.pattern, plain):
                    seen.setdefault((rule.kind, found.group()), Promise(rule.kind, found.group(), rule.reason))
    return list(seen.values())


def own_list(organisation: Mapping[str, Any]) -> list[Marked]:
    """``two_approvals`` of organisation.yml: a list of ``{word, class, reason}``, or of plain words."""
    marked = []
    for row in organisation.get("two_approvals") or ():
        entry = {"word": row} if isinstance(row, str) else row
        if word := str(entry.get("word") or ""):
            kind = str(entry.get("class") or "")
            marked.append(Marked(kind if kind in CLASSES else "price", re.escape(word),
                                 str(entry.get("reason") or "本单位规定要两个人批准")))
    return marked


def spoken_texts(text: str, buttons: Iterable[Mapping[str, Any]]) -> list[str]:
    """All that the customer reads: the words and what stands on the buttons."""
    return [text, *(str(button.get("title") or "") for button in buttons)]
