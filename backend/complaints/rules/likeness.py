"""How alike two complaints are, by what they say and whose they are. Pure."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from math import sqrt

from backend.complaints.rules.policy import Policy

_NOT_WORD = re.compile(r"[\W_]+")


def grams(text: str) -> Counter[str]:
    """Pairs of neighbouring characters: what is robust against word order, particles and segmentation."""
    plain = _NOT_WORD.sub("", unicodedata.normalize("NFKC", text)).lower()
    return Counter(plain[i : i + 2] for i in range(len(plain) - 1)) or Counter([plain] if plain else [])


def text_likeness(one: str, other: str) -> float:
    """Cosine of the two texts' character pairs: 1 for the same words, 0 for nothing in common."""
    a, b = grams(one), grams(other)
    if not a or not b:
        return 0.0
    shared = sum(count * b[gram] for gram, count in a.items() if gram in b)
    return shared / sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values()))


@dataclass(frozen=True)
class Likeness:
    """``probable``: one matter filed twice, as far as can be told without a person."""

    text: float
    same_person: bool
    same_order: bool
    probable: bool

    @property
    def percent(self) -> int:
        return round(self.text * 100)

    @property
    def why(self) -> str:
        """同一位客户，同一个订单，文字 85% 相同"""
        parts = ["同一位客户"] * self.same_person + ["同一个订单"] * self.same_order
        return "，".join([*parts, f"文字 {self.percent}% 相近"])


def compare(policy: Policy, text: float, *, same_person: bool, same_order: bool) -> Likeness:
    """The same person with the same order needs little likeness of words, the same person alone more."""
    if same_person and same_order:
        probable = text >= policy.alike_same_order
    else:
        probable = (same_person or same_order) and text >= policy.alike
    return Likeness(text, same_person, same_order, probable)
