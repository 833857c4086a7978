"""Coded errors. Raised anywhere, translated once each for JSON, page and socket.

`code` is snake_case and stable, for programs; `message` is a Chinese sentence with a way forward, for people;
`fields` maps a form field's name to what is wrong with it, in Chinese.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class ZhikeError(Exception):
    """Base of every error that a caller may see. Subclasses fix the HTTP status."""

    default_status: ClassVar[int] = 400

    def __init__(
        self,
        code: str,
        message: str,
        status: int | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status if status is not None else self.default_status
        self.fields: dict[str, str] = dict(fields or {})

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of the outer contract: `{"code", "message", "fields"?}`."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.fields:
            body["fields"] = dict(self.fields)
        return body


class Invalid(ZhikeError):
    """What was sent cannot be used as it is (422)."""

    default_status = 422


class Unauthorised(ZhikeError):
    """We do not know who is asking (401)."""

    default_status = 401


class Forbidden(ZhikeError):
    """We know who is asking, and they may not (403)."""

    default_status = 403


class NotFound(ZhikeError):
    """It does not exist, or not for this person (404)."""

    default_status = 404


class Conflict(ZhikeError):
    """It does not fit the present state: someone was faster, or the move is not in the table (409)."""

    default_status = 409


class TooMany(ZhikeError):
    """Too often in too short a time (429). `retry_after` is in whole seconds, where known."""

    default_status = 429

    def __init__(
        self,
        code: str,
        message: str,
        status: int | None = None,
        fields: Mapping[str, str] | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code, message, status, fields)
        self.retry_after = retry_after


class Unavailable(ZhikeError):
    """Something that we depend on does not answer (503)."""

    default_status = 503
