"""The matcher of this process, kept in step with the approved scripts."""

from __future__ import annotations

import logging
import threading
import time

from bot.components.encoder import second_encoder, shared_encoder
from bot.matcher import ScriptMatcher
from bot.scripts import Script, ScriptCache, shared_cache, texts_of

logger = logging.getLogger(__name__)


class Understanding:
    """Follows a script cache. Each change is built in the background, so that turns go on meanwhile."""

    def __init__(self, cache: ScriptCache, matcher: ScriptMatcher) -> None:
        self.matcher = matcher
        self._changed = threading.Condition()
        self._waiting: list[Script] | None = None
        self._busy = False
        self._thread: threading.Thread | None = None
        #: Whether the questions have once been taken in whole: before that a topic's default would answer for all.
        self.ready = False
        # What is there at the start is built at once: nobody has asked anything yet.
        if len(cache) or cache.revision >= 0:
            self._build(cache.all())
            self.ready = len(cache) > 0 and self.matcher.ready
        cache.on_change(self._take)

    def settled(self, timeout: float = 60.0) -> bool:
        """Wait until the latest change is in the matcher; False when it takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting is None and not self._busy, timeout)

    def _take(self, scripts: list[Script]) -> None:
        with self._changed:
            self._waiting = scripts  # several changes in a row are built once, as the last one is
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="script-matcher", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None)
                scripts, self._waiting, self._busy = self._waiting or [], None, True
            self._build(scripts)
            with self._changed:
                self._busy = False
                self.ready = self.ready or (self._waiting is None and bool(scripts) and self.matcher.ready)
                self._changed.notify_all()

    def _build(self, scripts: list[Script]) -> None:
        started = time.monotonic()
        try:
            self.matcher.rebuild(texts_of(scripts))
        except Exception:  # the texts are already live; only finding them stays as it was
            logger.exception("the script matcher could not be rebuilt")
        else:
            took = time.monotonic() - started
            logger.info("script matcher: %s questions, %.2f s", self.matcher.size, took)


_shared: Understanding | None = None
_shared_lock = threading.Lock()


def shared_understanding() -> Understanding:
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Understanding(shared_cache(), ScriptMatcher(shared_encoder(), second_encoder()))
        return _shared
