"""Working time in China: the published checks, and all shapes of calendar against a slow reckoning."""

from __future__ import annotations

import time as stopwatch
from datetime import UTC, date, datetime, time, timedelta

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.kernel.calendar import (
    Calendar,
    DayType,
    Frame,
    TableDays,
    WorkingHours,
)
from backend.kernel.clock import SHANGHAI, shanghai_date, shanghai_instant
from backend.kernel.errors import Invalid

ZH = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午",
    "Mid-autumn Festival": "中秋",
    "National Day": "国庆",
    "Anti-Fascist 70th Day": "抗战胜利日",
}
OFF = {day: ZH[str(name)] for day, name in chinese_calendar.holidays.items()}
MAKEUP = {
    day: ZH[str(name)] for day, name in chinese_calendar.constants.workdays.items() if day.weekday() >= 5
}
OFFICIAL = TableDays(range(2004, 2027), OFF, MAKEUP)
OFFICE = Calendar(OFFICIAL, WorkingHours.office("9:00-18:00"))
SIX = time(18)
FEW = settings(max_examples=60, deadline=None)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def day_after(start: str, count: int) -> str:
    return OFFICE.add_working_days(at(f"{start} 10:12"), count, SIX).last_day.isoformat()


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-02-13", "2026-03-02"),
        ("2026-02-14", "2026-03-03"),
        ("2026-02-15", "2026-03-03"),
        ("2026-04-30", "2026-05-13"),
        ("2026-09-24", "2026-10-12"),
        ("2026-09-30", "2026-10-15"),
    ],
)
def test_the_seventh_working_day_is_the_published_one(start: str, due: str) -> None:
    assert day_after(start, 7) == due


def test_fifteen_calendar_days_into_the_spring_festival_move_to_the_first_working_day_after_it() -> None:
    counted = OFFICE.add_calendar_days(at("2026-02-02 09:00"), 15, SIX)
    assert counted.nominal_day == date(2026, 2, 17)
    assert counted.last_day == date(2026, 2, 24)
    assert counted.due == at("2026-02-24 18:00")
    assert counted.moved and not counted.provisional
    assert [d.reason for d in counted.days[-7:]] == ["春节顺延"] * 6 + ["顺延到此日"]
    unmoved = OFFICE.add_calendar_days(at("2026-02-02 09:00"), 15, SIX, move=False)
    assert unmoved.last_day == date(2026, 2, 17)


def test_the_record_shows_every_day_of_the_national_holiday_and_why_it_does_not_count() -> None:
    counted = OFFICE.add_working_days(at("2026-09-24 10:12"), 7, SIX)
    start, *days = counted.days
    assert (start.date, start.counted, start.ordinal, start.reason) == (
        date(2026, 9, 24),
        False,
        None,
        "受理当天不计",
    )
    assert len(days) == 18
    assert counted.skipped == [("中秋", 3), ("国庆", 7), ("周日", 1)]
    assert [d.ordinal for d in days if d.counted] == [1, 2, 3, 4, 5, 6, 7]
    assert {d.date: d.reason for d in days}[date(2026, 10, 10)] == "调休上班"
    assert counted.due == at("2026-10-12 18:00")


def test_the_year_2026_has_248_working_days_and_six_make_up_days() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    assert sum(map(OFFICE.is_workday, days)) == 248
    makeup = [d.strftime("%m-%d") for d in days if OFFICE.kind(d).type is DayType.MAKEUP]
    assert makeup == ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"]


@given(st.dates(date(2004, 1, 1), date(2026, 12, 31)))
@FEW
def test_official_years_agree_with_the_published_lists_day_by_day(day: date) -> None:
    assert OFFICIAL.kind(day).is_workday is chinese_calendar.is_workday(day)


def test_a_count_over_the_edge_of_the_official_years_is_provisional_and_says_which_days() -> None:
    counted = OFFICE.add_working_days(at("2026-12-25 10:00"), 7, SIX)
    assert counted.provisional
    assert counted.days[0].official and not counted.days[-1].official
    assert counted.last_day == date(2027, 1, 6)
    assert not OFFICE.add_working_days(at("2026-12-14 10:00"), 7, SIX).provisional


def test_the_last_days_of_december_wait_for_the_next_years_notice() -> None:
    assert not OFFICIAL.kind(date(2026, 12, 31)).official
    assert OFFICIAL.kind(date(2025, 12, 31)).official


def test_without_an_end_time_a_day_ends_with_business_and_at_midnight_without_hours() -> None:
    assert OFFICE.add_working_days(at("2026-09-24 10:12"), 1).due == at("2026-09-28 18:00")
    bare = Calendar(OFFICIAL, WorkingHours({}))
    assert bare.add_working_days(at("2026-09-24 10:12"), 1).due == at("2026-09-29 00:00")


def test_the_day_is_the_shanghai_day_even_when_utc_still_has_yesterday() -> None:
    late = datetime(2026, 9, 27, 16, 30, tzinfo=UTC)  # 2026-09-28 00:30 in Shanghai
    assert OFFICE.add_working_days(late, 1, SIX).last_day == date(2026, 9, 29)


