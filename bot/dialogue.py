"""Where a dialogue stands before a message, read from Rasa's tracker for bot/context.py."""

from __future__ import annotations

import logging
from typing import Any

from bot.context import Context
from bot.scripts import shared_cache

logger = logging.getLogger(__name__)


async def context_of(agent: Any, sender: str, said_last: str | None) -> Context:
    """`said_last` is the gateway's word on what the customer saw last; without it the tracker's own."""
    store = agent.tracker_store
    while not hasattr(store, "peek") and hasattr(store, "_tracker_store"):
        store = store._tracker_store  # Rasa wraps the store that endpoints.yml names
    tracker = await store.peek(sender)
    if tracker is None:
        return Context(said_last=said_last)
    key, offered = None, list[str]()
    for event in reversed(tracker.events):
        if event.type_name == "user":
            break
        if event.type_name == "bot":
            metadata = getattr(event, "metadata", None) or {}
            if metadata.get("script"):
                key, offered = str(metadata["script"].get("key") or ""), list(metadata.get("options") or [])
                break
    if said_last is not None and said_last != key:
        offered = []  # the house has spoken since: the choice is not what the customer answers
    titles = {one: script.title for one in offered if (script := shared_cache().get(one)) is not None}
    return Context(said_last or key, titles, tracker.active_loop_name, tracker.get_slot("requested_slot"))
