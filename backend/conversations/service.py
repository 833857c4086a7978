"""What happens in a conversation. Every message gets the next number under the conversation's lock."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.conversations import events, rules, store, understanding
from backend.conversations.hiding import hide_secrets
from backend.conversations.rules import Sender, State
from backend.conversations.schemas import MessageView
from backend.conversations.tables import Attachment, Conversation, Message
from backend.infra.work import Work
from backend.kernel.errors import Conflict, NotFound, Unauthorised
from backend.kernel.ids import new_id, new_token
from backend.people.service import staff_name
from backend.scripts import service as scripts
from backend.scripts.service import Spoken

# The rows that services hand out; outsiders take the names from here.
__all__ = ["Attachment", "Conversation", "Message", "MessageView", "Spoken"]

def topic(conversation_id: str) -> str:
    """The hint topic of a conversation."""
    return f"conversation:{conversation_id}"


# --- beginning and finding ----------------------------------------------------------------------


def start(work: Work, channel: str, customer_id: str, site: str | None = None) -> tuple[Conversation, str]:
    """Open a conversation; gives its token too, which is shown once and kept as a hash."""
    token = new_token()
    conversation = Conversation(
        id=new_id(), channel=channel, customer_id=customer_id, token_hash=_hash(token), opened_at=work.now,
        last_message_at=work.now, site=site,
    )
    work.session.add(conversation)
    work.flush()
    work.record(events.ConversationStarted(at=work.now, conversation_id=conversation.id, customer_id=customer_id,
                                           channel=channel))
    return conversation, token


def by_id(session: Session, conversation_id: str) -> Conversation | None:
    return store.by_id(session, conversation_id)


def get(session: Session, conversation_id: str) -> Conversation:
    """Raises NotFound (``conversation_not_found``)."""
    found = store.by_id(session, conversation_id)
    if found is None:
        raise NotFound("conversation_not_found", "没有找到这次对话，请开始新的对话。")
    return found


def lock(work: Work, conversation_id: str) -> Conversation:
    """The conversation, held until this transaction ends. Raises NotFound."""
    found = store.locked(work.session, conversation_id)
    if found is None:
        raise NotFound("conversation_not_found", "没有找到这次对话，请开始新的对话。")
    return found


def check_token(session: Session, conversation_id: str, token: str) -> Conversation:
    """The conversation that this token opens. A foreign token and an unknown conversation read the same.

    Raises Unauthorised (``bad_token``).
    """
    found = store.by_id(session, conversation_id)
    if found is None or not token or not hmac.compare_digest(found.token_hash, _hash(token)):
        raise Unauthorised("bad_token", "这次对话打不开了，请开始新的对话。")
    return found


def renew_token(work: Work, conversation: Conversation) -> str:
    """A new token in place of the old one."""
    token = new_token()
    conversation.token_hash = _hash(token)
    work.session.add(conversation)
    work.flush()
    return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- speaking -----------------------------------------------------------------------------------


def receive(work: Work, conversation: Conversation, *, client_id: str, text: str,
            button: dict[str, Any] | None = None, attachment_id: str | None = None, for_house: bool = False) -> Message:
    """Store a customer's message. The same ``client_id`` again gives the stored one, whatever its text.

    ``text`` is what the customer sees as sent (already cleaned). ``for_house``: the house itself acts on it, also
    while the bot is silent. Raises Conflict (``conversation_closed``).
    """
    conversation = lock(work, conversation.id)
    known = store.by_client_id(work.session, conversation.id, client_id)
    if known is not None:
        return known
    if conversation.state == State.CLOSED:
        raise Conflict("conversation_closed", "这次对话已经结束，请开始新的对话。")
    pending = for_house or bot_answers(conversation)
    message = _append(work, conversation, Sender.CUSTOMER, text, client_id=client_id, button=button,
                      attachment_id=attachment_id, pending=pending)
    if conversation.waiting_since is None:
        conversation.waiting_since = work.now
    work.record(events.MessageReceived(at=work.now, conversation_id=conversation.id, seq=message.seq,
                                       state=conversation.state))
    return message


def bot_answers(conversation: Conversation) -> bool:
    """Whether the bot answers what the customer writes now."""
    return rules.who_answers(conversation.state, conversation.bot_meanwhile) is rules.Answerer.BOT


def say(work: Work, conversation: Conversation, spoken: Spoken, *, sender: str = "bot",
        card: dict[str, Any] | None = None, epoch: int | None = None) -> Message | None:
    """Say approved words. With ``epoch``, only if nobody has taken over since; None when somebody has."""
    conversation = lock(work, conversation.id)
    if epoch is not None and conversation.epoch != epoch:
        work.journal("bot_words_dropped", "conversation", conversation.id, script=spoken.key, epoch=epoch,
                     now=conversation.epoch)
        return None
    # Ids make buttons ours: only what was issued in this conversation can be pressed.
    buttons = [{**button, "id": f"{conversation.last_seq + 1}-{index}"} for index, button in enumerate(spoken.buttons)]
    message = _append(work, conversation, Sender(sender), spoken.text, buttons=buttons, card=card,
                      script_version_id=spoken.version_id)
    if sender == "bot":
        _answered(work, conversation)
    return message


def attach_card(work: Work, conversation: Conversation, card: dict[str, Any]) -> None:
    """Show a card under the newest bot message."""
    last = store.newest_from(work.session, conversation.id, "bot")
    if last is not None:
        last.card = card
        work.session.add(last)


def say_as_agent(work: Work, conversation: Conversation, text: str, client_id: str,
                 attachment_id: str | None = None) -> Message:
    """A person's words. Idempotent by ``client_id``; refused with Conflict (``not_holder``) for anyone else."""
    conversation = lock(work, conversation.id)
    known = store.by_client_id(work.session, conversation.id, client_id)
    if known is not None:
        return known
    if conversation.state != State.AGENT or conversation.holder_id != work.actor.id:
        raise Conflict("not_holder", "这次对话现在不由你接待，内容没有发出。请刷新后再看。")
    message = _append(work, conversation, Sender.AGENT, text, client_id=client_id, staff_id=work.actor.id,
                      attachment_id=attachment_id)
    _answered(work, conversation)
    work.record(events.AgentReplied(at=work.now, conversation_id=conversation.id, staff_id=work.actor.id,
                                    seq=message.seq))
    return message


