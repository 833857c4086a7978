"""Traditional to simplified characters by OpenCC, without moving a single offset."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


class ConverterMissing(RuntimeError):
    """OpenCC is not there; the message says what to do."""


@lru_cache(maxsize=1)
def _converter() -> Any:
    try:
        import opencc

        converter = opencc.OpenCC("t2s")
        if converter.convert("投訴") != "投诉":
            raise ValueError("t2s does not convert")
    except Exception as error:  # not installed, or without its tables: the same for whoever starts the bot
        raise ConverterMissing(f"繁体转简体的组件 OpenCC 不能用（{error}）。请运行 make setup 重新安装依赖。") from error
    return converter


def check() -> None:
    """Raise ConverterMissing now rather than at the first customer."""
    _converter()


def to_simplified(text: str) -> str:
    """你哋個師傅 → 你哋个师傅. Every character becomes exactly one.

    OpenCC maps each single character to one (a test runs through all of them); should a phrase of its tables
    ever change the length, the text is converted character by character.
    """
    if text.isascii():
        return text
    convert = _converter().convert
    converted: str = convert(text)
    if len(converted) == len(text):
        return converted
    single = (convert(char) for char in text)
    return "".join(new if len(new) == 1 else old for old, new in zip(text, single, strict=True))
