"""The organisation's tree of causes, read from its pack once."""

from functools import lru_cache
from pathlib import Path

import yaml

from backend.complaints.policy import policy
from backend.complaints.rules.causes import CauseBook, causes_from
from backend.kernel.errors import Invalid
from backend.settings import settings


@lru_cache(maxsize=4)
def _read(path: Path) -> CauseBook:
    if not path.is_file():
        raise Invalid("causes_missing", f"机构包里缺少 {path.name}，没法记根因。请补上后重启。")
    return causes_from(yaml.safe_load(path.read_text(encoding="utf-8")) or {}, policy())


def causes() -> CauseBook:
    """Raises Invalid (``causes_missing``, ``bad_causes``)."""
    return _read(settings().pack_dir / "causes.yml")
