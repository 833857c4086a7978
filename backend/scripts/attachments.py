"""Files that go out with approved words: stored once, proven by their hash, never changed."""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from sqlmodel import Session

from backend.infra import files
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Invalid, NotFound
from backend.kernel.ids import new_id
from backend.scripts import store
from backend.scripts.tables import ScriptFile

# One reply with more than three files is a parcel, not an answer.
MAX_FILES = 3
# What every channel can show: WeChat takes pictures up to 10 MB and no PDF over 20 MB (infra.files bounds the size).
KINDS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"})


def add(work: Work, name: str, content: bytes) -> ScriptFile:
    """Keep a picture or PDF. The same bytes again are the same file.

    Raises Invalid (`file_empty`, `file_too_large`, `file_type`).
    """
    work.actor.require(Permission.SCRIPT_WRITE)
    found = files.recognise(content)
    if found.kind not in KINDS:
        raise Invalid("file_type", "话术只能带图片或 PDF，这个文件发不出去。", fields={"attachments": "只能是图片或 PDF"})
    known = store.file_by_hash(work.session, found.sha256)
    if known is not None:
        return known
    row = ScriptFile(id=new_id(), name=_plain(name), kind=found.kind, size=found.size, sha256=found.sha256,
                     added_by=work.actor.id, added_at=work.now)
    # Before the commit: a row without its file would be a broken promise, a file without a row only waste.
    files.store(row.id, content)
    work.session.add(row)
    work.flush()
    work.journal("script_file_added", "script_file", row.id, name=row.name, sha256=row.sha256)
    return row


def _plain(name: str) -> str:
    """A file's own name without folders and control characters, its ending kept."""
    plain = "".join(char for char in PurePath(name.replace("\\", "/")).name if char >= " ").strip() or "附件"
    return plain[-80:]


def described(session: Session, ids: Iterable[str]) -> list[dict[str, Any]]:
    """What a version keeps of its files. Raises Invalid (`no_such_file`, `too_many_files`)."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MAX_FILES:
        raise Invalid("too_many_files", f"附件最多 {MAX_FILES} 个。", fields={"attachments": f"最多 {MAX_FILES} 个"})
    rows = [store.file(session, one) for one in wanted]
    if any(row is None for row in rows):
        raise Invalid("no_such_file", "有一个附件不在了，请重新添加。", fields={"attachments": "请重新添加"})
    return [{"id": row.id, "name": row.name, "kind": row.kind, "size": row.size, "sha256": row.sha256}
            for row in rows if row]


def named(session: Session, file_id: str) -> ScriptFile:
    """Raises NotFound (`file_not_found`)."""
    row = store.file(session, file_id)
    if row is None:
        raise NotFound("file_not_found", "没有这个附件。")
    return row


def content(session: Session, file_id: str) -> tuple[str, bytes]:
    """A file's media type and bytes. Raises NotFound (`file_not_found`, `file_lost`)."""
    row = named(session, file_id)
    try:
        return row.kind, files.load(file_id)
    except FileNotFoundError as error:
        raise NotFound("file_lost", "附件不在了，请话术管理员重新上传。") from error
