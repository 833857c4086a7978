"""From the bot's answer to messages in the thread: only approved, effective words get through.

The bot's own text is never used. Each message names a script version and its variables; the text is rendered
here from the stored version, so that what was said can be defended word by word.
"""

from dataclasses import replace
from typing import Any

import structlog

from backend.complaints import service as complaints
from backend.conversations import alerts, progress, risk, understanding
from backend.conversations import service as conversations
from backend.conversations.service import Conversation, Message
from backend.gateway import risks
from backend.gateway.rasa import BotFailed
from backend.gateway.wire import BotMessage, BotTurn
from backend.handoffs import service as handoffs
from backend.infra.work import Work
from backend.scripts import service as scripts
from backend.scripts.rules import FALLBACK_KEY

log = structlog.get_logger(__name__)

# The first failure offers a person, the second in a row fetches one.
FAILURES_BEFORE_HANDOFF = 2
# More titles than this are a menu, not a question.
MAX_CHOICES = 3
# Scripts spoken by forms, notices and the queue: they answer no question.
HOUSE_WORDS = frozenset({"system", "complaint", "order", "handoff", "risk", "survey", "conversation"})


def settle(work: Work, conversation: Conversation, message: Message, turn: BotTurn, epoch: int) -> None:
    """Say what the bot answered, unless somebody has taken over since ``epoch``."""
    conversation = conversations.lock(work, conversation.id)
    mood, words = _keep(work, message, turn)
    if conversation.epoch != epoch:
        work.journal("bot_turn_dropped", "conversation", conversation.id, epoch=epoch, now=conversation.epoch)
        _answer_again(work, conversation, message)
        return
    conversation.misses = 0
    work.session.add(conversation)
    alerts.resolve(work, "bot", "bot")
    keys = [part.script.key for part in turn.messages if part.script is not None]
    if not any(part.command for part in turn.messages):
        finding = risks.before_answer(work, conversation, message, mood, keys)
        if finding is not None:
            _fetch_instead(work, conversation, message, finding)
            return
    said = set()
    for part in turn.messages:
        if part.command == "handoff":
            # Whoever is fetched speaks from here; anything the bot adds after this is void by the new epoch.
            reason = part.reason or "customer_request"
            risks.handed_over(work, conversation.id, message, reason, turn.nlu.intent, turn.nlu.confidence)
            known = {**part.known, "intent": turn.nlu.intent, "entities": turn.nlu.entities}
            handoffs.request(work, conversation.id, reason, known, "")
            return
        said.add(_say(work, conversation, part, epoch))
    general = turn.nlu.answer if message.button is None else None
    if general is not None and general.by_default and general.key in said:
        # Only here: where a person was fetched instead, or the words were withdrawn, nobody heard them.
        understanding.note_default(work, message.id)
    risks.after_answer(work, conversation, message, words, keys, epoch)


def _answer_again(work: Work, conversation: Conversation, message: Message) -> None:
    """The answer is void. Where the bot speaks again by now (the customer left the queue) and no person has written
    since, the question would be nobody's: it is asked once more, under the new epoch."""
    if conversations.bot_answers(conversation) and not progress.person_since(work.session, message):
        conversations.leave_to_bot(work, message.id)


def _keep(work: Work, message: Message, turn: BotTurn) -> tuple[int, tuple[str, ...]]:
    """What was understood stands beside the message; gives its mood and the words that made it."""
    chosen = turn.nlu.answer if message.button is None else None  # a pressed button chose, not the bot
    conversations.note_understanding(
        work, message.id, turn.nlu.intent, turn.nlu.confidence, match_key=chosen.key if chosen else None,
        match_score=chosen.score if chosen else None, understood=turn.nlu.understood,
        refused_all=turn.nlu.refused_all)
    return understanding.note_mood(work, message.id)


