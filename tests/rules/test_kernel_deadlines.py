"""From rule to due date, warnings, state and words."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.kernel.calendar import Calendar, ProvisionalDays, WorkingHours
from backend.kernel.clock import SHANGHAI
from backend.kernel.deadlines import (
    DeadlineState,
    DueDates,
    Rule,
    Unit,
    compute_due,
    remaining,
    resumed_due,
    state,
)
from backend.kernel.errors import Invalid
from tests.rules.test_kernel_calendar import OFFICE, OFFICIAL, at

SIX = time(18)
PROMISE = Rule("promise", 7, Unit.WORKING_DAYS, end_time=SIX, internal=5)
CASE = at("2026-09-24 10:12")  # the complaint before the Mid-Autumn and National holidays


def due_of(rule: Rule, start: str) -> DueDates:
    return compute_due(rule, at(start), OFFICE)


def test_a_complaint_before_the_holidays_is_promised_for_the_seventh_working_day() -> None:
    due = compute_due(PROMISE, CASE, OFFICE)
    assert due.legal_due == at("2026-10-12 18:00")
    assert due.internal_due == at("2026-10-09 18:00")
    assert due.promised_at == due.legal_due
    assert not due.provisional


def test_warnings_come_at_half_and_four_fifths_of_the_working_time_when_someone_is_at_work() -> None:
    due = compute_due(PROMISE, CASE, OFFICE)
    assert due.warnings == (
        (0.5, at("2026-09-30 13:30")),
        (0.8, at("2026-10-09 09:00")),
        (1.0, at("2026-10-09 18:00")),
    )
    assert due.near_at == at("2026-10-09 09:00")


def test_the_explanations_name_the_days_that_do_not_count_and_the_make_up_day_that_does() -> None:
    due = compute_due(PROMISE, CASE, OFFICE)
    assert due.explanation_short == "受理当天不计，第 7 个工作日到 10月12日（周一）18:00"
    assert due.explanation_long == (
        "受理当天不计。9月25日至10月12日共 18 天，计 7 个工作日，"
        "不计 11 天：中秋 3 天，国庆 7 天，周日 1 天。"
        "10月10日（周六）调休上班，计入。到期时间 10月12日（周一）18:00。"
    )
    assert due.explanation_plain == (
        "从受理的第二天数起。中秋 3 天、国庆 7 天和10月11日周日休息，不算；10月10日（周六）调休上班，算。"
        "第 7 个工作日是10月12日。"
    )


def test_calendar_days_over_a_holiday_move_legally_while_staff_work_to_the_last_day_before_it() -> None:
    due = due_of(Rule("refund", 15, Unit.CALENDAR_DAYS, end_time=SIX), "2026-02-02 09:00")
    assert due.legal_due == at("2026-02-24 18:00")
    assert due.internal_due == at("2026-02-14 18:00"), (
        "02-15 to 02-17 are free; the make-up Saturday is worked"
    )
    assert "逢春节休息，顺延到 2月24日（周二）" in due.explanation_long
    assert due.explanation_plain == "从受理的第二天数起，第 15 日是2月17日，这天休息，顺延到2月24日。"


def test_a_short_calendar_rule_inside_a_holiday_never_asks_for_an_answer_before_the_complaint() -> None:
    due = due_of(Rule("hard_stop", 2, Unit.CALENDAR_DAYS, end_time=SIX), "2026-10-02 20:00")
    assert due.internal_due == at("2026-10-04 18:00")
    assert due.legal_due == at("2026-10-08 18:00")


def test_a_year_without_a_notice_is_provisional_promises_nothing_and_hurries_the_staff() -> None:
    start = at("2026-12-25 10:00")
    due = compute_due(Rule("promise", 7, Unit.WORKING_DAYS, end_time=SIX), start, OFFICE)
    assert due.provisional
    assert due.promised_at is None
    assert due.explanation_plain == ""
    assert "暂定" in due.explanation_short and "请勿告诉客户" in due.explanation_long
    assert due.internal_due < due.legal_due


def test_working_hours_and_elapsed_hours_are_different_promises() -> None:
    friday = "2026-09-18 17:00"  # followed by a free Saturday and a worked Sunday
    assert due_of(Rule("first_person", 2, Unit.WORKING_HOURS), friday).legal_due == at("2026-09-20 10:00")
    elapsed = due_of(Rule("alarm", 24, Unit.HOURS), friday)
    assert elapsed.legal_due == at("2026-09-19 17:00")
    assert elapsed.warnings[0] == (0.5, at("2026-09-19 05:00"))
    assert due_of(Rule("ack", 30, Unit.WORKING_MINUTES), friday).legal_due == at("2026-09-18 17:30")
    assert due_of(Rule("ack", 30, Unit.MINUTES), friday).explanation_short.startswith("受理后 30 分钟")


def test_elapsed_time_is_never_provisional_because_no_notice_can_change_it() -> None:
    unknown = Calendar(ProvisionalDays())
    assert not compute_due(Rule("alarm", 24, Unit.HOURS), at("2030-01-01 10:00"), unknown).provisional
    assert compute_due(Rule("ack", 2, Unit.WORKING_HOURS), at("2030-01-02 10:00"), unknown).provisional


RULES = st.builds(
    lambda amount, share, unit, end: Rule(
        "stage", amount, unit, end_time=end, internal=None if share is None else max(1, amount * share // 4)
    ),
    st.integers(1, 40),
    st.one_of(st.none(), st.integers(1, 4)),
    st.sampled_from(Unit),
    st.sampled_from([None, SIX, time(9, 30), time(23, 59)]),
)
HOURS = st.sampled_from(
    [
        WorkingHours.office("9:00-18:00"),
        WorkingHours.office("8:30-12:00", "13:30-17:30"),
        WorkingHours.every_day("9:00-21:00"),
    ]
)
SOURCES = st.sampled_from([OFFICIAL, ProvisionalDays()])
WALLS = st.datetimes(datetime(2024, 1, 1), datetime(2029, 12, 31))


@given(RULES, WALLS, SOURCES, HOURS)
@settings(max_examples=200, deadline=None)
def test_for_every_rule_the_internal_date_is_never_later_and_both_lie_after_the_start(
    rule: Rule, wall: datetime, source: ProvisionalDays, hours: WorkingHours
) -> None:
    start = wall.replace(tzinfo=SHANGHAI)
    due = compute_due(rule, start, Calendar(source, hours))
    assert start < due.internal_due <= due.legal_due
    times = [when for _, when in due.warnings]
    assert times == sorted(times)
    assert times[-1] == due.internal_due
    assert start <= times[0]
    assert [d.date for d in due.days] == sorted({d.date for d in due.days})
    assert (due.promised_at is None) is due.provisional
    assert due == compute_due(rule, start, Calendar(source, hours)), "reckoning twice gives the same"


@given(RULES, WALLS)
@settings(max_examples=60, deadline=None)
def test_a_later_complaint_is_never_due_earlier(rule: Rule, wall: datetime) -> None:
    start = wall.replace(tzinfo=SHANGHAI)
    later = start + timedelta(hours=7)
    assert compute_due(rule, start, OFFICE).legal_due <= compute_due(rule, later, OFFICE).legal_due


@given(RULES)
@settings(max_examples=50)
def test_a_rule_survives_its_journey_through_json(rule: Rule) -> None:
    assert Rule.from_dict(rule.as_dict()) == rule


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"stage": "decide", "amount": 5},
        {"stage": "decide", "amount": 0, "unit": "working_days"},
        {"stage": "decide", "amount": "five", "unit": "working_days"},
        {"stage": "decide", "amount": 5, "unit": "weeks"},
        {"stage": "decide", "amount": 5, "unit": "working_days", "internal": 6},
        {"stage": "decide", "amount": 5, "unit": "working_days", "warn_at": [0.8, 0.5]},
        {"stage": "decide", "amount": 5, "unit": "working_days", "warn_at": [1.5]},
        {"stage": "decide", "amount": 5, "unit": "working_days", "end_time": "25:00"},
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_with_a_code(data: dict[str, object]) -> None:
    with pytest.raises(Invalid) as caught:
        Rule.from_dict(data)
    assert caught.value.code == "bad_rule"


def test_what_is_kept_with_a_deadline_can_be_shown_again_without_reckoning() -> None:
    kept = compute_due(PROMISE, CASE, OFFICE).as_dict()
    assert kept["legal_due"] == "2026-10-12T10:00:00+00:00"
    assert kept["days"][1] == {
        "date": "2026-09-25",
        "counted": False,
        "ordinal": None,
        "reason": "中秋",
        "official": True,
        "minutes": 0,
    }
    assert kept["warnings"][1][0] == 0.8


# --- state ---

DUE = at("2026-10-12 18:00")
NEAR_AT = at("2026-10-09 09:00")
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "more", "expected"),
    [
        (NEAR_AT - SECOND, {}, "on_track"),
        (NEAR_AT, {}, "near"),
        (DUE, {}, "near"),
        (DUE + SECOND, {}, "breached"),
        (DUE + SECOND, {"met_at": DUE}, "met"),
        (DUE + SECOND, {"met_at": DUE + SECOND}, "breached"),
        (DUE + SECOND, {"paused_at": DUE - SECOND}, "paused"),
        (DUE + SECOND * 9, {"paused_at": DUE + SECOND}, "breached"),
    ],
)
def test_the_state_follows_from_the_row_and_the_moment(
    now: datetime, more: dict[str, datetime], expected: str
) -> None:
    found = state(DUE, now, near_at=NEAR_AT, **more)
    assert found is DeadlineState(expected)
    assert found.zh


def test_without_a_stored_moment_near_means_four_fifths_of_the_elapsed_time() -> None:
    start, due = at("2026-09-28 08:00"), at("2026-09-28 18:00")
    assert state(due, at("2026-09-28 15:59"), started_at=start) is DeadlineState.ON_TRACK
    assert state(due, at("2026-09-28 16:00"), started_at=start) is DeadlineState.NEAR
    assert state(due, at("2026-09-28 17:59")) is DeadlineState.ON_TRACK
    assert remaining(due, at("2026-09-28 19:00")) == timedelta(hours=-1)


def test_a_stopped_clock_gives_back_what_was_left_when_it_starts_again() -> None:
    due = at("2026-09-30 18:00")
    stopped, again = at("2026-09-28 15:00"), at("2026-09-29 11:00")
    assert resumed_due(due, stopped, again, Unit.WORKING_DAYS, OFFICE) == at("2026-10-08 18:00")
    assert resumed_due(due, stopped, again, Unit.HOURS, OFFICE) == at("2026-10-01 14:00")
    assert resumed_due(due, stopped, again, Unit.WORKING_HOURS, OFFICE) == at("2026-10-08 14:00")
    assert resumed_due(due, stopped, again, Unit.CALENDAR_DAYS, OFFICE) == at("2026-10-08 18:00")


def test_a_stop_within_one_day_moves_no_day_and_a_stop_after_the_end_moves_nothing() -> None:
    due = at("2026-09-30 18:00")
    assert resumed_due(due, at("2026-09-28 09:00"), at("2026-09-28 17:00"), Unit.WORKING_DAYS, OFFICE) == due
    assert resumed_due(due, due + SECOND, due + timedelta(days=3), Unit.HOURS, OFFICE) == due
    with pytest.raises(ValueError, match="resume"):
        resumed_due(due, at("2026-09-28 15:00"), at("2026-09-28 14:00"), Unit.HOURS, OFFICE)


def test_an_internal_date_stays_internal_when_every_day_between_is_free() -> None:
    due = due_of(Rule("hard_stop", 1, Unit.CALENDAR_DAYS), "2026-10-01 10:00")
    assert due.internal_due == at("2026-10-03 00:00"), "the free day itself, which ends at 24:00"
