"""The organisation's own rules on what goes to a person without the bot: written down, and approved by somebody."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from backend.kernel.errors import Invalid
from backend.settings import settings


@dataclass(frozen=True)
class FetchRule:
    """One rule: any of the words in a message, or any of the intents."""

    key: str
    title: str
    words: tuple[str, ...]
    intents: frozenset[str]
    group: str | None
    approved_by: str
    approved_on: date

    @property
    def explanation(self) -> str:
        """For staff."""
        return f"按规定「{self.title}」转人工（{self.approved_by}，{self.approved_on.isoformat()} 批准）。"


def house_rules() -> Sequence[FetchRule]:
    """The pack's handoff_rules.yml; none where there is none."""
    path = settings().pack_dir / "handoff_rules.yml"
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else ()


@lru_cache(maxsize=2)
def _read(path: Path, _changed: int) -> Sequence[FetchRule]:
    return parse(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def parse(data: Mapping[str, Any]) -> tuple[FetchRule, ...]:
    """Raises Invalid (``bad_fetch_rule``): a rule that nobody approved, or that would meet everything."""
    found = []
    for row in data.get("rules") or ():
        words = tuple(fold(str(word)) for word in row.get("words") or ())
        intents = frozenset(str(one) for one in row.get("intents") or ())
        name = row.get("key") or row.get("title")
        if not row.get("approved_by") or not isinstance(row.get("approved_on"), date):
            raise Invalid("bad_fetch_rule", f"handoff_rules.yml 的「{name}」没有写批准人和批准日期（approved_by、approved_on）。")
        if not row.get("key") or not row.get("title") or not (words or intents) or any(len(word) < 2 for word in words):
            raise Invalid("bad_fetch_rule", f"handoff_rules.yml 的「{name}」要有 key、title，以及两个字以上的 words 或者 intents。")
        found.append(FetchRule(str(row["key"]), str(row["title"]), words, intents, row.get("group"),
                               str(row["approved_by"]), row["approved_on"]))
    return tuple(found)


def fold(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def met_by_words(text: str) -> FetchRule | None:
    folded = fold(text)
    return next((rule for rule in house_rules() if any(word in folded for word in rule.words)), None)


def met_by_intent(intent: str | None) -> FetchRule | None:
    return next((rule for rule in house_rules() if intent in rule.intents), None)


def group_of(key: str | None) -> str | None:
    """The group that a rule names."""
    return next((rule.group for rule in house_rules() if rule.key == key), None)
