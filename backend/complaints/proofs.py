"""What proves that somebody may see a complaint: the receipt link's secret, and the contact's last four."""

import hashlib

from backend.infra.db import blind_index


def receipt_token(complaint_id: str) -> str:
    """The receipt link's secret: derived, so that a link can be shown again without being stored."""
    return blind_index("receipt", complaint_id)[:43]


def token_hash(token: str) -> str:
    """What is stored and looked up: a read of the table opens no receipt."""
    return hashlib.sha256(token.encode()).hexdigest()


def receipt_url(complaint_id: str) -> str:
    return f"/r/{receipt_token(complaint_id)}"


def form_token(token: str) -> str:
    """The receipt page's forms carry this: whoever has not opened the page cannot post to it."""
    return blind_index("receipt_form", token)[:43]


def last4_index(number: str, digits: str) -> str:
    return blind_index("complaint_last4", f"{number}:{digits}")
