"""From probabilities to a decision: risk first, then whether we know at all. The limits are data (config.yml)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Text, Tuple, Type

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.training_data.message import Message

FALLBACK = "nlu_fallback"
OUT_OF_SCOPE = "out_of_scope"
#: An intent with its probability.
Chance = Tuple[str, float]


def risk_first(ranking: Sequence[Chance], limits: Mapping[str, float]) -> Optional[str]:
    """The risk intent that passes its limit by most. Missing one costs more than a needless question."""
    passed = [(chance / limits[name], name) for name, chance in ranking if chance >= limits.get(name, 2.0)]
    return max(passed)[1] if passed else None


def in_scope(ranking: Sequence[Chance]) -> float:
    """How sure we are that the message is one of ours.

    What the foreign class does not claim is a far better sign than the best intent's probability, which is also
    small where two of our own intents share the message.
    """
    return 1.0 - dict(ranking).get(OUT_OF_SCOPE, 0.0)


def decide(ranking: Sequence[Chance], limits: Mapping[str, float], refuse_below: float, unsure_below: float) -> str:
    """The intent to act on: a risk, OUT_OF_SCOPE, FALLBACK or the likeliest."""
    risk = risk_first(ranking, limits)
    if risk is not None:
        return risk
    if in_scope(ranking) < refuse_below:
        return OUT_OF_SCOPE
    return FALLBACK if ranking[0][1] < unsure_below else ranking[0][0]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class ZhDecision(GraphComponent, IntentClassifier):
    """Puts the decision first in the ranking; the probabilities stay what the classifier said."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return [IntentClassifier]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"risk": {}, "refuse_below": 0.0, "unsure_below": 0.0}

    def __init__(self, config: Dict[Text, Any]) -> None:
        self._limits = {str(name): float(limit) for name, limit in (config["risk"] or {}).items()}
        self._refuse_below = float(config["refuse_below"])
        self._unsure_below = float(config["unsure_below"])
        others = {"refuse_below": self._refuse_below, "unsure_below": self._unsure_below}
        for name, limit in {**self._limits, **others}.items():
            if not 0.0 <= limit < 1.0 or (name in self._limits and limit == 0.0):
                raise RasaException(f"config.yml 里 ZhDecision 的 {name} 应在 0 到 1 之间，现在是 {limit}。")

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhDecision:
        return cls({**cls.get_default_config(), **config})

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            entries = message.get("intent_ranking") or []
            if not entries:
                continue
            ranking = [(e["name"], e["confidence"]) for e in entries]
            name = decide(ranking, self._limits, self._refuse_below, self._unsure_below)
            if name == entries[0]["name"]:
                continue
            known = next((e for e in entries if e["name"] == name), {"name": name, "confidence": self._unsure_below})
            message.set("intent", dict(known), add_to_output=True)
            rest = [e for e in entries if e["name"] != name]
            message.set("intent_ranking", [dict(known), *rest], add_to_output=True)
        return messages
