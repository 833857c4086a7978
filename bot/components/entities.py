"""Numbers and addresses that customers give: order, complaint, phone, e-mail."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Text

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

from bot.text import UNDERSTOOD_CHARS, same_length_width

#: Pieces that belong together for the rules below: a number must be one token whatever stands beside it.
_PIECES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+@-]*|[\u4e00-\u9fff]|\S")

EMAIL = r"^[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$"
MOBILE = r"^(\+?86-?)?1[3-9]\d-?\d{4}-?\d{4}$"
LANDLINE = r"^(0\d{2,3}-)\d{7,8}$"
COMPLAINT = r"^[Tt][Ss]\d{8}-?\d{4}$"
ORDER = r"^([Hh][Mm])-?\d{6}-?\d{4}$"
ORDER_BARE = r"^\d{6}-\d{4}$"

#: First rule that fits wins; the order below is from the most to the least particular.
PATTERNS: List[Dict[str, Any]] = [
    {"label": "email", "pattern": [{"TEXT": {"REGEX": EMAIL}}]},
    {"label": "complaint_no", "pattern": [{"TEXT": {"REGEX": COMPLAINT}}]},
    {"label": "phone", "pattern": [{"TEXT": {"REGEX": MOBILE}}]},
    {"label": "phone", "pattern": [{"TEXT": {"REGEX": LANDLINE}}]},
    {"label": "order_no", "pattern": [{"TEXT": {"REGEX": ORDER}}]},
    {"label": "order_no", "pattern": [{"TEXT": {"REGEX": ORDER_BARE}}]},
]
#: A plain run of digits is an order number only where it is long enough and the words say so,
#: or where it stands alone; eleven digits that begin with 1 are a phone.
_DIGITS = re.compile(r"^[A-Za-z]{0,4}\d{6,20}$")
_ORDER_WORDS = re.compile(r"订单|单号|order", re.IGNORECASE)


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
            if gap and words:
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


def make_ruler() -> Language:
    """spaCy's empty Chinese pipeline with our rules only: no model to download."""
    nlp = spacy.blank("zh")
    nlp.tokenizer = PieceTokenizer(nlp.vocab)
    ruler = nlp.add_pipe("entity_ruler", config={"overwrite_ents": True})
    assert isinstance(ruler, EntityRuler)
    ruler.add_patterns(PATTERNS)
    return nlp


def find_entities(nlp: Language, text: str) -> List[Dict[str, Any]]:
    """All entities of a text, with offsets of the text as it was typed."""
    folded = same_length_width(text)[:UNDERSTOOD_CHARS]
    if not folded.strip():
        return []
    found = []
    doc = nlp(folded)
    taken = set()
    for span in doc.ents:
        taken.update(range(span.start, span.end))
        found.append(_entity(span.label_, span.text, span.start_char, span.end_char))
    said_order = bool(_ORDER_WORDS.search(folded))
    for token in doc:
        if token.i in taken or not _DIGITS.match(token.text):
            continue
        if said_order or folded.strip() == token.text:
            found.append(_entity("order_no", token.text, token.idx, token.idx + len(token.text)))
    return sorted(found, key=lambda entity: int(entity[ENTITY_ATTRIBUTE_START]))


def _entity(label: str, value: str, start: int, end: int) -> Dict[str, Any]:
    return {
        ENTITY_ATTRIBUTE_TYPE: label,
        ENTITY_ATTRIBUTE_VALUE: value,
        ENTITY_ATTRIBUTE_START: start,
        ENTITY_ATTRIBUTE_END: end,
    }


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class ZhEntities(GraphComponent, EntityExtractorMixin):
    """Rule-based entities by spaCy's EntityRuler."""

    def __init__(self) -> None:
        self._nlp = make_ruler()

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhEntities:
        return cls()

    @staticmethod
    def required_packages() -> List[Text]:
        return ["spacy"]

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            found = self.add_extractor_name(find_entities(self._nlp, message.get(TEXT) or ""))
            message.set(ENTITIES, message.get(ENTITIES, []) + found, add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data
