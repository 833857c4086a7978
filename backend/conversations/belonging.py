"""Whose conversation it is, once that has been proven while it was already going on."""

from backend.conversations import events, service
from backend.infra.work import Work
from backend.kernel.errors import Conflict


def give_to(work: Work, conversation_id: str, customer_id: str, *, from_signed: bool) -> str:
    """The conversation was held by somebody unproven, who has now proven to be ``customer_id``.

    Gives a new token; the old one is void. Whoever knew it before the customer signed in (somebody else at the same
    browser, say) must not read what was theirs all along.

    ``from_signed``: whether its present customer is a proven one. Proven customers are never exchanged for one
    another: two people at one browser are two conversations. Raises Conflict (``another_customer``).
    """
    conversation = service.lock(work, conversation_id)
    if from_signed and conversation.customer_id != customer_id:
        raise Conflict("another_customer", "这次对话属于另一位客户，请开始新的对话。")
    before = conversation.customer_id
    conversation.customer_id = customer_id
    token = service.renew_token(work, conversation)
    if before == customer_id:  # proven once more, from another page
        return token
    work.journal("customer_identified", "conversation", conversation_id, before=before, customer=customer_id)
    work.record(events.CustomerIdentified(at=work.now, conversation_id=conversation_id, before=before,
                                          customer_id=customer_id))
    work.hint(service.topic(conversation_id))
    return token
