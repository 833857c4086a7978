"""Which script answers: the intent names the topic, the matcher picks within it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.thresholds import Thresholds

INQUIRIES = frozenset({
    "ask_order_status", "ask_logistics", "cancel_order", "modify_order", "ask_return_exchange", "ask_refund",
    "ask_invoice", "ask_price_protection", "ask_payment", "ask_promotion", "ask_product", "ask_warranty_repair",
    "ask_account", "ask_review", "ask_service_info", "ask_privacy",
})  # fmt: skip

#: Bot words that offer a person: 好的 after one of these means yes to that.
OFFERS_PERSON = frozenset(
    {
        "handoff.offer",
        "system.fallback_again",
        "risk.anger_offer",
        "system.apology",
        "complaint.lookup_locked",
        "system.person_only",
        "feedback.express_anger",
    }
)


@dataclass(frozen=True)
class Candidate:
    """What bot/matcher.py found."""

    key: str
    topic: str
    score: float


@dataclass(frozen=True)
class Choice:
    """The script that answers, or `options` (keys) for the customer to choose from; neither: nothing fits."""

    key: str | None = None
    score: float = 0.0
    options: tuple[str, ...] = ()
    by_default: bool = False  # no script of the topic fits; `score` is that of the best of them


@dataclass(frozen=True)
class Second:
    """The classifier's second thought, with the script that would answer it."""

    topic: str
    confidence: float
    best: Candidate | None = None


def choose(
    topic: str,
    confidence: float,
    within: Sequence[Candidate],
    overall: Sequence[Candidate],
    default: str | None,
    limits: Thresholds,
    second: Second | None = None,
    may_ask: bool = True,
) -> Choice:
    """Agreement answers at once, a near tie asks back. `within` are the topic's own scripts, best first."""
    own = within[0] if within else None
    best = overall[0] if overall else None
    elsewhere = best is not None and best.topic != topic
    if (
        best is not None
        and elsewhere
        and best.score >= limits.strong
        and confidence < limits.sure
        and best.score >= (own.score if own else 0.0) + limits.lead
    ):
        return Choice(best.key, best.score)
    if may_ask:
        options = _torn(confidence, own, best if elsewhere else None, default, limits, second) or _tied(within, limits)
        if options:
            return Choice(options=options[: limits.offers], score=best.score if best else 0.0)
    if own is not None and own.score >= limits.fits:
        return Choice(own.key, own.score)
    if default is not None:
        return Choice(default, own.score if own else 0.0, by_default=True)
    return Choice(own.key, own.score) if own else Choice()


def _torn(
    confidence: float,
    own: Candidate | None,
    elsewhere: Candidate | None,
    default: str | None,
    limits: Thresholds,
    second: Second | None,
) -> tuple[str, ...]:
    """The classifier hardly prefers one topic, and the matcher points to another: what each would answer."""
    if second is None or elsewhere is None or elsewhere.score < limits.fits:
        return ()
    if confidence >= limits.sure or confidence - second.confidence >= limits.lead:
        return ()
    first = own.key if own is not None and own.score >= limits.fits else default
    also = second.best.key if second.best is not None and second.best.score >= limits.fits else None
    keys = tuple(dict.fromkeys(key for key in (first, elsewhere.key, also) if key))
    return keys if len(keys) > 1 else ()


def _tied(within: Sequence[Candidate], limits: Thresholds) -> tuple[str, ...]:
    """Scripts of the topic that fit alike; nearly the words of a stored question are no tie."""
    if not within or within[0].score < limits.fits or within[0].score >= limits.strong:
        return ()
    tied = tuple(
        one.key for one in within if one.score >= limits.fits and within[0].score - one.score < limits.near_tie
    )
    return tied if len(tied) > 1 else ()


def rescued(overall: Sequence[Candidate], limits: Thresholds) -> Choice:
    """Not understood by the classifier: nearly the words of a stored question answer, a fair likeness is offered."""
    if not overall or overall[0].score < limits.fits:
        return Choice()
    if overall[0].score >= limits.strong:
        return Choice(overall[0].key, overall[0].score)
    return Choice(options=tuple(one.key for one in overall if one.score >= limits.fits)[: limits.offers])


def failures_before(events: Sequence[Mapping[str, Any]]) -> int:
    """How many turns in a row, before the present one, ended in not understanding.

    `events` are Rasa's tracker events as dicts, oldest first, the present user turn last. A turn that asked
    back is neither a failure nor a success: the count goes on over it.
    """
    count = 0
    outcome: str | None = None
    seen_present = False
    for event in reversed(events):
        kind = event.get("event")
        if kind == "bot" and seen_present and outcome is None:
            metadata = event.get("metadata") or {}
            outcome = "failed" if metadata.get("not_understood") else "asked" if metadata.get("options") else "fine"
        elif kind == "user":
            if seen_present:
                if outcome not in ("failed", "asked"):
                    return count
                count += outcome == "failed"
            seen_present = True
            outcome = None
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
