"""Cue words of danger, fraud, threat and the wish for a person, by letter and by sound, as features (data/risk_cues.yml).

Words of one cue share a feature: what the classifier learnt of 12315 holds for 12321 too, and 转人功 is heard as 转人工.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Pattern, Text, Tuple

import numpy as np
import yaml
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import coo_matrix

from bot.components.fingerprint import ROOT, files_fingerprint
from bot.components.normaliser import plain_text
from bot.sound import sound
from bot.text import UNDERSTOOD_CHARS, normalise

CUES = "data/risk_cues.yml"
#: What only sounds like the cue counts a little less.
HEARD = 0.7


class Cue:
    """One line of the file: words that mean the same kind of thing."""

    def __init__(self, group: str, words: List[str]) -> None:
        self.group = group
        self.seen = _any_of([normalise(word) for word in words])
        spoken = [sound(normalise(word)) for word in words if len(word) > 1 and not word.isascii()]
        self.heard: Optional[Pattern[str]] = _any_of(spoken) if spoken else None


def _any_of(words: List[str]) -> Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True)))


def read_cues(path: Path) -> List[Cue]:
    """group → lines of words; anything else stops the start with what to do about it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows: List[Tuple[str, str]] = [(group, str(line)) for group, lines in content.items() for line in lines]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise RasaException(f"风险词表 {path} 读不懂（{error}）。它应是“组名: 若干行词”，UTF-8 编码，请改好再启动。") from error
    if not rows or any(not line.split() for _, line in rows):
        raise RasaException(f"风险词表 {path} 是空的或有空行。请从版本库恢复它，再启动。")
    return [Cue(group, line.split()) for group, line in rows]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class ZhRiskCues(GraphComponent):
    """A feature each cue seen, each cue heard, each group."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"cues": CUES, "weight": 0.7, "alias": None}

    def __init__(self, config: Dict[Text, Any], name: Text) -> None:
        self._name = config["alias"] or name
        self._weight = float(config["weight"])
        self._cues = read_cues(ROOT / config["cues"])
        self._groups = sorted({cue.group for cue in self._cues})

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhRiskCues:
        return cls({**cls.get_default_config(), **config}, execution_context.node_name)

    @staticmethod
    def required_packages() -> List[Text]:
        return ["pypinyin"]

    @classmethod
    def fingerprint_addon(cls, config: Dict[Text, Any]) -> Text:
        return files_fingerprint("bot/text.py", "bot/simplified.py", "bot/sound.py", config.get("cues", CUES))

    def features(self, text: str) -> np.ndarray:
        """`text` is normalised."""
        spoken = sound(text)
        seen = [cue.seen.search(text) is not None for cue in self._cues]
        heard = [cue.heard is not None and cue.heard.search(spoken) is not None for cue in self._cues]
        there = {cue.group for cue, found in zip(self._cues, seen, strict=True) if found}
        groups = [group in there for group in self._groups]
        return np.array([*seen, *(HEARD * found for found in heard), *groups], dtype=np.float32)

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            if message.get(TEXT) is not None:
                row = self._weight * self.features(plain_text(message)[:UNDERSTOOD_CHARS])
                features = coo_matrix(row.reshape(1, -1).astype(np.float32))
                message.add_features(Features(features, FEATURE_TYPE_SENTENCE, TEXT, self._name))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data
