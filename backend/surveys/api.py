"""Answering a survey. The token in the address is the right to answer; nothing else is asked."""

from fastapi import APIRouter

from backend.kernel.actors import customer_actor
from backend.surveys import service
from backend.surveys.schemas import AnswerIn, AnswerOut, DeclinedOut
from backend.web.deps import NowDep, WorksDep

router = APIRouter(prefix="/api/surveys", tags=["surveys"])

# Who holds the token is a customer; which one is written in the invitation, not in the request.
_SOMEBODY = customer_actor("survey")


@router.post("/{token}")
def answer(token: str, body: AnswerIn, works: WorksDep, now: NowDep) -> AnswerOut:
    """Keep the one rating of a conversation: 409 when it stands already, 410 when it came too late."""
    with works.begin(_SOMEBODY, now) as work:
        fact = service.answer(work, token, body.score, body.reasons, body.comment)
        return AnswerOut(score=fact.score)


@router.post("/{token}/decline")
def decline(token: str, works: WorksDep, now: NowDep) -> DeclinedOut:
    """Not this time; the customer may still change their mind until the invitation expires."""
    with works.begin(_SOMEBODY, now) as work:
        service.decline(work, token)
        return DeclinedOut()
