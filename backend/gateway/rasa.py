"""The bot as the gateway sees it: one question, one whole answer, or a coded failure."""

import asyncio
import time
from typing import Any, Protocol

import httpx
from pydantic import ValidationError

from backend.gateway.wire import BotTurn
from backend.kernel.errors import Unavailable

# A bot that is just restarting deserves a moment; the customer does not wait longer than this for it.
CONNECT_PATIENCE = 3.0


class BotFailed(Unavailable):
    """The bot gave no usable answer: ``bot_down``, ``bot_slow``, ``bot_error``, ``bot_nonsense``, ``bot_silent``."""


class Bot(Protocol):
    """Whoever answers as the bot."""

    async def ask(self, *, conversation_id: str, message_id: str, text: str, button: dict[str, Any] | None,
                  channel: str, said_last: str | None = None) -> BotTurn:
        """The whole answer to one message; ``said_last`` is the script that the customer saw last, also where
        the house said it. The same ``message_id`` again gives the same answer. Raises BotFailed."""
        ...

    async def health(self) -> dict[str, Any]:
        """The bot's own word on its state. Raises BotFailed."""
        ...


class HttpBot:
    """The real bot, over HTTP on the loopback interface."""

    def __init__(self, base_url: str, secret: str, timeout: float) -> None:
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            base_url=base_url, headers={"X-Zhike-Secret": secret}, timeout=timeout, trust_env=False,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, *, conversation_id: str, message_id: str, text: str, button: dict[str, Any] | None,
                  channel: str, said_last: str | None = None) -> BotTurn:
        body = {"sender": conversation_id, "message_id": message_id, "text": text, "button": button,
                "channel": channel, "said_last": said_last}
        deadline = time.monotonic() + CONNECT_PATIENCE
        while True:
            try:
                # One bound for the whole answer: a bot that drips bytes is slow too.
                async with asyncio.timeout(self._timeout):
                    answer = await self._client.post("/webhooks/zhike/webhook", json=body)
                break
            except httpx.ConnectError as error:
                if time.monotonic() > deadline:
                    raise BotFailed("bot_down", "机器人没有启动或连不上。") from error
                await asyncio.sleep(0.3)
            except (TimeoutError, httpx.TimeoutException) as error:
                raise BotFailed("bot_slow", f"机器人超过 {self._timeout:g} 秒没有答复。") from error
            except httpx.HTTPError as error:
                raise BotFailed("bot_down", "和机器人的连接断了。") from error
        if answer.status_code != 200:
            raise BotFailed("bot_error", f"机器人报错（{answer.status_code}）。")
        try:
            turn = BotTurn.model_validate_json(answer.content)
        except ValidationError as error:
            raise BotFailed("bot_nonsense", "机器人的答复读不懂。") from error
        if not turn.messages:
            raise BotFailed("bot_silent", "机器人什么也没说。")
        return turn

    async def health(self) -> dict[str, Any]:
        try:
            answer = await self._client.get("/webhooks/zhike/health", timeout=2.0)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found
        except (httpx.HTTPError, ValueError) as error:
            raise BotFailed("bot_down", "机器人没有启动或连不上。") from error
