"""Chinese text made comparable: width, case, repeats, rubbish. Pure."""

from __future__ import annotations

import re
import unicodedata

from bot.simplified import to_simplified

#: What one message may cost: the encoder takes 7 ms for 5 characters, but 1 s for 2,000.
EMBED_HEAD = 64
EMBED_TAIL = 32
UNDERSTOOD_CHARS = 1000

#: Full width to half width, one character for one, so that entity offsets stay true.
_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_REPEAT = re.compile(r"(.)\1{2,}", re.DOTALL)
_SPACE = re.compile(r"\s+")
_MEANING = re.compile(r"[0-9A-Za-z\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]")
#: Whom a post names, where it links to and how a number runs on says nothing about what is wanted.
_LINK = re.compile(r"(?:https?://|www\.)[\w./?=&%#:+~-]+")
_MENTION = re.compile(r"(?<![a-z0-9._-])@[^\s@:,.!?;()\[\]<>\"'，。！？、；：（）【】《》“”…]{1,20}")
_MENTIONS = re.compile(r"@(?: *@)+")
#: Short ones stay: 12315, 95511, 618 and 7天 mean something.
_LONG_NUMBER = re.compile(r"\d[\d-]{5,}")
#: What a masking step leaves: [数字x], [姓名x]; the kind is kept as an everyday word.
_MASK = re.compile(r"\[(数字|电话|号码|金额|时间|日期|姓名|地址|组织机构|商品|链接|图片|邮箱)[a-z0-9_]{0,12}\]")
_MASKED = {"姓名": "某人", "地址": "某地", "组织机构": "某公司", "商品": "商品", "链接": " ", "图片": "图片", "邮箱": "邮箱"}
_HASH = re.compile(r"#([^#\s]{1,30})#?")
#: A slash as people and keyboards write it; Rasa would take the first one for a command.
_SLASHES = "/／⁄∕╱⧸"


def same_length_width(text: str) -> str:
    """Fold full-width letters and digits without moving a single offset."""
    return text.translate(_WIDTH)


def visible(text: str) -> str:
    """Drop control and format characters (also zero-width ones), keep line breaks as spaces."""
    kept = []
    for char in text:
        if char in "\n\r\t":
            kept.append(" ")
        elif unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn"):
            kept.append(char)
    return "".join(kept)


def normalise(text: str) -> str:
    """The form that tokenizer, n-grams and encoder read; never shown to anybody."""
    text = unicodedata.normalize("NFKC", visible(text)).lower()
    text = fold_references(to_simplified(text))
    text = _SPACE.sub(" ", text).strip()
    return _REPEAT.sub(r"\1\1", text)


def fold_references(text: str) -> str:
    """One sign for every mention, long number and mask; links go, hashtags keep their words."""
    text = _MASK.sub(lambda match: _MASKED.get(match.group(1), "0"), _LINK.sub(" ", text))
    text = _MENTIONS.sub("@", _MENTION.sub("@ ", text))
    return _LONG_NUMBER.sub("0", _HASH.sub(r" \1 ", text))


def has_meaning(text: str) -> bool:
    """False for emoji, punctuation or nothing: there is no word to understand."""
    return bool(_MEANING.search(text))


def for_encoder(text: str) -> str:
    """Head and tail of a long text: the want stands at the beginning or at the end."""
    if len(text) <= EMBED_HEAD + EMBED_TAIL:
        return text
    return text[:EMBED_HEAD] + text[-EMBED_TAIL:]


def neutralise(text: str) -> str:
    """Customer words never run: without a leading slash Rasa sees only a sentence."""
    return visible(text).strip().lstrip(_SLASHES + " \u3000").strip()
