"""What a deadline row means at an instant, without any database."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.deadlines import calendars, rules
from backend.deadlines.rules import Clock
from backend.deadlines.tables import OfficialYear
from backend.kernel.calendar import Calendar, DayType
from backend.kernel.clock import shanghai_instant
from backend.kernel.deadlines import Rule, Unit, compute_due
from tests.cast import NOW

DUE = NOW + timedelta(days=3)
CLOCK = Clock(due_at=DUE, near_at=DUE - timedelta(hours=5))


def run(clock: Clock, minutes: list[int]) -> list[str]:
    """A sweep at each of these minutes: what it would note, stamped as the service stamps it."""
    noted = []
    for minute in minutes:
        verdict = rules.judge(clock, NOW + timedelta(minutes=minute))
        if verdict.neared:
            noted.append("neared")
            clock = replace(clock, neared_at=clock.near_at)
        if verdict.breached:
            noted.append("breached")
            clock = replace(clock, breached_at=clock.due_at)
    return noted


@given(st.lists(st.integers(0, 6000), max_size=20))
def test_however_often_and_in_whatever_order_sweeps_come_nothing_is_noted_twice(minutes: list[int]) -> None:
    noted = run(CLOCK, minutes)
    assert noted.count("neared") <= 1 and noted.count("breached") <= 1
    late = any(NOW + timedelta(minutes=minute) > DUE for minute in minutes)
    assert ("breached" in noted) == late
    assert noted in ([], ["neared"], ["breached"], ["neared", "breached"])


@given(st.integers(0, 6000))
def test_a_row_is_woken_no_later_than_it_has_something_to_say(minute: int) -> None:
    now = NOW + timedelta(minutes=minute)
    wake = rules.next_check(CLOCK)
    assert wake is not None
    verdict = rules.judge(CLOCK, now)
    if verdict.neared or verdict.breached:
        assert wake <= now


@pytest.mark.parametrize(
    "ended", [{"met_at": NOW}, {"dropped_at": NOW}, {"paused_at": NOW}, {"breached_at": DUE}]
)
def test_what_is_over_or_stopped_is_left_alone(ended: dict[str, object]) -> None:
    clock = replace(CLOCK, **ended)
    assert rules.judge(clock, DUE + timedelta(days=1)) == rules.Verdict(False, False, None)
    assert rules.next_check(clock) is None


@pytest.mark.parametrize(
    ("clock", "after", "words"),
    [
        (CLOCK, timedelta(0), ("track", "还剩 3 天")),
        (CLOCK, timedelta(days=3, minutes=-204), ("near", "还剩 3 时 24 分")),
        (CLOCK, timedelta(days=3, hours=20), ("breached", "逾期 20 时")),
        (replace(CLOCK, paused_at=NOW), timedelta(days=2), ("paused", "停表 2 天")),
        (replace(CLOCK, met_at=DUE), timedelta(days=9), ("met", "按时完成")),
        (replace(CLOCK, met_at=DUE + timedelta(hours=1)), timedelta(days=9), ("breached", "晚了 1 时")),
        (replace(CLOCK, dropped_at=NOW), timedelta(days=9), ("dropped", "不再计时")),
    ],
)
def test_a_clock_says_its_state_in_one_phrase(clock: Clock, after: timedelta, words: tuple[str, str]) -> None:
    assert rules.clock_tag(clock, NOW + after, provisional=False) == words


def test_a_provisional_clock_says_so() -> None:
    assert rules.clock_tag(CLOCK, NOW, provisional=True) == ("provisional", "暂定，还剩 3 天")


def test_day_cells_are_whole_weeks_and_end_with_an_extended_due_day() -> None:
    calendar = Calendar(calendars.days_of([]))
    filed = shanghai_instant(2026, 9, 24, 10)
    dates = compute_due(Rule("promise", 7, Unit.WORKING_DAYS), filed, calendar)
    days = [day.as_dict() for day in dates.days]
    extended = rules.day_cells(days, dates.legal_due + timedelta(days=7), NOW)
    assert len(extended) % 7 == 0 and extended[0]["weekday"] == 0
    assert [cell["date_text"] for cell in extended if cell["due"]] == ["10/19"]
    assert max(cell["ordinal"] or 0 for cell in extended) == 7
    assert rules.day_cells([], NOW, NOW) == []


# --- where years come from ---


def test_the_package_knows_2004_to_2026_with_make_up_days() -> None:
    days = calendars.days_of([])
    worked = [
        day for offset in range(365) if days.kind(day := date(2026, 1, 1) + timedelta(offset)).is_workday
    ]
    assert len(worked) == 248
    makeup = [day for day in worked if days.kind(day).type is DayType.MAKEUP]
    assert makeup == [date(2026, *md) for md in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))]
    assert days.kind(date(2026, 9, 25)).name == "中秋"
    assert not days.kind(date(2027, 3, 1)).official


def test_an_imported_year_replaces_the_packages() -> None:
    year = OfficialYear(
        year=2026, source="更正", sha256="", imported_by="x", imported_at=NOW,
        days=[{"date": "2026-03-03", "name": "测试节", "isOffDay": True}],
    )  # fmt: skip
    days = calendars.days_of([year])
    assert days.kind(date(2026, 3, 3)).type is DayType.HOLIDAY
    assert days.kind(date(2026, 10, 1)).type is DayType.WORKDAY
    assert days.kind(date(2025, 10, 1)).type is DayType.HOLIDAY
    assert calendars.info(2026, [year]).source == "更正"
    assert not calendars.info(2030, [year]).official
