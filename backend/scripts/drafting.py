"""Beginning a version: what an author writes, and how it comes into the library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Invalid
from backend.kernel.ids import new_id
from backend.scripts import rules, store, wording
from backend.scripts.rules import ANY_CHANNEL, CHANNELS, State
from backend.scripts.tables import Script, ScriptVersion


@dataclass(frozen=True)
class Content:
    """What an author writes."""

    text: str
    buttons: Sequence[Mapping[str, Any]] = ()
    examples: Sequence[str] = ()
    channel: str = ANY_CHANNEL
    note: str = ""
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    topic: str | None = None  # these three belong to the script, not to the version
    title: str | None = None
    source: str | None = None


def draft(work: Work, key: str, content: Content, author_id: str | None = None) -> ScriptVersion:
    """Start a new version (of a new script, when the key is new).

    ``author_id`` names the author of an imported draft; else it is whoever acts.
    Raises Forbidden, Invalid (`bad_script_key`, `field_missing`, `unknown_channel`).
    """
    work.actor.require(Permission.SCRIPT_WRITE)
    wording.check_key(key)
    script = store.lock_script(work.session, key)
    if script is None:
        script = _new_script(work, key, content)
    version = ScriptVersion(
        id=new_id(), key=key, version=store.last_number(work.session, key) + 1, channel=known_channel(content.channel),
        state=State.DRAFT, text="", author_id=author_id or work.actor.id, drafted_at=work.now,
    )
    write(version, content)
    work.session.add(version)
    work.flush()
    work.journal("script_drafted", "script_version", version.id, key=key, version=version.version, note=version.note)
    return version


def known_channel(channel: str) -> str:
    """Raises Invalid (`unknown_channel`)."""
    if channel not in CHANNELS:
        raise Invalid("unknown_channel", "没有这个渠道，请从列表里选。", fields={"channel": "请从列表里选"})
    return channel


def write(version: ScriptVersion, content: Content) -> None:
    """Put the author's words into a draft, tidied."""
    version.text = wording.clean_text(content.text)
    version.variables = rules.variables_in(version.text)
    version.buttons = wording.clean_buttons(content.buttons)
    version.examples = wording.clean_examples(content.examples)
    version.note = content.note.strip()[:300]
    version.effective_from, version.effective_to = content.effective_from, content.effective_to


def _new_script(work: Work, key: str, content: Content) -> Script:
    script = Script(key=key, topic="", title="", owner=work.actor.id, created_at=work.now)
    needed = (("title", content.title, "请写一个标题。"), ("topic", content.topic, "请选一个主题。"))
    for name, value, sentence in needed:
        if not (value or "").strip():
            raise Invalid("field_missing", sentence, fields={name: sentence})
    name_it(script, content)
    work.session.add(script)
    work.flush()
    return script


def name_it(script: Script, content: Content) -> None:
    """Title, topic and source, where given."""
    script.title = (content.title or script.title).strip()[:80]
    script.topic = (content.topic or script.topic).strip()[:40]
    script.source = (script.source if content.source is None else content.source).strip()[:300]
