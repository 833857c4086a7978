"""Which script answers: the intent names the topic, the matcher picks within it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: A match that speaks for itself, whatever topic the classifier saw.
STRONG = 0.72
#: Within the topic: below this the topic's default script answers.
FITS = 0.42
#: A classifier that is less sure than this may be overruled by a strong match.
SURE = 0.6
#: An override must also beat the best script of the intent's own topic by this much.
LEAD = 0.15

#: Bot words that offer a person: 好的 after one of these means yes to that.
OFFERS_PERSON = frozenset(
    {
        "handoff.offer",
        "system.fallback_again",
        "risk.anger_offer",
        "system.apology",
        "complaint.withdraw_ask_person",
        "complaint.lookup_locked",
    }
)


@dataclass(frozen=True)
class Candidate:
    """What bot/matcher.py found."""

    key: str
    topic: str
    score: float


def choose(
    topic: str, confidence: float, within: Sequence[Candidate], overall: Sequence[Candidate], default: str | None
) -> tuple[str | None, float]:
    """The script's key and its match score; None when the topic has no script at all."""
    own = within[0] if within else None
    best = overall[0] if overall else None
    if (
        best is not None
        and best.topic != topic
        and best.score >= STRONG
        and confidence < SURE
        and best.score >= (own.score if own else 0.0) + LEAD
    ):
        return best.key, best.score
    if own is not None and own.score >= FITS:
        return own.key, own.score
    if default is not None:
        return default, own.score if own else 0.0
    return (own.key, own.score) if own else (None, 0.0)


def rescued(overall: Sequence[Candidate]) -> Candidate | None:
    """Not understood by the classifier, yet nearly the words of a stored question."""
    return overall[0] if overall and overall[0].score >= STRONG else None


def failures_before(events: Sequence[Mapping[str, Any]]) -> int:
    """How many turns in a row, before the present one, ended in not understanding.

    `events` are Rasa's tracker events as dicts, oldest first, the present user turn last.
    """
    count = 0
    turn_failed: bool | None = None
    seen_present = False
    for event in reversed(events):
        kind = event.get("event")
        if kind == "bot" and seen_present and turn_failed is None:
            metadata = event.get("metadata") or {}
            turn_failed = bool(metadata.get("not_understood"))
        elif kind == "user":
            if seen_present:
                if not turn_failed:
                    return count
                count += 1
            seen_present = True
            turn_failed = None
    return count


def last_said(events: Sequence[Mapping[str, Any]]) -> str | None:
    """Key of the last script spoken before the present user turn."""
    seen_present = False
    for event in reversed(events):
        if event.get("event") == "user":
            if seen_present:
                return None
            seen_present = True
        elif event.get("event") == "bot" and seen_present:
            script = (event.get("metadata") or {}).get("script")
            if script:
                return str(script.get("key"))
    return None
