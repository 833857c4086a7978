"""The organisation's own days and hours, units, and years whose notice is not out; every override by two people."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from backend.deadlines import changes, years
from backend.deadlines import service as deadlines
from backend.deadlines.events import DeadlineMoved, EscalationDue
from backend.infra.journal import JournalEntry
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tests.cast import HAN_TAO, LIN_JIA, NOW, SHEN_LAN
from tests.deadline_house import House, shown

LATE_2026 = shanghai_instant(2026, 12, 25, 10)
WEEK = {day: ["9:00-12:00", "13:30-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


def year_2027(*worked: str, off: tuple[str, ...] = ("2027-01-01", "2027-01-02", "2027-01-03")) -> dict[str, Any]:
    return {
        "year": 2027,
        "source": "国务院办公厅关于 2027 年部分节假日安排的通知（测试）",
        "days": [{"date": day, "name": "元旦", "isOffDay": True} for day in off]
        + [{"date": day, "name": "元旦", "isOffDay": False} for day in worked],
    }


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path)


def agreed(house: House, kind: str, content: dict[str, Any], unit: str | None = None, at: datetime = NOW) -> None:
    with house.works.begin(HAN_TAO, at) as work:
        change = changes.propose(work, kind, content, "测试", unit)
    with house.works.begin(SHEN_LAN, at) as work:
        changes.decide(work, change.id, approve=True)


def call_back(house: House, at: datetime, subject: str, unit: str | None = None) -> str:
    return shown(house.start("callback", subject, at, unit).due_at)


def test_several_frames_a_day_count_from_the_day_they_were_agreed(house: House) -> None:
    friday = shanghai_instant(2026, 10, 9, 16)
    before = house.start("callback", "a", friday)
    assert shown(before.due_at) == "10-10 11:00"
    agreed(house, "hours", {"weekdays": WEEK, "from": "2026-10-09"}, at=friday)
    assert call_back(house, friday, "b") == "10-10 11:00"  # 2 h, then 9–11 on the worked Saturday
    assert call_back(house, shanghai_instant(2026, 10, 9, 10), "c") == "10-09 15:30"  # over lunch
    assert house.row("callback", "a").due_at == before.due_at  # running clocks keep their dates


def test_a_season_returns_each_year_and_ends(house: House) -> None:
    short = {day: ["9:00-16:00"] for day in WEEK}
    agreed(house, "hours", {"weekdays": short, "season": ["11-01", "03-31"]})
    assert call_back(house, shanghai_instant(2026, 11, 2, 14), "winter") == "11-03 11:00"
    assert call_back(house, shanghai_instant(2026, 10, 12, 14), "autumn") == "10-12 18:00"
    assert call_back(house, shanghai_instant(2026, 1, 5, 14), "before") == "01-06 11:00"


def test_an_own_holiday_and_a_half_day_are_the_organisations_not_the_laws(house: House) -> None:
    agreed(house, "days", {"days": [
        {"date": "2026-10-16", "name": "店庆"}, {"date": "2026-10-15", "name": "盘点半天", "hours": ["9:00-12:00"]},
    ]})  # fmt: skip
    assert call_back(house, shanghai_instant(2026, 10, 15, 10), "a") == "10-19 11:00"
    row = house.start("decide", "b", NOW)
    # Five working days after the 9th end on the 15th (the 10th is worked); the law counts the 16th all the same.
    assert shown(row.legal_due_at) == "10-15 18:00"
    other = house.start("decide", "c", shanghai_instant(2026, 10, 10, 10))
    assert (shown(other.legal_due_at), shown(other.due_at)) == ("10-16 18:00", "10-15 18:00")
    with house.works.read(SYSTEM) as work:
        view = years.year_view(work.session, 2026, None, date(2026, 10, 9))
        october = {day["date"]: day for day in view["months"][9]["days"]}
        assert october["2026-10-16"]["mark"] == "店庆" and not october["2026-10-16"]["open"]
        assert october["2026-10-16"]["counted"] and "店庆" in october["2026-10-16"]["title"]
        assert view["worked"] == 248


def test_a_unit_goes_by_its_own_hours_and_everybody_else_by_the_organisations(house: House) -> None:
    daily = {day: ["9:00-21:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    agreed(house, "hours", {"weekdays": daily, "follows_holidays": False}, unit="售后")
    saturday = shanghai_instant(2026, 10, 17, 19)
    assert call_back(house, saturday, "a", "售后") == "10-18 11:00"
    assert call_back(house, saturday, "b") == "10-19 13:00"
    assert "按「售后」组的工作时间。" in deadlines.explain(house.row("callback", "a"))
    with pytest.raises(Invalid) as unknown, house.works.begin(HAN_TAO, NOW) as work:
        changes.propose(work, "hours", {"weekdays": daily}, "测试", "不存在的组")
    assert unknown.value.code == "unknown_unit"


def test_two_people_change_a_calendar_and_the_database_says_so_too(house: House) -> None:
    content = {"days": [{"date": "2026-10-16", "name": "店庆"}]}
    with pytest.raises(Forbidden), house.works.begin(LIN_JIA, NOW) as work:
        changes.propose(work, "days", content, "测试")
    with house.works.begin(HAN_TAO, NOW) as work:
        change = changes.propose(work, "days", content, "店庆全店放假")
    with pytest.raises(Forbidden) as alone, house.works.begin(HAN_TAO, NOW) as work:
        changes.decide(work, change.id, approve=True)
    assert alone.value.code == "same_person"
    with pytest.raises(IntegrityError), house.works.begin(SYSTEM, NOW) as work:
        work.session.execute(text("UPDATE calendar_changes SET state = 'approved', decided_by = proposed_by"))
    with house.works.begin(SHEN_LAN, NOW) as work:
        changes.decide(work, change.id, approve=False)
    with pytest.raises(Conflict), house.works.begin(SHEN_LAN, NOW) as work:
        changes.decide(work, change.id, approve=True)
    with pytest.raises(NotFound), house.works.begin(SHEN_LAN, NOW) as work:
        changes.decide(work, "nothing", approve=True)
    with house.works.read(SYSTEM) as work:
        assert years.calendar(work.session).is_staffed(date(2026, 10, 16))


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("hours", {}, "bad_hours"),
        ("hours", {"weekdays": {"mon": ["18:00-9:00"]}}, "bad_hours"),
        ("hours", {"weekdays": {"someday": ["9:00-18:00"]}}, "bad_hours"),
        ("hours", {"weekdays": WEEK, "season": ["05-01"]}, "bad_hours"),
        ("hours", {"weekdays": WEEK, "season": ["13-01", "13-05"]}, "bad_hours"),
        ("hours", {"weekdays": WEEK, "from": "2026-06-01", "until": "2026-05-01"}, "bad_hours"),
        ("days", {"days": []}, "bad_days"),
        ("days", {"days": [{"date": "2026-02-30", "name": "x"}]}, "bad_days"),
        ("days", {"days": [{"date": "1999-02-03", "name": "x"}]}, "bad_days"),
        ("days", {"days": [{"date": "2026-02-03", "name": ""}]}, "bad_days"),
        ("days", {"days": [{"date": "2026-02-03", "name": "x"}] * 2}, "bad_days"),
        ("year", {"year": 2026, "days": []}, "bad_calendar_file"),
        ("weather", {}, "bad_change"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_at_once(
    house: House, kind: str, content: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as refused, house.works.begin(HAN_TAO, NOW) as work:
        changes.propose(work, kind, content, "测试")
    assert refused.value.code == code and refused.value.message.endswith("。")


def test_a_year_outside_of_any_calendar_is_a_sentence(house: House) -> None:
    with house.works.read(SYSTEM) as work, pytest.raises(Invalid) as refused:
        years.year_view(work.session, 1987, None, date(2026, 1, 1))
    assert refused.value.code == "bad_year"


# --- a year whose notice is not out ---


def test_a_notice_that_makes_a_date_earlier_moves_it_writes_it_down_and_calls_the_managers(house: House) -> None:
    row = house.start("promise", at=LATE_2026)
    assert row.provisional and deadlines.promise_words(row)[0] is None
    # The held date is the earliest variant; a definite one that becomes earlier needs a row beyond it.
    with house.works.begin(SYSTEM, LATE_2026) as work:
        deadlines.import_year(work, year_2027())
    definite = house.row("promise")
    assert not definite.provisional and shown(definite.due_at) == "01-06 18:00"
    house.heard.clear()
    agreed(house, "year", year_2027("2026-12-27", "2027-01-02", off=("2027-01-01", "2027-01-03")), at=LATE_2026)
    earlier = house.row("promise")
    assert earlier.due_at < definite.due_at
    [moved] = house.said(DeadlineMoved)
    assert (moved.why, moved.earlier, moved.old_due_at) == ("calendar", True, definite.due_at)
    [called] = house.said(EscalationDue)
    assert called.level == 0 and set(called.told) == {"hantao", "shenlan"} and called.tell_owner
    assert sum("放假安排公布" in line for line in deadlines.explain(earlier)) == 2
    with house.works.read(SYSTEM) as work:
        entries = [one for one in work.session.exec(select(JournalEntry)) if one.action == "deadline_recomputed"]
        assert entries[-1].detail["old"] == definite.due_at.isoformat()
        assert entries[-1].detail["new"] == earlier.due_at.isoformat()


def test_a_notice_never_makes_a_promise_later(house: House) -> None:
    house.start("promise", at=LATE_2026)
    with house.works.begin(SYSTEM, LATE_2026) as work:
        deadlines.import_year(work, year_2027())
    due = house.row("promise").due_at
    agreed(house, "year", year_2027(off=("2027-01-01", "2027-01-04", "2027-01-05", "2027-01-06")), at=LATE_2026)
    assert house.row("promise").due_at == due


def test_an_extended_and_stopped_date_is_reckoned_again_with_its_stops(house: House) -> None:
    house.start("promise", at=LATE_2026)
    with house.works.begin(LIN_JIA, shanghai_instant(2026, 12, 28, 10)) as work:
        deadlines.pause(work, "case", "c1", "等客户")
    with house.works.begin(LIN_JIA, shanghai_instant(2026, 12, 30, 10)) as work:
        deadlines.resume(work, "case", "c1")
    with house.works.begin(HAN_TAO, shanghai_instant(2026, 12, 30, 11)) as work:
        deadlines.extend(work, "case", "c1", "promise", 1, "等检测", LIN_JIA.id)
    assert house.row("promise").provisional
    with house.works.begin(SYSTEM, shanghai_instant(2026, 12, 30, 12)) as work:
        deadlines.import_year(work, year_2027())
    row = house.row("promise")
    # Seven working days from the 25th are 6 January; two days' stop and one more day: the 11th.
    assert not row.provisional and shown(row.due_at) == "01-11 18:00"


def test_an_extension_into_an_unpublished_year_promises_no_date(house: House) -> None:
    december = shanghai_instant(2026, 12, 16, 10)
    row = house.start("promise", at=december)
    assert not row.provisional and deadlines.promise_words(row)[0] is not None
    with house.works.begin(HAN_TAO, december) as work:
        moved = deadlines.extend(work, "case", "c1", "promise", 5, "等检测", LIN_JIA.id)
    assert moved.provisional and deadlines.promise_words(moved)[0] is None
    assert row.due_at < moved.due_at <= moved.legal_due_at
