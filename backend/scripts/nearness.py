"""Whether another script would answer a draft's example questions: asked of the bot's own matcher."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.kernel.errors import Unavailable
from backend.scripts.study import Study

# The bot's ``strong`` (data/answering.yml): a match that speaks for itself. A question that fits another script so
# well is taken.
TAKEN = 0.60


@dataclass(frozen=True)
class Near:
    """One example question and the script that answers it today when this one is out of the way."""

    question: str
    key: str
    title: str
    score: float


@dataclass(frozen=True)
class Nearness:
    """What the bot said; ``asked`` is False when it could not be asked."""

    found: list[Near]
    asked: bool


def near(study: Study | None, key: str, questions: Sequence[str], titles: Mapping[str, str]) -> Nearness:
    """Example questions of the draft of ``key`` that another script would take. Asks the bot: no transaction open."""
    if not questions:
        return Nearness([], True)
    if study is None:
        return Nearness([], False)
    turns = [{"id": str(number), "text": question, "intent": None, "confidence": None}
             for number, question in enumerate(questions)]
    try:
        rows = study.rematch([], [key] if key else [], turns)
    except Unavailable:
        return Nearness([], False)
    found = []
    for row in rows:
        answer = row.get("after")
        if answer and answer["key"] != key and float(answer["score"]) >= TAKEN:
            other = str(answer["key"])
            found.append(Near(questions[int(row["id"])], other, titles.get(other, other), float(answer["score"])))
    return Nearness(found, True)
