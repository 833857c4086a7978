"""Secrets in a chat are covered for whoever reads it; numbers that people work with stay readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.conversations.hiding import hide_secrets
from backend.conversations.risk import secret_posted

CARD = "6222021234567894"  # Luhn holds
VISA = "4111111111111111"
IDENTITY = "11010519491231002X"  # the standard's own example


@pytest.mark.parametrize(("said", "shown"), [
    (f"卡号 {CARD} 退到这里", "卡号 ************7894 退到这里"),
    ("卡号 6222 0212 3456 7894", "卡号 **** **** **** 7894"),
    ("卡号6222-0212-3456-7894", "卡号****-****-****-7894"),
    (f"退到{VISA}", "退到************1111"),
    (f"身份证{IDENTITY}", "身份证**************002X"),
    ("我的密码是abc123，帮我登录", "我的密码是******，帮我登录"),
    ("密码：Sunny@2026", "密码：**********"),
    ("password: hunter22", "password: ********"),
    ("验证码是 482913", "验证码是 ******"),
    ("验证码给你了：482913", "验证码给你了：******"),
    ("密码是ａｂｃ１２３", "密码是******"),
])  # fmt: skip
def test_a_secret_is_covered_and_the_rest_stays(said: str, shown: str) -> None:
    assert hide_secrets(said) == shown


@pytest.mark.parametrize("said", [
    "订单 HM260917-3382 到哪了", "手机 13812346027", "投诉编号 TS20260924-0017", "快递单号 6222021234567894",
    "密码是多少位的", "密码忘了怎么办", "验证码一直收不到", "验证码 60 秒内有效", "付了 1,899 元", "", "6222021234567890",
    "110105194912310021 不是身份证",
])  # fmt: skip
def test_what_is_no_secret_stays_readable(said: str) -> None:
    assert hide_secrets(said) == said


@given(st.text(max_size=200))
def test_any_text_keeps_its_length_and_covering_twice_changes_nothing(said: str) -> None:
    shown = hide_secrets(said)
    assert len(shown) == len(said)
    assert hide_secrets(shown) == shown


@given(st.sampled_from([CARD, VISA, IDENTITY, "密码是abc123", "验证码是482913"]), st.text("请帮我退款，。 ", max_size=20),
       st.text("谢谢啦，。 ", max_size=20))
def test_whatever_the_rule_of_risk_finds_is_covered(secret: str, before: str, after: str) -> None:
    said = f"{before}{secret}{after}"
    assert secret_posted(said) is not None
    shown = hide_secrets(said)
    assert secret not in shown and shown.startswith(before) and shown.endswith(after)
