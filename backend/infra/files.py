"""Files that customers send: recognised by their bytes, kept encrypted under random names."""

import hashlib
import os
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.kernel.errors import Invalid
from backend.settings import settings

MAX_BYTES = 10 * 1024 * 1024

# Magic bytes at an offset → media type. Only what a customer needs to show; SVG and HTML could carry scripts.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"OggS", "audio/ogg"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)


@dataclass(frozen=True)
class Recognised:
    """What a file is by its own bytes."""

    kind: str
    size: int
    sha256: str


def recognise(content: bytes) -> Recognised:
    """Raises Invalid: ``file_empty``, ``file_too_large``, ``file_type``."""
    if not content:
        raise Invalid("file_empty", "文件是空的，请换一个。")
    if len(content) > MAX_BYTES:
        raise Invalid("file_too_large", "文件超过 10 MB，请压缩后再发。", status=413)
    kind = next((kind for offset, magic, kind in _MAGIC if content[offset:offset + len(magic)] == magic), None)
    if kind is None and content[:4] == b"RIFF" and content[8:12] in (b"WEBP", b"WAVE"):
        kind = "image/webp" if content[8:12] == b"WEBP" else "audio/wav"
    if kind is None:
        raise Invalid("file_type", "只能发图片、PDF、语音或视频，这个文件打不开。")
    return Recognised(kind, len(content), hashlib.sha256(content).hexdigest())


def _path(file_id: str) -> Path:
    return settings().files_dir / file_id[:2] / file_id


def store(file_id: str, content: bytes) -> None:
    """Keep ``content`` under ``file_id``, encrypted, written whole or not at all."""
    path = _path(file_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    nonce = os.urandom(12)
    sealed = nonce + AESGCM(urlsafe_b64decode(settings().secrets.column_key)).encrypt(nonce, content, file_id.encode())
    half = path.with_suffix(".part")
    half.write_bytes(sealed)
    half.replace(path)


def load(file_id: str) -> bytes:
    """The content again. Raises FileNotFoundError, or InvalidTag when it was altered."""
    raw = _path(file_id).read_bytes()
    return AESGCM(urlsafe_b64decode(settings().secrets.column_key)).decrypt(raw[:12], raw[12:], file_id.encode())
