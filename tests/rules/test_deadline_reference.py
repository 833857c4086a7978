"""The house's reckoning against a second one, written apart, over 2004–2027: any hours, any stops.

``REFERENCE_EXAMPLES=5000`` walks millions of minutes; by default a taste of it runs.
"""

import os
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backend.deadlines import calendars
from backend.deadlines.moving import Reckoned, reckon
from backend.kernel.calendar import Calendar
from backend.kernel.deadlines import Rule, Unit
from backend.kernel.hours import Frame, WorkingHours
from tests.rules import slow_reckoning as slow

EXAMPLES = int(os.environ.get("REFERENCE_EXAMPLES", "60"))
often = settings(max_examples=EXAMPLES, deadline=None)
DAYS = calendars.days_of([])
SIX = time(18)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=slow.CHINA)


@st.composite
def frames(draw: st.DrawFn) -> list[tuple[int, int]]:
    cuts = sorted(draw(st.lists(st.integers(0, 1440), min_size=2, max_size=6, unique=True)))
    return [(cuts[one], cuts[one + 1]) for one in range(0, len(cuts) - 1, 2)]


weeks = st.dictionaries(st.integers(0, 6), frames(), min_size=1, max_size=7).filter(lambda week: 0 in week or 2 in week)
starts = st.datetimes(datetime(2004, 1, 2), datetime(2027, 8, 31)).map(
    lambda wall: wall.replace(second=0, microsecond=0, tzinfo=slow.CHINA)
)
stop_lengths = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 12_000)), max_size=3)


def hours_of(week: slow.Week, follows: bool) -> WorkingHours:
    return WorkingHours({day: tuple(Frame(a, b) for a, b in given) for day, given in week.items()}, follows_holidays=follows)


def stops_from(start: datetime, lengths: list[tuple[int, int]]) -> list[tuple[datetime, datetime]]:
    found, now = [], start
    for running, standing in lengths:
        stopped = now + timedelta(minutes=running)
        now = stopped + timedelta(minutes=standing)
        found.append((stopped, now))
    return found


def reckoned(rule: Rule, start: datetime, stops: list[tuple[datetime, datetime]], calendar: Calendar) -> Reckoned:
    """As the house does it: reckon, and move at each stop that comes before time runs out."""
    moves: list[dict[str, Any]] = []
    for stopped, again in stops:
        if stopped >= reckon(rule, start, moves, calendar).legal:
            break
        moves.append({"why": "resumed", "paused_at": stopped.isoformat(), "at": again.isoformat()})
    return reckon(rule, start, moves, calendar)


@given(starts, st.integers(1, 3000), weeks, st.booleans(), stop_lengths)
@often
def test_working_minutes_with_any_hours_and_any_stops(
    start: datetime, minutes: int, week: slow.Week, follows: bool, lengths: list[tuple[int, int]]
) -> None:
    stops = stops_from(start, lengths)
    expected = slow.by_minutes(start, minutes, stops, week, follows)
    # The house gives up after ten years without an end: such hours are a mistake in the table.
    assume(expected.year <= 2027 and expected - start < timedelta(days=3600))
    found = reckoned(Rule("s", minutes, Unit.WORKING_MINUTES), start, stops, Calendar(DAYS, hours_of(week, follows)))
    assert found.legal == expected


@given(starts, st.integers(1, 6000), stop_lengths)
@often
def test_plain_minutes_with_any_stops(start: datetime, minutes: int, lengths: list[tuple[int, int]]) -> None:
    stops = stops_from(start, lengths)
    found = reckoned(Rule("s", minutes, Unit.MINUTES), start, stops, Calendar(DAYS))
    assert found.legal == slow.by_minutes(start, minutes, stops, None, False)
    assert not found.provisional


@given(starts, st.integers(1, 45), stop_lengths)
@often
def test_working_days_with_any_stops(start: datetime, count: int, lengths: list[tuple[int, int]]) -> None:
    # A stop begins before time runs out, as the house refuses any other.
    stops = stops_from(start, lengths)
    calendar = Calendar(DAYS)
    kept = _before_the_end(Rule("s", count, Unit.WORKING_DAYS, end_time=SIX), start, stops, calendar)
    found = reckoned(Rule("s", count, Unit.WORKING_DAYS, end_time=SIX), start, kept, calendar)
    assert found.legal == datetime.combine(slow.by_working_days(start, count, kept), SIX, slow.CHINA)
    assert found.internal <= found.legal


