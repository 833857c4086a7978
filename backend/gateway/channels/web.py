"""The website's door: sessions, messages, attachments, closing. Long polling stands behind the socket."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response, UploadFile

from backend.conversations import belonging, marks
from backend.conversations import service as conversations
from backend.customers import identity
from backend.customers import service as customers
from backend.customers.service import Customer
from backend.gateway import present
from backend.gateway.here import Here
from backend.gateway.intake import Inbound, Intake, in_thread
from backend.gateway.sites import Site, Sites
from backend.gateway.wire import CustomerRef, Identify, OpenChat, PostMessage, Seen
from backend.infra import files
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM, Permission, customer_actor
from backend.kernel.errors import Forbidden, Invalid, NotFound, TooMany, Unauthorised
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
def open_chat(body: OpenChat, request: Request, works: WorksDep) -> dict[str, Any]:
    """Open a conversation; the bot greets with the approved welcome."""
    address = request.client.host if request.client else "?"
    sites: Sites = request.app.state.sites
    with works.begin(SYSTEM) as work:
        if people.attempts(work, "open_chat", address, timedelta(hours=1)) >= settings().chats_opened_per_hour:
            raise TooMany("too_many_chats", "打开的对话太多了，请一小时后再试，或拨打客服电话。", retry_after=3600)
        people.count_attempt(work, "open_chat", address)
        customer = _customer(work, sites, body)
        conversation, token = conversations.start(work, body.channel, customer.id, body.site)
        conversations.say(work, conversation, scripts.speak(work, "system.welcome", {}, body.channel), sender="system")
    return {"conversation_id": conversation.id, "token": token, "signed": customer.signed_by is not None}


def _customer(work: Work, sites: Sites, body: OpenChat) -> Customer:
    """Whom the site vouches for; else whoever this browser says it is, which opens nothing."""
    site = sites.get(body.site) if body.site else None
    given = body.customer
    if given.signature is not None:
        if site is None:
            raise Invalid("site_required", "带签名的身份要写明是哪个站点（site）。", fields={"site": "写上站点代号"})
        return _vouched_for(work, site, given)
    # Without a reference of its own the visitor is somebody new.
    return customers.recognise(work, body.channel, given.ref or new_token(), given.name)


def _vouched_for(work: Work, site: Site, given: CustomerRef) -> Customer:
    ref = identity.check(site.secret(), given.ref, given.expires, given.signature or "", work.now)
    return customers.recognise(work, "web", ref, given.name, signed_by=site.key)


@router.post("/{id}/identity")
def identify(body: Identify, request: Request, who: VisitorDep, works: WorksDep) -> dict[str, str]:
    """The visitor signed in to the website while talking: the conversation goes on under the proven customer."""
    sites: Sites = request.app.state.sites
    with works.begin(customer_actor(who.customer_id)) as work:
        customer = _vouched_for(work, sites.get(body.site), body.customer)
        signed = customers.get(work.session, who.customer_id).signed_by is not None
        token = belonging.give_to(work, who.conversation_id, customer.id, from_signed=signed)
    return {"conversation_id": who.conversation_id, "token": token}


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
    here: Here = request.app.state.here
    with request.app.state.hub.listen(conversations.topic(who.conversation_id)) as ear:
        while True:
            here.touch(who.conversation_id)
            look = await in_thread(_since, works, who.conversation_id, after)
            if after > look.delivered:  # asking for what comes after it, the device has it
                await in_thread(_delivered, works, who, after)
            left = deadline - asyncio.get_running_loop().time()
            if look.messages or left <= 0:
                return {"messages": look.messages, **look.state, "read": look.read}
            await ear.wait(left)  # what no hint told is found by the net (gateway.net)


def _since(works: Works, conversation_id: str, after: int) -> present.Look:
    with works.read(SYSTEM) as work:
        return present.since(work.session, conversation_id, after, work.now)


def _delivered(works: Works, who: Visitor, seq: int) -> None:
    with works.begin(customer_actor(who.customer_id)) as work:
        marks.delivered(work, who.conversation_id, seq)


@router.post("/{id}/read", status_code=204)
def mark_read(body: Seen, who: VisitorDep, works: WorksDep) -> Response:
    """The customer has read everything up to this number."""
    with works.begin(customer_actor(who.customer_id)) as work:
        marks.read_by_customer(work, who.conversation_id, body.seq)
    return Response(status_code=204)


@router.get("/history")
def read_history(request: Request, works: WorksDep, conversation: str, before: str | None = None) -> dict[str, Any]:
    """Earlier conversations of the same signed customer, a page at a time, on whatever device they were held.

    The bearer token is that of ``conversation``. Raises Forbidden (``history_needs_identity``) where nobody
    vouches for who is asking.
    """
    who = visitor(conversation, request, works)
    with works.read(SYSTEM) as work:
        if customers.get(work.session, who.customer_id).signed_by is None:
            raise Forbidden("history_needs_identity", "登录网站之后打开客服，才能看到以前的对话。")
        current = conversations.get(work.session, who.conversation_id)
        return present.past(work.session, current, before, work.now)


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
def read_attachment(id: str, attachment_id: str, request: Request, works: WorksDep,
                    who: Annotated[SignedIn | None, Depends(signed_in)], sig: str = "") -> Response:
    """The file itself, for the customer (by token, or by the signed address they were given) and for staff who may
    read conversations."""
    staff_may = who is not None and who.actor.can(Permission.CONVERSATION_READ)
    with works.read(SYSTEM) as work:
        if not staff_may and not present.signature_fits(attachment_id, sig) and not _holds_token(work, request, id):
            raise NotFound("attachment_not_found", "没有找到这个附件。")
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


def _holds_token(work: Work, request: Request, conversation_id: str) -> bool:
    header = request.headers.get("authorization", "")
    try:
        conversations.check_token(work.session, conversation_id, header[7:].strip())
    except Unauthorised:
        return False
    return True


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
