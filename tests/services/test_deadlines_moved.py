"""Deadlines that move: extended by two, stopped with a reason, never against the customer by a new year."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import select

from backend.deadlines import changes
from backend.deadlines import service as deadlines
from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant
from backend.kernel.deadlines import DeadlineState
from backend.kernel.errors import Conflict, Forbidden, Invalid
from tests.cast import HAN_TAO, LIN_JIA, NOW, SHEN_LAN
from tests.services.deadline_company import a_company, begin, listening, row_of, shown


@pytest.fixture
def company(engine: Engine, tmp_path: Path) -> Works:
    return a_company(engine, tmp_path)


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
