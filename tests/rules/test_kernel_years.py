"""Years with an official notice, read from a file, and years that have none yet."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from backend.kernel.calendar import (
    Calendar,
    DayKind,
    DayType,
    ProvisionalDays,
    TableDays,
    parse_official_year,
)
from backend.kernel.errors import Invalid
from backend.kernel.workdays import LUNAR_YEARS, short_holiday_name, statutory_days
from tests.rules.test_kernel_calendar import OFF, OFFICE, SIX, at


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 15, 30])
def test_the_earliest_variant_was_never_later_than_what_the_notice_then_said(count: int) -> None:
    """Every day of the two years under today's law, reckoned as if their notices had not been out."""
    unknown = Calendar(ProvisionalDays())
    for offset in range(680):
        start = at("2025-01-02 10:00") + timedelta(days=offset)
        guess = unknown.add_working_days(start, count, SIX, earliest=True)
        assert guess.due <= OFFICE.add_working_days(start, count, SIX).due
        assert guess.due <= unknown.add_working_days(start, count, SIX).due
        assert guess.provisional


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_statutory_days_of_the_law_are_all_days_off_in_the_notice(year: int) -> None:
    days = statutory_days(year)
    assert len(days) == 13
    assert {day: OFF[day] for day in days} == days or year == 2025  # in 2025 中秋 fell into the 国庆 week
    assert set(days) <= set(OFF)


@pytest.mark.parametrize("year", [y for y in LUNAR_YEARS if y >= 2027])
def test_every_year_ahead_has_its_statutory_days_off(year: int) -> None:
    names = set(statutory_days(year).values())
    assert {"元旦", "春节", "清明", "劳动节", "端午", "国庆"} <= names
    source = ProvisionalDays()
    assert all(source.kind(day).type is DayType.HOLIDAY for day in statutory_days(year))
    assert not source.kind(date(year, 3, 10)).official


def test_far_future_and_far_past_still_get_an_answer() -> None:
    source = ProvisionalDays()
    assert source.kind(date(2080, 10, 1)).type is DayType.HOLIDAY
    assert source.kind(date(2080, 3, 4)) == DayKind(DayType.WORKDAY, official=False)


def test_an_official_year_is_read_from_its_file_and_short_names_are_used() -> None:
    year, off, makeup = parse_official_year(
        {
            "year": 2027,
            "source": "notice",
            "days": [
                {"date": "2027-01-01", "name": "元旦", "isOffDay": True},
                {"date": "2027-10-01", "name": "国庆节", "isOffDay": True},
                {"date": "2027-10-09", "name": "国庆节", "isOffDay": False},
            ],
        }
    )
    assert (year, off[date(2027, 10, 1)], makeup) == (2027, "国庆", {date(2027, 10, 9): "国庆"})
    table = TableDays([2027], off, makeup)
    assert table.kind(date(2027, 10, 9)).is_workday
    assert table.kind(date(2027, 10, 9)).official
    assert short_holiday_name("国庆节、中秋节") == "国庆"


@pytest.mark.parametrize(
    "days",
    [
        [],
        [{"date": "2027-13-01", "name": "元旦", "isOffDay": True}],
        [{"date": "2027-01-01", "name": "元旦"}],
        [{"date": "2027-01-01", "name": "元旦", "isOffDay": "yes"}],
        [{"date": "2025-01-01", "name": "元旦", "isOffDay": True}],
        [{"date": "2027-01-01", "name": "元旦", "isOffDay": True}] * 2,
        [{"date": "2027-10-08", "name": "国庆节", "isOffDay": False}],
    ],
)
def test_a_wrong_calendar_file_is_refused_with_a_code(days: list[dict[str, object]]) -> None:
    with pytest.raises(Invalid) as caught:
        parse_official_year({"year": 2027, "source": "notice", "days": days})
    assert caught.value.code == "bad_calendar_file"
