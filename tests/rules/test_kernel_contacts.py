"""How customers write phones, e-mails and numbers; and what of it may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.kernel.contacts import parse_complaint_no, parse_contact, parse_order_no
from backend.kernel.errors import Invalid
from backend.kernel.masking import mask_contact, mask_email, mask_phone, mask_text

FEW = settings(max_examples=150)
MOBILES = st.integers(13_000_000_000, 19_999_999_999).map(str)


@pytest.mark.parametrize(
    "text",
    [
        "13812346027",
        "138 1234 6027",
        "138-1234-6027",
        "138—1234—6027",
        "+8613812346027",
        "+86 138 1234 6027",
        "0086-138-1234-6027",
        "86 13812346027",
        "(+86)13812346027",
        "１３８１２３４６０２７",
        "我的手机是13812346027，谢谢",
        "电话：138 1234 6027（晚上打）",
        "138\u200b12346027",
        "138\u00a01234\u00a06027",
    ],
)
def test_a_mobile_is_understood_however_it_is_written(text: str) -> None:
    assert parse_contact(text) == ("phone", "13812346027")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("010-62345678", "010-62345678"),
        ("01062345678", "010-62345678"),
        ("(021) 6234 5678", "021-62345678"),
        ("（021）62345678", "021-62345678"),
        ("0571-87654321", "0571-87654321"),
        ("0913-2345678", "0913-2345678"),
        ("+86 010 6234 5678", "010-62345678"),
        ("+86 10 6234 5678", "010-62345678"),
        ("86-571-87654321", "0571-87654321"),
    ],
)
def test_a_landline_keeps_its_area_code(text: str, number: str) -> None:
    assert parse_contact(text) == ("phone", number)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("lin@example.com", "lin@example.com"),
        ("Lin.Jia+1@Example.COM.cn", "Lin.Jia+1@example.com.cn"),
        ("邮箱 lin@example.com。", "lin@example.com"),
        ("我的邮箱是lin@example.com，请发邮件", "lin@example.com"),
        ("ｌｉｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "lin@example.com"),
        ("lin@example。com", "lin@example.com"),
    ],
)
def test_an_e_mail_is_understood_with_words_around_it(text: str, address: str) -> None:
    assert parse_contact(text) == ("email", address)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1381234", "少了 4 位，手机号是 11 位"),
        ("1381234602", "少了 1 位"),
        ("138123460277", "多了 1 位"),
        ("+86 138 1234 602", "少了 1 位"),
        ("12012346027", "前三位不对"),
        ("62345678", "区号"),
        ("23812346027", "以 1 开头"),
        ("010-1234", "固定电话"),
        ("123", "少了 8 位"),
        ("不想留", "没有看到"),
        ("", "请填写"),
        ("😀", "没有看到"),
        ("lin@example", "@ 后面不完整"),
        ("@example.com", "少了名字"),
        ("lin@@example.com", "写法不对"),
        ("lin@-example.com", "写法不对"),
        ("lin..jia@example.com", "写法不对"),
    ],
)
def test_a_wrong_contact_is_told_what_is_wrong_with_it(text: str, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_contact(text)
    assert caught.value.code == "bad_contact"
    assert told in caught.value.message
    assert caught.value.fields == {"contact": caught.value.message}


@given(MOBILES, st.sampled_from(["", "+86", "+86 ", "86", "0086"]), st.sampled_from(["", " ", "-"]))
@FEW
def test_every_mobile_comes_back_as_eleven_digits_and_parsing_again_changes_nothing(
    number: str, prefix: str, gap: str
) -> None:
    written = f"{prefix}{number[:3]}{gap}{number[3:7]}{gap}{number[7:]}"
    assert parse_contact(written) == ("phone", number)
    assert parse_contact(parse_contact(written)[1]) == ("phone", number)


@given(st.text(max_size=200))
@FEW
def test_any_text_is_either_a_contact_or_a_coded_error(text: str) -> None:
    for parse, code in (
        (parse_contact, "bad_contact"),
        (parse_order_no, "bad_order_no"),
        (parse_complaint_no, "bad_complaint_no"),
    ):
        try:
            assert parse(text)
        except Invalid as error:
            assert error.code == code and error.fields


def test_ten_thousand_characters_are_parsed_and_masked_at_once() -> None:
    for text in ("1" * 10_000, "a@" * 5_000, "1 " * 5_000, "a." * 5_000 + "@", "-" * 10_000):
        with pytest.raises(Invalid):
            parse_contact(text)
        assert mask_text(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("HM260917-3382", "HM260917-3382"),
        ("hm2609173382", "HM260917-3382"),
        ("260917 3382", "HM260917-3382"),
        ("2609173382", "HM260917-3382"),
        ("订单号是HM260917—3382，谢谢", "HM260917-3382"),
        ("ＨＭ２６０９１７－３３８２", "HM260917-3382"),
        ("HM 260917 3382", "HM260917-3382"),
        ("E20260917001234", "E20260917001234"),
        ("订单 886421", "886421"),
        ("9999993382", "9999993382"),
    ],
)
def test_an_order_number_is_normalised_or_taken_as_given(text: str, number: str) -> None:
    assert parse_order_no(text) == number


@pytest.mark.parametrize("text", ["", "没有订单号", "12345", "abcdefgh", "1" * 21, "不记得了"])
def test_what_is_no_order_number_is_told_where_to_find_one(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_order_no(text)
    assert "我的订单" in caught.value.message


@pytest.mark.parametrize(
    "text",
    ["TS20260924-0017", "ts202609240017", "20260924-0017", "编号 TS20260924 0017 ", "ＴＳ20260924－0017"],
)
def test_a_complaint_number_is_understood_however_it_is_written(text: str) -> None:
    assert parse_complaint_no(text) == "TS20260924-0017"


@pytest.mark.parametrize("text", ["", "TS2026", "TS20261324-0017", "13812346027", "HM260917-3382"])
def test_what_is_no_complaint_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_complaint_no(text)


# --- masking ---


def test_phones_and_e_mails_keep_just_enough_to_be_recognised_by_their_owner() -> None:
    assert mask_phone("13812346027") == "138****6027"
    assert mask_phone("010-62345678") == "010-****5678"
    assert mask_phone("1234") == "****"
    assert mask_email("linjia@example.com") == "l***@example.com"
    assert mask_email("nonsense") == "***"
    assert mask_contact("email", "a@b.cn") == "a***@b.cn"
    assert mask_contact("phone", "13812346027") == "138****6027"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("打13812346027找我", "打138****6027找我"),
        ("+86 138 1234 6027", "138****6027"),
        ("１３８１２３４６０２７", "138****6027"),
        ("电话 010-62345678。", "电话 010-****5678。"),
        ("身份证110101199003074514", "身份证110***********4514"),
        ("身份证 11010119900307451x", "身份证 110***********451x"),
        ("卡号6222021234567890123", "卡号***************0123"),
        ("6222 0212 3456 7890", "************7890"),
        ("邮箱lin@example.com谢谢", "邮箱l***@example.com谢谢"),
    ],
)
def test_personal_numbers_in_free_text_are_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "订单 HM260917-3382 什么时候到",
        "投诉 TS20260924-0017",
        "等了 15 天，花了 2999 元",
        "2026-10-12 18:00",
        "ＡＢＣ，全角不变",
        "4b1d13812346027aa0c4e5f6a7b8c9d0",
    ],
)
def test_order_and_complaint_numbers_dates_and_sums_stay_readable(text: str) -> None:
    assert mask_text(text) == text


@given(st.text(alphabet="0123456789Xx +-@.ab我是，", max_size=60), MOBILES)
@FEW
def test_no_mobile_survives_in_free_text_and_masking_twice_changes_nothing(around: str, number: str) -> None:
    masked = mask_text(f"{around}，{number}。")
    assert number not in masked
    assert mask_text(masked) == masked
