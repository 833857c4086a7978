"""How messages look from outside a conversation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class MessageView:
    """One message as desk, widget and API read it. ``at`` is UTC."""

    id: str
    seq: int
    sender: str
    text: str
    at: datetime
    client_id: str | None
    pressed: bool  # a button, not typed words
    buttons: list[dict[str, Any]]
    card: dict[str, Any] | None
    attachment: dict[str, Any] | None
    script_key: str | None
    script_version: int | None
    script_version_id: str | None
    script_title: str | None
    staff_id: str | None
    staff_name: str | None
    intent: str | None
    confidence: float | None
    whisper_to: str | None = None  # a note that only this colleague, its author and supervisors read
