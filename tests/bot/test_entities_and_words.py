"""Entities and the organisation's words: in the bot's own environment, and what a broken list does to the start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot import serve, simplified
from bot.settings import load
from bot.vocabulary import VocabularyBroken, read_dictionary, read_names, words_of
from tests.bot.own_python import checked


def test_entities_have_true_offsets_and_our_words_stay_whole() -> None:
    checked("entities_check", seconds=180)


def a_dictionary(folder: Path, content: str | bytes) -> Path:
    path = folder / "dictionary.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_dictionary_line_is_a_word_with_frequency_and_kind(tmp_path: Path) -> None:
    words = read_dictionary(a_dictionary(tmp_path, "\ufeff# 注释\n升降桌 100 n\n\n气压杆 n\n转人工\n"))
    assert [(word.text, word.frequency, word.tag) for word in words] == [
        ("升降桌", 100, "n"), ("气压杆", None, "n"), ("转人工", None, None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "line", "hint"),
    [
        ("转人工\n升降桌 很多 n\n", 2, "每行应为"),
        ("升降桌,100,n 多余 列\n", 1, "每行应为"),
        ("转人工\n\n升降桌 100 n 又一列\n", 3, "每行应为"),
        ("字" * 31 + "\n", 1, "最多 30 个"),
        ("转人工\n".encode() + "升降桌".encode("gbk") + b"\n", 2, "UTF-8"),
    ],
)
def test_a_broken_dictionary_line_is_named_with_what_to_do(
    tmp_path: Path, content: str | bytes, line: int, hint: str
) -> None:
    path = a_dictionary(tmp_path, content)
    with pytest.raises(VocabularyBroken) as error:
        read_dictionary(path)
    assert str(path) in str(error.value)
    assert f"第 {line} 行" in str(error.value)
    assert hint in str(error.value)
    assert "再启动" in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("products: [{name: 甲, aliases: 乙}]", "products 第 1 项"),
        ("shops:\n  - {aliases: [乙]}", "shops 第 1 项"),
        ("products: 云杉", "应是一个列表"),
        ("products:\n  - name: [", "第 "),
    ],
)
def test_a_broken_list_of_names_is_named_with_what_to_do(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "names.yml").write_text(content, encoding="utf-8")
    with pytest.raises(VocabularyBroken, match=said):
        read_names(tmp_path)


def test_the_bot_does_not_start_on_a_broken_dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "zhike.tar.gz"
    model.touch()
    settings = replace(load(), secret="s", models_dir=tmp_path)
    assert serve.problem(settings) is None
    (tmp_path / "names.yml").write_text("products: 云杉", encoding="utf-8")
    assert "names.yml" in str(serve.problem(replace(settings, pack=str(tmp_path))))

    def missing() -> None:
        raise simplified.ConverterMissing("OpenCC 不能用")

    monkeypatch.setattr(simplified, "check", missing)
    assert serve.problem(settings) == "OpenCC 不能用"


def test_the_packs_products_and_shops_are_words_of_the_tokenizer() -> None:
    settings = load()
    names = {(name.entity, name.said, name.official) for name in read_names(settings.pack_dir)}
    assert ("product", "云杉升降桌", "云杉升降书桌") in names
    assert ("shop", "禾木", "禾木家居") in names
    assert {said for _, said, _ in names} <= {word.text for word in words_of(settings.dictionary, settings.pack_dir)}


def test_every_product_of_the_demo_orders_is_in_the_list() -> None:
    import yaml

    settings = load()
    orders = yaml.safe_load((settings.pack_dir / "orders.yml").read_text(encoding="utf-8"))["orders"]
    official = {name.official for name in read_names(settings.pack_dir)}
    assert {order["item_name"].split()[0] for order in orders} <= official
