"""A complaint taken back in the chat: real bot, real actions, fake backend."""

from __future__ import annotations

import pytest

from tests.bot.conftest import Customer, keys
from tests.bot.fake_backend import FakeBackend

pytestmark = pytest.mark.usefixtures("programs")


@pytest.fixture
def number(customer: Customer, backend: FakeBackend) -> str:
    """One complaint, filed in this conversation."""
    customer.say("我要投诉，订单HM260917-3382的送货员骂人，要求道歉，电话13800002222")
    assert keys(customer.say("确认提交"))[0] == "complaint.filed"
    (row,) = [row for row in backend.filed.values() if row["conversation_id"] == customer.sender]
    return str(row["number"])


@pytest.mark.parametrize("want", ["我要撤回投诉", "撤诉", "投诉能撤销吗", "不投诉了"])
def test_the_complaint_is_named_and_only_a_yes_withdraws_it(
    customer: Customer, backend: FakeBackend, number: str, want: str
) -> None:
    (asked,) = customer.say(want)
    assert asked["script"]["key"] == "complaint.withdraw_confirm"
    assert asked["variables"]["complaint_no"] == number and "送货员骂人" in asked["variables"]["description"]
    assert [button["action"] for button in asked["buttons"]] == ["confirm", "cancel"]
    assert number not in backend.withdrawn
    (done,) = customer.say("确定撤回")
    assert (done["script"]["key"], done["variables"]["complaint_no"]) == ("complaint.withdrawn", number)
    assert backend.withdrawn.count(number) == 1
    assert keys(customer.say("撤回投诉")) == ["complaint.withdrawn_already"]


@pytest.mark.parametrize("yes", ["好的", "撤吧", "不投诉了", "嗯"])
def test_yes_may_be_typed(customer: Customer, backend: FakeBackend, number: str, yes: str) -> None:
    customer.say("撤回投诉")
    assert keys(customer.say(yes)) == ["complaint.withdrawn"]
    assert number in backend.withdrawn


def test_the_buttons_answer_the_question(customer: Customer, backend: FakeBackend, number: str) -> None:
    customer.say("撤回投诉")
    assert keys(customer.press("cancel", "不撤了")) == ["complaint.withdraw_kept"]
    assert number not in backend.withdrawn
    customer.say("撤回投诉")
    assert keys(customer.press("confirm", "确定撤回")) == ["complaint.withdrawn"]
    assert number in backend.withdrawn


@pytest.mark.parametrize("no", ["不撤了", "算了", "我再想想", "先不撤了"])
def test_no_keeps_it(customer: Customer, backend: FakeBackend, number: str, no: str) -> None:
    customer.say("撤回投诉")
    (kept,) = customer.say(no)
    assert (kept["script"]["key"], kept["variables"]["complaint_no"]) == ("complaint.withdraw_kept", number)
    assert number not in backend.withdrawn


def test_another_topic_drops_the_question_and_a_late_yes_withdraws_nothing(
    customer: Customer, backend: FakeBackend, number: str
) -> None:
    customer.say("撤回投诉")
    assert keys(customer.say("发票怎么开")) == ["invoice.how_to_issue"]
    assert not [key for key in keys(customer.say("好的")) if key.startswith("complaint.")]
    assert keys(customer.say(number)) == ["complaint.progress"]
    assert number not in backend.withdrawn


def test_the_button_pressed_late_puts_the_question_again(customer: Customer, backend: FakeBackend, number: str) -> None:
    customer.say("撤回投诉")
    customer.say("发票怎么开")
    assert keys(customer.press("confirm", "确定撤回")) == ["complaint.withdraw_confirm"]
    assert number not in backend.withdrawn
    assert keys(customer.press("confirm", "确定撤回")) == ["complaint.withdrawn"]


def test_what_the_house_said_since_drops_the_question_too(customer: Customer, backend: FakeBackend, number: str) -> None:
    customer.say("撤回投诉")
    assert "complaint.withdrawn" not in keys(customer.say("好的", said_last="complaint.stage_acknowledged"))
    assert number not in backend.withdrawn


def test_of_two_open_complaints_it_asks_which(customer: Customer, backend: FakeBackend, number: str) -> None:
    customer.say("我要投诉，订单HM260920-1107的书架少了两块板，要求补发，电话13800002222")
    assert keys(customer.say("确认提交"))[0] == "complaint.filed"
    (which,) = customer.say("撤回投诉")
    assert which["script"]["key"] == "complaint.withdraw_which" and number in which["variables"]["options"]
    (asked,) = customer.say("第二件")
    assert asked["variables"]["complaint_no"] == number, "the newest stands first"
    customer.say("不撤了")
    customer.say("撤回投诉")
    (asked,) = customer.say(number)
    assert (asked["script"]["key"], asked["variables"]["complaint_no"]) == ("complaint.withdraw_confirm", number)
    assert keys(customer.say("是的")) == ["complaint.withdrawn"]
    assert backend.withdrawn[-1] == number


def test_the_draft_that_could_not_be_filed_does_not_swallow_the_yes(customer: Customer, backend: FakeBackend, number: str) -> None:
    """The rule 'Confirming again files the draft' hears affirm; this yes is none."""
    backend.refuse_filing = True
    customer.say("我要投诉，订单HM260920-1107的书架少了两块板，要求补发，电话13800002222")
    assert keys(customer.say("确认提交"))[0] == "complaint.file_failed"
    customer.say("撤回投诉")
    assert keys(customer.say("好的")) == ["complaint.withdrawn"]
    assert number in backend.withdrawn


def test_without_the_backend_a_person_comes(customer: Customer, backend: FakeBackend, number: str) -> None:
    customer.say("撤回投诉")
    backend.down = True
    assert keys(customer.say("确定撤回")) == ["handoff:only_a_person"]
    backend.down = False
    assert number not in backend.withdrawn