def _fetch_instead(work: Work, conversation: Conversation, message: Message, finding: risk.RiskFinding) -> None:
    understanding.note_finding(work, conversation.id, message.seq, finding)
    work.journal("person_fetched", "conversation", conversation.id, reason=finding.reason, rule=finding.rule)
    handoffs.request(work, conversation.id, finding.reason, {"rule": finding.rule}, "")


def _say(work: Work, conversation: Conversation, part: BotMessage, epoch: int) -> str | None:
    """Gives the key of what was said; None: a card that rides on other words, or somebody has taken over."""
    card = _card(work, conversation, part.card) if part.card else None
    if part.script is None:
        if card is None:
            raise BotFailed("bot_nonsense", "机器人的答复里没有话术。")
        # A card alone rides on the words before it.
        conversations.attach_card(work, conversation, card)
        return None
    choices = _choices(work, conversation, part.options)
    if part.options and len(choices) < 2:
        # What was to be chosen from has been withdrawn meanwhile: what is left is the answer.
        left = choices[0]["script"] if choices else FALLBACK_KEY
        spoken = scripts.speak(work, left, {}, conversation.channel)
    else:
        spoken = scripts.render_version(work, part.script.version_id, part.script.key, part.variables,
                                        conversation.channel)
        spoken = replace(spoken, buttons=[*choices, *spoken.buttons])
    said = conversations.say(work, conversation, spoken, card=card, epoch=epoch)
    if said is not None and spoken.key == FALLBACK_KEY != part.script.key:
        # Understood, and no approved words for it: not the customer's fault, so nobody asks them to try again.
        handoffs.request(work, conversation.id, "bot_failure", {"missing_script": part.script.key}, "")
    return spoken.key if said is not None else None


def _choices(work: Work, conversation: Conversation, keys: list[str]) -> list[dict[str, Any]]:
    """Buttons of scripts to choose from. A title is approved with its version; only answers to inquiries are
    offered, never words that belong to a form or to the house."""
    found: dict[str, dict[str, Any]] = {}
    for key in keys[:MAX_CHOICES]:
        version = scripts.effective(work.session, key, conversation.channel, work.now)
        card = scripts.version_card(work.session, version.id) if version is not None else None
        if card is not None and key.split(".")[0] not in HOUSE_WORDS:
            found.setdefault(card.title, {"title": card.title, "script": key})
    return list(found.values())


def _card(work: Work, conversation: Conversation, card: dict[str, Any]) -> dict[str, Any] | None:
    """Keep a reference to what the card shows; the customer's view is made when it is read."""
    if card.get("kind") == "complaint_filed":
        found = complaints.by_number(work.session, str(card.get("number", "")))
        if found is not None and found.conversation_id == conversation.id:
            return {"kind": "complaint_filed", "complaint_id": found.id}
    log.warning("card_refused", kind=card.get("kind"), conversation=conversation.id)
    return None


def apologise(work: Work, conversation: Conversation, message: Message, failure: BotFailed, epoch: int) -> None:
    """The bot failed: keep the words, say the approved apology, offer or fetch a person, tell staff."""
    conversation = conversations.lock(work, conversation.id)
    conversations.note_understanding(work, message.id, None, None)
    understanding.note_mood(work, message.id)
    if failure.code == "bot_slow":
        understanding.note_finding(work, conversation.id, message.seq, risk.bot_time_out(failure.message))
    alerts.raise_alert(work, "bot", "bot", failure.message)
    work.journal("bot_failed", "conversation", conversation.id, code=failure.code)
    if conversation.epoch != epoch:
        _answer_again(work, conversation, message)
        return
    spoken = scripts.speak(work, "system.apology", {}, conversation.channel)
    conversations.say(work, conversation, spoken, epoch=epoch)
    conversation.misses += 1
    work.session.add(conversation)
    if conversation.misses >= FAILURES_BEFORE_HANDOFF:
        handoffs.request(work, conversation.id, "bot_slow" if failure.code == "bot_slow" else "bot_failure", {}, "")
