"""Asking how satisfied a customer is, once a conversation, and keeping the answer as one fact."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog
import yaml
from sqlmodel import Session

from backend.conversations import service as conversations
from backend.conversations.events import ConversationClosed
from backend.infra.db import blind_index
from backend.infra.work import Work
from backend.kernel.errors import Conflict, NotFound
from backend.kernel.ids import new_id
from backend.scripts import service as scripts
from backend.surveys import events, rules, store
from backend.surveys.tables import Invitation, SatisfactionFact, SurveyVersion

log = structlog.get_logger(__name__)

# The questionnaire that is asked after a conversation.
AFTER_CONVERSATION = "after_chat"


def on_conversation_closed(work: Work, fact: ConversationClosed) -> None:
    """Reaction: ask the customer, if there was something to rate."""
    talk = rules.snapshot(list(_lines(work.session, fact.conversation_id)), fact.agent_id)
    if rules.worth_asking(talk, fact.by):
        invite(work, fact.conversation_id, fact.agent_id)


def invite(work: Work, conversation_id: str, agent_id: str | None) -> Invitation | None:
    """Ask once; a second call gives the first invitation. None when no questionnaire has been set up.

    Keeps what is rated as it stands now: who spoke, the channel, the intents, the script versions.
    """
    # Under the conversation's lock two closings cannot both find that nobody has been asked yet.
    conversation = conversations.lock(work, conversation_id)
    known = store.of_conversation(work.session, conversation_id)
    if known is not None:
        return known
    version = store.newest(work.session, AFTER_CONVERSATION)
    if version is None:
        work.journal("survey_missing", "conversation", conversation_id, survey=AFTER_CONVERSATION)
        return None
    talk = rules.snapshot(list(_lines(work.session, conversation_id)), agent_id)
    invitation_id = new_id()
    invitation = Invitation(
        id=invitation_id, token_hash=_hash(token_of(invitation_id)), survey_version_id=version.id,
        conversation_id=conversation_id, agent_id=talk.agent_id, channel=conversation.channel,
        intents=list(talk.intents), script_version_ids=list(talk.script_version_ids), sent_at=work.now,
        expires_at=work.now + rules.VALID_FOR,
    )
    work.session.add(invitation)
    work.flush()
    _say(work, conversation_id, "survey.invite", {"kind": "survey", "invitation_id": invitation_id})
    work.journal("survey_invited", "conversation", conversation_id, invitation=invitation_id, survey=version.id)
    work.record(events.SurveyInvited(at=work.now, invitation_id=invitation_id, conversation_id=conversation_id,
                                     agent_id=invitation.agent_id, channel=invitation.channel))
    return invitation


def answer(work: Work, token: str, score: object, reasons: Sequence[str] = (),
           comment: str | None = None) -> SatisfactionFact:
    """Keep the one answer and thank for it. Whoever skipped first may still answer.

    Raises NotFound (``survey_not_found``), Conflict (``already_answered``), ``survey_expired`` (410), and
    Invalid for what does not fit the questionnaire.
    """
    invitation = _by_token(work, token)
    if store.fact_of(work.session, invitation.id) is not None:
        raise Conflict("already_answered", "这次服务已经评过了，谢谢您。")
    rules.check_open(invitation.expires_at, work.now)
    version = store.version(work.session, invitation.survey_version_id)
    assert version is not None  # a foreign key holds it
    given = rules.check_answer(score, reasons, comment, version.reasons)
    fact = SatisfactionFact(
        id=new_id(), invitation_id=invitation.id, conversation_id=invitation.conversation_id,
        agent_id=invitation.agent_id, channel=invitation.channel, score=given.score, reasons=list(given.reasons),
        comment=given.comment, answered_at=work.now,
    )
    invitation.declined_at = None
    work.session.add(invitation)
    work.session.add(fact)
    work.flush()
    _say(work, invitation.conversation_id, rules.thanks_key(given.score))
    work.journal("survey_answered", "conversation", invitation.conversation_id, invitation=invitation.id,
                 score=given.score, reasons=list(given.reasons))
    work.record(events.SatisfactionAnswered(
        at=work.now, invitation_id=invitation.id, conversation_id=invitation.conversation_id,
        agent_id=invitation.agent_id, channel=invitation.channel, score=given.score))
    return fact


def decline(work: Work, token: str) -> Invitation:
    """Not this time; saying so twice is harmless. Raises as ``answer`` does."""
    invitation = _by_token(work, token)
    if store.fact_of(work.session, invitation.id) is not None:
        raise Conflict("already_answered", "这次服务已经评过了，谢谢您。")
    if invitation.declined_at is not None:
        return invitation
    rules.check_open(invitation.expires_at, work.now)
    invitation.declined_at = work.now
    work.session.add(invitation)
    work.hint(conversations.topic(invitation.conversation_id))
    work.journal("survey_declined", "conversation", invitation.conversation_id, invitation=invitation.id)
    work.record(events.SurveyDeclined(at=work.now, invitation_id=invitation.id,
                                      conversation_id=invitation.conversation_id))
    return invitation


def card(session: Session, invitation_id: str) -> dict[str, Any]:
    """The survey card as the widget shows it, with the token that answers it. Raises NotFound."""
    invitation = store.invitation(session, invitation_id)
    version = store.version(session, invitation.survey_version_id) if invitation else None
    if invitation is None or version is None:
        raise NotFound("survey_not_found", "没有找到这次评价。")
    fact = store.fact_of(session, invitation_id)
    shown: dict[str, Any] = {
        "kind": "survey", "token": token_of(invitation_id), "question": version.question,
        "labels": list(version.labels), "reasons": {name: list(chips) for name, chips in version.reasons.items()},
        "comment_prompt": version.comment_prompt, "answered": fact is not None,
        "declined": invitation.declined_at is not None, "expires_at": invitation.expires_at.isoformat(),
    }
    if fact is not None:
        shown["score"] = fact.score
    return shown


def of_conversation(session: Session, conversation_id: str) -> dict[str, Any] | None:
    """How a conversation was rated, for staff: invited when, answered what. None when nobody was asked."""
    invitation = store.of_conversation(session, conversation_id)
    if invitation is None:
        return None
    fact = store.fact_of(session, invitation.id)
    return {
        "sent_at": invitation.sent_at, "expires_at": invitation.expires_at, "declined_at": invitation.declined_at,
        "score": fact.score if fact else None, "reasons": list(fact.reasons) if fact else [],
        "comment": fact.comment if fact else None, "answered_at": fact.answered_at if fact else None,
    }


def answers_of(session: Session, conversation_ids: Sequence[str]) -> Sequence[SatisfactionFact]:
    """How these conversations were rated, newest first."""
    return store.facts_of(session, conversation_ids)


def seed(work: Work, pack_dir: Path) -> int:
    """Take over the pack's questionnaires; returns how many versions are new.

    A stored version is frozen: answers were counted by its words. Changed words under an old number are left
    out and logged; they need a new number.
    """
    path = pack_dir / "surveys.yml"
    if not path.exists():
        return 0
    loaded = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    added = 0
    for raw in loaded.get("surveys", []):
        rules.check_survey(raw)
        words = {name: raw[name] for name in ("question", "labels", "reasons", "comment_prompt")}
        known = store.numbered(work.session, raw["key"], raw["version"])
        if known is not None:
            if any(getattr(known, name) != value for name, value in words.items()):
                log.warning("survey_version_is_frozen", survey=raw["key"], version=raw["version"])
            continue
        work.session.add(SurveyVersion(id=new_id(), key=raw["key"], version=raw["version"], created_at=work.now,
                                       **words))
        work.flush()
        work.journal("survey_version_added", "survey", raw["key"], version=raw["version"])
        added += 1
    return added


def token_of(invitation_id: str) -> str:
    """The token of an invitation: derived with the installation's key, so that it need not be stored to be shown."""
    return blind_index("survey", invitation_id)[:43]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _by_token(work: Work, token: str) -> Invitation:
    invitation = store.locked_by_token(work.session, _hash(token))
    if invitation is None:
        raise NotFound("survey_not_found", "没有找到这次评价，链接可能不完整。")
    return invitation


def _say(work: Work, conversation_id: str, key: str, shown: dict[str, Any] | None = None) -> None:
    conversation = conversations.lock(work, conversation_id)
    spoken = scripts.speak(work, key, {}, conversation.channel)
    conversations.say(work, conversation, spoken, sender="system", card=shown)


def _lines(session: Session, conversation_id: str) -> Iterator[rules.Line]:
    """The whole thread, page by page: a talk may be longer than one page of messages."""
    after = 0
    while views := conversations.thread(session, conversation_id, after=after):
        for view in views:
            yield rules.Line(view.sender, view.intent, view.script_key, view.script_version_id, view.staff_id)
        after = views[-1].seq
