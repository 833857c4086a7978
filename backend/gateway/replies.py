"""From the bot's answer to messages in the thread: only approved, effective words get through.

The bot's own text is never used. Each message names a script version and its variables; the text is rendered
here from the stored version, so that what was said can be defended word by word.
"""

from typing import Any

import structlog

from backend.complaints import service as complaints
from backend.conversations import alerts
from backend.conversations import service as conversations
from backend.conversations.service import Conversation, Message
from backend.gateway.rasa import BotFailed
from backend.gateway.wire import BotMessage, BotTurn
from backend.handoffs import service as handoffs
from backend.infra.work import Work
from backend.scripts import service as scripts

log = structlog.get_logger(__name__)

# The first failure offers a person, the second in a row fetches one.
FAILURES_BEFORE_HANDOFF = 2


def settle(work: Work, conversation: Conversation, message: Message, turn: BotTurn, epoch: int) -> None:
    """Say what the bot answered, unless somebody has taken over since ``epoch``."""
    conversation = conversations.lock(work, conversation.id)
    conversations.note_understanding(work, message.id, turn.nlu.intent, turn.nlu.confidence)
    if conversation.epoch != epoch:
        work.journal("bot_turn_dropped", "conversation", conversation.id, epoch=epoch, now=conversation.epoch)
        return
    conversation.misses = 0
    work.session.add(conversation)
    alerts.resolve(work, "bot", "bot")
    for part in turn.messages:
        if part.command == "handoff":
            # Whoever is fetched speaks from here; anything the bot adds after this is void by the new epoch.
            known = {**part.known, "intent": turn.nlu.intent, "entities": turn.nlu.entities}
            handoffs.request(work, conversation.id, part.reason or "customer_request", known, "")
            return
        _say(work, conversation, part, epoch)


def _say(work: Work, conversation: Conversation, part: BotMessage, epoch: int) -> None:
    card = _card(work, conversation, part.card) if part.card else None
    if part.script is None:
        if card is None:
            raise BotFailed("bot_nonsense", "机器人的答复里没有话术。")
        # A card alone rides on the words before it.
        conversations.attach_card(work, conversation, card)
        return
    spoken = scripts.render_version(work, part.script.version_id, part.script.key, part.variables,
                                    conversation.channel)
    conversations.say(work, conversation, spoken, card=card, epoch=epoch)


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
    alerts.raise_alert(work, "bot", "bot", failure.message)
    work.journal("bot_failed", "conversation", conversation.id, code=failure.code)
    if conversation.epoch != epoch:
        return
    spoken = scripts.speak(work, "system.apology", {}, conversation.channel)
    conversations.say(work, conversation, spoken, epoch=epoch)
    conversation.misses += 1
    work.session.add(conversation)
    if conversation.misses >= FAILURES_BEFORE_HANDOFF:
        handoffs.request(work, conversation.id, "bot_failure", {}, "")
