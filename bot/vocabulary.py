"""The organisation's own words: its dictionary for jieba, its products and shops for the entity rules.

Read once at start; what cannot be read stops the start with the file, the line and what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

_LINE = re.compile(r"(?P<word>\S+)(?: (?P<freq>\d{1,9}))?(?: (?P<tag>[a-zA-Z]{1,4}))?")
MAX_WORD = 30
LISTS = {"products": "product", "shops": "shop"}


class VocabularyBroken(RuntimeError):
    """A file of the organisation's words cannot be read; the message says where and what to do."""


@dataclass(frozen=True)
class Word:
    """A line of the dictionary."""

    text: str
    frequency: int | None = None
    tag: str | None = None


@dataclass(frozen=True)
class Name:
    """A product or shop: the official name and one way of saying it."""

    entity: str
    official: str
    said: str


def read_dictionary(path: Path) -> list[Word]:
    """「词 [词频] [词性]」 a line; # begins a comment line. jieba itself would take any line, a broken one as a word."""
    words: list[Word] = []
    for number, line in enumerate(_lines(path), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise VocabularyBroken(
                f"词典 {path} 第 {number} 行读不懂：“{line[:40]}”。每行应为“词 [词频] [词性]”，用一个空格隔开，"
                "词频是数字，词性是字母，例如：升降桌 100 n。请改好这一行，或在行首加 # 停用，再启动。"
            )
        word = match.group("word")
        if len(word) > MAX_WORD:
            raise VocabularyBroken(
                f"词典 {path} 第 {number} 行的词有 {len(word)} 个字，最多 {MAX_WORD} 个。请改短或删掉这一行，再启动。"
            )
        words.append(Word(word, int(match.group("freq")) if match.group("freq") else None, match.group("tag")))
    return words


def _lines(path: Path) -> Iterator[str]:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise VocabularyBroken(f"词典 {path} 不存在。没有自己的词也要放一个空文件。") from error
    except OSError as error:
        raise VocabularyBroken(f"词典 {path} 打不开：{error.strerror}。请检查文件权限，再启动。") from error
    if content.startswith(b"\xef\xbb\xbf"):
        content = content[3:]
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise VocabularyBroken(
                f"词典 {path} 第 {number} 行不是 UTF-8 编码。请把文件另存为 UTF-8，再启动。"
            ) from error


def read_names(pack_dir: Path) -> list[Name]:
    """names.yml of the organisation's pack; a pack without it has no names."""
    path = pack_dir / "names.yml"
    if not path.is_file():
        return []
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except UnicodeDecodeError as error:
        raise VocabularyBroken(f"名称表 {path} 不是 UTF-8 编码。请把文件另存为 UTF-8，再启动。") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise VocabularyBroken(f"名称表 {path} 第 {line} 行不是合法的 YAML。请对照自带的示例改好，再启动。") from error
    names: list[Name] = []
    for group, entity in LISTS.items():
        rows = content.get(group) if isinstance(content, dict) else None
        if rows is not None and not isinstance(rows, list):
            raise VocabularyBroken(f"名称表 {path} 的 {group} 应是一个列表。请对照自带的示例改好，再启动。")
        for place, row in enumerate(rows or [], start=1):
            names += _names_of(path, group, entity, place, row)
    return names


def _names_of(path: Path, group: str, entity: str, place: int, row: object) -> Iterator[Name]:
    official = row.get("name") if isinstance(row, dict) else None
    aliases = (row.get("aliases") or []) if isinstance(row, dict) else None
    said = [official, *aliases] if isinstance(aliases, list) else [None]
    if not all(isinstance(one, str) and one.strip() for one in said):
        raise VocabularyBroken(
            f"名称表 {path} 的 {group} 第 {place} 项要有 name（文字）和可有可无的 aliases（文字的列表）。请改好再启动。"
        )
    for one in said:
        yield Name(entity, str(official).strip(), str(one).strip())


def words_of(dictionary: Path, pack_dir: Path) -> list[Word]:
    """Everything jieba must keep in one piece."""
    return read_dictionary(dictionary) + [Word(name.said) for name in read_names(pack_dir) if " " not in name.said]
