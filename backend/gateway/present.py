"""A conversation as its customer sees it: no notes, no staff ids, cards filled in from what they refer to."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints import service as complaints
from backend.conversations import earlier
from backend.conversations import service as conversations
from backend.conversations.schemas import MessageView
from backend.conversations.service import Conversation
from backend.handoffs import service as handoffs
from backend.infra.db import blind_index
from backend.people.service import staff_name
from backend.scripts import service as scripts
from backend.surveys import service as surveys

MOST_AT_ONCE = 500
PAST_PAGE = 40

# What the widget may draw differently from an ordinary choice; any other action is nobody's business outside.
QUEUE_CHOICES = {"leave_message", "call_back", "bot_meanwhile", "stay_in_queue", "cancel_queue"}


@dataclass(frozen=True)
class Look:
    """What a customer's device has not seen yet, how things stand, and how far the agent has read."""

    messages: list[dict[str, Any]]
    state: dict[str, Any]
    read: int
    delivered: int

    @property
    def all(self) -> bool:
        """Whether this is everything there is."""
        return len(self.messages) < MOST_AT_ONCE


def attachment_signature(attachment_id: str) -> str:
    """The right to fetch one attachment, carried in its address (a picture cannot send a header)."""
    return blind_index("attachment", attachment_id)[:40]


def signature_fits(attachment_id: str, given: str) -> bool:
    return hmac.compare_digest(attachment_signature(attachment_id), given)


def attachment_url(conversation_id: str, attachment_id: str) -> str:
    return f"/api/chat/{conversation_id}/attachments/{attachment_id}?sig={attachment_signature(attachment_id)}"


def script_file_url(conversation_id: str, file_id: str) -> str:
    """Where the customer fetches a picture or PDF that goes with approved words; signed like their own files."""
    return f"/api/chat/{conversation_id}/script-files/{file_id}?sig={attachment_signature(file_id)}"


def messages(session: Session, conversation: Conversation, views: Sequence[MessageView],
             now: datetime) -> list[dict[str, Any]]:
    """Messages in the contract's shape."""
    return [_message(session, conversation, view, now) for view in views if view.sender != "note"]


def _message(session: Session, conversation: Conversation, view: MessageView, now: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = {"seq": view.seq, "from": view.sender, "text": view.text, "at": view.at.isoformat()}
    if view.client_id and view.sender == "customer":
        shown["client_id"] = view.client_id
    if view.buttons:
        shown["buttons"] = [_button(button) for button in view.buttons]
    if view.script_key:
        shown["script"] = {"key": view.script_key, "version": view.script_version}
    if view.staff_name and view.sender == "agent":
        shown["agent"] = {"name": view.staff_name}
    if view.attachment:
        shown["attachment"] = {
            "name": view.attachment["name"], "size": view.attachment["size"], "kind": view.attachment["kind"],
            "url": attachment_url(conversation.id, view.attachment["id"])}
    if files := scripts.files_of(session, view.script_version_id) if view.script_version_id else []:
        shown["files"] = [{"name": file["name"], "size": file["size"], "kind": file["kind"],
                           "url": script_file_url(conversation.id, file["id"])} for file in files]
    if view.card:
        card = _card(session, view.card, now)
        if card is not None:
            shown["card"] = card
    return shown


def _button(button: dict[str, Any]) -> dict[str, Any]:
    shown = {"id": button["id"], "title": button["title"]}
    return shown | {"action": button["action"]} if button.get("action") in QUEUE_CHOICES else shown


def _card(session: Session, card: dict[str, Any], now: datetime) -> dict[str, Any] | None:
    match card.get("kind"):
        case "complaint_filed":
            return complaints.card(session, card["complaint_id"], now)
        case "survey":
            return surveys.card(session, card["invitation_id"])
    return None


def state(session: Session, conversation: Conversation, now: datetime) -> dict[str, Any]:
    """Who holds the conversation, the place in the queue, the agent's name."""
    shown: dict[str, Any] = {"state": conversation.state}
    if conversation.state == "queued":
        place = handoffs.queue_state(session, conversation.id, now)
        if place is not None:
            shown["queue"] = place
    if conversation.state == "agent":
        shown["agent"] = {"name": staff_name(session, conversation.holder_id)}
    return shown


def since(session: Session, conversation_id: str, after: int, now: datetime) -> Look:
    """What is new after ``after``, and how things stand."""
    conversation = conversations.get(session, conversation_id)
    views = conversations.thread(session, conversation_id, after, limit=MOST_AT_ONCE)
    return Look(messages(session, conversation, views, now), state(session, conversation, now),
                conversation.agent_read_seq, conversation.delivered_seq)


def past(session: Session, conversation: Conversation, before: str | None, now: datetime) -> dict[str, Any]:
    """A page of the same customer's earlier conversations, to be read only: nothing in it can be pressed."""
    pages, cursor = earlier.page(session, conversation, before, PAST_PAGE)
    shown = []
    for page in pages:
        lines = messages(session, page.conversation, page.messages, now)
        for line in lines:
            line.pop("buttons", None)
            if line.get("card", {}).get("kind") == "survey":  # its right to answer stays where it was given
                del line["card"]
        shown.append({"opened_at": page.conversation.opened_at.isoformat(), "messages": lines})
    return {"conversations": shown, "before": cursor}