@given(starts, st.integers(1, 90), stop_lengths)
@often
def test_calendar_days_with_any_stops(start: datetime, count: int, lengths: list[tuple[int, int]]) -> None:
    rule, calendar = Rule("s", count, Unit.CALENDAR_DAYS, end_time=SIX), Calendar(DAYS)
    kept = _before_the_end(rule, start, stops_from(start, lengths), calendar)
    found = reckoned(rule, start, kept, calendar)
    assert found.legal == datetime.combine(slow.by_calendar_days(start, count, kept), SIX, slow.CHINA)
    assert found.internal <= found.legal


def _before_the_end(
    rule: Rule, start: datetime, stops: list[tuple[datetime, datetime]], calendar: Calendar
) -> list[tuple[datetime, datetime]]:
    kept: list[tuple[datetime, datetime]] = []
    for one in stops:
        if one[0] >= reckoned(rule, start, kept, calendar).legal:
            break
        kept.append(one)
    return kept


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-02-13", "2026-03-02"), ("2026-02-14", "2026-03-03"), ("2026-02-15", "2026-03-03"),
        ("2026-04-30", "2026-05-13"), ("2026-09-24", "2026-10-12"), ("2026-09-30", "2026-10-15"),
    ],
)  # fmt: skip
def test_both_opinions_agree_with_the_published_table_of_seven_working_days(start: str, due: str) -> None:
    begun = at(f"{start} 10:00")
    assert slow.by_working_days(begun, 7, []) == date.fromisoformat(due)
    assert reckoned(Rule("s", 7, Unit.WORKING_DAYS, end_time=SIX), begun, [], Calendar(DAYS)).legal == at(f"{due} 18:00")


def test_fifteen_calendar_days_move_off_the_spring_festival_by_both() -> None:
    begun = at("2026-02-02 10:00")
    assert slow.by_calendar_days(begun, 15, []) == date(2026, 2, 24)
    assert reckoned(Rule("s", 15, Unit.CALENDAR_DAYS, end_time=SIX), begun, [], Calendar(DAYS)).legal == at("2026-02-24 18:00")


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        ("2026-10-03 11:00", 1, "2026-10-08"),  # begins on a holiday
        ("2026-10-08 11:00", 2, "2026-10-10"),  # ends on a worked Saturday
        ("2026-02-13 11:00", 1, "2026-02-14"),
        ("2025-12-31 23:59", 1, "2026-01-04"),  # over a year's end onto a worked Sunday
        ("2026-12-31 09:00", 1, "2027-01-04"),  # into a year whose notice is not out
    ],
)
def test_the_edges_of_working_days(start: str, count: int, due: str) -> None:
    begun = at(start)
    found = reckoned(Rule("s", count, Unit.WORKING_DAYS, end_time=SIX), begun, [], Calendar(DAYS))
    assert found.legal == at(f"{due} 18:00")
    assert slow.by_working_days(begun, count, []) == date.fromisoformat(due)
    assert found.provisional == (found.legal.astimezone(slow.CHINA).year == 2027)


def test_a_stop_does_not_carry_a_holiday_along_with_a_date_that_moved_over_it() -> None:
    # Fifteen days from 2 February end on the 17th; with three days' stop on the 20th: both move to the 24th.
    begun = at("2026-02-02 10:00")
    stop = (at("2026-02-05 09:00"), at("2026-02-08 09:00"))
    found = reckoned(Rule("s", 15, Unit.CALENDAR_DAYS, end_time=SIX), begun, [stop], Calendar(DAYS))
    assert found.legal == at("2026-02-24 18:00")


def test_how_much_was_walked() -> None:
    """The last of this file: says how many minutes and days the second opinion looked at."""
    print(f"\nsecond opinion: {slow.Walked.minutes:,} minutes, {slow.Walked.days:,} days, {EXAMPLES} examples a property")
    assert slow.Walked.days > 0
    assert at("2026-01-01 08:00").astimezone(UTC) == datetime(2026, 1, 1, tzinfo=UTC)
