"""The website's door: sessions, messages, attachments, closing. Long polling stands behind the socket."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response, UploadFile

from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.gateway import present
from backend.gateway.intake import Inbound, Intake, in_thread
from backend.gateway.wire import OpenChat, PostMessage
from backend.infra import files
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Permission, customer_actor
from backend.kernel.errors import NotFound, TooMany, Unauthorised
from backend.kernel.ids import new_token
from backend.people import service as people
from backend.scripts import attachments as script_files
from backend.scripts import service as scripts
from backend.settings import settings
from backend.web.deps import SignedIn, WorksDep, signed_in

router = APIRouter(prefix="/api/chat")

MAX_WAIT = 25.0  # seconds; below the idle time-outs of common proxies


@dataclass(frozen=True)
class Visitor:
    """The customer behind a conversation token."""

    conversation_id: str
    customer_id: str


def visitor(id: str, request: Request, works: WorksDep) -> Visitor:
    """Who holds the bearer token of this conversation. Raises Unauthorised (``bad_token``)."""
    header = request.headers.get("authorization", "")
    if not header.lower().startswith("bearer "):
        raise Unauthorised("bad_token", "这次对话打不开了，请开始新的对话。")
    with works.read(SYSTEM) as work:
        found = conversations.check_token(work.session, id, header[7:].strip())
        return Visitor(found.id, found.customer_id)


type VisitorDep = Annotated[Visitor, Depends(visitor)]


def intake_of(request: Request) -> Intake:
    intake: Intake = request.app.state.intake
    return intake


type IntakeDep = Annotated[Intake, Depends(intake_of)]


@router.post("/sessions", status_code=201)
def open_chat(body: OpenChat, request: Request, works: WorksDep) -> dict[str, str]:
    """Open a conversation; the bot greets with the approved welcome."""
    address = request.client.host if request.client else "?"
    with works.begin(SYSTEM) as work:
        if people.attempts(work, "open_chat", address, timedelta(hours=1)) >= settings().chats_opened_per_hour:
            raise TooMany("too_many_chats", "打开的对话太多了，请一小时后再试，或拨打客服电话。", retry_after=3600)
        people.count_attempt(work, "open_chat", address)
        # Without a reference of its own the visitor is somebody new.
        customer = customers.recognise(work, body.channel, body.customer.ref or new_token(), body.customer.name)
        conversation, token = conversations.start(work, body.channel, customer.id)
        conversations.say(work, conversation, scripts.speak(work, "system.welcome", {}, body.channel), sender="system")
    return {"conversation_id": conversation.id, "token": token}


@router.post("/{id}/messages", status_code=202)
async def post_message(body: PostMessage, who: VisitorDep, intake: IntakeDep) -> dict[str, int]:
    """Store a message; the answer comes over the socket or the long poll."""
    message = await intake.accept(Inbound("web", who.conversation_id, who.customer_id, body.client_id, body.text,
                                          body.button))
    return {"seq": message.seq}


@router.get("/{id}/messages")
async def read_messages(request: Request, who: VisitorDep, works: WorksDep, after: int = 0,
                        wait: float = 0) -> dict[str, Any]:
    """Messages after ``after``, at once or as soon as there are any within ``wait`` seconds."""
    deadline = asyncio.get_running_loop().time() + min(max(wait, 0), MAX_WAIT)
    with request.app.state.hub.listen(conversations.topic(who.conversation_id)) as ear:
        while True:
            shown, state = await in_thread(_since, works, who.conversation_id, after)
            left = deadline - asyncio.get_running_loop().time()
            if shown or left <= 0:
                return {"messages": shown, **state}
            # Another process may have written: the net is cast every two seconds.
            await ear.wait(min(left, 2.0))


def _since(works: Works, conversation_id: str, after: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    with works.read(SYSTEM) as work:
        return present.since(work.session, conversation_id, after, work.now)


@router.post("/{id}/close")
def close_chat(who: VisitorDep, works: WorksDep) -> dict[str, str]:
    """The customer ends the conversation; doing it twice is harmless."""
    with works.begin(customer_actor(who.customer_id)) as work:
        conversations.close(work, conversations.get(work.session, who.conversation_id), "customer")
    return {"state": "closed"}


@router.post("/{id}/attachments", status_code=202)
async def post_attachment(who: VisitorDep, works: WorksDep, intake: IntakeDep, file: UploadFile,
                          client_id: Annotated[str, Form(max_length=64)]) -> dict[str, Any]:
    """Store a picture, PDF, recording or video, judged by its bytes. The same ``client_id`` again stores nothing."""
    content = await file.read(files.MAX_BYTES + 1)
    found = files.recognise(content)
    name = (file.filename or "附件").replace("/", "_").replace("\\", "_")[-80:]
    attachment_id = await in_thread(_keep, works, who, client_id, content, found, name)
    message = await intake.accept(Inbound("web", who.conversation_id, who.customer_id, client_id,
                                          text=f"[{_word(found.kind)}] {name}", attachment_id=attachment_id))
    return {"seq": message.seq}


def _word(kind: str) -> str:
    return {"image": "图片", "audio": "语音", "video": "视频"}.get(kind.split("/")[0], "文件")


def _keep(works: Works, who: Visitor, client_id: str, content: bytes, found: files.Recognised, name: str) -> str:
    with works.begin(customer_actor(who.customer_id)) as work:
        conversation = conversations.get(work.session, who.conversation_id)
        known = conversations.by_client_id(work.session, conversation.id, client_id)
        if known is not None and known.attachment_id is not None:
            return known.attachment_id
        row = conversations.add_attachment(work, conversation, name=name, kind=found.kind, size=found.size,
                                           sha256=found.sha256)
        # Written before the commit: a row without its file would be a broken promise, a file without a row only waste.
        files.store(row.id, content)
        return row.id


@router.get("/{id}/attachments/{attachment_id}")
def read_attachment(id: str, attachment_id: str, works: WorksDep,
                    who: Annotated[SignedIn | None, Depends(signed_in)], sig: str = "") -> Response:
    """The file itself, for whoever was given its signed address, and for staff who may read conversations."""
    staff_may = who is not None and who.actor.can(Permission.CONVERSATION_READ)
    if not staff_may and not present.signature_fits(attachment_id, sig):
        raise NotFound("attachment_not_found", "没有找到这个附件。")
    with works.read(SYSTEM) as work:
        row = conversations.attachment(work.session, attachment_id)
        if row is None or row.conversation_id != id:
            raise NotFound("attachment_not_found", "没有找到这个附件。")
        kind = row.kind
    try:
        content = files.load(attachment_id)
    except FileNotFoundError as error:
        raise NotFound("attachment_lost", "附件不在了，请客户再发一次。") from error
    return Response(content, media_type=kind, headers={
        "Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline", "X-Content-Type-Options": "nosniff"})


@router.get("/{id}/script-files/{file_id}")
def read_script_file(id: str, file_id: str, works: WorksDep, sig: str = "") -> Response:
    """A file that goes with approved words, for whoever was given its signed address."""
    if not present.signature_fits(file_id, sig):
        raise NotFound("file_not_found", "没有找到这个附件。")
    with works.read(SYSTEM) as work:
        kind, content = script_files.content(work.session, file_id)
    return Response(content, media_type=kind, headers={
        "Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline", "X-Content-Type-Options": "nosniff"})
