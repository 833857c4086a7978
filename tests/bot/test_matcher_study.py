"""What the pages may ask of the bot's matcher: limits, coded refusals, drafts compared with the live library."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.matcher import ScriptMatcher
from bot.scripts import ScriptCache, texts_of
from bot.study import MOST_TEXTS, MOST_TURNS, Refusal, Study, drafts_in, texts_in, turns_in
from bot.thresholds import Thresholds
from tests.bot.test_matcher import Letters

LIMITS = Thresholds(strong=0.6, fits=0.3)


def script(key: str, topic: str, asked: list[str], default: bool = False) -> dict[str, Any]:
    return {"key": key, "version": 1, "version_id": key, "topic": topic, "title": asked[0], "text": "好的",
            "examples": asked[1:], "default": default}  # fmt: skip


@pytest.fixture
def study() -> Study:
    cache = ScriptCache()
    cache.apply({"revision": 1, "scripts": [
        script("refund.default", "ask_refund", ["退款的事"], default=True),
        script("refund.when", "ask_refund", ["退款多久到账", "钱几天能退回来"]),
        script("invoice.how", "ask_invoice", ["发票怎么开", "在哪申请开票"]),
        script("system.fallback", "system", ["没听懂"]),
    ]})  # fmt: skip
    matcher = ScriptMatcher(Letters())
    matcher.rebuild(texts_of(cache.all()))
    return Study(Letters(), "letters", matcher, cache, LIMITS)


async def nobody(text: str) -> tuple[str, float]:
    raise AssertionError("the model was asked although the intent is known")


def rematch(study: Study, body: dict[str, Any], understand: Any = nobody) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = asyncio.run(study.rematch(body, understand))["turns"]
    return rows


def test_each_text_gets_one_unit_vector(study: Study) -> None:
    found = asyncio.run(study.embed({"texts": ["退款", "发票", "退款"] * 7}))
    assert (found["encoder"], found["dimension"], len(found["vectors"])) == ("letters", 64, 21)
    assert found["vectors"][0] == found["vectors"][2] != found["vectors"][1]
    assert sum(value * value for value in found["vectors"][0]) == pytest.approx(1.0, abs=1e-3)
    assert asyncio.run(study.embed({"texts": []}))["vectors"] == []


def test_a_draft_that_takes_a_question_over_is_seen_and_the_live_set_stays(study: Study) -> None:
    draft = {"key": "refund.card", "topic": "ask_refund", "title": "退到银行卡要几天", "examples": ["银行卡退款几天"]}
    turn = {"id": "1", "text": "退到银行卡要几天", "intent": "ask_refund", "confidence": 0.9}
    for _ in range(2):
        row = rematch(study, {"scripts": [draft], "turns": [turn]})[0]
        assert row["before"]["key"] != "refund.card"
        assert (row["after"]["key"], row["after"]["score"]) == ("refund.card", 1.0)


def test_a_removed_script_answers_no_more_and_the_topics_default_takes_its_place(study: Study) -> None:
    turn = {"id": "7", "text": "退款多久到账", "intent": "ask_refund", "confidence": 0.9}
    row = rematch(study, {"remove": ["refund.when"], "turns": [turn]})[0]
    assert row["id"] == "7" and row["before"]["key"] == "refund.when" and row["after"]["key"] == "refund.default"
    all_gone = rematch(study, {"remove": ["refund.when", "refund.default"], "turns": [turn]})[0]
    assert all_gone["after"] is None


def test_a_topic_that_only_a_draft_answers_gets_it_as_its_default(study: Study) -> None:
    draft = {"key": "privacy.how", "topic": "ask_privacy", "title": "信息怎么保护", "examples": []}
    turn = {"id": "1", "text": "别把我的电话给别人", "intent": "ask_privacy", "confidence": 0.9}
    row = rematch(study, {"scripts": [draft], "turns": [turn]})[0]
    assert row["before"] is None and row["after"]["key"] == "privacy.how"


def test_the_model_is_asked_where_a_turn_has_no_intent(study: Study) -> None:
    asked = []

    async def understand(text: str) -> tuple[str, float]:
        asked.append(text)
        return "ask_invoice", 0.8

    turns = [{"id": "a", "text": "/发票怎么开"}, {"id": "b", "text": "退款多久", "intent": "ask_refund"}]
    rows = rematch(study, {"turns": turns}, understand)
    assert asked == ["发票怎么开"]
    assert [row["before"]["key"] for row in rows] == ["invoice.how", "refund.when"]


def test_words_nobody_understood_are_answered_only_by_a_close_match(study: Study) -> None:
    turns = [
        {"id": "near", "text": "发票怎么开", "intent": "nlu_fallback", "confidence": 0.2},
        {"id": "far", "text": "月亮上有什么", "intent": "out_of_scope", "confidence": 0.9},
    ]
    near, far = rematch(study, {"turns": turns})
    assert near["before"]["key"] == near["after"]["key"] == "invoice.how"
    assert far["before"] is None and far["after"] is None


def test_other_work_goes_on_between_the_slices(study: Study) -> None:
    async def both() -> int:
        turns = [{"id": str(n), "text": f"退款{n}", "intent": "ask_refund"} for n in range(120)]
        task = asyncio.ensure_future(study.rematch({"turns": turns}, nobody))
        ticks = 0
        while not task.done():
            ticks += 1
            await asyncio.sleep(0)
        assert len(task.result()["turns"]) == 120
        return ticks

    assert asyncio.run(both()) > 15


def test_a_matcher_without_scripts_yet_says_so() -> None:
    empty = Study(Letters(), "letters", ScriptMatcher(Letters()), ScriptCache(), LIMITS)
    with pytest.raises(Refusal) as caught:
        rematch(empty, {"turns": []})
    assert (caught.value.status, caught.value.code) == (503, "scripts_not_ready")


@pytest.mark.parametrize(
    ("read", "body", "code"),
    [
        (texts_in, None, "bad_texts"),
        (texts_in, {"texts": "退款"}, "bad_texts"),
        (texts_in, {"texts": [1]}, "bad_texts"),
        (texts_in, {"texts": ["a"] * (MOST_TEXTS + 1)}, "too_many_texts"),
        (turns_in, [], "bad_turns"),
        (turns_in, {"turns": [{"id": "1"}]}, "bad_turns"),
        (turns_in, {"turns": [{"id": "1", "text": "a"}] * (MOST_TURNS + 1)}, "too_many_turns"),
        (drafts_in, {"scripts": ["x"]}, "bad_scripts"),
        (drafts_in, {"scripts": [{"key": "a", "examples": "退款"}]}, "bad_scripts"),
        (drafts_in, {"scripts": [{"key": "a", "examples": ["退"] * 500}]}, "too_many_questions"),
        (drafts_in, {"remove": [1]}, "bad_remove"),
        (drafts_in, {"remove": {}}, "bad_remove"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_by_code(read: Any, body: Any, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(body)
    assert (caught.value.status, caught.value.code) == (422, code)
