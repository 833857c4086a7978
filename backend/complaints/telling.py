"""Telling the customer, in the channel they came by, what happened to their complaint. Always approved words.

A conversation that is open and not long quiet hears it at once, whoever holds it: it is said by the system, never
in an agent's name. Otherwise it waits: told with the customer's next message there, or hinted at when they come
back in another conversation (a visitor's reference proves too little to open a case: it asks them to look it up).
"""

from datetime import timedelta

from backend.complaints import proofs, store
from backend.complaints.events import (
    ComplaintExtended,
    ComplaintMoved,
    ComplaintPaused,
    ComplaintResumed,
)
from backend.complaints.policy import policy
from backend.complaints.rules import Stage
from backend.complaints.tables import Complaint, CustomerNotice
from backend.complaints.thread import append
from backend.conversations import service as conversations
from backend.conversations.events import ConversationStarted, MessageReceived
from backend.conversations.service import Conversation
from backend.deadlines import service as deadlines
from backend.infra.work import Work
from backend.kernel.ids import new_id
from backend.scripts import service as scripts
from backend.scripts.events import ScriptMissing

# Stages that are news to a customer. Assessed and decided are the house's own steps: the receipt shows them.
KEYS = {
    "acknowledged": "complaint.stage_acknowledged",
    "investigating": "complaint.stage_investigating",
    "communicated": "complaint.stage_communicated",
    "closed": "complaint.stage_closed",
    "reopened": "complaint.stage_reopened",
    "withdrawn": "complaint.stage_withdrawn",
    "merged": "complaint.stage_merged",
    "referred": "complaint.stage_referred",
}
PAUSED, RESUMED, EXTENDED = "complaint.stage_paused", "complaint.stage_resumed", "complaint.stage_extended"
NEWS = "complaint.news_waiting"
# News older than this are on the receipt; to begin a visit with them would be odd.
STALE = timedelta(days=60)


def on_moved(work: Work, fact: ComplaintMoved) -> None:
    key = KEYS.get(fact.to_stage)
    if key is not None and not _hears_from_bot(work, fact):
        tell(work, fact.complaint_id, key, fact.public_text)


def _hears_from_bot(work: Work, fact: ComplaintMoved) -> bool:
    """The bot is just telling this very customer: said twice, or as news at the next word, it would be odd.

    Somebody else's browser may have done it (the number and four digits were enough): then the customer hears.
    """
    complaint = store.by_id(work.session, fact.complaint_id)
    there = conversations.by_id(work.session, fact.told_in) if fact.told_in else None
    return complaint is not None and there is not None and there.customer_id == complaint.customer_id


def on_paused(work: Work, fact: ComplaintPaused) -> None:
    tell(work, fact.complaint_id, PAUSED, fact.public_text)


def on_resumed(work: Work, fact: ComplaintResumed) -> None:
    tell(work, fact.complaint_id, RESUMED, "")


def on_extended(work: Work, fact: ComplaintExtended) -> None:
    if fact.told:
        tell(work, fact.complaint_id, EXTENDED, "")


def tell(work: Work, complaint_id: str, key: str, text: str) -> None:
    """Say it now, or keep it for the customer's return."""
    complaint = store.by_id(work.session, complaint_id)
    if complaint is None:
        return
    conversation = _conversation(work, complaint)
    if (
        conversation is not None
        and _is_there(work, conversation)
        and _say(work, complaint, conversation, key, text)
    ):
        return
    if complaint.conversation_id is None:
        return  # came by phone or letter: a person tells them, and the proof of feedback says so
    work.session.add(
        CustomerNotice(
            id=new_id(),
            complaint_id=complaint.id,
            customer_id=complaint.customer_id,
            conversation_id=complaint.conversation_id,
            script_key=key,
            text=text,
            at=work.now,
        )
    )


def _conversation(work: Work, complaint: Complaint) -> Conversation | None:
    if complaint.conversation_id is None:
        return None
    return conversations.by_id(work.session, complaint.conversation_id)


def _is_there(work: Work, conversation: Conversation) -> bool:
    quiet = work.now - conversation.last_message_at
    return conversation.state != "closed" and quiet < policy().quiet_after


def _say(
    work: Work, complaint: Complaint, conversation: Conversation, key: str, text: str, *, note: bool = True
) -> bool:
    """False when there are no approved words for it: then nothing is said, and staff are told why.

    ``note`` writes it into the complaint's thread, for which the caller holds the complaint.
    """
    if scripts.effective(work.session, key, conversation.channel, work.now) is None:
        work.record(ScriptMissing(at=work.now, key=key, reason="not_effective"))
        return False
    spoken = scripts.speak(work, key, _values(work, complaint, text), conversation.channel)
    if spoken.key != key:
        return False  # a variable was missing: the fallback would make no sense here
    said = conversations.say(work, conversation, spoken, sender="system")
    if said is not None and note:
        append(work, complaint, "told", script=key, conversation=conversation.id, seq=said.seq)
    return said is not None


def _values(work: Work, complaint: Complaint, text: str) -> dict[str, str]:
    _, promised = deadlines.promise_words(deadlines.promise_of(work.session, "complaint", complaint.id))
    return {
        "complaint_no": complaint.number,
        "complaint_stage": Stage(complaint.stage).zh,
        # A provisional year promises no date; the sentence must still read.
        "promised_at": promised or "尽快",
        "receipt_url": proofs.receipt_url(complaint.id),
        "progress": text or Stage(complaint.stage).zh,
        "days": str(policy().reopen_days),
    }


# --- when the customer comes back ---------------------------------------------------------------------------


def on_message(work: Work, fact: MessageReceived) -> None:
    """Before anybody answers the new words, what waited is told."""
    conversation = conversations.by_id(work.session, fact.conversation_id)
    if conversation is not None:
        _tell_waiting(work, conversation)


def on_started(work: Work, fact: ConversationStarted) -> None:
    conversation = conversations.by_id(work.session, fact.conversation_id)
    if conversation is not None:
        _tell_waiting(work, conversation)


def _tell_waiting(work: Work, conversation: Conversation) -> None:
    elsewhere = False
    newest: dict[str, CustomerNotice] = {}
    for notice in store.waiting_notices(work.session, conversation.customer_id):
        if work.now - notice.at > STALE:
            notice.told_at = work.now
        elif notice.conversation_id == conversation.id:
            # Of several steps only the last is news; the others are on the receipt.
            before = newest.get(notice.complaint_id)
            if before is not None:
                before.told_at = work.now
            newest[notice.complaint_id] = notice
        else:
            elsewhere = True
            notice.told_at = work.now
        work.session.add(notice)
    for notice in newest.values():
        complaint = store.by_id(work.session, notice.complaint_id)
        # The conversation is held here, and whoever moves a complaint takes the complaint first: its thread
        # stays untouched, or the two would wait for each other.
        if complaint is not None and _say(
            work, complaint, conversation, notice.script_key, notice.text, note=False
        ):
            notice.told_at = work.now
            work.session.add(notice)
    if elsewhere and scripts.effective(work.session, NEWS, conversation.channel, work.now) is not None:
        conversations.say(
            work, conversation, scripts.speak(work, NEWS, {}, conversation.channel), sender="system"
        )
