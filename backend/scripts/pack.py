"""The words that an installation starts with, and the organisation's own list of words not to say."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
import yaml

from backend.infra.work import Work
from backend.kernel.errors import Invalid, ZhikeError
from backend.kernel.ids import new_id
from backend.scripts import rules, store, wording
from backend.scripts.events import ScriptPublished
from backend.scripts.rules import ANY_CHANNEL, CHANNELS, PACK_APPROVER, PACK_AUTHOR, State
from backend.scripts.speaking import digest_of, house_values
from backend.scripts.tables import Script, ScriptVersion

log = structlog.get_logger(__name__)


def entries(pack_dir: Path) -> Iterator[dict[str, Any]]:
    """Every entry of ``scripts/*.yml``, files in alphabetical order; a bare list or ``{scripts: [...]}``."""
    for path in sorted((pack_dir / "scripts").glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        if isinstance(content, dict):
            content = content.get("scripts") or []
        yield from (dict(entry) for entry in content)


def seed(work: Work, pack_dir: Path) -> dict[str, Any]:
    """Add the pack's scripts that are not there yet, in force at once; never touches a key that exists.

    They are written by the pack and approved by its owner before delivery, so that author and approver differ
    here too. A bad entry is reported and left out; the good ones are not lost. Gives
    ``{"added": [keys], "kept": count, "bad": {key: reason}}``.
    """
    known = store.keys(work.session)
    added: list[str] = []
    kept, bad = 0, {}
    revision_row = None
    for entry in entries(pack_dir):
        key = str(entry.get("key", ""))
        if key in known:
            kept += key not in added
            if key in added:
                bad[key] = "同一个编号出现了两次"
            continue
        try:
            versions = _versions(work, entry)
        except ZhikeError as error:
            bad[key or "?"] = error.message
            log.warning("pack_entry_refused", key=key, reason=error.message)
            continue
        if revision_row is None:
            revision_row = store.catalogue(work.session, work.now, lock=True)
        _store(work, entry, versions)
        revision_row.revision += 1
        revision_row.changed_at = work.now
        work.session.add(revision_row)
        for version in versions:
            work.record(ScriptPublished(at=work.now, key=key, version_id=version.id, revision=revision_row.revision))
        known.add(key)
        added.append(key)
    if added:
        work.flush()
        work.hint("scripts")
    return {"added": added, "kept": kept, "bad": bad}


def _versions(work: Work, entry: Mapping[str, Any]) -> list[ScriptVersion]:
    """The entry's wordings, one a channel. Raises Invalid for whatever could not be said as it stands."""
    key = str(entry.get("key", ""))
    wording.check_key(key)
    if not str(entry.get("title", "")).strip() or not str(entry.get("topic", "")).strip():
        raise Invalid("field_missing", "缺少标题或主题。")
    buttons = wording.clean_buttons(entry.get("buttons") or [])
    examples = wording.clean_examples(str(line) for line in entry.get("examples") or [])
    channels = entry.get("channels") or entry.get("variants") or {}
    texts = {str(entry.get("channel") or ANY_CHANNEL): entry.get("text", ""), **channels}
    versions = []
    for number, (channel, raw) in enumerate(texts.items(), start=1):
        text = wording.clean_text(str(raw))
        if channel not in CHANNELS:
            raise Invalid("unknown_channel", f"没有「{channel}」这个渠道。")
        # What would confuse or break is refused; a promise in the owner's own words is the owner's to answer for.
        found = [finding for finding in wording.check(key, text, buttons, examples, channel, house=house_values())
                 if finding.level == "error" and finding.code not in ("absolute_promise", "banned_word")]
        if found:
            raise Invalid("script_not_ready", "；".join(finding.text for finding in found) + "。")
        version = ScriptVersion(
            id=new_id(), key=key, version=number, channel=channel, state=State.EFFECTIVE, text=text,
            variables=rules.variables_in(text), buttons=buttons, examples=examples if channel == ANY_CHANNEL else [],
            note=str(entry.get("note") or "随初始话术包上线"), author_id=PACK_AUTHOR, drafted_at=work.now,
            submitted_at=work.now, approver_id=PACK_APPROVER, approved_at=work.now, started_at=work.now,
        )
        version.digest = digest_of(version)
        versions.append(version)
    return versions


def _store(work: Work, entry: Mapping[str, Any], versions: list[ScriptVersion]) -> None:
    work.session.add(Script(
        key=versions[0].key, topic=str(entry["topic"]).strip()[:40], title=str(entry["title"]).strip()[:80],
        is_default=bool(entry.get("default") or entry.get("is_default")),
        owner=str(entry.get("owner") or PACK_AUTHOR)[:64], source=str(entry.get("source") or "")[:300],
        created_at=work.now,
    ))
    work.flush()
    for version in versions:
        work.session.add(version)
        work.journal("script_seeded", "script_version", version.id, key=version.key, version=version.version,
                     channel=version.channel, digest=version.digest)
    work.flush()
