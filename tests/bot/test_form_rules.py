"""What a sentence means to the complaint form: pure rules, no Rasa."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.numbers import find_complaint_no, find_contact, find_last4, find_order_no, mask_contact
from actions.parsing import Said, supplements_something, wants_own_order
from actions.replies import is_cancel, is_no, is_skip, is_yes
from actions.slots import (
    CONFIRMED,
    CONTACT,
    DESCRIPTION,
    ORDER_NO,
    REMEDY,
    SKIPPED,
    STEPS,
    answered_in_between,
    next_step,
    start,
)
from actions.wishes import find_remedy, tells_something

FULL: dict[str, Any] = {
    DESCRIPTION: "快递员骂人",
    REMEDY: "道歉",
    ORDER_NO: "HM260917-3382",
    CONTACT: "13912348000",
    "complaint_editing": None,
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("13912348000", "13912348000"),
        ("电话 139-1234-8000 谢谢", "13912348000"),
        ("+86 139 1234 8000", "13912348000"),
        ("１３９１２３４８０００", "13912348000"),
        ("邮箱Zhang.San@example.com", "zhang.san@example.com"),
        ("021-55667788", "021-55667788"),
        ("1391234800", None),
        ("139123480001", None),
        ("12345678901", None),
        ("zhang@example", None),
        ("没有", None),
    ],
)
def test_a_contact_is_a_chinese_phone_or_an_email(text: str, found: str | None) -> None:
    assert find_contact(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("HM260917-3382", "HM260917-3382"),
        ("hm2609173382", "HM260917-3382"),
        ("260917-3382", "HM260917-3382"),
        ("2609173382", "HM260917-3382"),
        ("订单号是ＨＭ２６０９１７－３３８２", "HM260917-3382"),
        ("我的订单123456的快递员", "123456"),
        ("JD20991234567", "JD20991234567"),
        ("13912348000", None),
        ("a@b1234567.com", None),
        ("没有订单号", None),
        ("12号下的单", None),
    ],
)
def test_an_order_number_is_read_in_any_of_its_spellings(text: str, found: str | None) -> None:
    assert find_order_no(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("TS20260924-0017", "TS20260924-0017"),
        ("编号ts202609240017", "TS20260924-0017"),
        ("20260924-0017", "TS20260924-0017"),
        ("0017", None),
    ],
)
def test_a_complaint_number_may_lack_its_letters_and_dash(text: str, found: str | None) -> None:
    assert find_complaint_no(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("8000", "8000"),
        ("尾号是8000", "8000"),
        ("13912348000", "8000"),
        ("TS20260924-0017，尾号8000", "8000"),
        ("TS20260924-0017", None),
    ],
)
def test_the_last_four_digits_may_come_alone_or_within_the_number(text: str, found: str | None) -> None:
    assert find_last4(text) == found


def test_a_contact_is_repeated_back_masked() -> None:
    assert mask_contact("13912348000") == "139****8000"
    assert mask_contact("zhang@example.com") == "z***@example.com"


@pytest.mark.parametrize("text", ["我要投诉", "我要投诉！！", "你好，我想投诉一下", "投诉", "我要投诉你们", "怎么投诉"])
def test_only_wanting_to_complain_is_no_description(text: str) -> None:
    assert not tells_something(text)


@pytest.mark.parametrize(
    ("text", "facts"),
    [("你们快递员骂人，必须处理", "你们快递员骂人，必须处理"), ("我要投诉，床板断了", "床板断了"),
     ("书桌少了四颗螺丝我要投诉", "书桌少了四颗螺丝我要投诉")],
)  # fmt: skip
def test_a_first_sentence_that_tells_what_happened_is_the_description(text: str, facts: str) -> None:
    step = start(Said(text, "file_complaint", 0.9), {})
    assert step.slots[DESCRIPTION] == facts


def test_one_full_sentence_is_not_asked_twice() -> None:
    step = start(Said("我要投诉,订单123456的快递员骂人,要求道歉", "file_complaint", 0.9), {})
    assert step.slots[ORDER_NO] == "123456"
    assert step.slots[REMEDY] == "道歉"
    assert DESCRIPTION in step.slots


def test_demanding_that_it_be_handled_names_no_remedy() -> None:
    assert find_remedy("你们快递员骂人，必须处理") is None
    assert find_remedy("桌面开裂，希望给我换一张新的") == "换一张新的"


@pytest.mark.parametrize(
    "text",
    ["是", "是的", "对", "没错", "确认", "确认提交", "好的呀", "嗯嗯", "可以", "OK", "行吧", "对的没错", "就这样吧"],
)
def test_yes_has_many_forms(text: str) -> None:
    assert is_yes(Said(text))
    assert not is_no(Said(text))


@pytest.mark.parametrize("text", ["不对", "不是", "改一下", "修改", "错了", "写错了", "有误", "不行", "不是这样的"])
def test_no_has_many_forms(text: str) -> None:
    assert is_no(Said(text))
    assert not is_yes(Said(text))


@pytest.mark.parametrize(
    "text",
    ["算了", "算了吧", "不投诉了", "那算了", "取消", "我不投诉了", "先不投诉了", "不弄了", "没事了", "算了不投诉了"],
)
def test_leaving_has_many_forms(text: str) -> None:
    assert is_cancel(Said(text))
    for asked in STEPS:
        assert next_step(asked, Said(text, "deny", 0.6), FULL).outcome == "cancel"


@pytest.mark.parametrize("text", ["不处理我就算了？不可能", "取消订单他们不给退款", "客服说算了不给我换"])
def test_a_story_with_the_word_is_not_leaving(text: str) -> None:
    assert not is_cancel(Said(text))


@pytest.mark.parametrize("text", ["没有", "跳过", "没有订单号", "忘了", "找不到了", "不知道", "没有单号"])
def test_an_order_number_can_be_skipped(text: str) -> None:
    assert is_skip(Said(text))
    assert next_step(ORDER_NO, Said(text, "deny", 0.8), {}).slots == {ORDER_NO: SKIPPED}


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("快递一直没送到，电话也不接", "ask_logistics"),
        ("退款拖了十天了怎么还没到", "ask_refund"),
        ("书桌收到是坏的，客服不给退", "ask_return_exchange"),
        ("安装师傅说好周六来结果没来", "ask_warranty_repair"),
        ("发票开错了两次都不改", "ask_invoice"),
    ],
)
def test_a_story_about_delivery_or_money_is_the_description_not_a_question(text: str, intent: str) -> None:
    step = next_step(DESCRIPTION, Said(text, intent, 0.95), {})
    assert (step.kind, step.slots.get(DESCRIPTION)) == ("fill", text)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("你们几点下班？", "ask_service_info"),
        ("发票怎么开", "ask_invoice"),
        ("退款一般多久到账", "ask_refund"),
        ("你是机器人吗", "bot_challenge"),
    ],
)
@pytest.mark.parametrize("asked", STEPS)
def test_a_question_in_the_middle_is_answered_and_the_form_goes_on(text: str, intent: str, asked: str) -> None:
    assert next_step(asked, Said(text, intent, 0.9), FULL).kind == "digress"


def test_a_remedy_that_sounds_like_a_topic_is_the_remedy() -> None:
    for text, intent in [
        ("退款", "ask_refund"),
        ("退货退款", "ask_return_exchange"),
        ("让你们经理打电话给我道歉", "request_human"),
    ]:
        assert next_step(REMEDY, Said(text, intent, 0.95), {}).slots == {REMEDY: text}


def test_what_is_no_contact_is_asked_again_in_other_words() -> None:
    assert next_step(CONTACT, Said("1391234"), {}).say == "complaint.contact_too_short"
    assert next_step(CONTACT, Said("就微信找我"), {}).say == "complaint.bad_contact"
    assert next_step(CONTACT, Said("139123480001"), {}).say == "complaint.bad_contact"
    # Whatever a classifier that does not know the question takes it for.
    for text in ("加我微信吧", "加个微信聊", "微信上联系我", "微信吧", "用QQ可以吗", "我的wx号是abc_kf"):
        assert next_step(CONTACT, Said(text, "chitchat", 0.9), {}).say == "complaint.bad_contact", text
    for text, intent in (("我用微信付的款怎么退", "ask_refund"), ("微信支付扣了两次", "ask_payment")):
        assert next_step(CONTACT, Said(text, intent, 0.9), {}).kind == "digress", text


def test_too_short_a_description_is_asked_again() -> None:
    assert next_step(DESCRIPTION, Said("差"), {}).say == "complaint.description_too_short"
    assert next_step(DESCRIPTION, Said("…"), {}).say == "complaint.description_too_short"


def test_confirming_files_and_refusing_asks_what_to_change() -> None:
    assert next_step(CONFIRMED, Said("确认"), FULL).outcome == "file"
    assert next_step(CONFIRMED, Said("", action="confirm"), FULL).outcome == "file"
    for said in (Said("不对"), Said("", action="edit")):
        step = next_step(CONFIRMED, said, FULL)
        assert (step.say, step.slots["complaint_editing"]) == ("complaint.ask_what_to_change", "choose")


@pytest.mark.parametrize(
    ("text", "slot", "value"),
    [
        ("不对，电话是13888887777", CONTACT, "13888887777"),
        ("电话改成13888887777", CONTACT, "13888887777"),
        ("电话是13888887777", CONTACT, "13888887777"),
        ("订单号写错了，是HM260920-1107", ORDER_NO, "HM260920-1107"),
        ("诉求改成全额退款", REMEDY, "全额退款"),
        ("改联系方式", CONTACT, None),
        ("改诉求", REMEDY, None),
        ("改订单号", ORDER_NO, None),
        ("改事由", DESCRIPTION, None),
    ],
)
def test_one_field_is_corrected_and_the_rest_stays(text: str, slot: str, value: str | None) -> None:
    step = next_step(CONFIRMED, Said(text, "deny", 0.4), FULL)
    assert step.kind == "fill"
    assert step.slots[slot] == value
    assert not {DESCRIPTION, REMEDY, ORDER_NO, CONTACT} - {slot} & set(step.slots) - {slot}


def test_an_earlier_answer_can_be_corrected_before_the_end() -> None:
    draft = {**FULL, CONTACT: None}
    step = next_step(CONTACT, Said("不对，订单号是HM260920-1107"), draft)
    assert step.slots[ORDER_NO] == "HM260920-1107"


def test_a_person_is_called_from_the_middle_of_the_form() -> None:
    for asked in STEPS:
        assert next_step(asked, Said("转人工", "request_human", 0.99), FULL).outcome == "customer_request"


@pytest.mark.parametrize(
    ("intent", "reason"),
    [("report_emergency", "emergency"), ("report_fraud", "fraud"), ("threaten_escalation", "escalation")],
)
def test_danger_inside_a_complaint_goes_to_a_person_at_once(intent: str, reason: str) -> None:
    step = next_step(DESCRIPTION, Said("电机冒烟烧起来了", intent, 0.9), {})
    assert step.outcome == reason
    assert step.slots[DESCRIPTION] == "电机冒烟烧起来了"


def test_after_a_digression_the_form_knows_that_somebody_has_answered() -> None:
    user, listen = {"event": "user"}, {"event": "action", "name": "action_listen"}
    form = {"event": "action", "name": "complaint_form"}
    spoken = {"event": "action", "name": "utter_answer"}
    assert answered_in_between([listen, user, form, spoken, form], "complaint_form")
    assert not answered_in_between([spoken, listen, user, form], "complaint_form")


@pytest.mark.parametrize(
    "text",
    ["订单到哪了", "我的快递怎么还没到", "发货了吗", "帮我查一下订单", "什么时候能到", "查订单", "我买的桌子还没发货"],
)
def test_asking_for_ones_own_order_is_looked_up(text: str) -> None:
    assert wants_own_order(Said(text))


@pytest.mark.parametrize(
    "text", ["怎么查物流", "运费多少", "能送到西藏吗", "一般几天发货", "可以改约送货时间吗", "显示签收但我没收到"]
)
def test_asking_how_it_is_done_is_a_script(text: str) -> None:
    assert not wants_own_order(Said(text))


def test_announcing_a_supplement_is_not_one() -> None:
    assert not supplements_something("我要补充材料")
    assert supplements_something("补充一下，快递员是周五晚上来的")


@given(
    st.sampled_from(STEPS), st.text(max_size=300), st.sampled_from(["", "nlu_fallback", "ask_refund", "deny", "affirm"])
)
def test_whatever_is_typed_the_form_takes_one_known_step(asked: str, text: str, intent: str) -> None:
    step = next_step(asked, Said(text, intent, 0.7), FULL)
    assert step.kind in ("fill", "digress", "end")
    assert (step.outcome is None) == (step.kind != "end")
    assert set(step.slots) <= {*STEPS, "complaint_editing"}
    contact = step.slots.get(CONTACT)
    assert contact is None or find_contact(contact) == contact


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("是同一件", "same"), ("是的", "same"), ("就是上次那个", "same"), ("是另一件", "file_anyway"),
     ("不是", "file_anyway"), ("不是一回事，是新的", "file_anyway"), ("算了", "cancel"), ("转人工", "customer_request")],
)  # fmt: skip
def test_asked_whether_it_is_the_known_complaint_the_answer_decides(text: str, outcome: str) -> None:
    step = next_step(CONFIRMED, Said(text), {**FULL, "complaint_twin": "TS20260924-0017"})
    assert (step.kind, step.outcome) == ("end", outcome)


def test_an_unclear_answer_is_asked_again_and_files_nothing() -> None:
    step = next_step(CONFIRMED, Said("我想想啊"), {**FULL, "complaint_twin": "TS20260924-0017"})
    assert (step.kind, step.say) == ("fill", "complaint.known_already")
