"""The form that entity rules read: half width, simplified, small letters, spoken digits; no offset moves. Pure."""

from __future__ import annotations

import re

from bot.numbers import DIGITS
from bot.simplified import to_simplified
from bot.text import same_length_width

#: ASCII only: lower() of some other letters is longer than the letter.
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
#: Seven digits in words are a number read aloud: 一三八零零零零一一一一.
_SPOKEN = re.compile(r"[零〇一幺二三四五六七八九]{7,}")


def fold(text: str) -> str:
    """As long as `text`, character for character."""
    folded = to_simplified(same_length_width(text)).translate(_LOWER)
    return _SPOKEN.sub(lambda match: "".join(str(DIGITS[char]) for char in match.group()), folded)
