"""The customer's socket: the first frame proves who it is, then messages both ways.

The socket pushes nothing that is not in the database: a hint wakes it, and it reads what is new after the last
number sent. Hints that were lost are found by the net (``gateway.net``).
"""

import asyncio
import contextlib
import json
import time
from typing import Any

import structlog
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import OperationalError

from backend.conversations import marks
from backend.conversations import service as conversations
from backend.gateway import present
from backend.gateway.hub import Listener
from backend.gateway.intake import Inbound, Intake, in_thread
from backend.gateway.wire import PostMessage, Sign
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, customer_actor
from backend.kernel.errors import Unauthorised, ZhikeError

log = structlog.get_logger(__name__)
router = APIRouter()

FIRST_FRAME_SECONDS = 10.0
LOOK_SECONDS = 25.0  # the last net, under the one that all connections share
TYPING_SECONDS = 2.0
MAX_FRAME = 64 * 1024


class FirstFrame(BaseModel):
    """Who it is and the last number it has seen."""

    token: str = Field(max_length=100)
    after: int = Field(default=0, ge=0)


@router.websocket("/api/chat/{id}/ws")
async def chat_socket(socket: WebSocket, id: str) -> None:
    """One customer's connection, until it goes."""
    await socket.accept()
    works: Works = socket.app.state.works
    try:
        raw = await asyncio.wait_for(socket.receive_text(), FIRST_FRAME_SECONDS)
        first = FirstFrame.model_validate_json(raw)
        customer_id = await in_thread(_enter, works, id, first.token)
    except ZhikeError as error:
        await _refuse(socket, error.code, error.message)
        return
    except (TimeoutError, ValidationError):
        await _refuse(socket, "bad_first_frame", "连接没有带上凭证，请重新打开对话。")
        return
    except WebSocketDisconnect:
        return
    hub, here = socket.app.state.hub, socket.app.state.here
    with hub.listen(conversations.topic(id), f"typing:{id}") as ear, here.connected(id):
        outgoing = asyncio.create_task(_send(socket, works, ear, id, first))
        incoming = asyncio.create_task(_receive(socket, id, customer_id))
        done, pending = await asyncio.wait((outgoing, incoming), return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in (*done, *pending):
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await task
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # gone already, more often than not
        await socket.close()


def _enter(works: Works, conversation_id: str, token: str) -> str:
    with works.read(SYSTEM) as work:
        return conversations.check_token(work.session, conversation_id, token).customer_id


async def _refuse(socket: WebSocket, code: str, message: str) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_json({"type": "error", "code": code, "message": message})
        await socket.close(code=4401 if code == "bad_token" else 4400)


async def _send(socket: WebSocket, works: Works, ear: Listener, conversation_id: str, first: FirstFrame) -> None:
    after = first.after
    known_state: dict[str, Any] | None = None
    known_read = 0
    typing = {f"typing:{conversation_id}"}
    while True:
        try:
            look = await in_thread(_since, works, conversation_id, first.token, after)
        except Unauthorised as error:  # the token was exchanged meanwhile: whoever has the old one hears no more
            await _refuse(socket, error.code, error.message)
            return
        for message in look.messages:
            await socket.send_json({"type": "message", "message": message})
            after = message["seq"]
        if not look.all:
            continue
        if look.read > known_read:
            known_read = look.read
            await socket.send_json({"type": "read", "seq": known_read})
        if look.state != known_state:
            known_state = look.state
            await socket.send_json({"type": "state", **known_state})
            # Places in the queue move with the others': of no interest to anybody else.
            ear.also("queue", wanted=known_state["state"] == "queued")
        while (heard := await ear.wait(LOOK_SECONDS)) == typing:
            by = "agent" if known_state["state"] == "agent" else "bot"
            await socket.send_json({"type": "typing", "from": by})
        if heard & typing and known_state["state"] == "agent":
            await socket.send_json({"type": "typing", "from": "agent"})


def _since(works: Works, conversation_id: str, token: str, after: int) -> present.Look:
    with works.read(SYSTEM) as work:
        conversations.check_token(work.session, conversation_id, token)
        return present.since(work.session, conversation_id, after, work.now)


async def _receive(socket: WebSocket, conversation_id: str, customer_id: str) -> None:
    intake: Intake = socket.app.state.intake
    signs = _Signs(socket.app.state.works, conversation_id, customer_id)
    while True:
        raw = await socket.receive_text()
        client_id: str | None = None
        try:
            if len(raw) > MAX_FRAME * 4:
                raise ValueError("frame too large")
            frame = json.loads(raw)
            if not isinstance(frame, dict):
                raise ValueError("not an object")
            kind = frame.get("type")
            if kind == "ping":
                await socket.send_json({"type": "pong"})
                continue
            if kind in ("read", "delivered", "typing"):
                await signs.take(Sign.model_validate(frame))
                continue
            client_id = frame.get("client_id") if isinstance(frame.get("client_id"), str) else None
            body = PostMessage.model_validate(frame)
            message = await intake.accept(Inbound("web", conversation_id, customer_id, body.client_id, body.text,
                                                  body.button))
            await socket.send_json({"type": "ack", "client_id": body.client_id, "seq": message.seq})
        except ZhikeError as error:
            await socket.send_json({"type": "error", "client_id": client_id, **error.as_dict()})
        except OperationalError:
            await socket.send_json({"type": "error", "client_id": client_id, "code": "database_busy",
                                    "message": "系统正忙，这条还没存上。请过几秒再试一次。"})
        except ValueError:  # not JSON, or not a frame of ours; pydantic's error is a ValueError too
            await socket.send_json({"type": "error", "client_id": client_id, "code": "bad_frame",
                                    "message": "这条消息的格式不对，没有收下。"})


class _Signs:
    """What a device says without words. Nothing is written that says no more than the last did."""

    def __init__(self, works: Works, conversation_id: str, customer_id: str) -> None:
        self._works, self._conversation_id, self._customer_id = works, conversation_id, customer_id
        self._far = {"read": 0, "delivered": 0}
        self._typed = -TYPING_SECONDS

    async def take(self, sign: Sign) -> None:
        if sign.type == "typing":
            now = time.monotonic()
            if now - self._typed >= TYPING_SECONDS:
                self._typed = now
                self._works.publish([f"typing-customer:{self._conversation_id}"])
        elif sign.seq > max(self._far["read"], self._far[sign.type]):
            try:
                await in_thread(self._mark, sign)
            except OperationalError:  # the next sign says as much; nobody waits for an answer to this one
                log.warning("sign_not_kept", conversation=self._conversation_id)
                return
            self._far[sign.type] = sign.seq

    def _mark(self, sign: Sign) -> None:
        mark = marks.read_by_customer if sign.type == "read" else marks.delivered
        with self._works.begin(customer_actor(self._customer_id)) as work:
            mark(work, self._conversation_id, sign.seq)
