"""Identifiers and secrets: the only randomness of the kernel."""

from __future__ import annotations

import secrets
import uuid


def new_id() -> str:
    """A row's identifier: 32 lower-case hex characters (UUID 4). Not a secret."""
    return uuid.uuid4().hex


def new_token() -> str:
    """A secret for links, sessions and customers' tokens: 32 random bytes, 43 URL-safe characters."""
    return secrets.token_urlsafe(32)
