"""The complaint form as an annoyed customer on a phone meets it: real bot, real actions, fake backend."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bot.conftest import Customer, keys
from tests.bot.fake_backend import FakeBackend

pytestmark = pytest.mark.usefixtures("programs")


def filed_by(customer: Customer, backend: FakeBackend) -> dict[str, Any]:
    (row,) = [row for row in backend.filed.values() if row["conversation_id"] == customer.sender]
    return row


def test_a_sentence_that_says_it_all_is_asked_for_the_contact_only(customer: Customer, backend: FakeBackend) -> None:
    sentence = "我要投诉,订单123456的快递员骂人,要求道歉"
    assert keys(customer.say(sentence)) == ["complaint.ask_contact"]
    (card,) = customer.say("13800001111")
    assert card["script"]["key"] == "complaint.confirm"
    assert card["variables"] == {
        "description": "订单123456的快递员骂人",
        "remedy": "道歉",
        "order_no": "123456",
        "contact_masked": "138****1111",
    }
    assert keys(customer.say("没错，提交吧"))[0] == "complaint.filed"
    row = filed_by(customer, backend)
    assert (row["order_no"], row["remedy"], row["contact"]) == ("123456", "道歉", "13800001111")


def test_with_the_contact_in_the_sentence_nothing_is_asked_at_all(customer: Customer) -> None:
    text = "投诉!!!订单hm260917-3382少发一箱,问了五遍没人理,赶紧给我补发 +86 13800006666"
    (card,) = customer.say(text)
    assert card["script"]["key"] == "complaint.confirm"
    assert card["variables"]["order_no"] == "HM260917-3382"
    assert card["variables"]["remedy"] == "补发"
    assert card["variables"]["contact_masked"] == "138****6666"


def test_traditional_characters_fill_the_form_as_well(customer: Customer) -> None:
    assert keys(customer.say("我要投訴,訂單HM260917-3382的送貨員罵人,要求道歉")) == ["complaint.ask_contact"]


def test_two_answers_in_one_message_fill_both(customer: Customer) -> None:
    customer.say("我要投诉")
    customer.say("书桌桌面开裂，客服一直不理")
    assert keys(customer.say("退货退款，订单号HM260917-3382")) == ["complaint.ask_contact"]
    (card,) = customer.say("13912348000")
    assert card["variables"]["remedy"] == "退货退款"
    assert card["variables"]["order_no"] == "HM260917-3382"


def test_no_number_and_a_phone_in_one_message_fill_both(customer: Customer) -> None:
    customer.say("我要投诉")
    customer.say("书桌桌面开裂，客服一直不理")
    customer.say("换一张新的")
    (card,) = customer.say("没有订单号，电话13912348000")
    assert card["script"]["key"] == "complaint.confirm"
    assert card["variables"]["order_no"] == "无"


def test_an_order_just_asked_about_is_not_asked_again(customer: Customer) -> None:
    customer.say("订单HM260917-3382到哪了")
    assert keys(customer.say("我要投诉，你们快递员骂人，要求道歉")) == ["complaint.ask_contact"]
    (card,) = customer.say("13912348000")
    assert card["variables"]["order_no"] == "HM260917-3382", "repeated back, so that it can be put right"


def test_going_back_asks_the_question_before(customer: Customer) -> None:
    customer.say("我要投诉")
    customer.say("书桌桌面开裂，客服一直不理")
    assert keys(customer.say("换一张新的")) == ["complaint.ask_order_no"]
    assert keys(customer.say("上一步")) == ["complaint.ask_remedy"]
    assert keys(customer.say("退货退款")) == ["complaint.ask_order_no"]
    customer.say("没有")
    (card,) = customer.say("13912348000")
    assert card["variables"]["remedy"] == "退货退款"


@pytest.mark.parametrize(
    ("correction", "variable", "value"),
    [
        ("不对，电话是13888887777", "contact_masked", "138****7777"),
        ("订单号写错了，应该是HM260920-1107", "order_no", "HM260920-1107"),
        ("诉求改成全额退款", "remedy", "全额退款"),
        ("诉求加一条，书面道歉", "remedy", "换一张新的，书面道歉"),
        ("不是客服不理，是师傅不理", "description", "书桌桌面开裂，客服一直不理；不是客服不理，是师傅不理"),
        ("座机吧，010-62345678", "contact_masked", "010****5678"),
    ],
)
def test_a_correction_changes_one_field_and_repeats_all(
    customer: Customer, correction: str, variable: str, value: str
) -> None:
    customer.say("我要投诉")
    customer.say("书桌桌面开裂，客服一直不理")
    customer.say("换一张新的")
    customer.say("没有")
    (before,) = customer.say("13912348000")
    (after,) = customer.say(correction)
    assert after["script"]["key"] == "complaint.confirm"
    assert after["variables"] == {**before["variables"], variable: value}


def test_an_order_number_that_is_twice_no_number_is_left_out(customer: Customer) -> None:
    customer.say("我要投诉")
    customer.say("书桌桌面开裂，客服一直不理")
    customer.say("换一张新的")
    assert keys(customer.say("尾号3382")) == ["complaint.bad_order_no"]
    assert keys(customer.say("就是3382那单")) == ["complaint.ask_contact"]


def test_a_contact_that_cannot_be_reached_is_asked_in_other_words(customer: Customer) -> None:
    customer.say("我要投诉，快递员骂人，要求道歉，没有订单号")
    assert keys(customer.say("1391234")) == ["complaint.contact_too_short"]
    assert keys(customer.say("加我微信吧")) == ["complaint.bad_contact"]
    assert keys(customer.say("(010)62345678")) == ["complaint.confirm"]


def test_a_question_and_then_the_answer_go_on_with_the_form(customer: Customer) -> None:
    assert keys(customer.say("我要投诉，快递员骂人，要求道歉，没有订单号")) == ["complaint.ask_contact"]
    said = keys(customer.say("退款一般几天到账？"))
    assert said[-2:] == ["complaint.resume", "complaint.ask_contact"]
    assert keys(customer.say("13912348000")) == ["complaint.confirm"]


@pytest.mark.parametrize("words", ["算了", "不投诉了", "刚刚快递员道歉了,不投诉了", "下次再说吧", "8投诉了"])
def test_leaving_in_other_words_files_nothing(customer: Customer, backend: FakeBackend, words: str) -> None:
    customer.say("我要投诉，快递员骂人，要求道歉，没有订单号")
    assert keys(customer.say(words)) == ["complaint.cancelled"]
    assert not [row for row in backend.filed.values() if row["conversation_id"] == customer.sender]
    assert keys(customer.say("我要投诉")) == ["complaint.ask_description"], "nothing is left of the first"


SAID_TWICE = "我要投诉，订单HM260917-3382的送货员骂人，要求道歉，电话13800002222"


def file_the_same_again(customer: Customer) -> dict[str, Any]:
    customer.say(SAID_TWICE)
    assert keys(customer.say("确认提交"))[0] == "complaint.filed"
    customer.say(SAID_TWICE)
    (asked,) = customer.say("确认提交")
    assert asked["script"]["key"] == "complaint.known_already"
    assert asked["variables"]["complaint_no"].startswith("TS2026") and asked["variables"]["complaint_stage"] == "已登记"
    return asked


def test_the_same_complaint_told_again_is_added_to_the_one_that_stands(customer: Customer, backend: FakeBackend) -> None:
    number = file_the_same_again(customer)["variables"]["complaint_no"]
    assert keys(customer.say("是同一件")) == ["complaint.supplemented"]
    assert (number, "订单HM260917-3382的送货员骂人，电话13800002222") in backend.supplements
    assert filed_by(customer, backend)["number"] == number


def test_another_matter_in_the_same_words_is_filed_all_the_same(customer: Customer, backend: FakeBackend) -> None:
    file_the_same_again(customer)
    assert keys(customer.say("不是同一件，是另外一单"))[0] == "complaint.filed"
    assert len([row for row in backend.filed.values() if row["conversation_id"] == customer.sender]) == 2
