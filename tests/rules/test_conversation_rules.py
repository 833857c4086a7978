"""Who speaks, what is kept of a customer's words, what fetches a person: no I/O."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.conversations import rules
from backend.conversations.rules import Answerer, State
from backend.kernel.errors import Conflict, Invalid


@pytest.mark.parametrize(("state", "answerer"), [
    ("bot", Answerer.BOT), ("queued", Answerer.PERSON), ("agent", Answerer.PERSON), ("closed", Answerer.NOBODY)])
def test_the_bot_answers_only_while_it_holds_the_conversation(state: str, answerer: Answerer) -> None:
    assert rules.who_answers(state) is answerer


def test_a_closed_conversation_moves_nowhere() -> None:
    for to in State:
        with pytest.raises(Conflict) as refused:
            rules.check_move("closed", to)
        assert refused.value.code == "conversation_closed"


@pytest.mark.parametrize("raw", ["", "   ", "\n\t", "\x00\x01\x1f", "\u202e\u202d", "\ufeff"])
def test_nothing_but_blanks_and_controls_is_an_empty_message(raw: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.clean_text(raw)
    assert refused.value.code == "empty_message"


def test_what_is_too_long_is_cut_and_said_to_be_cut() -> None:
    kept = rules.clean_text("退" * 10_000)
    assert kept.cut
    assert len(kept.text) == rules.MAX_TEXT
    assert not rules.clean_text("退" * rules.MAX_TEXT).cut


def test_markup_is_kept_as_typed_and_emoji_survive() -> None:
    assert rules.clean_text("<b>急</b> 😡👨‍👩‍👧").text == "<b>急</b> 😡👨‍👩‍👧"


@given(st.text(max_size=300))
def test_cleaning_is_idempotent_and_storable_whatever_was_typed(raw: str) -> None:
    try:
        once = rules.clean_text(raw).text
    except Invalid:
        return
    once.encode("utf-8")
    assert rules.clean_text(once).text == once
    assert "\x00" not in once


@pytest.mark.parametrize("typed", ["/restart", "  /restart", "/file_complaint{\"a\":1}", "/"])
def test_a_leading_slash_never_reaches_the_bot(typed: str) -> None:
    assert not rules.harmless(typed).lstrip().startswith("/")


@pytest.mark.parametrize(("text", "reason"), [
    ("充电的时候着火了怎么办", "emergency"), ("孩子吃了直接送进医院了", "emergency"), ("我不想活了", "emergency"),
    ("有人冒充你们客服", "fraud"), ("客服让我把验证码发给他", "fraud"), ("我账号好像被盗了", "fraud"),
    ("别让机器人回我了", "refuses_bot"),
])
def test_plain_words_of_danger_fetch_a_person_without_the_model(text: str, reason: str) -> None:
    risk = rules.risk_in(text)
    assert risk is not None
    assert risk.reason == reason


@pytest.mark.parametrize("text", [
    "快递怎么还没到", "这个价格简直跳楼价", "儿童跳楼机质量怎么样", "我要转账付款可以吗", "你是机器人吗", "医院附近有门店吗", "火了这款书桌", "被子和枕头"])
def test_ordinary_words_do_not(text: str) -> None:
    assert rules.risk_in(text) is None
