"""Yes and no in all their forms, choices, corrections and two wants: pure, on tables and examples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.context import Context, Reading, both_clear, corrected, halves, interpret
from bot.short_answers import Answer, accepts_offer, picks, read

TABLE = Path(__file__).resolve().parent.parent / "nlu" / "yes_no.yml"
#: correct without a field reopens the question which, and so may count as no.
MEANS = {
    "confirm": {Answer.YES},
    "deny": {Answer.NO},
    "correct": {Answer.CORRECT, Answer.NO},
    "cancel": {Answer.LEAVE},
    "other": {Answer.OTHER},
}


def rows() -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["answers"]
    return answers


def test_the_table_of_answers_is_read_as_it_is_meant() -> None:
    wrong = [(row["text"], row["label"], read(row["text"])) for row in rows() if read(row["text"]) not in MEANS[row["label"]]]
    assert len(wrong) <= len(rows()) * 0.02, wrong


def test_nothing_is_filed_or_dropped_that_was_not_meant_so() -> None:
    """The two readings that act at once are never wrong on the table."""
    read_as = Counter((read(row["text"]), row["label"]) for row in rows())
    assert {label for answer, label in read_as if answer is Answer.YES} == {"confirm"}
    assert {label for answer, label in read_as if answer is Answer.LEAVE} == {"cancel"}


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    read(text)
    picks(text, ["一", "二"])
    halves(text)
    corrected(text, Context(said_last="chat.greet"))


@pytest.mark.parametrize(
    ("text", "answer"),
    [("好的", Answer.YES), ("要得", Answer.YES), ("转吧，谢谢", Answer.YES), ("不用了", Answer.NO), ("先不转", Answer.NO),
     ("不需要，谢谢", Answer.NO), ("发票怎么开", Answer.OTHER), ("不要换货要退款", Answer.OTHER)],
)
def test_an_offer_is_taken_or_declined(text: str, answer: Answer) -> None:
    assert accepts_offer(text) is answer


@pytest.mark.parametrize(
    ("text", "index"),
    [("第一个", 0), ("2", 1), ("选第二条吧", 1), ("后面那个", 1), ("最后一个", 1), ("前者", 0), ("第三个", None), ("都不是", -1), ("发票抬头怎么改", 1), ("明天几点来", None)],
)
def test_a_choice_may_be_typed(text: str, index: int | None) -> None:
    assert picks(text, ["发票怎么开", "发票抬头怎么改"]) == index


def test_a_clear_answer_at_the_read_back_is_as_good_as_its_button() -> None:
    asked = Context("complaint.confirm", form="complaint_form", asked="complaint_confirmed")
    assert interpret("没错，就这样", asked) == Reading("affirm", action="confirm")
    assert interpret("不太对吧", asked) == Reading("deny", action="edit")
    assert interpret("算了不投诉了", asked) == Reading("deny", action="cancel")
    assert interpret("电话改成13800001112", asked) is None, "the form reads the field"
    elsewhere = Context("complaint.ask_remedy", form="complaint_form", asked="complaint_remedy")
    assert interpret("算了", elsewhere) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [("不对，我问的是发票怎么开", "发票怎么开"), ("不是，退款几天到账", "退款几天到账"), ("错了错了", "错了错了"), ("不对", "不对"), ("发票怎么开", "发票怎么开")],
)
def test_taking_back_leaves_what_was_meant(text: str, meant: str) -> None:
    assert corrected(text, Context(said_last="logistics.fee")) == meant
    assert corrected(text, Context()) == text, "nothing has been said yet to take back"


@pytest.mark.parametrize(
    ("text", "two"),
    [
        ("发票怎么开，另外运费怎么算", ("发票怎么开", "运费怎么算")),
        ("你们几点下班？门店在哪里？", ("你们几点下班", "门店在哪里")),
        ("退款几天到账，发票能不能换抬头", ("退款几天到账", "发票能不能换抬头")),
        ("桌面有裂纹，怎么退", None),
        ("安装师傅要收80块材料费 正常吗", None),
        ("想换个大一号的，需要多久", None),
        ("你们送货上门么 要多少钱", None),
        ("帮我查下快递 发票开了没", ("帮我查下快递", "发票开了没")),
        ("发票怎么开", None),
        ("快递员骂人，态度很差，箱子也摔坏了", None),
    ],
)
def test_two_requests_in_one_sentence_are_cut_apart(text: str, two: tuple[str, str] | None) -> None:
    assert halves(text) == two


def test_both_halves_must_be_clear_and_different() -> None:
    assert both_clear([("ask_invoice", 0.9), ("ask_logistics", 0.8)], 0.6)
    assert not both_clear([("ask_invoice", 0.9), ("ask_logistics", 0.5)], 0.6)
    assert not both_clear([("ask_invoice", 0.9), ("ask_invoice", 0.9)], 0.6)
    assert not both_clear([("ask_order_status", 0.9), ("ask_logistics", 0.9)], 0.6), "one look-up answers both"
    assert not both_clear([("ask_invoice", 0.9), ("file_complaint", 0.9)], 0.6)
