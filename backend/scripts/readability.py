"""Whether words can be read at one go on a phone: length of sentences, clauses in each. Pure.

The limits are rules of thumb, not laws: a phone shows 18 to 20 Chinese characters a line, and a sentence that runs over
more than two lines, or strings more than four clauses together, is read twice or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONG_SENTENCE = 45
MANY_CLAUSES = 4

_SENTENCE = re.compile(r"[^。！？!?；;\n]+")
_CLAUSE = re.compile(r"[，,：:、]")
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
# "1." and "（2）" in front of a line number it; they are not read as words.
_NUMBERING = re.compile(r"^\s*(?:[（(]?\d{1,2}[.、）)])\s*")


@dataclass(frozen=True)
class Sentence:
    """One sentence as it is read: variables with their example values."""

    number: int
    text: str
    chars: int
    clauses: int

    @property
    def hard(self) -> bool:
        return self.chars > LONG_SENTENCE or self.clauses > MANY_CLAUSES


def sentences(text: str, values: Mapping[str, str] | None = None) -> list[Sentence]:
    """The sentences of a text; a line break ends one too. Lists joined by 、 count as one clause."""
    filled = _VARIABLE.sub(lambda found: (values or {}).get(found[1], "某某某"), text)
    parts = [_NUMBERING.sub("", part).strip() for part in _SENTENCE.findall(filled)]
    return [
        Sentence(number, part, len(re.sub(r"[\s，,：:、「」（）()]", "", part)),
                 1 + len([mark for mark in _CLAUSE.findall(part) if mark != "、"]))
        for number, part in enumerate((part for part in parts if part), start=1)
    ]


def summary(read: list[Sentence]) -> str:
    """3 句，最长 34 字."""
    return f"{len(read)} 句，最长 {max(one.chars for one in read)} 字" if read else "没有句子"