@pytest.mark.parametrize("bad", [0, -1])
def test_counting_less_than_one_day_is_refused(bad: int) -> None:
    with pytest.raises(ValueError, match="from 1"):
        OFFICE.add_working_days(at("2026-09-24 10:12"), bad)
    with pytest.raises(ValueError, match="from 1"):
        OFFICE.add_calendar_days(at("2026-09-24 10:12"), bad)


def test_a_naive_instant_is_refused_because_its_zone_would_be_a_guess() -> None:
    with pytest.raises(ValueError, match="naive"):
        OFFICE.add_working_days(datetime(2026, 9, 24, 10), 1)
    with pytest.raises(ValueError, match="naive"):
        OFFICE.is_working(datetime(2026, 9, 24, 10))


# --- hours ---


def test_a_frame_holds_its_start_but_not_its_end() -> None:
    assert OFFICE.is_working(at("2026-09-28 09:00"))
    assert not OFFICE.is_working(at("2026-09-28 18:00"))
    assert not OFFICE.is_working(at("2026-09-28 08:59:59"))
    assert not OFFICE.is_working(at("2026-10-01 10:00"))
    assert OFFICE.is_working(at("2026-10-10 10:00")), "a make-up Saturday is worked by Monday's hours"


def test_the_next_working_instant_after_closing_before_the_holidays_is_the_morning_after_them() -> None:
    assert OFFICE.next_working_instant(at("2026-09-30 18:00")) == at("2026-10-08 09:00")
    assert OFFICE.next_working_instant(at("2026-09-30 17:59")) == at("2026-09-30 17:59")


def test_working_hours_run_over_the_lunch_break_and_the_weekend() -> None:
    calendar = Calendar(OFFICIAL, WorkingHours.office("9:00-12:00", "13:30-18:00"))
    counted = calendar.add_working_hours(at("2026-09-18 17:00"), 4)  # a Friday; Sunday 09-20 is a make-up day
    assert counted.due == at("2026-09-20 12:00")
    assert [(d.reason, d.minutes) for d in counted.days] == [("计 1 时", 60), ("周六", 0), ("计 3 时", 180)]
    assert calendar.add_working_minutes(at("2026-09-18 17:00"), 60).due == at("2026-09-18 18:00")


def test_a_shop_open_every_day_works_through_the_national_holiday() -> None:
    shop = Calendar(OFFICIAL, WorkingHours.every_day("9:00-21:00"))
    assert shop.is_working(at("2026-10-01 20:59"))
    assert shop.working_minutes_between(at("2026-10-01 00:00"), at("2026-10-02 00:00")) == 720


def test_single_dates_overrule_weekday_and_holiday() -> None:
    hours = WorkingHours.parse(
        {day: ["9:00-18:00"] for day in range(5)},
        dates={date(2026, 10, 1): ["10:00-12:00"], date(2026, 9, 28): []},
    )
    calendar = Calendar(OFFICIAL, hours)
    assert calendar.is_working(at("2026-10-01 11:00"))
    assert not calendar.is_working(at("2026-09-28 11:00"))
    assert calendar.is_workday(date(2026, 9, 28)), "hours do not change what a legal working day is"


