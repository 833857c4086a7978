"""Whom we ask, and what may be answered."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kernel.errors import Invalid, ZhikeError
from backend.surveys import rules
from backend.surveys.rules import Line
from tests.cast import NOW

CHIPS = {"good": ["态度好", "解决了"], "bad": ["等太久", "没解决"]}
ASKED = Line("customer", intent="ask_invoice")
ANSWER = Line("bot", script_key="invoice.how_to_issue", script_version_id="v1")
WELCOME = Line("bot", script_key="system.welcome", script_version_id="v0")
FALLBACK = Line("bot", script_key="system.fallback", script_version_id="v9")


def person(staff_id: str) -> Line:
    return Line("agent", staff_id=staff_id)


def asks(lines: list[Line], closed_by: str = "customer", holder: str | None = None) -> bool:
    return rules.worth_asking(rules.snapshot(lines, holder), closed_by)


def test_one_question_to_the_bot_is_not_enough_to_ask_about() -> None:
    assert not asks([WELCOME, ASKED, ANSWER])


def test_two_words_from_the_customer_are_worth_asking_about() -> None:
    assert asks([ASKED, ANSWER, ASKED, ANSWER])


def test_a_talk_with_a_person_is_always_worth_asking_about() -> None:
    assert asks([ASKED, person("linjia")], holder="linjia")


def test_nobody_is_asked_when_silence_followed_our_silence() -> None:
    assert not asks([WELCOME, ASKED, FALLBACK, ASKED, FALLBACK], closed_by="idle")
    assert asks([WELCOME, ASKED, FALLBACK, ASKED, ANSWER], closed_by="idle")


def test_a_greeting_before_the_question_is_no_answer_to_it() -> None:
    assert not rules.snapshot([ANSWER, ASKED], None).answered


def test_the_holder_is_rated_only_if_they_spoke_else_whoever_spoke_last() -> None:
    assert rules.snapshot([ASKED, person("linjia"), person("zhouyang")], "linjia").agent_id == "linjia"
    assert rules.snapshot([ASKED, person("linjia")], "zhouyang").agent_id == "linjia"
    assert rules.snapshot([ASKED, ANSWER], "zhouyang").agent_id is None


def test_the_snapshot_names_each_intent_and_version_once_in_order_of_use() -> None:
    talk = rules.snapshot([WELCOME, ASKED, ANSWER, ASKED, ANSWER, Line("customer", intent="thank")], None)
    assert talk.intents == ("ask_invoice", "thank")
    assert talk.script_version_ids == ("v0", "v1")


@pytest.mark.parametrize("score", [0, 6, -1, True, None, "5", 4.0])
def test_only_one_to_five_is_a_score(score: object) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_answer(score, [], None, CHIPS)
    assert refused.value.code == "bad_score" and "score" in refused.value.fields


def test_only_the_chips_that_were_offered_are_reasons() -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_answer(2, ["等太久", "太贵"], None, CHIPS)
    assert refused.value.code == "unknown_reason"
    assert rules.check_answer(2, ["等太久", "等太久", "解决了"], None, CHIPS).reasons == ("等太久", "解决了")


def test_a_comment_of_500_characters_is_kept_and_one_of_501_is_refused() -> None:
    assert rules.check_answer(5, [], "好" * 500, CHIPS).comment == "好" * 500
    with pytest.raises(Invalid) as refused:
        rules.check_answer(5, [], "好" * 501, CHIPS)
    assert refused.value.code == "comment_too_long" and "501" in refused.value.message


def test_an_empty_comment_is_no_comment_and_control_characters_go() -> None:
    assert rules.check_answer(5, [], " \x00\u202e ", CHIPS).comment is None
    assert rules.clean_comment("还行\x07\r\n<b>谢谢</b>\u202e") == "还行\n<b>谢谢</b>"


@given(st.text())
def test_every_comment_can_be_stored_and_cleaning_it_twice_changes_nothing(raw: str) -> None:
    once = rules.clean_comment(raw)
    once.encode("utf-8")
    assert rules.clean_comment(once) == once


def test_an_invitation_holds_for_72_hours_to_the_instant() -> None:
    expires = NOW + rules.VALID_FOR
    assert timedelta(hours=72) == rules.VALID_FOR
    rules.check_open(expires, expires - timedelta(microseconds=1))
    with pytest.raises(ZhikeError) as refused:
        rules.check_open(expires, expires)
    assert (refused.value.code, refused.value.status) == ("survey_expired", 410)


def test_one_and_two_are_low() -> None:
    assert [rules.thanks_key(score) for score in range(1, 6)] == ["survey.thanks_low"] * 2 + ["survey.thanks"] * 3


@pytest.mark.parametrize("broken", [{"labels": ["一"]}, {"reasons": {"good": []}}, {"question": ""}, {"version": "1"}])
def test_a_questionnaire_that_does_not_fit_is_named(broken: dict[str, object]) -> None:
    whole = {"key": "after_chat", "version": 1, "question": "满意吗？", "labels": list("一二三四五"),
             "reasons": CHIPS, "comment_prompt": "还想说"}
    rules.check_survey(whole)
    with pytest.raises((ValueError, TypeError), match="after_chat"):
        rules.check_survey(whole | broken)
