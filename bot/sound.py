"""How a text sounds: pinyin without tones, so that 转人功, 轉人工 and zhuanrengong are one. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_NO_WORD = re.compile(r"[^\w]+")


class SoundsMissing(RuntimeError):
    """pypinyin is not there; the message says what to do."""


@lru_cache(maxsize=1)
def _lazy_pinyin() -> Any:
    try:
        from pypinyin import lazy_pinyin

        if lazy_pinyin("人工") != ["ren", "gong"]:
            raise ValueError("人工 does not sound right")
    except Exception as error:  # not installed, or without its tables: the same for whoever starts the bot
        raise SoundsMissing(f"拼音组件 pypinyin 不能用（{error}）。请运行 make setup 重新安装依赖。") from error
    return lazy_pinyin


@lru_cache(maxsize=16384)
def _syllable(char: str) -> str:
    # A character by itself has its commonest reading whatever stands beside it. Both sides of a comparison are heard
    # this way, so the rarer reading is missed by neither; looking phrases up would cost ten times the rest.
    return "".join(_lazy_pinyin()(char))


def sound(text: str) -> str:
    """All syllables in one piece; Latin letters and digits stay as typed."""
    return "".join(_syllable(char) for char in _NO_WORD.sub("", text))
