"""What every answer carries and every request must keep to: headers, sizes, counts."""

import time
from typing import Any

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 12 * 1024 * 1024  # an attachment of 10 MB with its form around it

def content_policy(embedded_by: str = "'self'") -> str:
    """What a page may load, and who may show it in a frame."""
    return (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; script-src 'self'; "
        f"connect-src 'self'; frame-ancestors {embedded_by}; base-uri 'none'; form-action 'self'; object-src 'none'"
    )


HEADERS = {
    b"content-security-policy": content_policy().encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"SAMEORIGIN",
    b"referrer-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
    b"cross-origin-opener-policy": b"same-origin",
}

REQUESTS = Counter("zhike_http_requests_total", "HTTP answers", ["method", "status"])
SECONDS = Histogram("zhike_http_seconds", "Seconds from request to answer's head", ["method"])


class Guard:
    """Pure ASGI middleware: cheap, and it does not touch streams."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"])
        length = given.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY:
            await _refuse(send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:  # a chunked body has no length to check beforehand
                return {"type": "http.disconnect"}
            return message

        started = time.perf_counter()

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                SECONDS.labels(scope["method"]).observe(time.perf_counter() - started)
                REQUESTS.labels(scope["method"], str(message["status"])).inc()
                present = {name for name, _ in message["headers"]}
                if any(name == b"content-security-policy" and b"frame-ancestors" in value
                       for name, value in message["headers"]):
                    present.add(b"x-frame-options")  # says less exactly what the answer's own policy says
                message["headers"] = [*message["headers"],
                                      *((name, value) for name, value in HEADERS.items() if name not in present)]
            await send(message)

        await self.app(scope, counted, guarded)


async def _refuse(send: Send) -> None:
    body = '{"code":"too_large","message":"内容太大，没有收下。请压缩后再发。"}'.encode()
    headers: list[tuple[bytes, Any]] = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
