"""The intent classifier's parts, checked in the bot's own environment; and the pure folding of what names nothing."""


import pytest

from bot.text import normalise
from tests.bot.own_python import checked


def test_classifier_cues_and_decision_do_what_they_say_and_refuse_what_is_broken() -> None:
    checked("classifier_check")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("@某客服 @别家客服 还我钱", "@ 还我钱"),
        ("＠某客服：在吗", "@ :在吗"),
        ("订单[数字x]到哪了", "订单0到哪了"),
        ("收货人[姓名x]", "收货人某人"),
        ("手机13800001111", "手机0"),
        ("打12315,买3个", "打12315,买3个"),
        ("看 https://example.com/a?b=1 这个", "看 这个"),
        ("#售后# 没人管", "售后 没人管"),
        ("邮箱lin@example.com", "邮箱lin@example.com"),
        ("[微笑]呵呵", "[微笑]呵呵"),
    ],
)
def test_mentions_numbers_masks_and_links_are_folded(typed: str, read: str) -> None:
    assert normalise(typed) == read
