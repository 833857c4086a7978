"""Deadlines in the database: started by a regime, met, noticed once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import select

from backend.deadlines import service as deadlines
from backend.deadlines.events import DeadlineBreached, DeadlineNeared, DeadlineWarned
from backend.deadlines.tables import Deadline
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant
from backend.kernel.deadlines import DeadlineState
from backend.kernel.errors import Conflict, NotFound
from tests.cast import NOW
from tests.services.deadline_company import REGIMES, a_company, begin, listening, row_of, shown


@pytest.fixture
def company(engine: Engine, tmp_path: Path) -> Works:
    return a_company(engine, tmp_path)


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
