"""Signing in and out, and the list of people."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from backend.kernel.actors import Actor, Permission, Role
from backend.kernel.errors import ZhikeError
from backend.people import rules, service
from backend.settings import settings
from backend.web.deps import SESSION_COOKIE, SignedIn, WorksDep, require, signed_in
from backend.web.forms import CheckedForm
from backend.web.render import page

router = APIRouter()

# Where each role's day begins.
HOME = ((Role.AGENT, "/desk"), (Role.SCRIPT_OWNER, "/scripts"), (Role.SCRIPT_APPROVER, "/scripts"),
        (Role.ADMIN, "/admin"))


def home_of(actor: Actor) -> str:
    return next((path for role, path in HOME if role in actor.roles), "/dashboard")


@router.get("/login")
def login_page(request: Request, who: Annotated[SignedIn | None, Depends(signed_in)], next: str = "") -> Response:
    if who is not None:
        return RedirectResponse(rules.safe_next(next) if next else home_of(who.actor), status_code=303)
    return page(request, "people/login.html", next=next, error=None, username="", demo_accounts=[])


@router.post("/login")
def login(request: Request, works: WorksDep, username: Annotated[str, Form()] = "",
          password: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "") -> Response:
    """Sign in; the browser gets a cookie that scripts cannot read and other sites cannot send."""
    address = request.client.host if request.client else "?"
    try:
        token, who = service.sign_in(works, username, password, address, "page")
    except ZhikeError as error:
        return page(request, "people/login.html", status=error.status, next=next, error=error.message,
                    username=username, demo_accounts=[])
    target = rules.safe_next(next)
    answer = RedirectResponse(home_of(who.actor) if target == "/" else target, status_code=303)
    answer.set_cookie(SESSION_COOKIE, token, max_age=settings().session_hours * 3600, httponly=True,
                      samesite="lax", secure=settings().secure_cookies or request.url.scheme == "https", path="/")
    return answer


@router.post("/logout")
def logout(request: Request, works: WorksDep, form: CheckedForm,
           who: Annotated[SignedIn | None, Depends(signed_in)]) -> Response:
    if who is not None:
        with works.begin(who.actor) as work:
            service.sign_out(work, request.cookies.get(SESSION_COOKIE, ""))
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(SESSION_COOKIE, path="/")
    return answer


@router.get("/admin")
def admin(request: Request, works: WorksDep,
          actor: Annotated[Actor, Depends(require(Permission.STAFF_MANAGE))]) -> Response:
    with works.read(actor) as work:
        people = [{"name": one.display_name, "username": one.username, "active": one.active,
                   "roles": [Role(role).zh for role in roles], "groups": one.skill_groups.split(",")}
                  for one, roles in service.everybody(work.session)]
    return page(request, "people/admin.html", nav="admin", people=people)
