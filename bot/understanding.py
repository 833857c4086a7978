"""The matcher of this process, kept in step with the approved scripts."""

from __future__ import annotations

import logging

from bot.components.encoder import shared_encoder
from bot.matcher import ScriptMatcher
from bot.scripts import Script, ScriptCache, shared_cache, texts_of

logger = logging.getLogger(__name__)


class Understanding:
    """Follows a script cache: each change rebuilds the index (new sentences only are embedded)."""

    def __init__(self, cache: ScriptCache, matcher: ScriptMatcher) -> None:
        self.matcher = matcher
        cache.on_change(self._rebuild)

    def _rebuild(self, scripts: list[Script]) -> None:
        try:
            self.matcher.rebuild(texts_of(scripts))
        except Exception:  # the texts are already live; only finding them stays as it was
            logger.exception("the script matcher could not be rebuilt")


_shared: Understanding | None = None


def shared_understanding() -> Understanding:
    global _shared
    if _shared is None:
        _shared = Understanding(shared_cache(), ScriptMatcher(shared_encoder()))
    return _shared
