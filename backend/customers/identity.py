"""Proof of who a website's customer is: the site signs the reference it knows them by. Pure.

``signature = HMAC-SHA256(secret of the site, "ref|expires")``, hex; ``expires`` in whole seconds since 1970. The
last bar separates: a reference may hold bars itself. Without a fitting signature a reference is only something
that a browser said, and opens nobody's history.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from backend.kernel.errors import Unauthorised

# A signature is a key to somebody's conversations: one that lasts for years would be a password without a lock.
LONGEST = timedelta(hours=24)
DRIFT = timedelta(minutes=5)  # clocks of two machines


def sign(secret: str, ref: str, expires: int) -> str:
    """What the website's own server computes."""
    return hmac.new(secret.encode(), f"{ref}|{expires}".encode(), hashlib.sha256).hexdigest()


def check(secret: str, ref: str | None, expires: int | None, signature: str, now: datetime) -> str:
    """The reference, vouched for.

    Raises Unauthorised: ``identity_incomplete``, ``bad_identity``, ``identity_expired``, ``identity_too_long``.
    """
    if not ref or expires is None:
        raise Unauthorised("identity_incomplete", "身份信息不全，请刷新页面后再试。")
    fitting = sign(secret, ref, expires)
    if not hmac.compare_digest(fitting.encode(), signature.strip().lower().encode()):
        raise Unauthorised("bad_identity", "没能确认您的身份，请重新登录网站后再试。")
    left = expires - now.astimezone(UTC).timestamp()
    if left <= 0:
        raise Unauthorised("identity_expired", "登录状态过期了，请刷新页面后再试。")
    if left > (LONGEST + DRIFT).total_seconds():
        raise Unauthorised("identity_too_long", "身份签名的有效期超过 24 小时，请网站缩短后再试。")
    return ref
