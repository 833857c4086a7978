"""Deadlines in the database: started by a regime, noticed once, moved only with a name under it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import select

from backend.deadlines import changes
from backend.deadlines import service as deadlines
from backend.deadlines.events import DeadlineBreached, DeadlineMoved, DeadlineNeared, DeadlineWarned
from backend.deadlines.tables import Deadline
from backend.infra.journal import JournalEntry
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant, to_shanghai
from backend.kernel.deadlines import DeadlineState
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tests.cast import HAN_TAO, LIN_JIA, NOW, SHEN_LAN

REGIMES = """
regimes:
  - key: test_default
    title: 测试时限
    source: 测试
    valid_from: 2026-01-01
    rules:
      - {stage: decide, amount: 5, unit: working_days, end_time: "18:00", start: filed}
      - {stage: promise, amount: 7, unit: working_days, end_time: "18:00", start: filed}
      - {stage: refund, amount: 15, unit: calendar_days, end_time: "18:00", start: refund_or_return_due}
      - {stage: call, amount: 4, unit: working_hours, start: callback_promised}
  - key: only_reference
    title: 参照
    source: 测试
    binds: regulator
    rules:
      - {stage: accept, amount: 7, unit: working_days, start: filed}
"""
FILED = shanghai_instant(2026, 9, 24, 10, 12)  # the story of the mock pages


@pytest.fixture
def company(engine: Engine, tmp_path: Path) -> Works:
    """A database with one regime, and no reactions to its deadlines but the ones a test adds."""
    (tmp_path / "regimes.yml").write_text(REGIMES, encoding="utf-8")
    own = Works(engine, {})
    with own.begin(SYSTEM, NOW) as work:
        deadlines.seed(work, tmp_path)
    return own


@contextmanager
def listening(works: Works) -> Iterator[tuple[Works, list[Any]]]:
    heard: list[Any] = []
    reactions = {
        kind: [lambda work, fact: heard.append(fact)]
        for kind in (DeadlineWarned, DeadlineNeared, DeadlineBreached, DeadlineMoved)
    }
    yield Works(works.engine, reactions), heard


def begin(works: Works, kind: str = "promise", at: datetime = FILED, subject: str = "c1") -> Deadline:
    with works.begin(SYSTEM, at) as work:
        return deadlines.start(work, "complaint", subject, kind, "test_default", kind)


def row_of(works: Works, kind: str = "promise", subject: str = "c1") -> Deadline:
    with works.read(SYSTEM) as work:
        return next(one for one in deadlines.of(work.session, "complaint", subject) if one.kind == kind)


def shown(instant: datetime) -> str:
    return to_shanghai(instant).strftime("%m-%d %H:%M")


# --- starting and explaining ---


def test_the_promise_of_the_story_falls_on_the_seventh_working_day(company: Works) -> None:
    promise, decide = begin(company), begin(company, "decide")
    assert (shown(promise.due_at), shown(decide.due_at)) == ("10-12 18:00", "10-09 18:00")
    assert not promise.provisional
    half = datetime.fromisoformat(promise.schedule[0]["at"])
    assert promise.next_check_at == half < promise.near_at < promise.due_at


def test_a_due_date_unfolds_into_the_days_counted_and_skipped(company: Works) -> None:
    promise = begin(company)
    staff = deadlines.explain(promise)
    assert "计 7 个工作日，不计 11 天：中秋 3 天，国庆 7 天，周日 1 天" in staff[0]
    assert "没有暂停，没有延期。" in staff
    assert staff[-1] == "依据：测试时限 v1，测试"
    customer = deadlines.explain_to_customer(promise)
    assert customer[0].startswith("我们答应 7 个工作日内给结果。") and "国庆" in customer[0]
    shown_now = deadlines.describe(promise, NOW)
    cells = {cell["date_text"]: cell for cell in shown_now["cells"]}
    assert len(cells) % 7 == 0 and cells["9/21"]["out"]
    assert cells["9/24"]["start"] and cells["9/24"]["reason"] == "受理日"
    assert (cells["9/25"]["counted"], cells["9/25"]["reason"]) == (False, "中秋")
    assert (cells["10/10"]["ordinal"], cells["10/10"]["reason"]) == (6, "调休")
    assert cells["10/9"]["today"] and cells["10/12"]["due"] and cells["10/12"]["ordinal"] == 7
    assert shown_now["clock_text"] == "还剩 3 天"


def test_nothing_before_the_promise_is_due_after_it(engine: Engine, tmp_path: Path) -> None:
    works = Works(engine, {})
    spring = REGIMES.replace(
        "stage: promise, amount: 7, unit: working_days", "stage: promise, amount: 7, unit: calendar_days"
    )
    (tmp_path / "regimes.yml").write_text(spring, encoding="utf-8")
    with works.begin(SYSTEM, shanghai_instant(2026, 2, 14, 10)) as work:
        deadlines.seed(work, tmp_path)
        rows = {row.kind: row for row in deadlines.start_all(work, "case", "c1", "test_default", "filed")}
    # Five working days would end on 28 February, after the promise.
    assert shown(rows["promise"].due_at) == shown(rows["decide"].due_at) == "02-24 18:00"
    assert rows["decide"].near_at < rows["decide"].due_at
    assert any("按承诺的时间到期" in line for line in deadlines.explain(rows["decide"]))


def test_a_regime_for_reference_starts_no_clock(company: Works) -> None:
    with pytest.raises(NotFound), company.begin(SYSTEM, NOW) as work:
        deadlines.start(work, "complaint", "c1", "accept", "only_reference", "accept")


def test_a_kind_runs_once_at_a_time_and_again_after_it_was_met(company: Works) -> None:
    begin(company)
    with pytest.raises(Conflict) as refused:
        begin(company)
    assert refused.value.code == "deadline_running"
    with company.begin(SYSTEM, NOW) as work:
        assert deadlines.meet(work, "complaint", "c1", "promise") is not None
        assert deadlines.meet(work, "complaint", "c1", "promise") is None  # twice is harmless
    again = begin(company, at=NOW)
    assert again.round == 2
    assert row_of(company).id == again.id


# --- meeting ---


def test_what_is_met_in_time_is_never_noticed(company: Works) -> None:
    begin(company)
    with company.begin(SYSTEM, NOW) as work:
        deadlines.meet(work, "complaint", "c1", "promise")
    with listening(company) as (works, heard):
        assert deadlines.sweep(works, NOW + timedelta(days=90)) == 0
        assert heard == []
    assert deadlines.state_of(row_of(company), NOW + timedelta(days=90)) is DeadlineState.MET


def test_meeting_late_is_a_breach_even_if_no_sweep_had_seen_it(company: Works) -> None:
    due = begin(company).due_at
    with listening(company) as (works, heard):
        with works.begin(SYSTEM, due + timedelta(hours=20)) as work:
            deadlines.meet(work, "complaint", "c1", "promise")
        assert [(type(fact), fact.at) for fact in heard] == [(DeadlineBreached, due)]
        assert deadlines.sweep(works, due + timedelta(days=1)) == 0
    row = row_of(company)
    assert row.breached_at == due
    assert deadlines.describe(row, due + timedelta(days=2))["clock_text"] == "晚了 20 时"


# --- the sweep ---


def test_the_sweep_gives_each_notice_once_with_the_true_instant(company: Works) -> None:
    row = begin(company)
    half = datetime.fromisoformat(row.schedule[0]["at"])
    with listening(company) as (works, heard):
        assert deadlines.sweep(works, half - timedelta(seconds=1)) == 0
        assert deadlines.sweep(works, half) == 1
        assert deadlines.sweep(works, row.near_at - timedelta(seconds=1)) == 0
        assert deadlines.sweep(works, row.near_at + timedelta(minutes=30)) == 1
        assert deadlines.sweep(works, row.near_at + timedelta(minutes=31)) == 0
        assert deadlines.sweep(works, row.due_at) == 0  # the last instant is still in time
        assert deadlines.sweep(works, row.due_at + timedelta(hours=5)) == 1
        assert deadlines.sweep(works, row.due_at + timedelta(hours=6)) == 0
    assert [(type(fact), fact.at) for fact in heard] == [
        (DeadlineWarned, half),
        (DeadlineNeared, row.near_at),
        (DeadlineBreached, row.due_at),
    ]
    stored = row_of(company)
    assert (stored.neared_at, stored.breached_at) == (row.near_at, row.due_at)


def test_a_sweep_that_comes_weeks_late_tells_only_of_the_breach(company: Works) -> None:
    row = begin(company)
    with listening(company) as (works, heard):
        assert deadlines.sweep(works, row.due_at + timedelta(days=30)) == 1
    assert [type(fact) for fact in heard] == [DeadlineBreached]
    assert row_of(company).breached_at == row.due_at


def test_four_sweeps_at_once_give_each_notice_once(company: Works) -> None:
    rows = [begin(company, subject=f"c{number}") for number in range(12)]
    after = rows[0].due_at + timedelta(hours=1)
    with listening(company) as (works, heard), ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda _: deadlines.sweep(works, after), range(4)))
    assert sum(given) == 12
    assert sorted(fact.subject_id for fact in heard) == sorted(f"c{number}" for number in range(12))
    with company.read(SYSTEM) as work:
        stored = work.session.exec(select(Deadline)).all()
    assert all(row.breached_at == row.due_at and row.next_check_at is None for row in stored)


def test_a_failing_reaction_holds_up_no_other_deadline_and_is_tried_again(company: Works) -> None:
    row = begin(company, subject="good")
    begin(company, subject="bad")
    broken = [True]

    def react(work: Work, fact: DeadlineBreached) -> None:
        if fact.subject_id == "bad" and broken:
            raise RuntimeError("mail server down")

    works = Works(company.engine, {DeadlineBreached: [react]})
    assert deadlines.sweep(works, row.due_at + timedelta(hours=1)) == 1
    assert row_of(company, subject="good").breached_at == row.due_at
    assert row_of(company, subject="bad").breached_at is None
    broken.clear()
    assert deadlines.sweep(works, row.due_at + timedelta(hours=2)) == 1
    assert row_of(company, subject="bad").breached_at == row.due_at


# --- extending ---


def test_an_extension_needs_an_approver_who_is_not_the_one_who_asks(company: Works) -> None:
    old = begin(company).due_at
    for actor in (LIN_JIA, SHEN_LAN):
        with pytest.raises(Forbidden), company.begin(actor, NOW) as work:
            deadlines.extend(work, "complaint", "c1", "promise", 2, "等检测报告", SHEN_LAN.id)
    with company.begin(SHEN_LAN, NOW) as work:
        row = deadlines.extend(work, "complaint", "c1", "promise", 2, "等检测报告", LIN_JIA.id)
    assert (shown(old), shown(row.due_at)) == ("10-12 18:00", "10-14 18:00")
    assert any(
        "延期 2 个工作日" in line and "沈岚批准：等检测报告" in line for line in deadlines.explain(row)
    )
    with company.read(SYSTEM) as work:
        entry = work.session.exec(
            select(JournalEntry).where(JournalEntry.action == "deadline_extended")
        ).one()
    assert (entry.actor_id, entry.detail["old"], entry.detail["requested_by"]) == (
        SHEN_LAN.id,
        old.isoformat(),
        LIN_JIA.id,
    )


def test_a_breach_cannot_be_extended_away(company: Works) -> None:
    due = begin(company).due_at
    with pytest.raises(Conflict) as refused, company.begin(SHEN_LAN, due + timedelta(seconds=1)) as work:
        deadlines.extend(work, "complaint", "c1", "promise", 5, "忘了", LIN_JIA.id)
    assert refused.value.code == "deadline_over"


@pytest.mark.parametrize(("days", "reason"), [(0, "理由"), (31, "理由"), (-1, "理由"), (3, "  ")])
def test_an_extension_without_measure_or_reason_is_refused(company: Works, days: int, reason: str) -> None:
    begin(company)
    with pytest.raises(Invalid), company.begin(SHEN_LAN, NOW) as work:
        deadlines.extend(work, "complaint", "c1", "promise", days, reason, LIN_JIA.id)


# --- pausing ---


def test_a_stopped_clock_gives_back_the_working_days_that_passed(company: Works) -> None:
    begin(company)
    stop, again = shanghai_instant(2026, 10, 8, 11), shanghai_instant(2026, 10, 12, 9)
    with company.begin(LIN_JIA, stop) as work:
        deadlines.pause(work, "complaint", "c1", "等客户发照片")
    assert deadlines.state_of(row_of(company), again) is DeadlineState.PAUSED
    with listening(company) as (works, heard):
        assert deadlines.sweep(works, again) == 0
        assert heard == []
    with company.begin(LIN_JIA, again) as work:
        deadlines.resume(work, "complaint", "c1")
    row = row_of(company)
    # 9, 10 (worked Saturday) and 12 October passed: three working days after the 12th.
    assert shown(row.due_at) == "10-15 18:00"
    assert any("停表" in line and "等客户发照片" in line for line in deadlines.explain(row))


def test_a_clock_that_ran_out_is_not_stopped(company: Works) -> None:
    due = begin(company).due_at
    with pytest.raises(Conflict) as refused, company.begin(LIN_JIA, due + timedelta(hours=1)) as work:
        deadlines.pause(work, "complaint", "c1", "等客户")
    assert refused.value.code == "nothing_to_pause"


def test_stopping_needs_a_reason_and_happens_once(company: Works) -> None:
    begin(company)
    with pytest.raises(Invalid), company.begin(LIN_JIA, NOW) as work:
        deadlines.pause(work, "complaint", "c1", "")
    with pytest.raises(Conflict), company.begin(LIN_JIA, NOW) as work:
        deadlines.resume(work, "complaint", "c1")
    with company.begin(LIN_JIA, NOW) as work:
        deadlines.pause(work, "complaint", "c1", "等客户")
    with pytest.raises(Conflict) as refused, company.begin(LIN_JIA, NOW) as work:
        deadlines.pause(work, "complaint", "c1", "等客户")
    assert refused.value.code == "already_paused"


# --- years ---

YEAR_2027 = {
    "year": 2027,
    "source": "国务院办公厅关于 2027 年部分节假日安排的通知（测试）",
    "days": [
        {"date": "2027-01-01", "name": "元旦", "isOffDay": True},
        {"date": "2027-01-02", "name": "元旦", "isOffDay": True},
        {"date": "2027-01-03", "name": "元旦", "isOffDay": True},
        {"date": "2027-01-04", "name": "元旦", "isOffDay": True},
        {"date": "2026-12-27", "name": "元旦", "isOffDay": False},
    ],
}
LATE_2026 = shanghai_instant(2026, 12, 25, 10)


def test_a_date_that_rests_on_an_unpublished_year_is_promised_to_nobody(company: Works) -> None:
    promise = begin(company, at=LATE_2026)
    assert promise.provisional
    assert deadlines.promise_words(promise) == (None, "7 个工作日内")
    assert deadlines.explain_to_customer(promise) == []
    assert "暂定" in deadlines.explain(promise)[0]
    tone = deadlines.describe(promise, LATE_2026)["tone"]
    assert tone == "provisional"


def test_the_earliest_variant_is_worked_to_while_a_year_is_provisional(company: Works) -> None:
    promise = begin(company, at=LATE_2026)
    assert promise.due_at <= promise.legal_due_at


def test_an_imported_year_makes_provisional_dates_definite_and_is_journalled(company: Works) -> None:
    before = begin(company, at=LATE_2026)
    with listening(company) as (works, heard), works.begin(SYSTEM, LATE_2026) as work:
        assert deadlines.import_year(work, YEAR_2027) == 2027
    after = row_of(company)
    # 27 (worked Sunday), 28, 29, 30, 31 December, 5 and 6 January.
    assert shown(after.due_at) == "01-06 18:00"
    assert not after.provisional
    assert deadlines.promise_words(after)[1] == "2027年1月6日（周三）18:00"
    assert [fact.why for fact in heard] == ["calendar"]
    assert heard[0].old_due_at == before.due_at
    with company.read(SYSTEM) as work:
        actions = [row.action for row in work.session.exec(select(JournalEntry))]
        assert "calendar_imported" in actions and "deadline_recomputed" in actions
        year = deadlines.year(work.session, 2027)
    assert year["official"] and year["source"] == YEAR_2027["source"]
    assert {"date": "2027-01-04", "name": "元旦", "isOffDay": True} in year["days"]


def test_a_promised_date_is_never_postponed_by_a_changed_calendar(company: Works) -> None:
    due = begin(company).due_at
    longer = {
        "year": 2026,
        "source": "更正（测试）",
        "days": [{"date": f"2026-10-{day:02}", "name": "国庆节", "isOffDay": True} for day in range(1, 10)],
    }
    with pytest.raises(Conflict) as refused, company.begin(HAN_TAO, NOW) as work:
        deadlines.import_year(work, longer)
    assert refused.value.code == "year_already_official"
    with company.begin(HAN_TAO, NOW) as work:
        change = changes.propose(work, "year", longer, "国务院更正")
    with pytest.raises(Forbidden) as alone, company.begin(HAN_TAO, NOW) as work:
        changes.decide(work, change.id, approve=True)
    assert alone.value.code == "same_person"
    with company.begin(SHEN_LAN, NOW) as work:
        changes.decide(work, change.id, approve=True)
    assert row_of(company).due_at == due
    with company.read(SYSTEM) as work:
        assert deadlines.year_info(work.session, 2026).source == "更正（测试）"


def test_who_may_not_manage_calendars_imports_none(company: Works) -> None:
    with pytest.raises(Forbidden), company.begin(LIN_JIA, NOW) as work:
        deadlines.import_year(work, YEAR_2027)


@pytest.mark.parametrize("spoilt", [{"source": ""}, {"days": []}, {"year": "soon"}])
def test_a_spoilt_calendar_file_changes_nothing(company: Works, spoilt: dict[str, Any]) -> None:
    with pytest.raises(Invalid), company.begin(SYSTEM, NOW) as work:
        deadlines.import_year(work, YEAR_2027 | spoilt)
    with company.read(SYSTEM) as work:
        assert not deadlines.year_info(work.session, 2027).official


# --- the command line ---


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ((2026, 2, 13), "03-02"),
        ((2026, 2, 14), "03-03"),
        ((2026, 4, 30), "05-13"),
        ((2026, 9, 24), "10-12"),
        ((2026, 9, 30), "10-15"),
    ],
)
def test_seven_working_days_fall_where_the_standard_table_says(
    company: Works, start: tuple[int, int, int], due: str
) -> None:
    with company.read(SYSTEM) as work:
        found = deadlines.compute(work.session, shanghai_instant(*start, 10), None, 7)
    [one] = found["deadlines"]
    assert to_shanghai(datetime.fromisoformat(one["due_at"])).strftime("%m-%d") == due
    assert all(year["official"] for year in found["calendar"])


def test_fifteen_calendar_days_move_off_the_holiday_and_the_internal_date_does_not_rely_on_it(
    company: Works,
) -> None:
    with company.read(SYSTEM) as work:
        found = deadlines.compute(work.session, shanghai_instant(2026, 2, 2, 10), "test_default")
    refund = next(one for one in found["deadlines"] if one["stage"] == "refund")
    assert shown(datetime.fromisoformat(refund["legal_due"])) == "02-24 18:00"
    assert shown(datetime.fromisoformat(refund["internal_due"])) == "02-14 18:00"


def test_a_start_without_rule_or_regime_is_refused(company: Works) -> None:
    with company.read(SYSTEM) as work:
        with pytest.raises(Invalid):
            deadlines.compute(work.session, NOW)
        with pytest.raises(NotFound):
            deadlines.compute(work.session, NOW, "no_such_regime")
        assert len(deadlines.compute(work.session, NOW, deadlines.DEFAULT_REGIME, 7)["deadlines"]) == 1
        before_it_was_in_force = shanghai_instant(2025, 2, 14, 10)
        assert (
            len(deadlines.compute(work.session, before_it_was_in_force, "test_default", 7)["deadlines"]) == 5
        )


def test_seeding_twice_adds_nothing_and_a_doubled_stage_is_refused(company: Works, tmp_path: Path) -> None:
    with company.begin(SYSTEM, NOW) as work:
        assert deadlines.seed(work, tmp_path) == []
    spoilt = REGIMES.replace("stage: decide", "stage: promise").replace("test_default", "other")
    (tmp_path / "regimes.yml").write_text(spoilt, encoding="utf-8")
    with pytest.raises(Invalid), company.begin(SYSTEM, NOW) as work:
        deadlines.seed(work, tmp_path)
