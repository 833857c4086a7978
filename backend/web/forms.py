"""Page forms: the CSRF check, and reading fields without surprises."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData

from backend.kernel.errors import Invalid
from backend.web.deps import NeedsSignIn, SignedIn, check_csrf, signed_in


async def checked_form(request: Request, who: Annotated[SignedIn | None, Depends(signed_in)]) -> FormData:
    """The posted form of a signed-in page, its CSRF token checked (field ``csrf`` or header X-CSRF-Token)."""
    if who is None:
        raise NeedsSignIn("not_signed_in", "登录已过期，内容没有提交。请重新登录。")
    form = await request.form()
    check_csrf(str(form.get("csrf") or request.headers.get("x-csrf-token", "")), who)
    return form


type CheckedForm = Annotated[FormData, Depends(checked_form)]


def text_field(form: Mapping[str, Any], name: str, *, required: str | None = None, most: int = 5000) -> str:
    """One text field, trimmed. ``required`` is the sentence shown when it is empty."""
    value = form.get(name, "")
    text = value.strip() if isinstance(value, str) else ""
    if required and not text:
        raise Invalid("field_missing", required, fields={name: required})
    if len(text) > most:
        message = f"太长了，最多 {most} 个字，现在 {len(text)} 个。"
        raise Invalid("field_too_long", message, fields={name: message})
    return text
