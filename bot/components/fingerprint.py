"""Rasa's training cache sees class source and config only; these hashes cover the rest."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def files_fingerprint(*paths: str) -> str:
    """A hash over helper and data files; a file that is not there counts as empty."""
    digest = hashlib.blake2b(digest_size=16)
    for name in paths:
        path = ROOT / name
        digest.update(name.encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
