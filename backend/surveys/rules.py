"""Whom we ask, what may be answered, and until when: pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.kernel.errors import Invalid, ZhikeError

# Three days: long enough for the evening after next, short enough that the talk is still remembered.
VALID_FOR = timedelta(hours=72)
MAX_COMMENT = 500
LOWEST, HIGHEST = 1, 5
LOW = 2  # up to here the thanks offer a complaint or a person

# Words of the house itself: whoever got only these was not answered.
_NOT_AN_ANSWER = ("system.", "handoff.", "survey.", "conversation.")

# Control characters other than line break and tab, and bidirectional overrides, which can disguise text.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Line:
    """What a survey needs to know of one message."""

    sender: str
    intent: str | None = None
    script_key: str | None = None
    script_version_id: str | None = None
    staff_id: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """Who and what is rated, as it was when the conversation closed. Each list keeps the order of first use."""

    customer_lines: int
    answered: bool
    agent_id: str | None
    intents: tuple[str, ...]
    script_version_ids: tuple[str, ...]


def snapshot(lines: Sequence[Line], holder_id: str | None) -> Snapshot:
    """``holder_id`` held the conversation at its close; without one, whoever spoke last as a person is rated."""
    spoke = [line.staff_id for line in lines if line.sender == "agent" and line.staff_id]
    asked = next((i for i, line in enumerate(lines) if line.sender == "customer"), len(lines))
    answered = any(
        line.sender == "agent"
        or (line.sender == "bot" and not (line.script_key or "").startswith(_NOT_AN_ANSWER))
        for line in lines[asked:]
    )
    return Snapshot(
        customer_lines=sum(line.sender == "customer" for line in lines),
        answered=answered,
        # A holder who never said a word has given nothing to rate.
        agent_id=(holder_id if holder_id in spoke else None) or (spoke[-1] if spoke else None),
        intents=tuple(dict.fromkeys(line.intent for line in lines if line.sender == "customer" and line.intent)),
        script_version_ids=tuple(dict.fromkeys(
            line.script_version_id for line in lines if line.sender == "bot" and line.script_version_id)),
    )


def worth_asking(talk: Snapshot, closed_by: str) -> bool:
    """Ask after a real talk: two words from the customer, or a person spoke.

    Never after a silence in which we owed the answer: there is nothing to rate but our absence.
    """
    if closed_by == "idle" and not talk.answered:
        return False
    return talk.agent_id is not None or talk.customer_lines >= 2


@dataclass(frozen=True)
class Answer:
    """An answer that may be kept."""

    score: int
    reasons: tuple[str, ...]
    comment: str | None


def check_answer(score: object, reasons: Sequence[str], comment: str | None,
                 chips: Mapping[str, Sequence[str]]) -> Answer:
    """The answer as it is kept. ``chips`` are the reasons that the customer was offered, good and bad.

    Raises Invalid: ``bad_score``, ``unknown_reason``, ``comment_too_long``.
    """
    if isinstance(score, bool) or not isinstance(score, int) or not LOWEST <= score <= HIGHEST:
        raise Invalid("bad_score", "请先选一个分数，1 到 5。", fields={"score": "1 到 5 的整数"})
    offered = {chip for group in chips.values() for chip in group}
    if any(reason not in offered for reason in reasons):
        raise Invalid("unknown_reason", "有一个原因不在选项里，请重新选。", fields={"reasons": "请从给出的原因里选"})
    words = clean_comment(comment or "")
    if len(words) > MAX_COMMENT:
        message = f"补充说明最多 {MAX_COMMENT} 个字，现在 {len(words)} 个。"
        raise Invalid("comment_too_long", message, fields={"comment": message})
    return Answer(score, tuple(dict.fromkeys(reasons)), words or None)


def clean_comment(raw: str) -> str:
    """Normalised, without control characters. Markup stays as typed: it is escaped where it is shown."""
    # A lone surrogate cannot be stored as UTF-8.
    text = raw.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", unicodedata.normalize("NFC", text)).strip()


def check_open(expires_at: datetime, now: datetime) -> None:
    """Raises ``survey_expired`` (410) from the very instant of expiry on."""
    if now >= expires_at:
        raise ZhikeError("survey_expired", "这次评价已过期。还有想说的，请开始新的对话告诉我们。", 410)


def thanks_key(score: int) -> str:
    """The script that answers a rating."""
    return "survey.thanks_low" if score <= LOW else "survey.thanks"


def check_survey(raw: Mapping[str, object]) -> None:
    """A questionnaire from a pack. Raises ValueError or TypeError naming what does not fit."""
    labels, reasons = raw.get("labels"), raw.get("reasons")
    if not isinstance(labels, list) or len(labels) != HIGHEST:
        raise ValueError(f"survey {raw.get('key')}: labels must be {HIGHEST} words, lowest score first")
    if not isinstance(reasons, dict) or set(reasons) != {"good", "bad"}:
        raise ValueError(f"survey {raw.get('key')}: reasons must have the groups good and bad")
    for name in ("key", "question", "comment_prompt"):
        if not isinstance(raw.get(name), str) or not raw[name]:
            raise ValueError(f"survey {raw.get('key')}: {name} is missing")
    if not isinstance(raw.get("version"), int):
        raise TypeError(f"survey {raw.get('key')}: version must be a number")
