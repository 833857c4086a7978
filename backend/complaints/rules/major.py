"""Whether a complaint is a major one (重大投诉), by the organisation's own rules. Values in, triggers out. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.complaints.rules.policy import MajorRule, Policy


@dataclass(frozen=True)
class CaseFacts:
    """What is known of a case when it is judged: ``category`` as a person judged it, ``cause`` as judged or
    guessed. ``customers`` counts those of the same cause within a rule's window."""

    text: str
    category: str | None = None
    cause: str | None = None
    level: str | None = None
    customers: Callable[[MajorRule], int] = lambda rule: 0


@dataclass(frozen=True)
class Trigger:
    """One rule that was met, and why, in words for staff."""

    key: str
    title: str
    why: str

    def as_dict(self) -> dict[str, str]:
        return {"key": self.key, "title": self.title, "why": self.why}


# 没有受伤, 差点砸到, 怕伤到: what is denied or feared did not happen. Looked for just before the word.
_DENIED = re.compile(r"(没有?|未|无|并非|不是|差点|险些|怕|担心|万一|以免|防止|会不会)[^，。！？,!?]{0,3}$")
_AMOUNT = re.compile(
    r"(\d+(?:\.\d+)?)\s*(万|千)?\s*(?:多|余)?\s*(?:块|元|圆|RMB|rmb)"
    r"|(\d+(?:\.\d+)?)\s*万(?!\w)|[¥￥]\s*(\d+(?:\.\d+)?)"
)
_TIMES = {"万": 10_000, "千": 1_000, None: 1, "": 1}


def evaluate(policy: Policy, facts: CaseFacts) -> list[Trigger]:
    """Every rule that this case meets, in the pack's order."""
    found = []
    for rule in policy.major:
        why = _JUDGES[rule.kind](rule, facts, policy)
        if why:
            found.append(Trigger(rule.key, rule.title, why))
    return found


def said(text: str, words: Sequence[str]) -> str:
    """The first of the words that the text says and does not deny."""
    folded = "".join(text.split())
    for word in words:
        start = folded.find(word)
        while start >= 0:
            if not _DENIED.search(folded[max(0, start - 8) : start]):
                return word
            start = folded.find(word, start + 1)
    return ""


def amounts_in(text: str) -> list[float]:
    """Sums of money in yuan: 3 万元, 5000 块, ￥128."""
    folded = text.replace(",", "")
    found = []
    for value, times, ten_thousands, signed in _AMOUNT.findall(folded):
        if value:
            found.append(float(value) * _TIMES[times])
        elif ten_thousands:
            found.append(float(ten_thousands) * 10_000)
        else:
            found.append(float(signed))
    return found


def _by_words(rule: MajorRule, facts: CaseFacts, policy: Policy) -> str:
    word = said(facts.text, rule.words)
    return f"说到「{word}」" if word else ""


def _by_category(rule: MajorRule, facts: CaseFacts, policy: Policy) -> str:
    known = policy.categories.get(facts.category or "")
    if known is None or not {known.key, known.parent} & set(rule.categories):
        return ""
    return f"类别是「{policy.category_title(known.key)}」"


def _by_level(rule: MajorRule, facts: CaseFacts, policy: Policy) -> str:
    level, floor = policy.level_of(facts.level), policy.level_of(rule.level)
    if level is None or floor is None or level.from_score < floor.from_score:
        return ""
    return f"评估为「{level.title}」"


def _by_amount(rule: MajorRule, facts: CaseFacts, policy: Policy) -> str:
    most = max(amounts_in(facts.text), default=0)
    return f"涉及金额 {most:,.0f} 元，达到 {rule.at_least:,} 元" if most >= rule.at_least else ""


def _by_customers(rule: MajorRule, facts: CaseFacts, policy: Policy) -> str:
    cause = facts.cause or facts.category
    if not cause:
        return ""
    count = facts.customers(rule)
    if count < rule.at_least:
        return ""
    hours = int(rule.window.total_seconds() // 3600)
    return f"{hours} 小时内有 {count} 位客户投诉「{policy.category_title(cause)}」"


_JUDGES: dict[str, Callable[[MajorRule, CaseFacts, Policy], str]] = {
    "words": _by_words,
    "category": _by_category,
    "level": _by_level,
    "amount": _by_amount,
    "customers": _by_customers,
}
