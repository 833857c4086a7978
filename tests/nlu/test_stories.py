"""What is filed as the facts: without 我要投诉 ahead of them and without the wish, and never a word too few."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.fields import DESCRIPTION, REMEDY
from actions.parsing import Said
from actions.slots import next_step, start
from actions.stories import facts_of
from actions.wishes import tells_something
from tests.nlu.test_understanding import rows

CASES = [
    ("我要投诉,订单123456的快递员骂人,要求道歉", "订单123456的快递员骂人"),
    ("我要投诉你们的快递员骂人", "你们的快递员骂人"),
    ("我想投诉一下，送货的把门撞坏了", "送货的把门撞坏了"),
    ("投诉：安装师傅收了钱没给收据", "安装师傅收了钱没给收据"),
    ("必须投诉你们，客服一直不理我", "客服一直不理我"),
    ("我要投诉你们！！！快递员踹我家门", "快递员踹我家门"),
    ("你好，我要正式投诉，书桌少了四颗螺丝", "书桌少了四颗螺丝"),
    ("您好客服，麻烦帮我登记一个投诉：约了三次都没来", "约了三次都没来"),
    ("我要投訴,你哋師傅態度好差,要佢道歉", "你哋師傅態度好差"),
    ("🤬投诉!师傅在我家抽烟 赔地毯", "师傅在我家抽烟"),
    ("我要投诉的是快递员骂人", "快递员骂人"),
    ("投诉投诉!我要投诉!桌面裂了没人管", "桌面裂了没人管"),
    ("投诉客服骂我神经病", "客服骂我神经病"),
    ("我要举报你们配送站的人翻我包裹,开除他!!", "你们配送站的人翻我包裹"),
    ("投诉一下快递小哥，东西扔楼道被偷了，希望补寄一件", "快递小哥，东西扔楼道被偷了"),
    ("我要投诉安装师傅，上门迟到三个小时，希望扣他工资并道歉，电话13800001111", "安装师傅，上门迟到三个小时，电话13800001111"),
    ("我要投诉订单HM260917-3382的快递员骂人要求道歉", "订单HM260917-3382的快递员骂人"),
    ("书桌裂了，要求换新的，打了三次电话没人接", "书桌裂了，打了三次电话没人接"),
    ("投诉！预约了三次都爽约。要求：书面说明原因。", "预约了三次都爽约。"),
    # Words that stay, because more than a declaration or a wish is in them.
    ("投诉电话一直打不通", "投诉电话一直打不通"),
    ("我要投诉电话一直打不通", "我要投诉电话一直打不通"),
    ("投诉了三次都没人理我", "投诉了三次都没人理我"),
    ("我投诉过两次了还是没人管", "我投诉过两次了还是没人管"),
    ("投诉你们三次了都没人管", "投诉你们三次了都没人管"),
    ("投诉没人处理已经半个月", "投诉没人处理已经半个月"),
    ("想投诉又找不到入口，页面打不开", "想投诉又找不到入口，页面打不开"),
    ("投诉入口在哪都找不到真气人", "投诉入口在哪都找不到真气人"),
    ("投诉一个多月了没有结果", "投诉一个多月了没有结果"),
    ("客服小张挂我三次电话我要投诉他", "客服小张挂我三次电话我要投诉他"),
    ("书桌少了四颗螺丝我要投诉", "书桌少了四颗螺丝我要投诉"),
    ("快递员让我别投诉，说要赔我", "快递员让我别投诉，说要赔我"),
    ("他们要求我给五星才肯退款", "他们要求我给五星才肯退款"),
    ("退款拖了十天，客服说要求退款的人太多", "退款拖了十天，客服说要求退款的人太多"),
    ("投诉，不要赔偿也不要道歉，就是收银员笑话我", "不要赔偿也不要道歉，就是收银员笑话我"),
    ("我上周三打电话要求换货，到现在没换", "我上周三打电话要求换货，到现在没换"),
    ("我要投诉他骂我", "我要投诉他骂我"),
    ("东西坏了", "东西坏了"),
]


@pytest.mark.parametrize(("text", "facts"), CASES)
def test_the_facts_are_what_is_left_without_the_declaration_and_the_wish(text: str, facts: str) -> None:
    assert facts_of(text) == facts


def test_what_left_the_facts_stands_in_the_remedy() -> None:
    slots = start(Said("我要投诉,订单123456的快递员骂人,要求道歉", "file_complaint", 0.9), {}).slots
    assert (slots[DESCRIPTION], slots[REMEDY]) == ("订单123456的快递员骂人", "道歉")


def test_a_wish_told_beside_a_known_one_stays_in_the_facts() -> None:
    told = "书桌裂了没人管，要求换新的"
    assert next_step(DESCRIPTION, Said(told), {REMEDY: "退货退款"}).slots == {DESCRIPTION: told}
    assert next_step(DESCRIPTION, Said(told), {}).slots == {DESCRIPTION: "书桌裂了没人管", REMEDY: "换新的"}


@pytest.mark.parametrize("text", ["我要投诉", "我想投诉一下", "投诉:", "必须投诉你们！", "我要投诉你们的快递员", "我要投诉，要求道歉"])
def test_the_declaration_alone_is_no_description_and_is_asked(text: str) -> None:
    assert DESCRIPTION not in start(Said(text, "file_complaint", 0.9), {}).slots


def is_part_of(short: str, long: str) -> bool:
    left = iter(long)
    return all(char in left for char in short)


@given(
    st.lists(
        st.sampled_from(["我要投诉", "投诉", "你们", "快递员骂人", "要求道歉", "，", "。", " ", "电话13800001111", "必须", "没人管", "赔我", "桌子裂了",
                         "电话", "要求：", "希望换新的", "师傅", "他", "HM260917-3382", "🤬", "我想", "说"]),
        max_size=12,
    )
)  # fmt: skip
def test_facts_are_the_customers_own_words_in_their_order_and_still_tell(parts: list[str]) -> None:
    text = "".join(parts)
    facts = facts_of(text)
    assert is_part_of(facts, text)
    assert facts == text or tells_something(facts)
    assert not tells_something(text) or tells_something(facts)


def test_every_first_sentence_of_the_table_keeps_its_story() -> None:
    for row in rows("first_sentence.yml", "sentences"):
        if row["description"]:
            facts = facts_of(row["text"])
            assert tells_something(facts) and is_part_of(facts, row["text"])
            assert not facts.startswith(("我要投诉,", "投诉", "我要投訴"))
