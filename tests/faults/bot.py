"""A bot in a process of its own that speaks the bot protocol (``bot/channel.py``), and nothing else.

It stands in for the trained bot, so that hundreds of conversations and dozens of kills cost minutes: what is tested is
delivery, not understanding. It is slow at random, sometimes too slow, sometimes fails; it answers with one to three
messages. What it answers follows from the message's id alone, so that whoever reads the thread afterwards knows which
answer belongs to which message, and a bot that was killed and asked again gives the same one.
"""

import asyncio
import json
import os
import random
import zlib
from typing import Any

import uvicorn

SCRIPT = "order.status"  # says its variables, which here name the message and the part
TOO_SLOW = 0.03
FAILS = 0.04


def parts_of(message_id: str) -> int:
    """How many messages the answer to this one has."""
    return 1 + zlib.crc32(message_id.encode()) % 3


def mark(message_id: str, part: int) -> str:
    """What part ``part`` of the answer can be recognised by."""
    return f"{message_id}.{part}"


def _answer(message_id: str) -> dict[str, Any]:
    count = parts_of(message_id)
    return {
        "messages": [{"script": {"key": SCRIPT, "version": 1, "version_id": None}, "text": "",
                      "variables": {"order_no": mark(message_id, part), "item_name": f"{part}/{count}",
                                    "order_status": "ok"}} for part in range(1, count + 1)],
        "nlu": {"intent": "ask_order_status", "confidence": 0.9},
    }


class Bot:
    """The ASGI application."""

    def __init__(self, seed: int, timeout: float) -> None:
        self._dice = random.Random(seed)
        self._timeout = timeout

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"].endswith("/health"):
            await _reply(send, 200, {"ready": True, "model": "none"})
            return
        raw = b""
        while True:
            piece = await receive()
            raw += piece.get("body", b"")
            if not piece.get("more_body"):
                break
        if not scope["path"].endswith("/webhook"):
            await _reply(send, 503, {"code": "no_study", "message": "only turns here"})
            return
        body = json.loads(raw)
        luck = self._dice.random()
        await asyncio.sleep(self._timeout + 1 if luck < TOO_SLOW else self._dice.choice((0, 0.02, 0.1, 0.4, 0.9)))
        if luck > 1 - FAILS:
            await _reply(send, 500, {"code": "bot_failed", "message": "as told"})
            return
        await _reply(send, 200, _answer(body["message_id"]))


async def _reply(send: Any, status: int, body: dict[str, Any]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def serve() -> None:
    """Run until killed."""
    uvicorn.run(Bot(int(os.environ["FAULT_SEED"]), float(os.environ["ZHIKE_BOT_TIMEOUT"])), host="127.0.0.1",
                port=int(os.environ["BOT_PORT"]), log_config=None, access_log=False)
