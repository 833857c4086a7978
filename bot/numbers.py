"""Numbers as people write them: 1,299.50, 一千零五, 两百五, 一万二, 1万2千, 2w. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Optional

DIGITS = {
    **dict.fromkeys("零〇○", 0),
    **dict.fromkeys("一壹幺", 1),
    **dict.fromkeys("二贰两俩", 2),
    **dict.fromkeys("三叁仨", 3),
    **dict.fromkeys("四肆", 4),
    **dict.fromkeys("五伍", 5),
    **dict.fromkeys("六陆", 6),
    **dict.fromkeys("七柒", 7),
    **dict.fromkeys("八捌", 8),
    **dict.fromkeys("九玖", 9),
}
UNITS = {
    **dict.fromkeys("十拾", 10),
    **dict.fromkeys("百佰", 100),
    **dict.fromkeys("千仟k", 1000),
    **dict.fromkeys("万w", 10_000),
    "亿": 100_000_000,
}
#: Characters of a written number, for the patterns of other modules.
WRITTEN = "零〇○一壹幺二贰两俩三叁仨四肆五伍六陆七柒八捌九玖十拾百佰千仟万亿"
ARABIC = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"

_PIECE = re.compile(rf"({ARABIC})|([{WRITTEN}kw])")


def number(text: str) -> Optional[Decimal]:
    """The value, or None where the characters make no number (千万 in 千万别, 六一 in 三百六一套).

    A last digit without its unit is of the next lower one: 一百五 is 150, 一万二 is 12,000; after 零 it is
    what it says: 一百零五 is 105. Digits in a row are read one by one: 二〇二六 is 2026.
    """
    pieces = _pieces(text)
    if not pieces:
        return None
    if all(kind == "digit" for kind, _ in pieces):
        return Decimal("".join(str(int(value)) for _, value in pieces))
    total = section = Decimal(0)
    current: Optional[Decimal] = None
    unit = 0
    after_zero = False
    for kind, value in pieces:
        if kind != "unit":
            if kind == "digit" and value == 0:
                after_zero = True
                continue
            if current is not None:
                return None
            current = value
            continue
        if current is None and section == 0 and (unit or value >= 10_000):
            return None  # 万 or 亿 with nothing before it
        if value >= 10_000:
            total += (section + (current or 0)) * value
            section = Decimal(0)
        else:
            if current is None and unit:
                return None
            section += (Decimal(1) if current is None else current) * value
        unit, current, after_zero = int(value), None, False
    if current is None:
        return total + section
    short = unit >= 100 and not after_zero and current < 10 and current == int(current)
    return total + section + (current * unit / 10 if short else current)


def _pieces(text: str) -> list[tuple[str, Decimal]]:
    found: list[tuple[str, Decimal]] = []
    position = 0
    for match in _PIECE.finditer(text):
        if match.start() != position:
            return []
        position = match.end()
        if match.group(1):
            found.append(("arabic", Decimal(match.group(1).replace(",", ""))))
        elif match.group() in DIGITS:
            found.append(("digit", Decimal(DIGITS[match.group()])))
        else:
            found.append(("unit", Decimal(UNITS[match.group()])))
    return found if position == len(text) else []


def whole(text: str) -> Optional[int]:
    """The number where it is a whole one."""
    value = number(text)
    return int(value) if value is not None and value == int(value) else None
