"""What an agent made of an approved answer: variables back in their places, nothing personal left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.scripts.rewording import reworded
from backend.scripts.rules import render

SHIPPED = "订单 {order_no} 已由{carrier}发出，预计 {eta} 送到。"
VALUES = {"order_no": "HM260917-3382", "carrier": "顺丰速运", "eta": "10月12日（周一）"}


def test_words_sent_as_they_stand_are_no_proposal() -> None:
    found = reworded(SHIPPED, render(SHIPPED, VALUES))
    assert found.text == SHIPPED and not found.is_proposal_for(SHIPPED)


def test_a_changed_ending_keeps_the_variables() -> None:
    found = reworded(SHIPPED, render(SHIPPED, VALUES).replace("送到。", "送到，师傅会先打电话。"))
    assert found.text == "订单 {order_no} 已由{carrier}发出，预计 {eta} 送到，师傅会先打电话。"
    assert found.is_proposal_for(SHIPPED) and found.kept > 0.6


def test_another_sign_at_the_end_is_no_proposal() -> None:
    assert not reworded("请在「我的订单」里改。", "请在「我的订单」里改").is_proposal_for("请在「我的订单」里改。")


def test_an_answer_of_ones_own_is_no_proposal_for_the_script() -> None:
    assert not reworded(SHIPPED, "好的，我帮您问一下仓库同事，稍后回复您").is_proposal_for(SHIPPED)


@pytest.mark.parametrize("secret", ["13812345678", "王女士", "HM260917-3382", "TS20260924-0017", "6222021234567890123",
                                    "li@example.com", "SF1384420117652"])
def test_nothing_personal_is_kept(secret: str) -> None:
    said = f"{secret}，您好。请在「我的订单」里改约取件，选「售后」，点「改约取件」。有事找我。"
    found = reworded("请在「我的订单」里改约取件，选「售后」，点「改约取件」。", said)
    assert secret not in found.text and found.text.endswith("有事找我。")


def test_the_houses_own_values_become_variables_again() -> None:
    found = reworded("客服时间 {service_hours}。", "您好，客服时间每天 9:00 至 21:00，节假日照常。",
                     {"service_hours": "每天 9:00 至 21:00", "hotline": "400"})
    assert "{service_hours}" in found.text and "9:00" not in found.text


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_said_the_share_is_a_share(approved: str, said: str) -> None:
    assert 0 <= reworded(approved, said).kept <= 1