def add_note(work: Work, conversation: Conversation, text: str, client_id: str | None = None,
             whisper_to: str | None = None) -> Message:
    """An internal note: in the thread, never sent to the customer. ``whisper_to``: for one colleague's eyes only."""
    conversation = lock(work, conversation.id)
    if client_id and (known := store.by_client_id(work.session, conversation.id, client_id)):
        return known
    return _append(work, conversation, Sender.NOTE, text, client_id=client_id, staff_id=work.actor.id,
                   whisper_to=whisper_to)


def _append(work: Work, conversation: Conversation, sender: Sender, text: str, *, client_id: str | None = None,
            button: dict[str, Any] | None = None, buttons: list[dict[str, Any]] | None = None,
            card: dict[str, Any] | None = None, attachment_id: str | None = None,
            script_version_id: str | None = None, staff_id: str | None = None, pending: bool = False,
            whisper_to: str | None = None) -> Message:
    conversation.last_seq += 1
    conversation.last_message_at = work.now
    message = Message(
        id=new_id(), conversation_id=conversation.id, seq=conversation.last_seq, sender=sender.value, text=text,
        client_id=client_id, button=button, buttons=buttons or [], card=card, attachment_id=attachment_id,
        script_version_id=script_version_id, staff_id=staff_id, pending=pending, whisper_to=whisper_to, at=work.now,
    )
    work.session.add(conversation)
    work.session.add(message)
    work.flush()
    work.hint(topic(conversation.id))
    return message


def _answered(work: Work, conversation: Conversation) -> None:
    conversation.waiting_since = None
    if conversation.first_reply_at is None:
        conversation.first_reply_at = work.now
    work.session.add(conversation)


