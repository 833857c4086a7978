"""Files from agents to customers, by the same rules as the customers' own: judged by their bytes, kept encrypted."""

from backend.conversations import service as conversations
from backend.conversations.service import Attachment, Message
from backend.handoffs import service
from backend.infra import files
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Conflict, NotFound

_WORDS = {"image": "图片", "audio": "语音", "video": "视频"}
_SAFE = str.maketrans({"/": "_", "\\": "_", "〔": "[", "〕": "]"})
# Shown inside the page; everything else is saved, never opened, by the browser.
SHOWN_INSIDE = ("image/", "audio/", "video/")


def send_file(work: Work, conversation_id: str, content: bytes, name: str, client_id: str) -> Message:
    """Send a file to the customer. Idempotent by ``client_id``.

    Raises Invalid (``file_empty``, ``file_too_large``, ``file_type``), Conflict (``not_holder``).
    """
    work.actor.require(Permission.CONVERSATION_TAKE)
    found = files.recognise(content)
    conversation = conversations.lock(work, conversation_id)
    known = conversations.by_client_id(work.session, conversation_id, client_id)
    if known is not None:
        return known
    if conversation.state != "agent" or conversation.holder_id != work.actor.id:
        raise Conflict("not_holder", "这次对话现在不由你接待，文件没有发出。请刷新后再看。")
    # Brackets of an open field would be refused as one.
    plain = name.translate(_SAFE).strip()[-80:] or "附件"
    row = conversations.add_attachment(work, conversation, name=plain, kind=found.kind, size=found.size,
                                       sha256=found.sha256)
    # Written before the commit: a row without its file would be a broken promise, a file without a row only waste.
    files.store(row.id, content)
    word = _WORDS.get(found.kind.split("/")[0], "文件")
    return service.reply(work, conversation_id, f"[{word}] {plain}", client_id, attachment_id=row.id)


def file_of(work: Work, conversation_id: str, attachment_id: str) -> tuple[Attachment, bytes]:
    """A file of a conversation, for whoever may read conversations. Raises Forbidden, NotFound."""
    work.actor.require(Permission.CONVERSATION_READ)
    row = conversations.attachment(work.session, attachment_id)
    if row is None or row.conversation_id != conversation_id:
        raise NotFound("attachment_not_found", "没有找到这个附件。")
    try:
        return row, files.load(attachment_id)
    except FileNotFoundError as error:
        raise NotFound("attachment_lost", "附件不在了，请客户再发一次。") from error
