"""Beginning a version: what an author writes, and how it comes into the library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date
from backend.kernel.errors import Invalid, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people
from backend.scripts import attachments, rules, store, wording
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
    attachments: Sequence[str] = ()  # ids of stored files
    topic: str | None = None  # from here on of the script, not of the version; None leaves it as it is
    title: str | None = None
    source: str | None = None
    owner: str | None = None
    tags: Sequence[str] | None = None
    review_on: date | None = None
    review_given: bool = False  # tells "no review date" from "not said"


MAX_TAGS, MAX_TAG = 8, 20


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
    write(work, version, content)
    settle_details(work, script, content)
    work.session.add(version)
    work.flush()
    work.journal("script_drafted", "script_version", version.id, key=key, version=version.version, note=version.note)
    return version


def known_channel(channel: str) -> str:
    """Raises Invalid (`unknown_channel`)."""
    if channel not in CHANNELS:
        raise Invalid("unknown_channel", "没有这个渠道，请从列表里选。", fields={"channel": "请从列表里选"})
    return channel


def write(work: Work, version: ScriptVersion, content: Content) -> None:
    """Put the author's words into a draft, tidied. Raises Invalid (`no_such_file`)."""
    version.text = wording.clean_text(content.text)
    version.variables = rules.variables_in(version.text)
    version.buttons = wording.clean_buttons(content.buttons)
    version.examples = wording.clean_examples(content.examples)
    version.attachments = attachments.described(work.session, content.attachments)
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
    """Title and topic, where given."""
    script.title = (content.title or script.title).strip()[:80]
    script.topic = (content.topic or script.topic).strip()[:40]


def clean_tags(tags: Sequence[str]) -> list[str]:
    """Each once, short, in the order given. Raises Invalid (`too_many_tags`)."""
    cleaned = list(dict.fromkeys(tag for tag in (" ".join(str(raw).split())[:MAX_TAG] for raw in tags) if tag))
    if len(cleaned) > MAX_TAGS:
        raise Invalid("too_many_tags", f"标签最多 {MAX_TAGS} 个，留下找得到它的那几个。", fields={"tags": f"最多 {MAX_TAGS} 个"})
    return cleaned


def settle_details(work: Work, script: Script, content: Content) -> None:
    """Owner, source, tags and review date, where given: about the script, so they hold at once, and are written down.

    Raises Invalid (`no_such_owner`, `too_many_tags`).
    """
    changes: dict[str, Any] = {}
    if content.owner and content.owner != script.owner:
        staff = people.staff_by_id(work.session, content.owner)
        if staff is None or not staff.active:
            raise Invalid("no_such_owner", "没有这位同事，请从列表里选。", fields={"owner": "请从列表里选"})
        changes["owner"] = content.owner
    if content.source is not None and (source := content.source.strip()[:300]) != script.source:
        changes["source"] = source
    if content.tags is not None and (tags := clean_tags(content.tags)) != script.tags:
        changes["tags"] = tags
    if content.review_given and content.review_on != script.review_on:
        changes["review_on"] = content.review_on
    if not changes:
        return
    for name, value in changes.items():
        setattr(script, name, value)
    work.session.add(script)
    work.journal("script_details_changed", "script", script.key,
                 **{name: value.isoformat() if isinstance(value, date) else value for name, value in changes.items()})


def reviewed(work: Work, key: str, next_on: date | None, note: str = "") -> Script:
    """Somebody has looked again and found it right; when to look next. Raises NotFound, Invalid (`review_in_past`)."""
    work.actor.require(Permission.SCRIPT_WRITE)
    script = store.lock_script(work.session, key)
    if script is None:
        raise NotFound("script_not_found", "没有这条话术，请核对编号。")
    if next_on is not None and next_on <= shanghai_date(work.now):
        raise Invalid("review_in_past", "下次复审要在今天以后。", fields={"review_on": "要在今天以后"})
    script.review_on = next_on
    work.session.add(script)
    work.journal("script_reviewed", "script", key, next_on=next_on.isoformat() if next_on else None,
                 note=note.strip()[:300])
    work.hint("scripts")
    return script