# --- ownership ----------------------------------------------------------------------------------


def change_hands(work: Work, conversation: Conversation, state: str, holder_id: str | None = None) -> Conversation:
    """Give the conversation to the bot, the queue or a person. Words prepared before this are void."""
    conversation = lock(work, conversation.id)
    rules.check_move(conversation.state, State(state))
    conversation.state = State(state).value
    conversation.holder_id = holder_id
    conversation.epoch += 1
    conversation.bot_meanwhile = False
    conversation.misses = 0
    conversation.had_agent = conversation.had_agent or state == State.AGENT
    if state != State.BOT:
        store.settle_pending(work.session, conversation.id)
    work.session.add(conversation)
    work.flush()
    # ``seq``: the last message of the time before, so that it can be shown later that nobody spoke out of turn.
    work.journal("hands_changed", "conversation", conversation.id, state=state, holder=holder_id,
                 epoch=conversation.epoch, seq=conversation.last_seq)
    work.record(events.OwnershipChanged(at=work.now, conversation_id=conversation.id, state=conversation.state,
                                        epoch=conversation.epoch))
    work.hint(topic(conversation.id))
    return conversation


def let_bot_answer(work: Work, conversation: Conversation) -> None:
    """In the queue, at the customer's wish: the bot answers until somebody comes, whose take-over silences it."""
    conversation = lock(work, conversation.id)
    rules.check_may_answer(conversation.state)
    conversation.bot_meanwhile = True
    work.session.add(conversation)
    work.flush()
    work.journal("bot_answers_meanwhile", "conversation", conversation.id, epoch=conversation.epoch,
                 seq=conversation.last_seq)
    work.hint(topic(conversation.id))


def close(work: Work, conversation: Conversation, by: str) -> Conversation:
    """End the conversation; ending it twice is harmless. ``by``: customer | agent | idle."""
    conversation = lock(work, conversation.id)
    if conversation.state == State.CLOSED:
        return conversation
    agent_id = conversation.holder_id
    conversation.closed_at = work.now
    conversation.closed_by = by
    conversation.waiting_since = None
    conversation = change_hands(work, conversation, State.CLOSED)
    say(work, conversation, scripts.speak(work, "conversation.closed", {}, conversation.channel), sender="system")
    work.record(events.ConversationClosed(
        at=work.now, conversation_id=conversation.id, customer_id=conversation.customer_id,
        channel=conversation.channel, by=by, agent_id=agent_id))
    return conversation


def note_understanding(work: Work, message_id: str, intent: str | None, confidence: float | None, *,
                       match_key: str | None = None, match_score: float | None = None,
                       understood: bool | None = None, refused_all: bool = False) -> None:
    """Keep what the bot understood beside the customer's message, and let it count as dealt with."""
    understanding.note(work, message_id, intent, confidence, match_key=match_key, match_score=match_score,
                       understood=understood, refused_all=refused_all)


def leave_to_bot(work: Work, message_id: str) -> None:
    """A message stored while nobody answered is for the bot after all."""
    message = work.session.get(Message, message_id)
    if message is not None:
        message.pending = True
        work.session.add(message)
        work.flush()


# --- one turn at a time -------------------------------------------------------------------------


def claim_turn(work: Work, conversation_id: str, owner: str, until: datetime) -> tuple[Conversation, Message] | None:
    """Lease the conversation for one turn of the bot; None when another holds it or nothing waits.

    With nothing left to do our own lease ends here, in the same transaction that found nothing.
    """
    conversation = lock(work, conversation_id)
    leased = conversation.turn_until is not None and conversation.turn_until > work.now
    if leased and conversation.turn_owner != owner:
        return None
    # With a person or in the queue only what the house itself acts on is pending (a button, a number asked for).
    message = store.oldest_pending(work.session, conversation_id) if conversation.state != State.CLOSED else None
    if message is None:
        if conversation.turn_owner == owner:
            conversation.turn_owner = conversation.turn_until = None
            work.session.add(conversation)
        return None
    conversation.turn_owner, conversation.turn_until = owner, until
    work.session.add(conversation)
    return conversation, message


