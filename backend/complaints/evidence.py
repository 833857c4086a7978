"""Evidence: files of the customer and of staff, judged by their bytes and not by their names."""

from pathlib import PurePath

from sqlalchemy.exc import IntegrityError

from backend.complaints import clocks, store
from backend.complaints.events import ComplaintSupplemented
from backend.complaints.rules import OVER, Stage
from backend.complaints.tables import Complaint, ComplaintFile
from backend.complaints.thread import append, locked
from backend.infra import files
from backend.infra.work import Work
from backend.kernel.errors import Conflict, Invalid, NotFound
from backend.kernel.ids import new_id

MOST_FILES = 20

_KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".pdf": "application/pdf",
    ".mp3": "audio/mpeg",
    ".amr": "audio/amr",
    ".ogg": "audio/ogg",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
    ".mov": "video/mp4",
    ".webm": "video/webm",
}
_WORDS = {"image": "图片", "application": "PDF", "audio": "录音", "video": "视频"}


def word(kind: str) -> str:
    """图片, PDF, 录音, 视频"""
    return _WORDS.get(kind.split("/")[0], "文件")


def check(name: str, content: bytes) -> files.Recognised:
    """Raises Invalid: ``file_empty``, ``file_too_large``, ``file_type``, ``file_lies``."""
    found = files.recognise(content)
    claimed = _KINDS.get(PurePath(name.lower()).suffix)
    suffix = PurePath(name).suffix
    if suffix and claimed != found.kind:
        raise Invalid(
            "file_lies",
            f"文件名以 {suffix[:10]} 结尾，内容却是{word(found.kind)}，没有收下。请换原文件，或改对名字再传。",
            fields={"file": "名字和内容对不上"},
        )
    return found


def tidy_name(name: str) -> str:
    """Shown to people, never used as a path."""
    plain = "".join(char for char in name if char.isprintable()).replace("/", "_").replace("\\", "_").strip()
    return plain[-80:] or "附件"


def add(work: Work, complaint: Complaint, name: str, content: bytes) -> ComplaintFile:
    """Keep one file and say so in the thread; the same bytes again are the same file.

    Raises Invalid (see ``check``), Conflict (``complaint_over``, ``too_many_files``). The bytes are written
    before the commit: a row without its file would be a broken promise, a file without a row only waste.
    """
    shown = tidy_name(name)
    found = check(shown, content)
    clocks.hold(work, complaint.id)
    complaint = locked(work, complaint.id)
    known = store.file_by_hash(work.session, complaint.id, found.sha256)
    if known is not None:
        return known
    if Stage(complaint.stage) in OVER:
        raise Conflict("complaint_over", "这件投诉已经结束，不能再补充。还有问题请转人工。")
    if len(store.files(work.session, complaint.id)) >= MOST_FILES:
        raise Conflict("too_many_files", f"一件投诉最多放 {MOST_FILES} 个文件，要紧的话请在会话里说明。")
    from_customer = not work.actor.is_staff
    row = ComplaintFile(
        id=new_id(),
        complaint_id=complaint.id,
        name=shown,
        kind=found.kind,
        size=found.size,
        sha256=found.sha256,
        from_customer=from_customer,
        actor_name=work.actor.name[:40],
        at=work.now,
    )
    try:
        with work.session.begin_nested():
            work.session.add(row)
            work.flush()
    except IntegrityError:
        known = store.file_by_hash(work.session, complaint.id, found.sha256)
        if known is None:
            raise
        return known
    files.store(row.id, content)
    append(work, complaint, "evidence", public=from_customer, text=shown, file=row.id, media=found.kind)
    if from_customer:
        clocks.resume_for_customer(work, complaint)
        work.record(ComplaintSupplemented(at=work.now, complaint_id=complaint.id, number=complaint.number))
    work.hint("complaints")
    return row


def read(
    work: Work, complaint: Complaint, file_id: str, *, for_customer: bool
) -> tuple[ComplaintFile, bytes]:
    """A file's row and bytes; customers get their own only. Raises NotFound."""
    row = store.file_by_id(work.session, complaint.id, file_id)
    if row is None or (for_customer and not row.from_customer):
        raise NotFound("file_not_found", "没有找到这个文件。")
    try:
        return row, files.load(row.id)
    except FileNotFoundError as error:
        raise NotFound("file_lost", "文件不在了，请再传一次。") from error
