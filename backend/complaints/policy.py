"""The organisation's complaint policy, read from its pack once."""

from functools import lru_cache
from pathlib import Path

import yaml

from backend.complaints.rules.policy import Policy, policy_from
from backend.kernel.errors import Invalid
from backend.settings import settings


@lru_cache(maxsize=4)
def _read(path: Path) -> Policy:
    if not path.is_file():
        raise Invalid("policy_missing", f"机构包里缺少 {path.name}，投诉没法评估。请补上后重启。")
    return policy_from(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def policy() -> Policy:
    """Raises Invalid (``policy_missing``, ``bad_policy``)."""
    return _read(settings().pack_dir / "complaints.yml")
