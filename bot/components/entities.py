"""What customers name: numbers of orders and complaints, phones, e-mails, products, shops, sums, dates.

spaCy's EntityRuler finds what has a fixed shape or stands in the organisation's lists; sums and times need a grammar
(bot/amounts.py, bot/times.py). Each entity carries `value` as it was typed and, where it has one spelling, `normalised`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Sequence, Set, Text
from zoneinfo import ZoneInfo

import spacy
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from spacy.language import Language
from spacy.pipeline import EntityRuler
from spacy.tokens import Doc
from spacy.vocab import Vocab

from bot.amounts import find_amounts
from bot.canonical import canonical
from bot.components.fingerprint import files_fingerprint
from bot.folding import fold
from bot.settings import load
from bot.text import UNDERSTOOD_CHARS
from bot.times import find_times
from bot.vocabulary import Name, read_names

NORMALISED = "normalised"
SHANGHAI = ZoneInfo("Asia/Shanghai")

_LATIN = re.compile(r"[a-z0-9]")
#: Pieces that belong together for the rules below: a number must be one token whatever stands beside it.
_PIECES = re.compile(r"[a-z0-9](?:[a-z0-9._%+@-]*[a-z0-9])?|\S", re.IGNORECASE)


def _shape(*expressions: str) -> List[Dict[str, Any]]:
    return [{"TEXT": {"REGEX": f"^(?:{expression})$"}} for expression in expressions]


EMAIL = r"[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}"
_START = r"(86-?)?1[3-9]\d"

#: The ruler prefers the longest match; among equals the first. Texts are folded before (bot/folding.py).
PATTERNS: List[Dict[str, Any]] = [
    {"label": "email", "pattern": _shape(EMAIL)},
    {"label": "complaint_no", "pattern": _shape(r"ts\d{8}-?\d{4}")},
    {"label": "complaint_no", "pattern": _shape("ts", r"\d{8}-?\d{4}")},
    {"label": "phone", "pattern": _shape(_START + r"-?\d{4}-?\d{4}")},
    {"label": "phone", "pattern": _shape(_START, r"\d{4}", r"\d{4}")},
    {"label": "phone", "pattern": _shape(_START, r"\d{8}")},
    {"label": "phone", "pattern": _shape(r"0\d{2,3}-\d{7,8}")},
    {"label": "phone", "pattern": _shape(r"0(10|2\d)\d{8}|0[3-9]\d{2}\d{7,8}")},
    {"label": "phone", "pattern": _shape(r"0\d{2,3}", r"\d{7,8}")},
    {"label": "phone", "pattern": _shape(r"\(", r"0\d{2,3}", r"\)", r"\d{7,8}")},
    {"label": "order_no", "pattern": _shape(r"hm-?\d{6}-?\d{4}")},
    {"label": "order_no", "pattern": _shape("hm", r"\d{6}", r"\d{4}")},
    {"label": "order_no", "pattern": _shape("hm", r"\d{6}-?\d{4}")},
    {"label": "order_no", "pattern": _shape(r"hm\d{6}", r"\d{4}")},
    {"label": "order_no", "pattern": _shape(r"\d{6}-\d{4}")},
]
#: A plain run of digits is an order number only where it is long enough and the words say so,
#: or where it stands alone; eleven digits that begin with 1 are a phone.
_DIGITS = re.compile(r"^[a-z]{0,4}\d{6,20}$")
_ORDER_WORDS = re.compile(r"订单|单号|order")


class PieceTokenizer:
    """jieba would cut HM260917-3382 into four; here letters, digits and -@. stay one token."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        words: List[str] = []
        spaces: List[bool] = []
        position = 0
        for match in _PIECES.finditer(text):
            gap = text[position : match.start()]
            if gap.startswith(" ") and words:
                spaces[-1] = True
                gap = gap[1:]
            if gap:
                words.append(gap)
                spaces.append(False)
            words.append(match.group())
            spaces.append(False)
            position = match.end()
        if not words:
            return Doc(self.vocab, words=[" "], spaces=[False])
        return Doc(self.vocab, words=words, spaces=spaces)


@dataclass(frozen=True)
class Ruler:
    """spaCy's pipeline, and how names begin: most messages hold nothing for it and need not go through it."""

    nlp: Language
    beginnings: FrozenSet[str]

    def may_find(self, folded: str) -> bool:
        """Every pattern wants a Latin letter or a digit; a name begins as it begins."""
        if _LATIN.search(folded):
            return True
        bare = "".join(folded.split())
        return any(bare[at : at + 2] in self.beginnings or bare[at] in self.beginnings for at in range(len(bare)))


