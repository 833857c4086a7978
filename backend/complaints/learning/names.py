"""Codes in Chinese, as the learning page, its files and improvement items say them."""

from datetime import date, datetime

from sqlmodel import Session

from backend.complaints.learning import store
from backend.complaints.learning.books import causes
from backend.complaints.policy import policy
from backend.complaints.rules.asking import ONLY, Ask, ask_from
from backend.complaints.rules.learning import NOTHING
from backend.kernel.clock import shanghai_date
from backend.scripts import service as scripts

CHANNELS = {"web": "网页", "wechat": "微信"}
_NOTHING = {
    "category": "还没分类",
    "cause": "还没有根因",
    "unit": "没定部门",
    "product": "没写商品",
    "channel": "没有渠道",
    "script": "没听过答复",
    "level": "还没评估",
}


def channel_name(key: str) -> str:
    return CHANNELS.get(key) or policy().channels.get(key, key)


def name_of(session: Session, dimension: str, key: str, *, long: bool = False) -> str:
    """取件失约; with ``long`` 物流履约，取件失约. Codes that are gone read as they were stored."""
    if key in (NOTHING, ""):
        return _NOTHING[dimension]
    known, book = policy(), causes()
    match dimension:
        case "category":
            one = known.categories.get(key)
            return known.category_title(key) if long else (one.title if one else key)
        case "cause":
            return book.title(key) if long else book.short(key)
        case "unit":
            return known.units.get(key, key)
        case "channel":
            return channel_name(key)
        case "level":
            level = known.level_of(key)
            return level.title if level else key
        case "script":
            card = scripts.version_card(session, key)
            return f"{card.title}，第 {card.version} 版" if card else key
        case _:
            return key


def ask(session: Session, given: dict[str, str], now: datetime) -> Ask:
    """Read a filter against what exists. Raises Invalid (see ``rules.asking``)."""
    known, book = policy(), causes()

    def exists(field: str, code: str) -> bool:
        match field:
            case "script":
                return scripts.version_card(session, code) is not None
            case "category" if code in known.categories:
                return True
            case "cause" if code in book.causes:
                return True
            case "unit" if code in known.units:
                return True
            case "level" if known.level_of(code):
                return True
            case "channel" if code in CHANNELS or code in known.channels:
                return True
        return store.exists_with(session, field, code)

    return ask_from(given, shanghai_date(now), exists)


def zh_day(day: date, today: date) -> str:
    return f"{'' if day.year == today.year else f'{day.year}年'}{day.month}月{day.day}日"


def zh_span(first: date, last: date, today: date) -> str:
    return f"{zh_day(first, today)} 至 {zh_day(last, today)}"


def words_of(session: Session, asked: Ask, today: date, *, days: bool = True) -> str:
    """4月20日 至 10月9日，物流履约，网页: a filter as people say it."""
    parts = [zh_span(asked.first, asked.last, today)] if days else []
    parts += ["按结案日期"] if asked.basis == "closed" else []
    for dimension in _NOTHING:
        code = getattr(asked, dimension)
        parts += [name_of(session, dimension, code, long=True)] if code else []
    parts += [ONLY[asked.only]] if asked.only else []
    parts += [f"{len(asked.numbers)} 件指定的投诉"] if asked.numbers else []
    return "，".join(parts) or "全部投诉"
