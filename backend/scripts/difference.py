"""What changed between two wordings, side by side. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

# Figures, Latin words and variables stay whole; Chinese is compared by the character.
_UNIT = re.compile(r"\{[a-z0-9_]+\}|[A-Za-z0-9][A-Za-z0-9.:%-]*|\s+|.", re.DOTALL)

# Two changes with fewer characters than this between them read as one: 的 and 。 shared by chance explain nothing.
MIN_KEPT = 3


@dataclass(frozen=True)
class Piece:
    """A stretch of text: kept, deleted (left side only) or inserted (right side only)."""

    kind: Literal["same", "del", "ins"]
    text: str


@dataclass(frozen=True)
class SideBySide:
    """Both sides; each reads as its own full text."""

    before: tuple[Piece, ...]
    after: tuple[Piece, ...]

    @property
    def changed(self) -> bool:
        return any(piece.kind != "same" for piece in (*self.before, *self.after))


def compare(before: str, after: str) -> SideBySide:
    """The difference of two texts."""
    left, right = _UNIT.findall(before), _UNIT.findall(after)
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    blocks: list[tuple[str, str, str]] = []
    codes = matcher.get_opcodes()
    for index, (tag, a, b, c, d) in enumerate(codes):
        old, new = "".join(left[a:b]), "".join(right[c:d])
        inner = 0 < index < len(codes) - 1
        kept = tag == "equal" and not (inner and len(re.sub(r"[\W_]", "", old)) < MIN_KEPT)
        kind = "same" if kept else "change"
        if blocks and blocks[-1][0] == kind:
            _, was, now = blocks.pop()
            old, new = was + old, now + new
        blocks.append((kind, old, new))
    left_pieces, right_pieces = [], []
    for kind, old, new in blocks:
        if old:
            left_pieces.append(Piece("same" if kind == "same" else "del", old))
        if new:
            right_pieces.append(Piece("same" if kind == "same" else "ins", new))
    return SideBySide(tuple(left_pieces), tuple(right_pieces))
