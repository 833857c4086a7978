"""Checks that need the rest of the library: the words in force now, other scripts' questions, the house's list."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from backend.scripts import promises, store, wording
from backend.scripts.rules import ANY_CHANNEL
from backend.scripts.speaking import house_values, organisation
from backend.scripts.tables import ScriptVersion
from backend.scripts.wording import BannedWord, Finding

# Above this the matcher cannot be trusted to tell two questions apart.
TOO_ALIKE = 0.8


def banned_words(organisation: Mapping[str, Any]) -> list[BannedWord]:
    """``banned_words`` of organisation.yml: a list of ``{word, reason, instead}``, or of plain words."""
    words = []
    for row in organisation.get("banned_words") or ():
        entry = {"word": row} if isinstance(row, str) else row
        if word := str(entry.get("word") or ""):
            instead = str(entry.get("instead") or "")
            words.append(BannedWord(re.escape(word), str(entry.get("reason") or "本单位规定不说"),
                                    f"改成「{instead}」" if instead else ""))
    return words


def findings(session: Session, version: ScriptVersion) -> list[Finding]:
    """Every check of a version, collisions with other scripts' questions included."""
    current = next((one.text for one in store.effective(session, version.key, (version.channel,))
                    if one.id != version.id), None)
    return check(session, version.key, version.text, version.buttons, version.examples, version.channel, current)


def check(session: Session, key: str, text: str, buttons: Sequence[Mapping[str, Any]], examples: Sequence[str],
          channel: str = ANY_CHANNEL, current: str | None = None) -> list[Finding]:
    """Every check of words that need not be stored yet."""
    return sorted(
        wording.check(key, text, buttons, examples, channel, banned=banned_words(organisation()), current=current,
                      house=house_values(), marked=promises.own_list(organisation())) + collisions(session, key, examples),
        key=lambda finding: ("error", "warning", "ok").index(finding.level))


def approvals_needed(text: str, buttons: Sequence[Mapping[str, Any]]) -> int:
    """How many people must approve these words: two where they promise price, refund or compensation."""
    found = promises.found_in(promises.spoken_texts(text, buttons), promises.own_list(organisation()))
    return promises.NEEDED if found else 1


def collisions(session: Session, key: str, examples: Sequence[str]) -> list[Finding]:
    """Example questions that another script also claims: the matcher could not tell them apart.

    The same question twice stops the submission; a similar one is for the approver to judge.
    """
    same: dict[str, list[str]] = {}
    close: dict[str, list[str]] = {}
    mine = {wording.bare(example): example for example in examples}
    for _, title, theirs in store.neighbours(session, key) if mine else ():
        taken = {wording.bare(other) for other in theirs}
        if both := [example for plain, example in mine.items() if plain in taken]:
            same[title] = both
        near = [example for plain, example in mine.items()
                if plain not in taken and any(wording.likeness(example, other) >= TOO_ALIKE for other in theirs)]
        if near:
            close[title] = near
    reason = "客户这样问时，机器人分不清该说哪一条"
    return [
        *(Finding("same_question", "error", f"「{title}」已有同样的示例问法：{_first(both)}", "examples", reason,
                  "删掉这一句，或者先从那一条里拿走") for title, both in same.items()),
        *(Finding("collision", "warning", f"{len(near)} 句示例问法与「{title}」相近：{near[0]}", "examples", reason,
                  "换成只有这一条才答得上的问法") for title, near in close.items()),
    ]


def _first(questions: Sequence[str]) -> str:
    return questions[0] + (f" 等 {len(questions)} 句" if len(questions) > 1 else "")
