"""The invented words of a demo month, from the pack. Nothing of it is spoken by the bot or learnt from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backend.kernel.errors import Invalid

FILE = "demo_month.yml"


@dataclass(frozen=True)
class Case:
    """An invented complaint, and how it will be answered. ``answer`` is empty for one that stays open."""

    text: str
    remedy: str
    category: str
    unit: str
    cause: str
    update: str
    answer: str = ""
    outcome: str = "accepted"
    order_no: str | None = None
    cost: int = 0  # fen


@dataclass(frozen=True)
class Material:
    """What customers and agents of the demo month say."""

    questions: Mapping[str, tuple[str, ...]]  # by the key of the script that answers them
    general: Mapping[str, tuple[str, ...]]  # by the default script that is said, for want of one of their own
    unanswerable: tuple[tuple[str, ...], ...]  # one meaning a row
    asks_for_person: tuple[str, ...]
    agent: Mapping[str, tuple[str, ...]]
    customer: Mapping[str, tuple[str, ...]]
    ratings: Mapping[str, tuple[str, ...]]
    complaints: tuple[Case, ...]
    major: Case
    supplements: tuple[str, ...]
    internal_notes: tuple[str, ...]


def read(pack_dir: Path) -> Material:
    """Raises Invalid (``no_demo_month``, ``bad_demo_month``)."""
    path = pack_dir / FILE
    if not path.is_file():
        raise Invalid("no_demo_month", f"这个行业包没有 {FILE}，没法编一个月的对话。可以照 data/packs/retail 里的写一份。")
    try:
        raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Material(
            questions=_lists(raw["questions"]), general=_lists(raw.get("general") or {}), unanswerable=tuple(tuple(map(str, row)) for row in raw["unanswerable"]),
            asks_for_person=tuple(raw["asks_for_person"]), agent=_lists(raw["agent"]), customer=_lists(raw["customer"]),
            ratings=_lists(raw["ratings"]), complaints=tuple(Case(**row) for row in raw["complaints"]),
            major=Case(**raw["major"]), supplements=tuple(raw["supplements"]),
            internal_notes=tuple(raw["internal_notes"]))
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise Invalid("bad_demo_month", f"{path} 写得不对：{error}。") from error


def _lists(raw: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {str(key): tuple(map(str, words)) for key, words in raw.items()}
