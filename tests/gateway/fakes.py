"""A bot that answers what the test tells it to."""

import asyncio
from collections.abc import Callable
from typing import Any

from backend.gateway.rasa import BotFailed
from backend.gateway.wire import BotMessage, BotTurn, ScriptRef, Understanding


def words(key: str, **variables: str) -> BotTurn:
    """A turn that says one script; the gateway finds the effective version by its key."""
    return BotTurn(messages=[BotMessage(script=ScriptRef(key=key, version=1, version_id="?"), variables=variables)],
                   nlu=Understanding(intent="ask_invoice", confidence=0.9))


def handoff(reason: str) -> BotTurn:
    return BotTurn(messages=[BotMessage(command="handoff", reason=reason)],
                   nlu=Understanding(intent="request_human", confidence=0.95))


class FakeBot:
    """Remembers what it was asked; ``answer`` may be a turn, a failure, or a function of the text."""

    def __init__(self, answer: BotTurn | BotFailed | Callable[[str], BotTurn] | None = None) -> None:
        self.answer: BotTurn | BotFailed | Callable[[str], BotTurn] = answer or words("invoice.how_to_issue")
        self.asked: list[dict[str, Any]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.gate: asyncio.Event | None = None  # when set, answers wait for it

    async def ask(self, *, conversation_id: str, message_id: str, text: str, button: dict[str, Any] | None,
                  channel: str, said_last: str | None = None) -> BotTurn:
        self.asked.append({"conversation_id": conversation_id, "message_id": message_id, "text": text,
                           "button": button, "said_last": said_last})
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
        finally:
            self.at_once -= 1
        if isinstance(self.answer, BotFailed):
            raise self.answer
        return self.answer(text) if callable(self.answer) else self.answer

    async def health(self) -> dict[str, Any]:
        return {"ready": True}
