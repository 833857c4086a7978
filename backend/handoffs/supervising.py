"""Supervisors: watch a colleague's conversation, whisper to the colleague. Taking over stands in service.

Who watches is not shown to the holder (it would change how they speak), but every look is journalled.
"""

from backend.conversations import service as conversations
from backend.conversations.service import Message
from backend.handoffs import presence, rules
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Conflict


def looks_on(work: Work, conversation_id: str) -> bool:
    """Whether the acting person supervises a conversation that a colleague holds."""
    found = conversations.by_id(work.session, conversation_id)
    return (found is not None and found.state == "agent" and found.holder_id != work.actor.id
            and work.actor.can(Permission.DESK_SUPERVISE))


def watched(work: Work, conversation_id: str) -> None:
    """Keep in the journal that this person opened a colleague's conversation."""
    if looks_on(work, conversation_id):
        holder = conversations.get(work.session, conversation_id).holder_id
        work.journal("conversation_watched", "conversation", conversation_id, holder=holder)


def whisper(work: Work, conversation_id: str, text: str, client_id: str | None = None) -> Message:
    """A word in the holder's ear: nobody but the two (and supervisors) reads it. Idempotent by ``client_id``.

    Raises Forbidden, Invalid (``empty_message``), Conflict (``nobody_holds``).
    """
    work.actor.require(Permission.DESK_SUPERVISE)
    words = rules.check_words(text, to_customer=False)
    conversation = conversations.lock(work, conversation_id)
    if client_id and (known := conversations.by_client_id(work.session, conversation_id, client_id)):
        return known
    if conversation.state != "agent" or conversation.holder_id in (None, work.actor.id):
        raise Conflict("nobody_holds", "现在没有同事在接待这次对话，没有人会收到耳语。")
    message = conversations.add_note(work, conversation, words, client_id, whisper_to=conversation.holder_id)
    work.journal("whispered", "conversation", conversation_id, to=conversation.holder_id, message=message.id)
    presence.hint_desk(work)
    return message