def renew_turn(work: Work, conversation_id: str, owner: str, until: datetime) -> None:
    """Hold the lease longer, if it is still ours."""
    conversation = lock(work, conversation_id)
    if conversation.turn_owner == owner:
        conversation.turn_until = until
        work.session.add(conversation)


def release_turn(work: Work, conversation_id: str, owner: str) -> None:
    """End the lease, if it is still ours."""
    conversation = lock(work, conversation_id)
    if conversation.turn_owner == owner:
        conversation.turn_owner = conversation.turn_until = None
        work.session.add(conversation)


def unanswered(session: Session) -> Sequence[str]:
    """Conversations with words that nobody has dealt with: what a restart must pick up again."""
    return store.conversations_with_pending(session)


# --- reading ------------------------------------------------------------------------------------


def thread(session: Session, conversation_id: str, after: int = 0, notes: bool = False,
           limit: int = 500, whispers: str | None = None) -> list[MessageView]:
    """Messages after ``after`` in order; notes only for staff, whispers only for whom they are."""
    return [_view(session, row) for row in store.messages(session, conversation_id, after, notes, limit, whispers)]


def _view(session: Session, row: Message) -> MessageView:
    version = scripts.version_card(session, row.script_version_id) if row.script_version_id else None
    attachment = store.attachment(session, row.attachment_id) if row.attachment_id else None
    # Approved words hold no secrets; what people type may.
    text = row.text if row.sender in ("bot", "system") else hide_secrets(row.text)
    return MessageView(
        id=row.id, seq=row.seq, sender=row.sender, text=text, at=row.at, client_id=row.client_id,
        pressed=row.button is not None, buttons=row.buttons, card=row.card,
        attachment=None if attachment is None else {
            "id": attachment.id, "name": attachment.name, "kind": attachment.kind, "size": attachment.size},
        script_key=version.key if version else None, script_version=version.version if version else None,
        script_version_id=row.script_version_id, script_title=version.title if version else None,
        staff_id=row.staff_id, staff_name=staff_name(session, row.staff_id) if row.staff_id else None,
        intent=row.intent, confidence=row.confidence, whisper_to=row.whisper_to,
    )


def text_of(session: Session, message_id: str) -> str | None:
    """The words of one message, as they were stored."""
    found = session.get(Message, message_id)
    return found.text if found else None


def by_client_id(session: Session, conversation_id: str, client_id: str) -> Message | None:
    """The message already stored under a client's own id, if any."""
    return store.by_client_id(session, conversation_id, client_id)


def newest_from_customer(session: Session, conversation_id: str) -> Message | None:
    return store.newest_from(session, conversation_id, "customer")


def last_script(session: Session, conversation_id: str) -> str | None:
    """Key of the script that the customer saw last, whoever said it; None after a person's words."""
    last = store.newest_said(session, conversation_id)
    version = scripts.version_card(session, last.script_version_id) if last and last.script_version_id else None
    return version.key if version else None


def issued_button(session: Session, conversation_id: str, button_id: str) -> dict[str, Any] | None:
    """The button that we issued under this id in this conversation, if any."""
    return store.issued_button(session, conversation_id, button_id)


def visits(session: Session, customer_id: str, since: datetime) -> int:
    """How many conversations the customer has opened since ``since``."""
    return len(store.open_since(session, customer_id, since))


def of_customer(session: Session, customer_id: str) -> Sequence[Conversation]:
    return store.of_customer(session, customer_id)


def add_attachment(work: Work, conversation: Conversation, *, name: str, kind: str, size: int,
                   sha256: str) -> Attachment:
    """Note a stored file; its bytes lie under the files folder by id."""
    row = Attachment(id=new_id(), conversation_id=conversation.id, name=name, kind=kind, size=size, sha256=sha256,
                     at=work.now)
    work.session.add(row)
    work.flush()
    return row


def attachment(session: Session, attachment_id: str) -> Attachment | None:
    return store.attachment(session, attachment_id)
