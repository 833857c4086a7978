"""Time as people read it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.kernel import clock
from backend.kernel.clock import (
    SHANGHAI,
    parse_shanghai,
    shanghai_date,
    shanghai_instant,
    to_shanghai,
    utc_now,
    zh_date,
    zh_datetime,
    zh_day,
    zh_duration,
    zh_time,
    zh_weekday,
)

NOW = shanghai_instant(2026, 10, 9, 14, 36)


@pytest.mark.parametrize(
    ("instant", "words"),
    [
        (shanghai_instant(2026, 10, 9, 18), "今天 18:00"),
        (shanghai_instant(2026, 10, 10, 9, 5), "明天 09:05"),
        (shanghai_instant(2026, 10, 8, 9), "10月8日（周四）09:00"),
        (shanghai_instant(2026, 10, 12, 18), "10月12日（周一）18:00"),
        (shanghai_instant(2027, 1, 4, 18), "2027年1月4日（周一）18:00"),
        (shanghai_instant(2025, 12, 31, 23, 59), "2025年12月31日（周三）23:59"),
    ],
)
def test_a_moment_is_said_as_people_say_it(instant: datetime, words: str) -> None:
    assert zh_datetime(instant, NOW) == words


def test_text_that_is_kept_never_says_today_or_tomorrow() -> None:
    assert zh_datetime(NOW, NOW, relative=False) == "10月9日（周五）14:36"
    assert zh_date(NOW + timedelta(days=1), NOW, relative=False) == "10月10日（周六）"
    assert zh_datetime(NOW) == "2026年10月9日（周五）14:36"


def test_today_changes_at_shanghai_midnight_not_at_utc_midnight() -> None:
    just_before = shanghai_instant(2026, 10, 9, 23, 59)
    just_after = shanghai_instant(2026, 10, 10, 0, 1)
    assert zh_datetime(just_after, just_before) == "明天 00:01"
    assert zh_datetime(just_after, just_after) == "今天 00:01"
    assert shanghai_date(datetime(2026, 10, 9, 16, 0, tzinfo=UTC)) == date(2026, 10, 10)


def test_new_years_eve_is_tomorrows_year() -> None:
    eve = shanghai_instant(2026, 12, 31, 20)
    assert zh_date(date(2027, 1, 1), eve) == "明天"
    assert zh_date(date(2027, 1, 2), eve) == "2027年1月2日（周六）"
    assert zh_day(date(2026, 3, 1), date(2026, 1, 1), weekday=False) == "3月1日"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (12_240, "3 时 24 分"),
        (-12_240, "3 时 24 分"),
        (0, "0 秒"),
        (48.9, "48 秒"),
        (60, "1 分"),
        (3_600, "1 时"),
        (86_400, "1 天"),
        (86_400 * 2 + 3_600 * 3 + 59, "2 天 3 时"),
        (timedelta(minutes=24), "24 分"),
    ],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds: float | timedelta, words: str) -> None:
    assert zh_duration(seconds) == words


def test_a_naive_datetime_is_refused_everywhere() -> None:
    for ask in (to_shanghai, clock.to_utc, zh_time, shanghai_date):
        with pytest.raises(ValueError, match="naive"):
            ask(datetime(2026, 10, 9))


def test_typed_times_are_shanghai_times_unless_they_say_otherwise() -> None:
    assert parse_shanghai("2026-02-14 10:00") == datetime(2026, 2, 14, 2, tzinfo=UTC)
    assert parse_shanghai("2026-02-14T10:00+00:00") == datetime(2026, 2, 14, 10, tzinfo=UTC)
    with pytest.raises(ValueError):
        parse_shanghai("明天")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
@settings(max_examples=50)
def test_utc_and_shanghai_name_the_same_instant(wall: datetime) -> None:
    instant = wall.replace(tzinfo=UTC)
    there = to_shanghai(instant)
    assert there == instant
    assert there.tzinfo is SHANGHAI
    assert clock.to_utc(there).utcoffset() == timedelta(0)
    assert zh_weekday(there.date())[1] == "一二三四五六日"[there.weekday()]


def test_the_clock_is_aware_and_in_utc() -> None:
    assert utc_now().utcoffset() == timedelta(0)
