"""What a route may ask for: the units of work, who is acting, and whether the caller is the bot.

``web`` stands below ``people`` in the house, so it does not know how a token becomes a person: ``main`` hangs
that knowledge on the application as ``app.state.identify``.

What only looks at the request is a coroutine: a plain function would go to a thread and back for nothing, several times
a request.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from backend.infra.work import Works
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import utc_now
from backend.kernel.errors import Forbidden, Unauthorised
from backend.settings import settings

SESSION_COOKIE = "zhike_session"


@dataclass(frozen=True)
class SignedIn:
    """A recognised browser or program: who, by which kind of token, and the page forms' CSRF token."""

    actor: Actor
    kind: str  # page | api
    csrf: str
    expires_at: datetime


class NeedsSignIn(Unauthorised):
    """A page was asked for without a sign-in: the browser is sent to the log-in page."""


async def get_works(request: Request) -> Works:
    """The application's units of work."""
    works: Works = request.app.state.works
    return works


async def now() -> datetime:
    """The instant of this request: the one place where a route reads the clock."""
    return utc_now()


def signed_in(request: Request) -> SignedIn | None:
    """Who is asking, from the bearer token or the session cookie; None when nobody we know."""
    known: SignedIn | None = getattr(request.state, "signed_in", None)
    if known is not None:
        return known
    header = request.headers.get("authorization", "")
    if header.lower().startswith("bearer "):
        token, kind = header[7:].strip(), "api"
    else:
        token, kind = request.cookies.get(SESSION_COOKIE, ""), "page"
    if not token:
        return None
    identify: Callable[[str, str], SignedIn | None] = request.app.state.identify
    found = identify(token, kind)
    request.state.signed_in = found
    return found


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


async def current_staff(request: Request, who: Annotated[SignedIn | None, Depends(signed_in)]) -> Actor:
    """The signed-in member of staff. Raises Unauthorised, or NeedsSignIn where a page was asked for."""
    if who is None:
        if _wants_page(request) or request.headers.get("hx-request"):
            raise NeedsSignIn("not_signed_in", "请先登录，登录后会回到这一页。")
        raise Unauthorised("not_signed_in", "请先登录。")
    # A session cookie travels by itself, a bearer token does not: writing by cookie needs the CSRF token too.
    if who.kind == "page" and request.method not in ("GET", "HEAD", "OPTIONS") and request.url.path.startswith("/api/"):
        check_csrf(request.headers.get("x-csrf-token", ""), who)
    return who.actor


def check_csrf(given: str, who: SignedIn) -> None:
    """Raises Forbidden (``csrf_failed``) unless the form was issued to this sign-in."""
    if not given or not hmac.compare_digest(given, who.csrf):
        raise Forbidden("csrf_failed", "页面已过期，内容没有提交。请刷新后再试。")


def require(permission: Permission) -> Callable[..., Awaitable[Actor]]:
    """A dependency: the signed-in actor, who must hold ``permission``."""

    async def checked(actor: Annotated[Actor, Depends(current_staff)]) -> Actor:
        actor.require(permission)
        return actor

    return checked


async def bot_only(request: Request) -> None:
    """Only our own bot and action server get in: a shared secret on the loopback interface."""
    given = request.headers.get("x-zhike-secret", "")
    if not hmac.compare_digest(given.encode(), settings().secrets.bot_secret.encode()):
        raise Unauthorised("bad_secret", "内部接口，只对机器人开放。")


type WorksDep = Annotated[Works, Depends(get_works)]
type NowDep = Annotated[datetime, Depends(now)]
