"""What a customer says or presses while the bot is silent and the house itself must act: leave the queue, stay, leave a
message, be called back, go on with the bot, agree to be given back to it. Risk is seen to in the queue as well.
"""

from typing import Any

from backend.conversations import risk
from backend.conversations import service as conversations
from backend.conversations.rules import State
from backend.conversations.service import Conversation, Message
from backend.handoffs import callbacks, queueing, rules
from backend.handoffs import service as handoffs
from backend.infra.work import Work

RETURN = {"back_to_bot": True, "stay_with_agent": False}
RETURN_ASKED = "handoff.return_ask"
ASK = {"leave_message": callbacks.MESSAGE, "call_back": callbacks.CALLBACK}
# In the queue these mean: out of it. ``cancel`` only while no form of the bot's can be meant.
LEAVE_QUEUE = ("cancel_queue", "cancel")
# This one means: out of the queue, and the bot does what the button says (offered when nobody is on duty).
BACK_TO_BOT = ("file_complaint",)
QUEUE = frozenset({*ASK, *RETURN, "bot_meanwhile", "stay_in_queue", "cancel_queue"})


def wanted(work: Work, conversation: Conversation, text: str, button: dict[str, Any] | None) -> bool:
    """Whether the house must act on this although the bot is silent. Asked before the message is stored."""
    action = (button or {}).get("action")
    if conversation.state == State.AGENT:
        return action in RETURN or (button is None and rules.agrees(text) is not None and _return_asked(work, conversation))
    if conversation.state != State.QUEUED:
        return False
    if button is not None:
        return action in (*QUEUE, *LEAVE_QUEUE, *BACK_TO_BOT, "request_human", "skip")
    return (rules.leaves_queue(text) or callbacks.is_asking(work.session, conversation.id)
            or risk.in_words(text) is not None)


def concerns(work: Work, conversation: Conversation, message: Message) -> bool:
    """Whether a turn begins here and not with the bot."""
    action = (message.button or {}).get("action")
    return conversation.state != State.BOT or action in QUEUE or callbacks.is_asking(work.session, conversation.id)


def see_to(work: Work, conversation_id: str, message: Message) -> bool:
    """Act on it; True when the turn is over. A message that the bot shall read now stays pending for its next turn."""
    conversation = conversations.lock(work, conversation_id)
    action = (message.button or {}).get("action")
    in_line = conversation.state == State.QUEUED and not conversation.bot_meanwhile
    if in_line and action in BACK_TO_BOT:
        handoffs.cancel(work, conversation_id)
        return True
    if message.button is not None:
        over = _pressed(work, conversation, str(action), in_line)
    else:
        over = message.attachment_id is None and _typed(work, conversation, message.text)
    if over:
        conversations.note_understanding(work, message.id, None, None)
    return over


def _pressed(work: Work, conversation: Conversation, action: str, in_line: bool) -> bool:
    if action in RETURN:
        if not handoffs.answer_return(work, conversation.id, RETURN[action]):
            _bot_is_here(work, conversation)
    elif action == "cancel_queue" or (in_line and action in LEAVE_QUEUE):
        if handoffs.cancel(work, conversation.id) is None:
            _bot_is_here(work, conversation)
    elif action == "bot_meanwhile":
        if not handoffs.go_on_with_bot(work, conversation.id):
            _bot_is_here(work, conversation)
    elif action in ASK:
        callbacks.ask(work, conversation.id, ASK[action])
    elif action == "stay_in_queue":
        callbacks.stay(work, conversation.id)
    elif action == "skip" and callbacks.is_asking(work.session, conversation.id):
        return callbacks.skip_contact(work, conversation.id)
    else:
        return False
    return True


def _typed(work: Work, conversation: Conversation, text: str) -> bool:
    if conversation.state == State.AGENT:
        agreed = rules.agrees(text)
        if agreed is not None and _return_asked(work, conversation):
            handoffs.answer_return(work, conversation.id, agreed)
        return True  # the person reads it in any case
    if risk.in_words(text) is not None:
        return False
    if conversation.state == State.QUEUED and rules.leaves_queue(text):
        return handoffs.cancel(work, conversation.id) is not None
    return callbacks.hear(work, conversation.id, text)


def _return_asked(work: Work, conversation: Conversation) -> bool:
    """Whether our question about the bot is the last thing that was said to the customer."""
    return conversations.last_script(work.session, conversation.id) == RETURN_ASKED


def _bot_is_here(work: Work, conversation: Conversation) -> None:
    """An old button, pressed late: no dead end."""
    if conversations.bot_answers(conversation):
        queueing.say(work, conversation.id, "handoff.with_bot")
