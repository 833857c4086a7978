"""API shapes of surveys."""

from pydantic import BaseModel, Field


class AnswerIn(BaseModel):
    """A customer's rating. What may stand in it is decided by ``rules.check_answer``."""

    score: int
    reasons: list[str] = Field(default_factory=list, max_length=20)
    comment: str | None = Field(default=None, max_length=5000)


class AnswerOut(BaseModel):
    """The rating stands."""

    answered: bool = True
    score: int


class DeclinedOut(BaseModel):
    """We do not ask again."""

    declined: bool = True
