"""Taking a complaint back in the chat: what counts as yes, and what the action says in every state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.context import Context, Reading, interpret, must_ask_again, pressed
from bot.short_answers import Answer
from bot.withdrawing import answer_to_withdrawal, chooses
from tests.bot.own_python import checked

ASKED = Context(said_last="complaint.withdraw_confirm")

YES = (
    "确定撤回", "确定", "撤", "撤吧", "撤了吧", "撤掉", "撤回", "对，撤回", "是的", "好的", "嗯", "可以", "没错", "OK", "确认", "不投诉了",
    "我不投诉了", "算了，撤吧", "取消投诉", "取消这个投诉吧", "肯定", "👌", "是的，撤销", "要得", "嗯嗯撤了", "帮我撤了，谢谢", "不追究了",
)  # fmt: skip
NO = (
    "不撤了", "不撤", "先不撤", "别撤", "还是别撤了", "不要撤回", "不用撤", "我没说要撤", "不想撤了", "不行", "不对", "不", "取消", "算了",
    "等一下", "等等", "我再想想", "再考虑考虑", "保留吧", "继续处理", "还是要投诉", "点错了", "按错了", "确定不撤", "不确定", "❌", "暂时不",
    "不要取消投诉", "唔撤", "撤错了",
)  # fmt: skip
NEITHER = (
    "撤回了还能再投诉吗", "会不会影响退款", "撤回后多久能恢复？", "发票怎么开", "转人工", "哪一件", "什么意思", "如果我撤了呢", "？", "😀",
    "你们上次说好给我换新的桌板到现在也没有人联系我", "已经解决了", "订单到哪了", "HM260917-3382", "撤回的话还退钱不",
)  # fmt: skip


@pytest.mark.parametrize("text", YES)
def test_a_plain_yes_withdraws(text: str) -> None:
    assert answer_to_withdrawal(text) is Answer.YES
    assert interpret(text, ASKED) == Reading("withdraw_complaint", action="confirm")


@pytest.mark.parametrize("text", NO)
def test_a_no_or_a_pause_keeps_the_complaint(text: str) -> None:
    assert answer_to_withdrawal(text) is Answer.NO
    assert interpret(text, ASKED) == Reading("withdraw_complaint", action="cancel")


@pytest.mark.parametrize("text", NEITHER)
def test_anything_else_is_a_matter_of_its_own(text: str) -> None:
    assert answer_to_withdrawal(text) is Answer.OTHER
    assert interpret(text, ASKED) is None


@pytest.mark.parametrize("text", ["撤", "撤了吧", "不投诉了", "确定"])
def test_without_the_question_the_same_words_withdraw_nothing(text: str) -> None:
    for context in (Context(), Context(said_last="invoice.how_to_issue"), Context(said_last="complaint.withdrawn")):
        assert interpret(text, context) is None
        assert pressed("confirm", "确认提交", context) is None
        assert pressed("confirm", "确定撤回", context) == Reading("withdraw_complaint"), "asked again, not done"


def test_a_button_under_the_question_answers_it_and_under_anything_else_means_what_it_says() -> None:
    assert pressed("confirm", "确定撤回", ASKED) == Reading("withdraw_complaint", action="confirm")
    assert pressed("cancel", "不撤了", ASKED) == Reading("withdraw_complaint", action="cancel")
    assert pressed("request_human", "转人工", ASKED) is None
    in_form = Context(said_last="complaint.withdraw_confirm", form="complaint_form", asked="complaint_confirmed")
    assert pressed("confirm", "确定撤回", in_form) is None


def test_something_like_a_yes_is_asked_once_more() -> None:
    assert must_ask_again("affirm", ASKED) and must_ask_again("deny", ASKED)
    assert not must_ask_again("ask_refund", ASKED) and not must_ask_again("affirm", Context(said_last="chat.greet"))


@pytest.mark.parametrize("text", ["第二件", "第2个", "2", "一", "撤第三件吧", "就第一个", "第一个那件", "都撤了", "撤第二个"])
def test_which_of_several_is_said_in_many_ways(text: str) -> None:
    assert chooses(text)
    assert interpret(text, Context(said_last="complaint.withdraw_which")) == Reading("withdraw_complaint")


@pytest.mark.parametrize(("text", "reading"), [("算了", Reading("deny")), ("都不撤", Reading("deny")), ("发票怎么开", None)])
def test_the_question_which_may_be_dropped(text: str, reading: Reading | None) -> None:
    assert not chooses(text)
    assert interpret(text, Context(said_last="complaint.withdraw_which")) == reading


@given(st.text(max_size=60))
def test_whatever_is_typed_only_words_of_withdrawing_or_of_yes_withdraw(text: str) -> None:
    if answer_to_withdrawal(text) is Answer.YES:
        assert len(text.strip()) < 40 and "吗" not in text and "?" not in text


def test_the_action_says_the_truth_in_every_state() -> None:
    """In the bot's own environment, on a backend that answers as ours does."""
    checked("withdraw_check")
