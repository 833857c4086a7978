"""The customer's socket: the first frame proves who it is, then messages both ways.

The socket pushes nothing that is not in the database: a hint wakes it, it reads what is new after the last
number sent, and looks by itself every now and then in case a hint was lost.
"""

import asyncio
import contextlib
import json
from typing import Any

import structlog
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import OperationalError

from backend.conversations import service as conversations
from backend.gateway import present
from backend.gateway.intake import Inbound, Intake, in_thread
from backend.gateway.wire import PostMessage
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import ZhikeError

log = structlog.get_logger(__name__)
router = APIRouter()

FIRST_FRAME_SECONDS = 10.0
NET_SECONDS = 5.0
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
    with socket.app.state.hub.listen(conversations.topic(id), f"typing:{id}", "queue") as ear:
        outgoing = asyncio.create_task(_send(socket, works, ear, id, first.after))
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


async def _send(socket: WebSocket, works: Works, ear: Any, conversation_id: str, after: int) -> None:
    known_state: dict[str, Any] | None = None
    while True:
        shown, state = await in_thread(_since, works, conversation_id, after)
        for message in shown:
            await socket.send_json({"type": "message", "message": message})
            after = message["seq"]
        if state != known_state:
            known_state = state
            await socket.send_json({"type": "state", **state})
        heard = await ear.wait(NET_SECONDS)
        if heard == {f"typing:{conversation_id}"}:
            await socket.send_json({"type": "typing", "from": "agent" if state["state"] == "agent" else "bot"})


def _since(works: Works, conversation_id: str, after: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    with works.read(SYSTEM) as work:
        return present.since(work.session, conversation_id, after, work.now)


async def _receive(socket: WebSocket, conversation_id: str, customer_id: str) -> None:
    intake: Intake = socket.app.state.intake
    while True:
        raw = await socket.receive_text()
        client_id: str | None = None
        try:
            if len(raw) > MAX_FRAME * 4:
                raise ValueError("frame too large")
            frame = json.loads(raw)
            if not isinstance(frame, dict):
                raise ValueError("not an object")
            if frame.get("type") == "ping":
                await socket.send_json({"type": "pong"})
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
