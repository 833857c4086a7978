"""Who speaks, and what is kept of a customer's words: no I/O."""

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
