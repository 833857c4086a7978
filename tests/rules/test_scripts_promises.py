"""Which words need two approvers, and whether words can be read at one go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kernel.errors import Forbidden
from backend.scripts import checking, promises, readability, wording
from backend.scripts.rules import may_sign


def kinds(text: str, **given: object) -> set[str]:
    return {one.kind for one in promises.found_in([text], **given)}  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "kind"), [
    ("每晚一天补偿您 20 元。", "compensation"), ("每晚一天补偿您 20 元。", "price"),
    ("退款一般 3 个工作日到账。", "refund"), ("我们按原路退款给您。", "refund"), ("钱全额退还。", "refund"),
    ("坏了我们先赔。", "compensation"), ("晚到一天赔 5 元。", "compensation"), ("下单后退您 10 元。", "refund"), ("假一赔三。", "compensation"), ("满 99 元包邮。", "price"), ("今天打八折。", "price"),
    ("运费 ￥8，由我们承担。", "price"), ("降价了退您差价。", "refund"),
])
def test_promises_of_price_refund_and_compensation_are_marked(text: str, kind: str) -> None:
    assert kind in kinds(text)


@pytest.mark.parametrize("text", [
    "在「我的订单」里点「开发票」。", "您想了解退款还是换货？", "退款进度在「售后」里看。", "这种情况不赔付。", "这一项不免费。",
    "点「退款」，选原因。", "订单 {order_no} 由{carrier}送，预计 {eta} 到。", "签收后 24 小时内开好。", "",
])
def test_asking_explaining_and_refusing_promise_nothing(text: str) -> None:
    assert kinds(text) == set()


def test_a_question_that_names_an_amount_is_marked_all_the_same() -> None:
    assert kinds("给您 50 元，可以吗？") == {"price"}


def test_a_promise_on_a_button_counts_too() -> None:
    texts = promises.spoken_texts("想怎么处理？", [{"title": "领 20 元", "say": "我要领券"}])
    assert {one.kind for one in promises.found_in(texts)} == {"price"}


def test_the_organisations_own_list_marks_words_with_its_reason() -> None:
    own = promises.own_list({"two_approvals": [{"word": "以旧换新", "class": "price", "reason": "要核对当期文件"}, "延保"]})
    (found,) = promises.found_in(["可以以旧换新。"], own)
    assert (found.zh, found.words, found.reason) == ("价格", "以旧换新", "要核对当期文件")
    assert promises.found_in(["可以买延保。"], own)[0].reason
    assert promises.own_list({}) == []


def test_neither_the_author_nor_anybody_twice() -> None:
    may_sign("sumin", None, "shenlan")
    may_sign("sumin", "shenlan", "hantao")
    for author, first, actor, code in (("sumin", None, "sumin", "same_person"), ("sumin", "shenlan", "sumin", "same_person"),
                                       ("sumin", "shenlan", "shenlan", "approved_already")):
        with pytest.raises(Forbidden) as refusal:
            may_sign(author, first, actor)
        assert refusal.value.code == code


# --- readability --------------------------------------------------------------------------------


def test_short_sentences_are_easy_and_long_ones_are_named() -> None:
    easy = readability.sentences("打开「我的订单」。选「售后」，点「退货」。")
    assert [one.hard for one in easy] == [False, False] and readability.summary(easy) == "2 句，最长 6 字"
    (long,) = readability.sentences("如" * 46)
    assert long.hard and long.chars == 46
    (many,) = readability.sentences("您先看，再点，然后选，接着填，最后交")
    assert many.hard and many.clauses == 5


def test_a_list_of_things_is_one_clause_and_numbering_is_not_read() -> None:
    first, second = readability.sentences("1. 微信、支付宝、银行卡、礼品卡、信用卡都行\n2. 选一种")
    assert (first.clauses, first.hard, second.text) == (1, False, "选一种")


def test_variables_are_measured_by_their_values() -> None:
    (one,) = readability.sentences("订单{order_no}", {"order_no": "HM260917-3382"})
    assert one.chars == 15


@given(st.text(max_size=300))
def test_whatever_is_written_can_be_measured(text: str) -> None:
    for one in readability.sentences(text):
        assert one.text and one.clauses >= 1


# --- checks say why and what to do --------------------------------------------------------------


@pytest.mark.parametrize(("text", "code"), [
    ("保证明天到。", "absolute_promise"), ("亲亲，您好。", "banned_word"), ("好的！", "voice"), ("{nonsense}", "unknown_variable"),
    ("{order_no", "loose_brace"), ("补偿您 20 元。", "money_promise"), ("长" * 1001, "too_long"), ("长。" * 120, "long"),
    ("一" * 60, "readability"), ("微" * 700, "wechat_bytes"),
])
def test_every_finding_that_is_not_fine_has_a_reason_and_a_mend(text: str, code: str) -> None:
    banned = checking.banned_words({"banned_words": [{"word": "亲亲", "reason": "称呼用「您」", "instead": "您"}]})
    found = [one for one in wording.check("a.b", text, banned=banned) if one.level != "ok"]
    assert code in {one.code for one in found}
    assert all(one.reason and one.mend for one in found), found
    if code == "banned_word":
        assert next(one.mend for one in found if one.code == code) == "改成「您」"


def test_wechats_limit_counts_every_variable_at_its_longest() -> None:
    room = wording.WECHAT_MAX_BYTES - wording.MOST_BYTES["receipt_url"]
    fits, bursts = "a" * room + "{receipt_url}", "a" * (room + 1) + "{receipt_url}"
    assert wording.longest_bytes(fits) == wording.WECHAT_MAX_BYTES
    assert [one.code for one in wording.errors(wording.check("a.b", fits, channel="wechat")) if one.code == "wechat_bytes"] == []
    assert wording.longest_bytes(bursts) == wording.WECHAT_MAX_BYTES + 1
    assert wording.longest_bytes("{hotline}", {"hotline": "400"}) == 3


def test_the_same_question_is_the_same_whatever_its_signs_and_widths() -> None:
    assert wording.bare("发票 怎么开？") == wording.bare("发票怎么开") and wording.bare("ＡＢ１") == "ab1"
