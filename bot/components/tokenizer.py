"""jieba with a dictionary of its own: Rasa's wrapper would change it for the whole process."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Dict, List, Optional, Text

import jieba
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.components.fingerprint import ROOT, files_fingerprint
from bot.components.normaliser import plain_text
from bot.settings import load
from bot.text import UNDERSTOOD_CHARS
from bot.vocabulary import Word, words_of

DICTIONARY = "data/dictionary.txt"
NAMES = "names.yml"


def private_jieba(words: List[Word], tmp_dir: Path) -> jieba.Tokenizer:
    """An own tokenizer with an own cache folder, loaded with the organisation's words."""
    jieba.setLogLevel(logging.WARNING)
    tmp_dir.mkdir(parents=True, exist_ok=True)
    tokenizer = jieba.Tokenizer()
    tokenizer.tmp_dir = str(tmp_dir)
    tokenizer.initialize()
    for word in words:
        tokenizer.add_word(word.text, word.frequency, word.tag)
    return tokenizer


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class ZhTokenizer(Tokenizer):
    """Splits the normalised text into words."""

    @staticmethod
    def supported_languages() -> Optional[List[Text]]:
        return ["zh"]

    @staticmethod
    def required_packages() -> List[Text]:
        return ["jieba"]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
            "prefix_separator_symbol": None,
            "dictionary": DICTIONARY,
        }

    def __init__(self, config: Dict[Text, Any]) -> None:
        super().__init__(config)
        settings = load()
        words = words_of(ROOT / config["dictionary"], settings.pack_dir)
        self._jieba = private_jieba(words, settings.cache_dir / "jieba")

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ZhTokenizer:
        return cls(config)

    @classmethod
    def fingerprint_addon(cls, config: Dict[Text, Any]) -> Text:
        names = str(load().pack_dir / NAMES)
        return files_fingerprint(
            "bot/text.py", "bot/simplified.py", "bot/vocabulary.py", config.get("dictionary", DICTIONARY), names
        )

    def tokenize(self, message: Message, attribute: Text) -> List[Token]:
        text = plain_text(message) if attribute == TEXT else str(message.get(attribute) or "")
        words = self._jieba.tokenize(text[:UNDERSTOOD_CHARS])
        tokens = [Token(word, start) for word, start, _ in words if word.strip()]
        return self._apply_token_pattern(tokens) or [Token(text or " ", 0)]
