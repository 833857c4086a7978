"""The live set of approved scripts: fetched by long poll, kept on disk, never invented."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

logger = logging.getLogger(__name__)

LONG_POLL_SECONDS = 20
#: After an outage: quick first tries, then no more than one in ten seconds.
RETRY_SECONDS = (0.3, 1.0, 3.0, 10.0)

Listener = Callable[[list["Script"]], None]


@dataclass(frozen=True)
class Script:
    """One effective version as the backend feeds it."""

    key: str
    version: int
    version_id: str
    topic: str
    title: str
    text: str
    channel: str = "any"
    buttons: tuple[Mapping[str, Any], ...] = ()
    examples: tuple[str, ...] = ()
    default: bool = False

    @staticmethod
    def parse(row: Mapping[str, Any]) -> Script:
        return Script(
            key=str(row["key"]),
            version=int(row["version"]),
            version_id=str(row.get("version_id") or ""),
            topic=str(row.get("topic") or "system"),
            title=str(row.get("title") or ""),
            text=str(row["text"]),
            channel=str(row.get("channel") or "any"),
            buttons=tuple(row.get("buttons") or ()),
            examples=tuple(row.get("examples") or ()),
            default=bool(row.get("default")),
        )


@dataclass
class ScriptCache:
    """Holds the last approved set; a refused or broken feed leaves it as it was."""

    file: Path | None = None
    max_age_seconds: float = 24 * 3600
    revision: int = -1
    as_of: str = ""
    organisation: dict[str, str] = field(default_factory=dict)
    confirmed_at: float = 0.0  # epoch seconds of the last time the backend vouched for this set
    _scripts: dict[tuple[str, str], Script] = field(default_factory=dict)
    _listeners: list[Listener] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._scripts)

    def age_seconds(self, now: float | None = None) -> float | None:
        """Seconds since the backend last confirmed the set; None while there is none."""
        if not self._scripts:
            return None
        return max(0.0, (time.time() if now is None else now) - self.confirmed_at)

    def is_stale(self, now: float | None = None) -> bool:
        """An old copy may hold withdrawn answers: then only the fallback is spoken."""
        age = self.age_seconds(now)
        return age is None or age > self.max_age_seconds

    def get(self, key: str, channel: str = "web") -> Script | None:
        return self._scripts.get((key, channel)) or self._scripts.get((key, "any"))

    def all(self) -> list[Script]:
        return list(self._scripts.values())

    def default_of(self, topic: str, channel: str = "web") -> Script | None:
        """The topic's answer when nothing matches well: the marked one, else the first."""
        of_topic = [s for s in self._scripts.values() if s.topic == topic and s.channel in ("any", channel)]
        return next((s for s in of_topic if s.default), of_topic[0] if of_topic else None)

    def on_change(self, listener: Listener) -> None:
        self._listeners.append(listener)
        if self._scripts:
            listener(self.all())

    def apply(self, feed: Mapping[str, Any], now: float | None = None) -> bool:
        """Take a feed over; True when the set changed. A malformed feed raises and changes nothing."""
        now = time.time() if now is None else now
        if feed.get("unchanged"):
            if self._scripts:
                self.confirmed_at = now
            return False
        scripts = [Script.parse(row) for row in feed["scripts"]]
        revision = int(feed["revision"])
        self._scripts = {(script.key, script.channel): script for script in scripts}
        self.organisation = {name: str(value) for name, value in (feed.get("settings") or {}).items()}
        self.revision, self.as_of, self.confirmed_at = revision, str(feed.get("as_of") or ""), now
        for listener in self._listeners:
            listener(scripts)
        return True

    def save(self, feed: Mapping[str, Any]) -> None:
        """Keep a copy on disk, written beside and moved, so that a crash leaves the old one."""
        if self.file is None:
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            draft = self.file.with_suffix(".new")
            stored = {"confirmed_at": self.confirmed_at, "feed": feed}
            draft.write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")
            os.replace(draft, self.file)
        except OSError as error:
            logger.warning("cannot keep a copy of the scripts: %s", error)

    def restore(self) -> bool:
        """Start from the copy on disk, at the age it has."""
        if self.file is None or not self.file.is_file():
            return False
        try:
            stored = json.loads(self.file.read_text(encoding="utf-8"))
            self.apply(stored["feed"], now=float(stored["confirmed_at"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("the copy of the scripts is unreadable and is ignored: %s", error)
            return False
        # The number is the backend's; after a restart ask for everything once.
        self.revision = -1
        return True

    async def follow(self, backend_url: str, secret: str) -> None:
        """Long-poll for ever; any failure waits a little and tries again."""
        failures = 0
        timeout = httpx.Timeout(5.0, read=LONG_POLL_SECONDS + 10)
        async with httpx.AsyncClient(base_url=backend_url, timeout=timeout, trust_env=False) as client:
            while True:
                try:
                    response = await client.get(
                        "/api/bot/scripts",
                        params={"revision": self.revision, "wait": LONG_POLL_SECONDS},
                        headers={"X-Zhike-Secret": secret},
                    )
                    response.raise_for_status()
                    feed = response.json()
                    started = time.monotonic()
                    if await asyncio.get_running_loop().run_in_executor(None, self.apply, feed):
                        self.save(feed)
                        took = time.monotonic() - started
                        logger.info("scripts: revision %s, %s scripts, %.2f s", self.revision, len(self), took)
                    failures = 0
                    if feed.get("unchanged"):
                        await asyncio.sleep(0.05)  # a backend that does not hold the poll must not spin us
                except asyncio.CancelledError:
                    raise
                except Exception as error:  # whatever comes, the last approved set goes on speaking
                    wait = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                    if failures == 0:
                        logger.warning(
                            "scripts: backend does not answer (%r), keeping revision %s", error, self.revision
                        )
                    failures += 1
                    await asyncio.sleep(wait)


_shared: ScriptCache | None = None


def shared_cache() -> ScriptCache:
    """The one cache of this process: the channel refreshes it, the NLG reads it."""
    global _shared
    if _shared is None:
        from bot.settings import load

        settings = load()
        _shared = ScriptCache(file=settings.scripts_file, max_age_seconds=settings.scripts_max_age_seconds)
    return _shared


def texts_of(scripts: Iterable[Script]) -> list[tuple[str, str, list[str]]]:
    """(key, topic, questions) for the matcher; scripts that forms speak are not answers to questions."""
    return [
        (script.key, script.topic, [script.title, *script.examples])
        for script in scripts
        if script.topic != "system" and (script.title or script.examples)
    ]
