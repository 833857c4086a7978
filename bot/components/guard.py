"""Certainties that no statistics should decide: a bare number, a named one, a message without words."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Text, Type

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.text import has_meaning, same_length_width

INFORM = "inform"
#: A number of ours in a sentence that says nothing else we know: its owner wants to hear about it.
NAMED = {"complaint_no": "query_complaint", "order_no": "ask_order_status"}
FALLBACK = "nlu_fallback"

_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+@-]*")
_FILLER = re.compile(
    r"(我的|我|这个|这是|是|为|的|就|订单编号|订单号码|订单号|订单|单号|投诉编号|投诉单号|投诉号|投诉|编号|号码|"
    r"手机尾号|手机号|手机|电话号码|电话|联系方式|尾号|后四位|末四位|最后四位|邮箱|和|[\s:：,，。.、;；!！~～-])"
)

#: 补充一下，… announces itself whatever facts follow.
_SUPPLEMENT = re.compile(
    r"^(我|再|还|想|要|来|给|帮|需要|先前|之前|刚才|[\s,，])*补充(一下|一点|几点|两点|说明|材料|证据|资料|照片|一张|内容|[:：,，])"
)


def is_bare_value(text: str) -> bool:
    """A number or address alone, perhaps introduced (订单号是…, 尾号 1234): an answer, not a want."""
    folded = same_length_width(text).strip()
    values = _VALUE.findall(folded)
    if not values or not any(char.isdigit() for value in values for char in value):
        return False
    if any(not any(char.isdigit() for char in value) and "@" not in value for value in values):
        return False
    if max(len(value) for value in values) < 4:
        return False
    return not _FILLER.sub("", _VALUE.sub("", folded))


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class ZhGuard(GraphComponent, IntentClassifier):
    """Last in the pipeline; see the module's first line."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return [IntentClassifier]

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhGuard:
        return cls()

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            text = message.get(TEXT) or ""
            if not has_meaning(text):
                self._put(message, FALLBACK)
            elif is_bare_value(text):
                self._put(message, INFORM)
            elif _SUPPLEMENT.match(text):
                self._put(message, "supplement_complaint")
            elif (message.get("intent") or {}).get("name") == FALLBACK:
                named = {entity["entity"] for entity in message.get(ENTITIES, [])}
                for entity, intent in NAMED.items():
                    if entity in named:
                        self._put(message, intent)
                        break
        return messages

    @staticmethod
    def _put(message: Message, name: str) -> None:
        intent = {"name": name, "confidence": 1.0}
        ranking = [entry for entry in message.get("intent_ranking", []) if entry["name"] != name]
        message.set("intent", intent, add_to_output=True)
        message.set("intent_ranking", [intent, *ranking], add_to_output=True)
