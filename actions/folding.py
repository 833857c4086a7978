"""The form that rules read: half width, simplified, spoken digits; as long as what was typed. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_DIGITS = {
    char: str(value)
    for value, chars in enumerate(("零〇", "一幺", "二", "三", "四", "五", "六", "七", "八", "九"))
    for char in chars
}
#: Seven digits in words are a number read aloud: 一三八零零零零一一一一.
_SPOKEN = re.compile(f"[{''.join(_DIGITS)}]{{7,}}")


@lru_cache(maxsize=1)
def converter() -> Any:
    """OpenCC's traditional to simplified; a missing one is found when the server starts (actions/serve.py)."""
    import opencc

    return opencc.OpenCC("t2s")


@lru_cache(maxsize=512)
def fold(text: str) -> str:
    """Same length as `text`: a found place is the place in the customer's own words."""
    folded = text.translate(_WIDTH)
    if not folded.isascii():
        simplified = converter().convert(folded)
        folded = simplified if len(simplified) == len(folded) else folded
    return _SPOKEN.sub(lambda match: "".join(_DIGITS[char] for char in match.group()), folded)


_PUNCTUATION = re.compile(r"[\s,，。.!！?？~～、;；:：…“”\"'‘’（）()【】\[\]\-—]+")


def bare(text: str) -> str:
    """Without spaces, punctuation and emoji, lower case."""
    words = _PUNCTUATION.sub("", fold(text)).lower()
    return "".join(char for char in words if unicodedata.category(char) not in ("So", "Sk", "Mn", "Cf"))


def clauses(text: str) -> list[str]:
    """The parts between commas, stops, line breaks and blanks."""
    return [part for part in re.split(r"[\s,，。.!！?？~～;；:：…]+", fold(text)) if part]
