"""Text, rendering, the choice of a script, the script cache: the bot's parts that need no Rasa."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answers import OFFERS_PERSON, Candidate, Choice, Second, choose, failures_before, last_said, rescued
from bot.render import render, wanted
from bot.scripts import Script, ScriptCache, texts_of
from bot.text import for_encoder, has_meaning, neutralise, normalise, same_length_width
from bot.thresholds import Thresholds


@pytest.mark.parametrize(
    "text",
    ["/restart", "／restart", " /restart", "//restart", "\u200b/restart", "/ /restart", '\t/file_complaint{"a":1}'],
)
def test_typed_text_never_starts_with_a_command(text: str) -> None:
    assert not neutralise(text).startswith(("/", "／"))


@given(st.text(max_size=200))
def test_nothing_typed_survives_as_a_command(text: str) -> None:
    assert not neutralise(text).startswith(("/", "／", " "))


@given(st.text(max_size=200))
def test_width_folding_moves_no_offset(text: str) -> None:
    assert len(same_length_width(text)) == len(text)


def test_the_same_want_typed_differently_looks_the_same() -> None:
    assert normalise("ＨＭ２６ 在吗？？？？") == normalise("hm26 在吗??")
    assert normalise("好好好好好的") == normalise("好好好的")


def test_a_long_text_is_embedded_by_head_and_tail() -> None:
    text = "头" * 500 + "我要退货"
    assert len(for_encoder(text)) == 96
    assert for_encoder(text).endswith("我要退货")


def test_emoji_and_punctuation_say_nothing() -> None:
    assert not has_meaning("😀😀！！…")
    assert has_meaning("好😀")


def test_a_missing_variable_leaves_no_brace() -> None:
    assert render("编号 {complaint_no}，{nothing}。", {"complaint_no": "TS1"}) == "编号 TS1，。"
    assert wanted("{a_b} {c} {a_b}") == ["a_b", "c"]


REFUND, INVOICE = "ask_refund", "ask_invoice"


LIMITS = Thresholds()


def test_the_matcher_picks_within_the_intents_topic() -> None:
    within = [Candidate("refund.when", REFUND, 0.6)]
    assert choose(REFUND, 0.9, within, within, "refund.default", LIMITS) == Choice("refund.when", 0.6)


def test_a_poor_match_gives_the_topics_default() -> None:
    within = [Candidate("refund.when", REFUND, 0.2)]
    assert choose(REFUND, 0.9, within, within, "refund.default", LIMITS) == Choice("refund.default", 0.2, by_default=True)


def test_the_default_script_that_fits_by_its_own_questions_is_no_makeshift() -> None:
    within = [Candidate("refund.default", REFUND, 0.5)]
    assert choose(REFUND, 0.9, within, within, "refund.default", LIMITS) == Choice("refund.default", 0.5)


def test_a_strong_match_overrules_only_an_unsure_intent() -> None:
    within, overall = [Candidate("refund.when", REFUND, 0.3)], [Candidate("invoice.how", INVOICE, 0.9)]
    assert choose(REFUND, 0.4, within, overall, None, LIMITS).key == "invoice.how"
    assert choose(REFUND, 0.95, within, overall, "refund.default", LIMITS).key == "refund.default"


def test_a_topic_without_scripts_is_not_answered() -> None:
    assert choose("ask_privacy", 0.9, [], [], None, LIMITS) == Choice()


def test_two_scripts_that_fit_alike_are_offered_by_title_and_no_more_than_three() -> None:
    within = [Candidate(f"refund.{n}", REFUND, 0.55 - n / 100) for n in range(5)]
    found = choose(REFUND, 0.9, within, within, "refund.default", LIMITS)
    assert found.key is None
    assert found.options == ("refund.0", "refund.1", "refund.2")
    silent = choose(REFUND, 0.9, within, within, "refund.default", LIMITS, may_ask=False)
    assert silent.key == "refund.0", "inside a form nobody is asked to choose"


def test_a_clear_lead_or_nearly_the_stored_words_is_no_tie() -> None:
    ahead = [Candidate("refund.when", REFUND, 0.6), Candidate("refund.where", REFUND, 0.5)]
    assert choose(REFUND, 0.9, ahead, ahead, None, LIMITS).key == "refund.when"
    exact = [Candidate("refund.when", REFUND, 0.9), Candidate("refund.where", REFUND, 0.88)]
    assert choose(REFUND, 0.9, exact, exact, None, LIMITS).key == "refund.when"


def test_a_torn_classifier_and_a_matcher_that_disagrees_ask_back() -> None:
    within = [Candidate("refund.when", REFUND, 0.45)]
    overall = [Candidate("invoice.how", INVOICE, 0.55), *within]
    second = Second(INVOICE, 0.4, overall[0])
    assert choose(REFUND, 0.45, within, overall, None, LIMITS, second).options == ("refund.when", "invoice.how")
    assert choose(REFUND, 0.8, within, overall, None, LIMITS, second).key == "refund.when", "a sure one is not torn"
    agreeing = choose(REFUND, 0.45, within, within, None, LIMITS, second)
    assert agreeing.key == "refund.when", "agreement answers at once"


def test_words_of_a_stored_question_rescue_a_message_that_was_not_understood() -> None:
    assert rescued([Candidate("a", REFUND, 0.8)], LIMITS).key == "a"
    assert rescued([Candidate("a", REFUND, 0.5), Candidate("b", INVOICE, 0.3)], LIMITS) == Choice(options=("a",))
    assert rescued([Candidate("a", REFUND, 0.3)], LIMITS) == Choice()


def _turn(*failed: bool) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for one in failed:
        script = {"key": "system.fallback" if one else "x"}
        events += [{"event": "user"}, {"event": "bot", "metadata": {"not_understood": one, "script": script}}]
    return [*events, {"event": "user"}]


def test_failures_count_in_a_row_and_start_anew_after_an_answer() -> None:
    assert failures_before(_turn()) == 0
    assert failures_before(_turn(True)) == 1
    assert failures_before(_turn(True, True)) == 2
    assert failures_before(_turn(True, False, True)) == 1
    assert failures_before(_turn(True, True, False)) == 0


def test_asking_back_neither_ends_nor_lengthens_a_row_of_failures() -> None:
    asked = [{"event": "user"}, {"event": "bot", "metadata": {"options": ["a"], "script": {"key": "system.choose_one"}}}]
    assert failures_before([*_turn(True)[:-1], *asked, {"event": "user"}]) == 1
    assert failures_before([*_turn(False)[:-1], *asked, {"event": "user"}]) == 0


def test_the_last_script_tells_what_yes_means() -> None:
    assert last_said(_turn(True)) == "system.fallback"
    assert last_said([{"event": "user"}]) is None
    assert "risk.anger_offer" in OFFERS_PERSON


def _feed(revision: int = 1, text: str = "旧", **more: Any) -> dict[str, Any]:
    row = {
        "key": "invoice.how",
        "version": revision,
        "version_id": "v",
        "topic": INVOICE,
        "title": "开发票",
        "text": text,
    }
    return {"revision": revision, "as_of": "", "settings": {"shop_name": "禾木家居"}, "scripts": [{**row, **more}]}


def test_an_unchanged_feed_confirms_and_changes_nothing() -> None:
    cache = ScriptCache()
    cache.apply(_feed(), now=100.0)
    assert cache.apply({"revision": 1, "unchanged": True}, now=200.0) is False
    assert cache.age_seconds(now=205.0) == 5.0


def test_a_broken_feed_leaves_the_approved_set_as_it_was() -> None:
    cache = ScriptCache()
    cache.apply(_feed())
    for broken in ({"revision": 2}, {"revision": 2, "scripts": [{"key": "x"}]}, {"revision": "?", "scripts": []}):
        with pytest.raises((KeyError, ValueError)):
            cache.apply(broken)
    script = cache.get("invoice.how")
    assert script is not None and script.text == "旧"


def test_the_copy_on_disk_survives_a_restart_with_its_age(tmp_path: Path) -> None:
    file = tmp_path / "bot" / "scripts.json"
    cache = ScriptCache(file=file)
    cache.apply(_feed(), now=time.time() - 3600)
    cache.save(_feed())
    again = ScriptCache(file=file, max_age_seconds=7200)
    assert again.restore()
    assert again.get("invoice.how") is not None
    assert 3590 < (again.age_seconds() or 0) < 3700
    assert not again.is_stale()
    assert again.is_stale(now=time.time() + 7200)


def test_a_damaged_copy_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "scripts.json"
    for content in ("{", json.dumps({"feed": {}}), json.dumps([1])):
        file.write_text(content)
        assert ScriptCache(file=file).restore() is False


def test_a_channels_own_text_goes_before_the_general_one() -> None:
    cache = ScriptCache()
    feed = _feed()
    feed["scripts"].append({**feed["scripts"][0], "channel": "wechat", "text": "微信"})
    cache.apply(feed)
    assert cache.get("invoice.how", "wechat").text == "微信"  # type: ignore[union-attr]
    assert cache.get("invoice.how", "web").text == "旧"  # type: ignore[union-attr]


def test_what_forms_say_is_never_matched_to_a_question() -> None:
    form = Script("complaint.confirm", 1, "v", "system", "复述", "…", examples=("确认",))
    answer = Script("invoice.how", 1, "v", INVOICE, "开发票", "…", examples=("发票怎么开",))
    assert texts_of([form, answer]) == [("invoice.how", INVOICE, ["开发票", "发票怎么开"])]