def make_ruler(names: Sequence[Name] = ()) -> Ruler:
    """spaCy's empty Chinese pipeline with our rules and the organisation's names: no model to download."""
    nlp = spacy.blank("zh")
    nlp.tokenizer = PieceTokenizer(nlp.vocab)
    ruler = nlp.add_pipe("entity_ruler", config={"overwrite_ents": True})
    assert isinstance(ruler, EntityRuler)
    # A pattern that is a text goes to spaCy's PhraseMatcher: a thousand names cost no more than ten.
    phrases = [{"label": name.entity, "pattern": fold(name.said), "id": name.official} for name in names]
    ruler.add_patterns(PATTERNS + phrases)
    return Ruler(nlp, frozenset("".join(fold(name.said).split())[:2] for name in names))


def find_entities(ruler: Ruler, text: str, now: datetime) -> List[Dict[str, Any]]:
    """All entities of a text, with offsets of the text as it was typed; no two overlap."""
    text = text[:UNDERSTOOD_CHARS]
    folded = fold(text)
    if not folded.strip():
        return []
    found: List[Dict[str, Any]] = []
    taken: Set[int] = set()
    for rule in (_ruled, _order_digits, _times, _amounts):
        for label, start, end, normalised in rule(ruler, folded, now):
            span = range(start, end)
            if taken.isdisjoint(span):
                taken.update(span)
                found.append(_entity(label, text[start:end], start, end, normalised))
    return sorted(found, key=lambda entity: int(entity[ENTITY_ATTRIBUTE_START]))


_Found = Iterator["tuple[str, int, int, str]"]


def _ruled(ruler: Ruler, folded: str, now: datetime) -> _Found:
    if not ruler.may_find(folded):
        return
    for span in ruler.nlp(folded).ents:
        normalised = span.ent_id_ or canonical(span.label_, span.text) or span.text
        yield span.label_, span.start_char, span.end_char, normalised


def _order_digits(ruler: Ruler, folded: str, now: datetime) -> _Found:
    said_order = bool(_ORDER_WORDS.search(folded))
    for match in _PIECES.finditer(folded):
        if _DIGITS.match(match.group()) and (said_order or folded.strip() == match.group()):
            yield "order_no", match.start(), match.end(), canonical("order_no", match.group()) or match.group()


def _times(ruler: Ruler, folded: str, now: datetime) -> _Found:
    for when in find_times(folded, now):
        yield "time", when.start, when.end, when.iso


def _amounts(ruler: Ruler, folded: str, now: datetime) -> _Found:
    for amount in find_amounts(folded):
        yield "amount", amount.start, amount.end, f"{amount.yuan:.2f}"


def _entity(label: str, value: str, start: int, end: int, normalised: str) -> Dict[str, Any]:
    return {
        ENTITY_ATTRIBUTE_TYPE: label,
        ENTITY_ATTRIBUTE_VALUE: value,
        ENTITY_ATTRIBUTE_START: start,
        ENTITY_ATTRIBUTE_END: end,
        NORMALISED: normalised,
    }


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class ZhEntities(GraphComponent, EntityExtractorMixin):
    """Rule-based entities; see the module's first lines."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(SHANGHAI)) -> None:
        self._clock = clock
        self._ruler = make_ruler(read_names(load().pack_dir))
        # The calendar's tables are read on first use: now, not in a customer's turn.
        find_entities(self._ruler, "中秋前买的，三个工作日内退我一千二", self._clock())

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhEntities:
        return cls()

    @classmethod
    def fingerprint_addon(cls, config: Dict[Text, Any]) -> Text:
        """The rules and lists live outside of this class."""
        return files_fingerprint(
            *(
                f"bot/{name}.py"
                for name in ("amounts", "canonical", "clock_words", "feasts", "folding", "numbers", "times")
            ),
            str(load().pack_dir / "names.yml"),
        )

    @staticmethod
    def required_packages() -> List[Text]:
        return ["spacy"]

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            found = find_entities(self._ruler, message.get(TEXT) or "", self._clock())
            message.set(ENTITIES, message.get(ENTITIES, []) + self.add_extractor_name(found), add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data
