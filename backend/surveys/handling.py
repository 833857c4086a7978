"""How satisfied a customer is with the handling of a complaint: a question of its own, asked once at closing."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.infra.work import Work
from backend.kernel.errors import Conflict, NotFound
from backend.kernel.ids import new_id
from backend.surveys import rules, store
from backend.surveys.events import HandlingRated
from backend.surveys.tables import HandlingRating

SURVEY = "complaint_handling"
# As long as a receipt is likely to be opened again after the news; the answer is still about this handling.
VALID_FOR = timedelta(days=30)


def ask(work: Work, complaint_id: str, owner_id: str | None, channel: str) -> HandlingRating | None:
    """Put the question on the receipt. A complaint that is closed a second time keeps its first question."""
    known = store.handling_of(work.session, complaint_id)
    if known is not None:
        return known
    version = store.newest(work.session, SURVEY)
    if version is None:
        work.journal("survey_missing", "complaint", complaint_id, survey=SURVEY)
        return None
    rating = HandlingRating(
        id=new_id(), complaint_id=complaint_id, survey_version_id=version.id, owner_id=owner_id, channel=channel,
        asked_at=work.now, expires_at=work.now + VALID_FOR,
    )
    work.session.add(rating)
    work.flush()
    work.journal("handling_survey_asked", "complaint", complaint_id, survey=version.id)
    return rating


def answer(work: Work, complaint_id: str, score: object, reasons: list[str], comment: str | None) -> HandlingRating:
    """Keep the one answer. Raises NotFound (``survey_not_found``), Conflict (``already_answered``),
    ``survey_expired`` (410), and Invalid for what does not fit the question."""
    rating = store.handling_of(work.session, complaint_id, lock=True)
    if rating is None:
        raise NotFound("survey_not_found", "这件投诉还没有结案，结案后再请您评价。")
    if rating.answered_at is not None:
        raise Conflict("already_answered", "这件投诉的处理已经评过了，谢谢您。")
    rules.check_open(rating.expires_at, work.now)
    version = store.version(work.session, rating.survey_version_id)
    assert version is not None  # a foreign key holds it
    given = rules.check_answer(score, reasons, comment, version.reasons)
    rating.score, rating.reasons, rating.comment = given.score, list(given.reasons), given.comment
    rating.answered_at = work.now
    work.session.add(rating)
    work.journal("handling_rated", "complaint", complaint_id, score=given.score, reasons=list(given.reasons))
    work.record(HandlingRated(at=work.now, complaint_id=complaint_id, owner_id=rating.owner_id, score=given.score,
                              comment=given.comment))
    return rating


def card(session: Session, complaint_id: str, now: datetime) -> dict[str, Any] | None:
    """What the receipt and the case page show of it; None before the case was closed."""
    rating = store.handling_of(session, complaint_id)
    version = store.version(session, rating.survey_version_id) if rating else None
    if rating is None or version is None:
        return None
    return {
        "question": version.question, "labels": list(version.labels),
        "reasons": [chip for group in version.reasons.values() for chip in group],
        "comment_prompt": version.comment_prompt, "answered": rating.answered_at is not None,
        "open": rating.answered_at is None and now < rating.expires_at, "score": rating.score,
        "given_reasons": list(rating.reasons), "comment": rating.comment, "answered_at": rating.answered_at,
    }
