"""Saying approved words. Whatever the caller does, only a version in force comes out of here."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlmodel import Session

from backend.infra.work import Work
from backend.kernel.errors import Invalid, Unavailable
from backend.scripts import rules, store
from backend.scripts.events import ScriptMissing
from backend.scripts.rules import ANY_CHANNEL, FALLBACK_KEY, Spoken
from backend.scripts.tables import ScriptVersion
from backend.settings import settings


@lru_cache(maxsize=4)
def _organisation(pack_dir: Path) -> dict[str, Any]:
    path = pack_dir / "organisation.yml"
    if not path.is_file():
        return {}
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def organisation() -> dict[str, Any]:
    """The organisation's own settings, from its pack."""
    return _organisation(settings().pack_dir)


def house_values() -> dict[str, str]:
    """The variables that nobody has to pass: service_hours, hotline, shop_name."""
    known = organisation()
    return {name: str(known[name]) for name in ("service_hours", "hotline", "shop_name") if known.get(name)}


def is_intact(version: ScriptVersion) -> bool:
    """Whether the stored words are still the words that were approved."""
    return version.digest is not None and version.digest == digest_of(version)


def digest_of(version: ScriptVersion) -> str:
    return rules.digest(
        key=version.key, version=version.version, channel=version.channel, text=version.text, buttons=version.buttons,
        examples=version.examples, effective_from=version.effective_from, effective_to=version.effective_to,
        attachments=version.attachments,
    )


def _speakable(version: ScriptVersion, now: datetime) -> bool:
    return rules.in_force(version.state, version.effective_from, version.effective_to, now) and is_intact(version)


def _best(candidates: list[ScriptVersion], channel: str, now: datetime) -> ScriptVersion | None:
    """The channel's own wording, else the one for all channels."""
    for wanted in dict.fromkeys((channel, ANY_CHANNEL)):
        for version in candidates:
            if version.channel == wanted and _speakable(version, now):
                return version
    return None


def effective(session: Session, key: str, channel: str = "web", now: datetime | None = None) -> ScriptVersion | None:
    """The version that is said now for a key in a channel; None when there is none.

    One indexed query each time, no cache: asking whether a cached answer still holds would cost the same
    query, and a stale answer would be a sentence that somebody has withdrawn.
    """
    if now is None:
        raise ValueError("say at which instant")
    return _best(store.effective(session, key, (channel, ANY_CHANNEL)), channel, now)


def _held(work: Work, key: str, channel: str) -> list[ScriptVersion]:
    """What is in force for a key, kept so until this transaction ends.

    The lock may have been waited for: from here on it is the instant after that, so that no message bears a
    time at which its words were not yet, or no longer, in force.
    """
    store.hold_words(work.session, key)
    work.catch_up()
    return store.effective(work.session, key, (channel, ANY_CHANNEL))


def speak(work: Work, key: str, variables: Mapping[str, object] | None = None, channel: str = "web") -> Spoken:
    """The approved words for a key, ready to send. Missing words or values: the fallback, and ScriptMissing.

    Raises Unavailable (`no_approved_words`) when not even the fallback is in force.
    """
    version = _best(_held(work, key, channel), channel, work.now)
    if version is None:
        return _fallback(work, key, channel, _why_not(work, key, channel))
    return _say(work, version, variables or {}, channel)


def render_version(work: Work, version_id: str | None, key: str, variables: Mapping[str, object] | None = None,
                   channel: str = "web") -> Spoken:
    """The words of the version that the bot proposes, if it may be said now; else the key's current ones."""
    candidates = _held(work, key, channel)
    proposed = next((one for one in candidates if one.id == version_id and _speakable(one, work.now)), None)
    if proposed is None:
        return speak(work, key, variables, channel)
    return _say(work, proposed, variables or {}, channel)


def _say(work: Work, version: ScriptVersion, variables: Mapping[str, object], channel: str) -> Spoken:
    try:
        text = rules.render(version.text, {**house_values(), **variables})
    except Invalid as error:
        return _fallback(work, version.key, channel, "variable_missing", "、".join(error.fields))
    return Spoken(text=text, key=version.key, version=version.version, version_id=version.id,
                  buttons=[dict(button) for button in version.buttons],
                  attachments=[dict(file) for file in version.attachments])


def _why_not(work: Work, key: str, channel: str) -> str:
    stored = store.effective(work.session, key, (channel, ANY_CHANNEL))
    return "altered" if any(not is_intact(version) for version in stored) else "not_effective"


def _fallback(work: Work, key: str, channel: str, reason: str, detail: str = "") -> Spoken:
    work.record(ScriptMissing(at=work.now, key=key, reason=reason, detail=detail))
    version = None if key == FALLBACK_KEY else _best(_held(work, FALLBACK_KEY, channel), channel, work.now)
    nothing = Unavailable("no_approved_words", "没有可以说的话术，请在话术页批准「没听懂」这一条（system.fallback）。")
    if version is None:
        raise nothing
    try:
        text = rules.render(version.text, house_values())
    except Invalid as error:
        raise nothing from error
    return Spoken(text=text, key=version.key, version=version.version, version_id=version.id,
                  buttons=[dict(button) for button in version.buttons],
                  attachments=[dict(file) for file in version.attachments])


def feed(session: Session, now: datetime) -> dict[str, Any]:
    """All that the bot may say, with the revision that it stands for."""
    # The revision is read first: a publication in between is then sent twice, never missed.
    revision = store.revision(session)
    return {
        "revision": revision,
        "as_of": now.isoformat(),
        "settings": house_values(),
        "scripts": [
            {
                "key": version.key, "version": version.version, "version_id": version.id, "topic": script.topic,
                "title": script.title, "channel": version.channel, "text": version.text,
                "variables": version.variables, "buttons": version.buttons, "examples": version.examples,
                "default": script.is_default, "hash": version.digest,
            }
            for version, script in store.effective_set(session) if _speakable(version, now)
        ],
    }
