"""What the rooms ask of the bot's study: vectors of sentences, and who would answer with a draft in the set.

The bot stands outside; whoever starts the application hands in a client that keeps this shape.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol


class Study(Protocol):
    """The bot's encoder and matcher, asked beside the conversations. Raises Unavailable while the bot is down."""

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One unit vector a text."""
        ...

    def rematch(self, scripts: list[dict[str, Any]], remove: list[str],
                turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """``{"id", "before": {"key", "score"} | None, "after": …}`` for each turn ``{"id", "text", "intent", …}``."""
        ...


class Turn(Protocol):
    """A customer's message that the bot has answered."""

    @property
    def message_id(self) -> str: ...
    @property
    def conversation_id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def intent(self) -> str | None: ...
    @property
    def confidence(self) -> float | None: ...
    @property
    def answered_key(self) -> str | None: ...
    @property
    def at(self) -> datetime: ...


BATCH = 200


def in_batches[T](rows: Sequence[T], size: int = BATCH) -> list[list[T]]:
    """The rows in portions that one request may carry."""
    return [list(rows[start:start + size]) for start in range(0, len(rows), size)]


def key_of(answer: Mapping[str, Any] | None) -> str | None:
    """The script named in one half of a rematch, if any."""
    return str(answer["key"]) if answer else None
