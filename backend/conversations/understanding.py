"""What was understood of each customer message, which rules a talk met, and what may be learnt from both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from backend.conversations import store
from backend.conversations.mood import read_mood
from backend.conversations.risk import RiskFinding
from backend.conversations.tables import Finding, Message
from backend.infra.work import Work
from backend.kernel.ids import new_id

__all__ = ["Finding", "Generally", "Misunderstood", "ReplayTurn", "answered_generally", "findings", "misunderstood",
           "moods", "note", "note_default", "note_finding", "note_mood", "turns_to_replay"]


@dataclass(frozen=True)
class Misunderstood:
    """A message that ended in a fallback or out of scope. ``text`` is raw: whoever shows it masks it."""

    message_id: str
    conversation_id: str
    text: str
    intent: str | None
    confidence: float | None
    at: datetime


@dataclass(frozen=True)
class Generally:
    """A message that was understood and yet got only its topic's default words, ``key``. ``text`` is raw."""

    message_id: str
    conversation_id: str
    text: str
    key: str
    at: datetime


@dataclass(frozen=True)
class ReplayTurn:
    """A message that the bot answered, and the version it answered with. ``text`` is raw."""

    message_id: str
    conversation_id: str
    seq: int
    text: str
    intent: str | None
    confidence: float | None
    answered_key: str
    answered_version_id: str
    at: datetime


def note(work: Work, message_id: str, intent: str | None, confidence: float | None, *, match_key: str | None = None,
         match_score: float | None = None, understood: bool | None = None, refused_all: bool = False) -> Message | None:
    """Keep what the bot understood beside the customer's message, and let it count as dealt with."""
    message = work.session.get(Message, message_id)
    if message is not None:
        if understood is False and (message.button is not None or refused_all):
            # 都不是, pressed or typed: what lacks an answer is the question that the choices were offered for.
            _refused_all(work, message)
            understood = None
        message.intent, message.confidence, message.pending = intent, confidence, False
        message.match_key, message.match_score = match_key, match_score
        message.understood, message.by_default = understood, None
        work.session.add(message)
    return message


def _refused_all(work: Work, refusal: Message) -> None:
    asked = store.customer_message_before(work.session, refusal)
    if asked is not None and asked.button is None and asked.understood is None:
        asked.understood = False
        work.session.add(asked)


def note_default(work: Work, message_id: str) -> None:
    """What was said to this message were its topic's default words: no script of the topic fitted it.

    The message counts as understood all the same; only what is missing from the library reads this.
    """
    message = work.session.get(Message, message_id)
    if message is not None:
        message.by_default = True
        work.session.add(message)


def note_mood(work: Work, message_id: str) -> tuple[int, tuple[str, ...]]:
    """Estimate the mood of a message from its words, its intent and what was said before; (0, ()) for a button."""
    message = work.session.get(Message, message_id)
    if message is None or message.button is not None:
        return 0, ()
    earlier = store.customer_texts(work.session, message.conversation_id, before=message.seq)
    mood = read_mood(message.text, message.intent, message.confidence, earlier)
    message.mood = mood.level
    work.session.add(message)
    return mood.level, mood.words


def moods(session: Session, conversation_id: str, upto: int) -> list[int]:
    """Moods of the customer's typed messages up to ``upto``, oldest first."""
    return list(store.moods(session, conversation_id, upto))


def note_finding(work: Work, conversation_id: str, seq: int, finding: RiskFinding) -> None:
    """Leave a rule's reason on the conversation; the same rule on the same message is one finding."""
    if any(one.seq == seq and one.rule == finding.rule for one in store.findings(work.session, conversation_id)):
        return
    work.session.add(Finding(id=new_id(), conversation_id=conversation_id, seq=seq, rule=finding.rule,
                             reason=finding.reason, explanation=finding.explanation, at=work.now))
    work.flush()


def findings(session: Session, conversation_id: str) -> Sequence[Finding]:
    """The rules that a conversation has met, in order."""
    return store.findings(session, conversation_id)


def misunderstood(session: Session, since: datetime, limit: int = 500) -> list[Misunderstood]:
    """Messages since ``since`` that nobody understood, the newest first."""
    return [Misunderstood(row.id, row.conversation_id, row.text, row.intent, row.confidence, row.at)
            for row in store.not_understood(session, since, limit)]


def answered_generally(session: Session, since: datetime, limit: int = 500) -> list[Generally]:
    """Inquiries since ``since`` for which the bot had only the topic's default words, the newest first."""
    return [Generally(row.id, row.conversation_id, row.text, row.match_key, row.at)
            for row in store.answered_by_default(session, since, limit) if row.match_key is not None]


def turns_to_replay(session: Session, until: datetime, limit: int) -> list[ReplayTurn]:
    """Typed messages before ``until`` that the bot answered with a script of its choice, the newest first."""
    return [ReplayTurn(row.id, row.conversation_id, row.seq, row.text, row.intent, row.confidence, str(row.match_key),
                       version_id, row.at)
            for row, version_id in store.answered_by_choice(session, until, limit)]
