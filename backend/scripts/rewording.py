"""What an agent made of an approved answer: the variables put back, the rest masked, the share that is left. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from backend.kernel.masking import mask_text

# Variables stay whole; Chinese is compared by the character, figures and Latin words as a whole.
_UNIT = re.compile(r"\{[a-z0-9_]+\}|[A-Za-z0-9][A-Za-z0-9.:%-]*|\s+|.", re.DOTALL)
_VARIABLE = re.compile(r"\{[a-z][a-z0-9_]*\}")
# Numbers of orders and complaints belong to one customer, wherever an agent writes them.
_NUMBERS = (
    (re.compile(r"(?<![A-Za-z0-9])HM\d{6}-?\d{4}(?![A-Za-z0-9])", re.IGNORECASE), "{order_no}"),
    (re.compile(r"(?<![A-Za-z0-9])TS\d{8}-?\d{4}(?![A-Za-z0-9])", re.IGNORECASE), "{complaint_no}"),
)
# 王女士, 欧阳先生: who it was said to.
_NAMED = re.compile(r"(?<![\u4e00-\u9fff])[\u4e00-\u9fff]{1,3}(?:女士|先生|小姐|老师)")
_OTHER_NUMBER = re.compile(r"(?<![A-Za-z0-9{])(?=[A-Za-z]*\d)[A-Za-z0-9-]{10,}(?![A-Za-z0-9}])")

# Less than this left, and the agent wrote an answer of their own: that is no proposal for this script.
STILL_THE_SAME = 0.4


@dataclass(frozen=True)
class Reworded:
    """The agent's words as a script could say them, and how much of the approved wording is left (0 to 1)."""

    text: str
    kept: float

    def is_proposal_for(self, approved: str) -> bool:
        return self.kept >= STILL_THE_SAME and _flat(self.text) != _flat(approved)


def reworded(approved: str, said: str, house: Mapping[str, str] | None = None) -> Reworded:
    """``approved`` is the script's text with its variables, ``said`` what was sent.

    The two are laid side by side; where a variable stood and something else stands now, the variable is put back.
    ``house`` are values that are no secret and stay the house's (opening hours, hotline).
    """
    left, right = _UNIT.findall(approved), _UNIT.findall(said.strip())
    pieces: list[str] = []
    same = 0
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        old, new = left[a:b], right[c:d]
        if tag == "equal":
            same += sum(map(len, old))
            pieces += new
        elif tag == "replace" and len(lost := [unit for unit in old if _VARIABLE.fullmatch(unit)]) == 1:
            # Text around the variable was changed too: what the value was cannot be told apart, so it goes whole.
            pieces.append(lost[0] if len(old) == 1 else _around(old, lost[0], new))
            same += len(lost[0]) if len(old) == 1 else 0
        elif tag != "delete":
            pieces += new
    text = "".join(pieces)
    for name, value in (house or {}).items():
        if f"{{{name}}}" in approved and value:
            text = text.replace(value, f"{{{name}}}")
    for pattern, name in _NUMBERS:
        text = pattern.sub(name, text)
    text = mask_text(_OTHER_NUMBER.sub("〔号码〕", _NAMED.sub("〔称呼〕", text)))
    return Reworded(text, same / max(sum(map(len, left)), sum(map(len, pieces)), 1))


def _around(old: list[str], variable: str, new: list[str]) -> str:
    """The changed stretch with its variable, in the place that it had."""
    place = old.index(variable)
    words = "".join(new)
    return variable + words if place == 0 else words + variable


def _flat(text: str) -> str:
    return re.sub(r"[\s，。、；：！？,.;:!?]+", "", text)
