"""Approved answers for the customer's last words: ranked by shared words, rare ones counting more."""

import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import jieba
from sqlmodel import Session

from backend.scripts import service as scripts

jieba.setLogLevel(logging.WARNING)

_NOT_ANSWERS = frozenset({"system"})
# Words that stand in every question and tell nothing.
_STOP = frozenset((
    "的", "了", "吗", "呢", "啊", "吧", "我", "你", "您", "们", "是", "在", "有", "要", "想", "能", "可以", "怎么", "什么",
    "请问", "一下", "这个", "那个", "就", "也", "都", "还", "不", "没", "会", "给", "帮", "和", "跟", "到",
))
_STOP_CHARACTERS = frozenset("".join(_STOP))
TOPIC_BONUS = 1.25
FAR_BEHIND = 0.4  # of the best
_VARIABLE = re.compile(r"\{([a-z_]+)\}")
# How an open field reads in the composer until the agent fills it.
FIELDS: Mapping[str, str] = {
    "customer_name": "客户称呼", "order_no": "订单号", "order_status": "订单状态", "item_name": "商品",
    "carrier": "快递公司", "tracking_no": "运单号", "eta": "送达日期", "complaint_no": "投诉编号",
    "complaint_stage": "投诉进度", "promised_at": "承诺时间", "receipt_url": "回执链接", "description": "投诉内容",
    "remedy": "诉求", "contact_masked": "联系方式", "ahead": "前面人数", "eta_minutes": "预计分钟", "agent_name": "你的姓名",
    "progress": "进度", "options": "可选项", "days": "天数",
}


@dataclass(frozen=True)
class Suggestion:
    """One approved answer, its open fields marked 〔…〕."""

    key: str
    title: str
    version: int
    version_id: str
    text: str
    score: float


@lru_cache(maxsize=20_000)
def words_of(text: str) -> frozenset[str]:
    """Telling words of a phrase, and its pairs of characters for what the dictionary does not know."""
    plain = re.sub(r"[\W_]+", " ", text.lower())
    words = {word for word in jieba.cut_for_search(plain) if word.strip() and word not in _STOP}
    bare = plain.replace(" ", "")
    pairs = {bare[i:i + 2] for i in range(len(bare) - 1)}
    return frozenset(words | {pair for pair in pairs if not _STOP_CHARACTERS & set(pair)})


def _weights(documents: Iterable[frozenset[str]]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    total = 0
    for words in documents:
        counts.update(words)
        total += 1
    return {word: math.log(1 + total / count) for word, count in counts.items()}


def _likeness(asked: frozenset[str], words: frozenset[str], weights: Mapping[str, float]) -> float:
    """Weighted cosine of two bags of words, 0 to 1."""
    shared = sum(weights.get(word, 0.0) ** 2 for word in asked & words)
    if not shared:
        return 0.0
    # A word that no script knows still makes the question longer.
    unknown = max(weights.values(), default=1.0)
    norm = math.sqrt(sum(weights.get(word, unknown) ** 2 for word in asked))
    return shared / (norm * math.sqrt(sum(weights.get(word, 0.0) ** 2 for word in words)))


def rank(asked: str, known: Sequence[Mapping[str, Any]], most: int = 3, floor: float = 0.2,
         in_text: bool = False, topic: str | None = None) -> list[tuple[Mapping[str, Any], float]]:
    """The scripts whose example questions or title come nearest, those of the recognised ``topic`` a little nearer.

    ``in_text``: their own words count too. What is far behind the best is not offered at all.
    """
    question = words_of(asked)
    if not question:
        return []
    phrases = {script["version_id"]: [words_of(str(one)) for one in
                                      [script["title"], *script["examples"], *([script["text"]] if in_text else [])]]
               for script in known}
    weights = _weights(frozenset().union(*bag) for bag in phrases.values())
    scored = [(script, max(_likeness(question, words, weights) for words in phrases[script["version_id"]])
               * (TOPIC_BONUS if topic is not None and script.get("topic") == topic else 1.0)) for script in known]
    scored.sort(key=lambda one: (-one[1], one[0]["key"]))
    lowest = max(floor, FAR_BEHIND * scored[0][1]) if scored else floor
    return [one for one in scored[:most] if one[1] >= lowest]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Known values put in, the rest left open and visible."""
    return _VARIABLE.sub(lambda found: values.get(found[1]) or f"〔{FIELDS.get(found[1], found[1])}〕", text)


def suggest(session: Session, asked: str, channel: str, values: Mapping[str, str], now: datetime,
            search: str = "", topic: str | None = None) -> list[Suggestion]:
    """Approved answers in force for the customer's words, or for the agent's own search.

    Everything is weighed again at each call: a hundred scripts take a few milliseconds, and a withdrawn one is
    never offered.
    """
    feed = scripts.feed(session, now)
    answers = [one for one in feed["scripts"]
               if one["topic"] not in _NOT_ANSWERS and one["channel"] in ("any", channel)]
    found = rank(search, answers, most=8, floor=0.05, in_text=True) if search else rank(asked, answers, topic=topic)
    if search:
        plain = search.strip().lower()
        exact = [(one, 1.0) for one in answers if plain in one["title"].lower() or plain in one["key"]]
        found = list({one["version_id"]: (one, score) for one, score in [*found, *exact]}.values())
        found.sort(key=lambda one: -one[1])
    filled = {**feed["settings"], **values}
    return [Suggestion(one["key"], one["title"], one["version"], one["version_id"], fill(one["text"], filled),
                       round(score, 3)) for one, score in found[:8]]
