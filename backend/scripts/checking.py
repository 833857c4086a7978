"""Checks that need the rest of the library: the words in force now, other scripts' questions, the house's list."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from backend.scripts import store, wording
from backend.scripts.rules import ANY_CHANNEL
from backend.scripts.speaking import house_values, organisation
from backend.scripts.tables import ScriptVersion
from backend.scripts.wording import BannedWord, Finding

# Above this the matcher cannot be trusted to tell two questions apart.
TOO_ALIKE = 0.8


def banned_words(organisation: Mapping[str, Any]) -> list[BannedWord]:
    """``banned_words`` of organisation.yml: a list of ``{word, reason}``, or of plain words."""
    words = []
    for row in organisation.get("banned_words") or ():
        entry = {"word": row} if isinstance(row, str) else row
        if word := str(entry.get("word") or ""):
            words.append(BannedWord(re.escape(word), str(entry.get("reason") or "本单位规定不说")))
    return words


def findings(session: Session, version: ScriptVersion) -> list[Finding]:
    """Every check of a version, collisions with other scripts' questions included."""
    current = next((one.text for one in store.effective(session, version.key, (version.channel,))
                    if one.id != version.id), None)
    return check(session, version.key, version.text, version.buttons, version.examples, version.channel, current)


def check(session: Session, key: str, text: str, buttons: Sequence[Mapping[str, Any]], examples: Sequence[str],
          channel: str = ANY_CHANNEL, current: str | None = None) -> list[Finding]:
    """Every check of words that need not be stored yet."""
    return wording.check(key, text, buttons, examples, channel, banned=banned_words(organisation()), current=current,
                         house=house_values()) + collisions(session, key, examples)


def collisions(session: Session, key: str, examples: Sequence[str]) -> list[Finding]:
    """Example questions that another script also claims: the matcher could not tell them apart."""
    found: dict[str, list[str]] = {}
    if examples:
        for _, title, theirs in store.neighbours(session, key):
            close = [mine for mine in examples if any(wording.likeness(mine, other) >= TOO_ALIKE for other in theirs)]
            if close:
                found[title] = close
    return [Finding("collision", "warning", f"{len(close)} 句示例问法与「{title}」相近：{close[0]}", "examples")
            for title, close in found.items()]
