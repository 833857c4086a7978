"""Who speaks, and what is kept of a customer's words: pure. What must go to a person: risk.py."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from backend.kernel.errors import Conflict, Invalid

MAX_TEXT = 2000  # characters kept of one message; what is longer is cut, and the customer is told


class State(StrEnum):
    """Who holds the conversation."""

    BOT = "bot"
    QUEUED = "queued"
    AGENT = "agent"
    CLOSED = "closed"


class Sender(StrEnum):
    """Who wrote a message. ``note`` stays inside the house."""

    CUSTOMER = "customer"
    BOT = "bot"
    AGENT = "agent"
    SYSTEM = "system"
    NOTE = "note"


# From → to; what is not here is refused. A closed conversation stays closed: a new word opens a new one.
MOVES: dict[State, frozenset[State]] = {
    State.BOT: frozenset({State.QUEUED, State.AGENT, State.CLOSED}),
    State.QUEUED: frozenset({State.BOT, State.AGENT, State.CLOSED}),
    State.AGENT: frozenset({State.BOT, State.QUEUED, State.AGENT, State.CLOSED}),
    State.CLOSED: frozenset(),
}


def check_move(current: str, to: State) -> None:
    """Raises Conflict (``conversation_closed`` or ``move_not_allowed``)."""
    if current == State.CLOSED:
        raise Conflict("conversation_closed", "这次对话已经结束，请开始新的对话。")
    if to not in MOVES[State(current)]:
        raise Conflict("move_not_allowed", "对话现在的状态不能这样操作，请刷新后再看。")


class Answerer(StrEnum):
    """Who answers a customer's message."""

    BOT = "bot"
    PERSON = "person"
    NOBODY = "nobody"


def who_answers(state: str, bot_meanwhile: bool = False) -> Answerer:
    """The bot speaks only while it holds the conversation, and in the queue where the customer wants it to. With an
    agent it is silent."""
    if state == State.BOT or (state == State.QUEUED and bot_meanwhile):
        return Answerer.BOT
    if state == State.CLOSED:
        return Answerer.NOBODY
    return Answerer.PERSON


def check_may_answer(state: str) -> None:
    """Raises Conflict (``not_in_queue``)."""
    if state != State.QUEUED:
        raise Conflict("not_in_queue", "这次对话现在不在排队。")


# Control characters other than line break and tab; also bidirectional overrides, which can disguise text.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Clean:
    """A customer's text as it is kept: normalised, without control characters, cut at MAX_TEXT."""

    text: str
    cut: bool


def clean_text(raw: str) -> Clean:
    """What is kept of a customer's words. Raises Invalid (``empty_message``) when nothing is left.

    Markup is kept as the customer typed it: it is escaped where it is shown, never altered where it is stored.
    """
    # A lone surrogate cannot be stored as UTF-8.
    text = raw.encode("utf-8", "replace").decode("utf-8")
    text = _CONTROL.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()
    if not text:
        raise Invalid("empty_message", "消息是空的，请写几个字再发。", fields={"text": "不能为空"})
    return Clean(text[:MAX_TEXT], cut=len(text) > MAX_TEXT)


def harmless(text: str) -> str:
    """Text for the bot: a leading slash would be taken for a command there, so it becomes a full-width one."""
    stripped = text.lstrip()
    return "／" + stripped[1:] if stripped.startswith("/") else text
