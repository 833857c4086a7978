"""Run in the bot's environment: entities with offsets of the typed text, and a tokenizer that keeps our words whole. Prints OK."""

import itertools
import tempfile
from datetime import datetime
from pathlib import Path

from rasa.shared.nlu.training_data.message import Message

from bot.components.entities import ZhEntities
from bot.components.tokenizer import ZhTokenizer, private_jieba
from bot.settings import load
from bot.vocabulary import words_of

NOW = datetime(2026, 10, 9, 14, 36)


def found(extractor: ZhEntities, text: str) -> set[tuple[str, str, str]]:
    message = Message({"text": text})
    extractor.process([message])
    entities = message.get("entities")
    for entity in entities:
        assert text[entity["start"] : entity["end"]] == entity["value"], (text, entity)
    places = sorted((entity["start"], entity["end"]) for entity in entities)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(places)), (text, places)
    return {(entity["entity"], entity["value"], entity["normalised"]) for entity in entities}


def entities_are_found() -> None:
    extractor = ZhEntities(clock=lambda: NOW)
    everything = "上周三買的云杉升降桌花了一千八，訂單ＨＭ260917-3382至今沒發，電話138 0000 1111，郵箱muzi@example.com."
    assert found(extractor, everything) == {
        ("time", "上周三", "2026-09-30"),
        ("product", "云杉升降桌", "云杉升降书桌"),
        ("amount", "一千八", "1800.00"),
        ("order_no", "ＨＭ260917-3382", "HM260917-3382"),
        ("phone", "138 0000 1111", "13800001111"),
        ("email", "muzi@example.com", "muzi@example.com"),
    }
    assert found(extractor, "禾木旗舰店的松影檯燈") == {
        ("shop", "禾木旗舰店", "禾木家居"),
        ("product", "松影檯燈", "松影护眼台灯"),
    }
    assert found(extractor, "我的号是一三八零零零零一一一一") == {("phone", "一三八零零零零一一一一", "13800001111")}
    assert found(extractor, "订单HM 260917 3382的钱打01062345678问") == {
        ("order_no", "HM 260917 3382", "HM260917-3382"),
        ("phone", "01062345678", "010-62345678"),
    }
    assert found(extractor, "投诉号TS20260924-0017") == {("complaint_no", "TS20260924-0017", "TS20260924-0017")}
    assert found(extractor, "8800123456") == {("order_no", "8800123456", "8800123456")}
    assert found(extractor, "打八折吗") == found(extractor, "") == found(extractor, "😀\n\t") == set()
    for hostile in (
        "3" * 3000,
        "10月" * 900,
        "一千" * 900,
        "上" * 3000,
        "a@" * 900,
        "\u202e\u200b" * 50,
        "İ" * 40 + "1500元",
    ):
        found(extractor, hostile)


def our_words_stay_whole() -> None:
    settings = load()
    words = words_of(settings.dictionary, settings.pack_dir)
    assert len(words) > 100
    tokenizer = private_jieba(words, Path(tempfile.mkdtemp()))
    assert {"云杉升降桌", "气压杆"} <= set(tokenizer.cut("云杉升降桌的气压杆坏了"))
    component = ZhTokenizer({**ZhTokenizer.get_default_config()})
    tokens = component.tokenize(Message({"text": "聽竹人體工學椅能七天無理由退貨嗎"}), "text")
    assert "听竹人体工学椅" in [token.text for token in tokens]

    import jieba

    assert not jieba.dt.initialized or "云杉升降桌" not in jieba.dt.FREQ, "the process-wide tokenizer stays as it was"


if __name__ == "__main__":
    entities_are_found()
    our_words_stay_whole()
    print("OK")
