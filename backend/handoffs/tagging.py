"""Tags of conversations, from the organisation's own list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlmodel import Session

from backend.handoffs import desk_store
from backend.handoffs.desk_tables import ConversationTag
from backend.infra.work import Work
from backend.kernel.errors import Invalid
from backend.settings import settings


@dataclass(frozen=True)
class Tag:
    key: str
    title: str
    group: str
    retired: bool


@dataclass(frozen=True)
class TagList:
    most: int
    tags: Mapping[str, Tag]


def known_tags() -> TagList:
    """The pack's list; read again when the file changes. Empty when the pack has none."""
    path = settings().pack_dir / "tags.yml"
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=2)
def _read(path: Path, changed: int) -> TagList:
    data: dict[str, Any] = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if changed else {}
    tags = [Tag(str(row["key"]), str(row["title"]), str(row.get("group", "")), bool(row.get("retired")))
            for row in data.get("tags", [])]
    return TagList(int(data.get("most", 5)), {tag.key: tag for tag in tags})


def choices() -> list[dict[str, Any]]:
    """Tags on offer, by group in the list's order."""
    grouped: dict[str, list[Tag]] = {}
    for tag in known_tags().tags.values():
        if not tag.retired:
            grouped.setdefault(tag.group, []).append(tag)
    return [{"group": group, "tags": [{"key": one.key, "title": one.title} for one in tags]}
            for group, tags in grouped.items()]


def put(work: Work, conversation_id: str, keys: Sequence[str]) -> list[str]:
    """The conversation's tags are these now; tags of others that stand stay. Raises Invalid (``unknown_tag``)."""
    listed = known_tags()
    wanted = list(dict.fromkeys(keys))
    strangers = [key for key in wanted if key not in listed.tags or listed.tags[key].retired]
    if strangers:
        raise Invalid("unknown_tag", "有标签已经不在列表里了，请重新选。", fields={"tags": "请重新选标签"})
    if len(wanted) > listed.most:
        raise Invalid("too_many_tags", f"标签最多选 {listed.most} 个。", fields={"tags": f"最多 {listed.most} 个"})
    there = {row.tag for row in desk_store.tags_of(work.session, conversation_id)}
    for key in wanted:
        if key not in there:
            work.session.add(ConversationTag(conversation_id=conversation_id, tag=key, tagged_by=work.actor.id,
                                             tagged_at=work.now))
    if set(wanted) - there:
        work.journal("tagged", "conversation", conversation_id, tags=sorted(set(wanted) - there))
        work.flush()
    return sorted(there | set(wanted))


def titles_of(session: Session, conversation_id: str) -> list[str]:
    """A conversation's tags as people read them; a key that left the list reads as itself."""
    listed = known_tags().tags
    return [listed[row.tag].title if row.tag in listed else row.tag
            for row in desk_store.tags_of(session, conversation_id)]
