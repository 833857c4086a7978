"""What complaints teach, for pages and programs: one door to the parts of this sub-room."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints import rules as complaint_rules
from backend.complaints.learning import selecting, store
from backend.complaints.learning.books import causes
from backend.complaints.learning.exporting import FORMATS, as_csv, as_xlsx
from backend.complaints.learning.exporting import begin as begin_export
from backend.complaints.learning.exporting import rows as export_rows
from backend.complaints.learning.figures import overview
from backend.complaints.learning.improving import act, asked_of, change, full, get, listing, open_item
from backend.complaints.learning.names import CHANNELS, ask, channel_name, name_of, words_of, zh_span
from backend.complaints.learning.selecting import link
from backend.complaints.learning.weeks import freeze
from backend.complaints.learning.whys import (
    add_remedy,
    guard_closing,
    layers_of,
    on_filed,
    panel,
    record,
)
from backend.complaints.policy import policy
from backend.complaints.rules import Stage
from backend.complaints.rules.asking import Ask
from backend.complaints.rules.causes import yuan
from backend.complaints.rules.learning import few
from backend.kernel.clock import shanghai_date, zh_datetime
from backend.scripts import service as scripts

__all__ = [
    "FORMATS",
    "act",
    "add_remedy",
    "as_csv",
    "as_xlsx",
    "ask",
    "asked_of",
    "begin_export",
    "causes",
    "change",
    "choices",
    "export_rows",
    "freeze",
    "full",
    "get",
    "guard_closing",
    "layers_of",
    "link",
    "listing",
    "name_of",
    "on_filed",
    "open_item",
    "overview",
    "panel",
    "record",
    "rows",
    "words_of",
    "zh_span",
]

PER_PAGE = 50


def rows(session: Session, asked: Ask, now: datetime, number: int) -> dict[str, Any]:
    """The complaints behind a number, a page at a time, newest first."""
    cases, again = selecting.selected(session, asked, now)
    pages = max(1, -(-len(cases) // PER_PAGE))
    number = min(max(1, number), pages)
    part = cases[(number - 1) * PER_PAGE : number * PER_PAGE]
    counted = {one.id: one for one in part}
    found = store.of_ids(session, list(counted))

    def shown(dimension: str, key: str | None) -> str:
        return name_of(session, dimension, key) if key else ""

    return {
        "n": len(cases),
        "few": few(len(cases)),
        "pages": pages,
        "page": number,
        "words": words_of(session, asked, shanghai_date(now)),
        "rows": [
            {
                "number": one.number,
                "href": f"/complaints/{one.number}",
                "title": complaint_rules.title(one.description),
                "filed_text": zh_datetime(one.filed_at, now),
                "closed_text": zh_datetime(one.closed_at, now) if one.closed_at else "",
                "stage_text": Stage(one.stage).zh,
                "category": shown("category", counted[one.id].category),
                "cause": shown("cause", counted[one.id].cause),
                "unit": shown("unit", counted[one.id].unit),
                "level": shown("level", counted[one.id].level),
                "score": counted[one.id].score,
                "cost_text": yuan(cost) if (cost := counted[one.id].cost) is not None else "",
                "days": round(selecting.days_taken(counted[one.id]), 1) if one.closed_at else None,
                "again": one.id in again,
            }
            for one in found
        ],
    }


def _storeys(tree: Sequence[tuple[Any, Sequence[Any]]]) -> list[tuple[str, str]]:
    """Both storeys of a tree as one list, the lower one set in."""
    return [
        (one.key, title)
        for top, below in tree
        for one, title in [(top, top.title), *((each, f"　{each.title}") for each in below)]
    ]


def choices(session: Session, asked: Ask) -> dict[str, Any]:
    """What the filters offer. A version is offered only where one is asked for: it comes from the table."""
    known = policy()
    card = scripts.version_card(session, asked.script) if asked.script not in ("", "-") else None
    channels = dict.fromkeys([*CHANNELS, *known.channels, *store.channels(session)])
    return {
        "categories": [("-", name_of(session, "category", "-")), *_storeys(known.tree())],
        "causes": [("-", name_of(session, "cause", "-")), *_storeys(causes().tree())],
        "units": list(known.units.items()),
        "levels": [(level.key, level.title) for level in reversed(known.levels)],
        "channels": [(key, channel_name(key)) for key in channels],
        "products": store.products(session),
        "script": f"{card.title}，第 {card.version} 版" if card else "",
    }