@pytest.mark.parametrize("text", ["18:00-9:00", "9:00-9:00", "9:00-25:00", "9-18", "9:70-10:00", ""])
def test_hours_that_make_no_sense_are_a_coded_error(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Frame.parse(text)
    assert caught.value.code == "bad_hours"


def test_overlapping_frames_are_refused_and_midnight_may_be_an_end() -> None:
    with pytest.raises(Invalid, match="重叠"):
        WorkingHours.every_day("9:00-12:00", "11:00-18:00")
    assert Frame.parse("18:00 至 24:00").end == 1440
    assert Frame.between(time(18), time(0)) == Frame.parse("18:00-24:00")


def test_an_empty_table_of_hours_is_a_coded_error_not_an_endless_search() -> None:
    empty = Calendar(OFFICIAL, WorkingHours({}))
    for ask in (
        lambda: empty.next_working_instant(at("2026-09-28 09:00")),
        lambda: empty.add_working_minutes(at("2026-09-28 09:00"), 1),
    ):
        with pytest.raises(Invalid) as caught:
            ask()
        assert caught.value.code == "no_working_time"


# --- against a slow reckoning ---

frames = st.lists(st.integers(0, 48), min_size=2, max_size=4, unique=True).map(
    lambda cuts: [
        Frame(a * 30, b * 30) for a, b in zip(*(iter(sorted(cuts)[: len(cuts) // 2 * 2]),) * 2, strict=True)
    ]
)
hours_tables = st.builds(
    WorkingHours,
    st.dictionaries(st.integers(0, 6), frames.map(tuple), min_size=2, max_size=7).filter(
        lambda week: any(day < 5 and found for day, found in week.items())
    ),
    st.dictionaries(
        st.dates(date(2026, 9, 20), date(2026, 10, 20)), st.one_of(st.just(()), frames.map(tuple)), max_size=4
    ),
    st.one_of(st.just(()), frames.map(tuple)),
    st.booleans(),
)
moments = st.integers(0, 40 * 24 * 60 - 1).map(
    lambda minute: shanghai_instant(2026, 9, 18) + timedelta(minutes=minute)
)


def open_minute(hours: WorkingHours, minute: datetime) -> bool:
    """One minute judged by itself: from the tables, not through the calendar."""
    wall = minute.astimezone(SHANGHAI)
    day, clock = wall.date(), wall.hour * 60 + wall.minute
    if day in hours.dates:
        table = hours.dates[day]
    elif hours.follows_holidays and day in OFF:
        table = ()
    else:
        table = hours.weekdays.get(day.weekday(), ())
        if hours.follows_holidays and day in MAKEUP and not table:
            table = hours.makeup or hours.weekdays.get(0, ())
    return any(frame.start <= clock < frame.end for frame in table)


@given(hours_tables, moments, st.integers(1, 900))
@settings(max_examples=40, deadline=None)
def test_adding_working_minutes_agrees_with_walking_minute_by_minute(
    hours: WorkingHours, start: datetime, minutes: int
) -> None:
    left, minute = minutes, start
    while left and minute - start < timedelta(days=40):
        left -= open_minute(hours, minute)
        minute += timedelta(minutes=1)
    counted = Calendar(OFFICIAL, hours).add_working_minutes(start, minutes)
    if left:
        assert counted.due > minute
        return
    assert counted.due == minute
    assert sum(day.minutes for day in counted.days) == minutes
    assert counted.days[0].date == shanghai_date(start)


@given(hours_tables, moments, st.integers(0, 4000))
@settings(max_examples=40, deadline=None)
def test_working_minutes_between_agree_with_counting_every_minute(
    hours: WorkingHours, start: datetime, length: int
) -> None:
    calendar = Calendar(OFFICIAL, hours)
    end = start + timedelta(minutes=length)
    slow = sum(open_minute(hours, start + timedelta(minutes=n)) for n in range(length))
    assert calendar.working_minutes_between(start, end) == slow
    assert calendar.working_minutes_between(end, start) == -slow


@given(hours_tables, moments)
@settings(max_examples=40, deadline=None)
def test_the_next_working_instant_is_the_first_open_minute(hours: WorkingHours, start: datetime) -> None:
    calendar = Calendar(OFFICIAL, hours)
    assert calendar.is_working(start) is open_minute(hours, start)
    found = calendar.next_working_instant(start)
    assert open_minute(hours, found)
    gap = min(int((found - start) / timedelta(minutes=1)), 20_000)
    assert not any(open_minute(hours, start + timedelta(minutes=n)) for n in range(gap))


@given(st.datetimes(datetime(2005, 1, 1), datetime(2026, 9, 1)), st.integers(1, 60))
@FEW
def test_adding_working_days_agrees_with_the_published_lists_walked_day_by_day(
    wall: datetime, count: int
) -> None:
    day, left = wall.date(), count
    while left:
        day += timedelta(days=1)
        left -= chinese_calendar.is_workday(day)
    counted = OFFICE.add_working_days(wall.replace(tzinfo=SHANGHAI), count, SIX)
    assert counted.last_day == day
    assert counted.due == datetime.combine(day, SIX, SHANGHAI)
    assert counted.counted_days == count
    assert [d.date for d in counted.days] == [
        wall.date() + timedelta(days=n) for n in range((day - wall.date()).days + 1)
    ]


@given(st.datetimes(datetime(2005, 1, 1), datetime(2026, 9, 1)), st.integers(1, 90))
@FEW
def test_calendar_days_end_on_the_first_working_day_not_before_the_last_one(
    wall: datetime, count: int
) -> None:
    last = wall.date() + timedelta(days=count)
    nominal = last
    while not chinese_calendar.is_workday(last):
        last += timedelta(days=1)
    counted = OFFICE.add_calendar_days(wall.replace(tzinfo=SHANGHAI), count, SIX)
    assert (counted.nominal_day, counted.last_day) == (nominal, last)


@given(st.datetimes(datetime(2005, 1, 1), datetime(2026, 9, 1)), st.integers(1, 5000), st.integers(0, 5000))
@FEW
def test_adding_in_two_steps_is_adding_at_once(wall: datetime, first: int, second: int) -> None:
    start = wall.replace(tzinfo=SHANGHAI)
    once = OFFICE.add_working_minutes(start, first + second).due
    twice = OFFICE.add_working_minutes(OFFICE.add_working_minutes(start, first).due, second).due
    assert once == twice
    assert OFFICE.working_time_between(start, once) == timedelta(minutes=first + second)


def test_four_thousand_reckonings_take_well_under_a_second() -> None:
    start = at("2026-03-02 10:00")
    calendar = Calendar(OFFICIAL, WorkingHours.office("9:00-18:00"))
    calendar.add_working_days(start, 60, SIX)
    begun = stopwatch.perf_counter()
    for _ in range(2_000):
        calendar.add_working_days(start, 7, SIX)
        calendar.add_working_hours(start, 24)
    assert stopwatch.perf_counter() - begun < 1.0
