"""Each warning point once, up the ladder, nobody told twice; every breach has its cause before its case closes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import select

from backend.deadlines import service as deadlines
from backend.deadlines.clockwatch import Watch
from backend.deadlines.events import (
    DeadlineBreached,
    DeadlineEnded,
    DeadlineNeared,
    DeadlineWarned,
    EscalationDue,
    TakeOverDue,
)
from backend.deadlines.tables import Deadline, DeadlineCall, DeadlineNotice
from backend.infra import journal
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tests.cast import HAN_TAO, HE_CHUAN, LIN_JIA, NOW, SHEN_LAN
from tests.deadline_house import FILED, House, shown

MINUTE = timedelta(minutes=1)


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path)


def notices_of(house: House, deadline: Deadline) -> dict[str, DeadlineNotice]:
    with house.works.read(SYSTEM) as work:
        rows = work.session.exec(select(DeadlineNotice).where(DeadlineNotice.deadline_id == deadline.id)).all()
    assert len({(row.point, row.due_at) for row in rows}) == len(rows)
    return {row.point: row for row in rows}


def test_minute_by_minute_every_point_is_said_once_at_its_own_instant(house: House) -> None:
    row = house.start()
    now = FILED
    while now < row.due_at + timedelta(days=5):
        house.sweep(now)
        house.sweep(now)
        now += timedelta(hours=1)
    said = [(type(fact).__name__, shown(fact.at)) for fact in house.heard]
    assert said == [
        ("DeadlineWarned", "09-30 13:30"),
        ("EscalationDue", "09-30 13:30"),
        ("DeadlineNeared", "10-09 09:00"),
        ("EscalationDue", "10-09 09:00"),
        ("DeadlineBreached", "10-09 18:00"),
        ("EscalationDue", "10-09 18:00"),
        ("TakeOverDue", "10-09 18:00"),
        ("EscalationDue", "10-10 18:00"),
    ]
    assert set(notices_of(house, row)) == {"share:0.5", "near", "breach", "level:1", "level:2", "level:3", "level:4"}
    assert house.row().next_check_at is None
    assert house.row().schedule == []


def test_the_ladder_tells_those_it_names_and_the_cases_room_tells_its_holder(house: House) -> None:
    row = house.start()
    house.sweep(row.near_at)
    first, second = house.said(EscalationDue)
    assert {(first.level, first.tell_owner), (second.level, second.tell_owner)} == {(1, False), (2, True)}
    [near] = [one for one in (first, second) if one.level == 2]
    assert set(near.told) == {"shenlan", "hantao"} and near.words == "80%"
    with house.works.begin(SYSTEM, NOW) as work:
        assert deadlines.tell(work, near, ["linjia", "hantao"]) == ["linjia"]
    with house.works.begin(SYSTEM, NOW) as work:
        assert deadlines.tell(work, near, ["linjia"]) == []  # once
    with house.works.read(SYSTEM) as work:
        [waiting] = deadlines.waiting_for(work.session, "linjia")
        assert (waiting["subject_id"], waiting["level"], waiting["name"]) == ("c1", 2, "内部期限")
    with house.works.begin(LIN_JIA, NOW) as work:
        deadlines.seen(work, "case", "c1")
    with house.works.read(SYSTEM) as work:
        assert deadlines.waiting_for(work.session, "linjia") == []
        assert len(deadlines.calls_of(work.session, "case", "c1")) == 3


def test_a_sweep_that_comes_after_everything_says_the_gravest_and_tells_each_person_once(house: House) -> None:
    row = house.start()
    assert house.sweep(row.due_at + timedelta(days=30)) == 5  # the breach and four rungs
    assert not house.said(DeadlineWarned, DeadlineNeared)
    [breach] = house.said(DeadlineBreached)
    assert breach.at == row.due_at
    rungs = house.said(EscalationDue)
    assert [rung.level for rung in rungs] == [4, 3, 2, 1]
    told = [staff_id for rung in rungs for staff_id in rung.told]
    assert sorted(told) == sorted(set(told)) == ["admin", "hantao", "hechuan", "shenlan"]
    assert [rung.tell_owner for rung in rungs] == [False, False, True, False]
    passed = {name for name, notice in notices_of(house, row).items() if notice.superseded}
    assert passed == {"share:0.5", "near"}


def test_the_case_passes_to_whoever_has_the_least_waiting(house: House) -> None:
    house.start(subject="before", at=FILED - timedelta(days=30))
    with house.works.begin(SYSTEM, NOW) as work:
        work.session.add(
            DeadlineCall(id="x", deadline_id=house.row(subject="before").id, subject_kind="case", subject_id="before",
                         kind="decide", level=9, staff_id="hantao", due_at=NOW, at=NOW, told_at=NOW)
        )
        deadlines.drop(work, "case", "before")
    row = house.start()
    house.sweep(row.due_at + MINUTE)
    [over] = house.said(TakeOverDue)
    assert over.candidates == ("shenlan", "hantao")


def test_ten_sweeps_at_once_tell_everybody_once(house: House) -> None:
    rows = [house.start(subject=f"c{number}") for number in range(8)]
    after = rows[0].due_at + timedelta(days=3)
    with ThreadPoolExecutor(10) as pool:
        given = sum(pool.map(lambda _: house.sweep(after), range(10)))
    assert given == 8 * 5
    with house.works.read(SYSTEM) as work:
        calls = work.session.exec(select(DeadlineCall)).all()
        assert len(calls) == 8 * 4 == len({(one.deadline_id, one.staff_id) for one in calls})


def test_a_stop_brings_back_nothing_that_was_said(house: House) -> None:
    row = house.start()
    house.sweep(row.near_at + MINUTE)
    house.heard.clear()
    with house.works.begin(LIN_JIA, row.near_at + 2 * MINUTE) as work:
        deadlines.pause(work, "case", "c1", "等客户照片")
    assert house.sweep(row.due_at + timedelta(days=9)) == 0
    with house.works.begin(LIN_JIA, shanghai_instant(2026, 10, 14, 9, 30)) as work:
        deadlines.resume(work, "case", "c1")
    again = house.row()
    assert again.due_at > row.due_at and again.neared_at == row.near_at
    assert house.sweep(again.due_at) == 0
    assert house.sweep(again.due_at + timedelta(days=9)) == 3  # breach and two rungs
    assert not house.said(DeadlineNeared, DeadlineWarned)


def test_what_is_done_while_the_clock_stands_still_is_done_in_time(house: House) -> None:
    row = house.start()
    with house.works.begin(LIN_JIA, row.due_at - timedelta(hours=2)) as work:
        deadlines.pause(work, "case", "c1", "等检测报告")
    with house.works.begin(LIN_JIA, row.due_at + timedelta(days=3)) as work:
        deadlines.meet(work, "case", "c1", "decide")
    ended = house.row()
    assert ended.due_at > row.due_at and ended.met_at is not None and ended.met_at <= ended.due_at
    assert ended.breached_at is None and not house.said(DeadlineBreached)
    assert any("停表 3 天 2 时" in line for line in deadlines.explain(ended))


def test_an_extension_is_a_new_way_with_its_own_warning(house: House) -> None:
    row = house.start()
    house.sweep(row.near_at + MINUTE)
    house.heard.clear()
    with house.works.begin(HAN_TAO, row.near_at + 2 * MINUTE) as work:
        moved = deadlines.extend(work, "case", "c1", "decide", 3, "等检测", LIN_JIA.id)
    assert moved.due_at > row.due_at and moved.neared_at is None
    house.sweep(moved.due_at)
    assert [type(fact) for fact in house.heard if not isinstance(fact, EscalationDue)][-1] is DeadlineNeared
    assert {fact.due_at for fact in house.said(DeadlineNeared)} == {moved.due_at}


def test_who_ended_a_deadline_late_is_told_apart(house: House) -> None:
    row = house.start()
    with house.works.begin(LIN_JIA, row.due_at + MINUTE) as work:
        deadlines.meet(work, "case", "c1", "decide")
    [ended] = house.said(DeadlineEnded)
    assert (ended.how, ended.late) == ("met", True)
    assert house.row().next_check_at is None
    house.heard.clear()
    house.sweep(row.due_at + timedelta(days=9))
    assert {fact.kind for fact in house.heard} == {"refund"}
    # Refunds run from the decision, by the version that the decision went by.
    refund = house.row("refund")
    assert refund.starts_at == row.due_at + MINUTE


# --- a wall clock that leaps ---


def test_a_clock_set_back_repeats_nothing_and_a_stop_is_never_shorter_than_nothing(house: House) -> None:
    row = house.start()
    late = row.due_at + MINUTE
    given = [house.sweep(late), house.sweep(FILED), house.sweep(late - timedelta(days=3)), house.sweep(late)]
    assert given[0] > 0 and given[1:] == [0, 0, 0]
    with pytest.raises(Conflict), house.works.begin(HAN_TAO, FILED) as work:
        deadlines.extend(work, "case", "c1", "decide", 1, "钟往回拨了", LIN_JIA.id)
    other = house.start(subject="c2")
    with house.works.begin(LIN_JIA, FILED + timedelta(hours=3)) as work:
        deadlines.pause(work, "case", "c2", "等客户")
    with house.works.begin(LIN_JIA, FILED + timedelta(hours=2)) as work:
        deadlines.resume(work, "case", "c2")
    assert house.row(subject="c2").due_at == other.due_at
    with house.works.begin(LIN_JIA, FILED - timedelta(hours=2)) as work:
        deadlines.meet(work, "case", "c2", "decide")
    ended = house.row(subject="c2")
    assert ended.met_at == ended.starts_at and ended.breached_at is None


def test_a_leap_of_the_wall_clock_is_believed_only_once_it_stands() -> None:
    wall, ticks = [NOW], [1000.0]

    def passes(seconds: float, leap: float = 0) -> datetime | None:
        ticks[0] += seconds
        wall[0] += timedelta(seconds=seconds + leap)
        return watch.now()

    watch = Watch(lambda: wall[0], lambda: ticks[0])
    assert passes(0) == NOW
    assert passes(5) is not None
    assert passes(86_400 * 3) is not None  # the machine slept: its stopwatch counted on
    assert passes(5, leap=30) is not None  # trimmed
    assert passes(5, leap=86_400) is None
    assert passes(60) is None
    assert passes(5, leap=-86_400) is not None  # put right again: nothing was said meanwhile
    assert passes(5, leap=-7_200) is None
    assert passes(60) is None and passes(60) is None
    assert passes(120) == wall[0]  # it stays: it was a correction
    assert passes(5) == wall[0]


# --- why ---


def test_a_breached_case_does_not_close_before_somebody_said_why(house: House) -> None:
    row = house.start()
    with house.works.begin(LIN_JIA, row.due_at + MINUTE) as work:
        with pytest.raises(Conflict) as refused:
            deadlines.require_causes(work, "case", "c1")  # no sweep has come yet
        assert refused.value.code == "breach_cause_missing" and "内部期限" in refused.value.message
    with pytest.raises(Forbidden), house.works.begin(HE_CHUAN, row.due_at + MINUTE) as work:
        deadlines.record_cause(work, "case", "c1", "decide", "overlooked", "漏看了提醒")
    for cause, text, code in (("bad luck", "漏看了", "unknown_cause"), ("overlooked", " ", "cause_needs_words")):
        with pytest.raises(Invalid) as wrong, house.works.begin(LIN_JIA, row.due_at + MINUTE) as work:
            deadlines.record_cause(work, "case", "c1", "decide", cause, text)
        assert wrong.value.code == code
    with house.works.begin(LIN_JIA, row.due_at + MINUTE) as work:
        deadlines.record_cause(work, "case", "c1", "decide", "waiting_supplier", "等供应商回复，13 号才到")
        deadlines.meet(work, "case", "c1", "decide")
        deadlines.require_causes(work, "case", "c1")
    with house.works.read(SYSTEM) as work:
        [why] = deadlines.causes_of(work.session, "case", "c1")
        assert (why["cause_text"], why["by"]) == ("等供应商或物流", "linjia")
        assert deadlines.without_cause(work.session, "case", "c1") == []


def test_what_was_done_in_time_needs_no_cause(house: House) -> None:
    house.start()
    with house.works.begin(LIN_JIA, FILED + MINUTE) as work:
        deadlines.meet(work, "case", "c1", "decide")
        deadlines.require_causes(work, "case", "c1")
        with pytest.raises(NotFound):
            deadlines.record_cause(work, "case", "c1", "decide", "other", "没有逾期")


def test_breaches_and_rungs_stand_in_the_journal_and_the_journal_verifies(house: House) -> None:
    row = house.start()
    house.sweep(row.due_at + timedelta(days=9))
    with house.works.begin(SYSTEM, row.due_at + timedelta(days=10)) as work:
        journal.seal(work.session, work.now)
    with house.works.read(SYSTEM) as work:
        actions = [entry.action for entry in work.session.exec(select(journal.JournalEntry))]
        assert actions.count("deadline_breached") == 1 and actions.count("deadline_escalated") == 4
        assert journal.verify(work.session).intact


def test_a_rung_that_fails_takes_its_notice_back_with_it(engine: Engine, tmp_path: Path) -> None:
    house = House(engine, tmp_path)
    row = house.start()
    house.start(subject="c2")

    def broken(work: object, fact: EscalationDue) -> None:
        if fact.subject_id == "c1":
            raise RuntimeError("no mail")

    given = deadlines.sweep(Works(engine, {EscalationDue: [broken]}), row.due_at + MINUTE)
    assert given == 4  # the other case: breach and three rungs
    assert house.row().breached_at is None and notices_of(house, row) == {}
    assert house.row(subject="c2").breached_at == row.due_at
    assert house.sweep(row.due_at + MINUTE) == 4


def test_extensions_obey_the_rule_who_how_much_how_often(house: House) -> None:
    house.start()
    at = FILED + timedelta(hours=1)
    for days, code in ((4, "bad_extension"), (0, "bad_extension")):
        with pytest.raises(Invalid) as wrong, house.works.begin(HAN_TAO, at) as work:
            deadlines.extend(work, "case", "c1", "decide", days, "等检测", LIN_JIA.id)
        assert wrong.value.code == code
    with house.works.begin(HAN_TAO, at) as work:
        deadlines.extend(work, "case", "c1", "decide", 3, "等检测", LIN_JIA.id)
    with pytest.raises(Conflict) as enough, house.works.begin(SHEN_LAN, at) as work:
        deadlines.extend(work, "case", "c1", "decide", 1, "还要等", LIN_JIA.id)
    assert enough.value.code == "extended_enough"


def test_a_date_of_the_law_is_not_extended_by_ourselves(house: House) -> None:
    house.start()
    with house.works.begin(LIN_JIA, FILED) as work:
        deadlines.meet(work, "case", "c1", "decide")
    refund = house.row("refund")
    with pytest.raises(Conflict) as fixed, house.works.begin(HAN_TAO, FILED + MINUTE) as work:
        deadlines.extend(work, "case", "c1", "refund", 20, "财务月结", LIN_JIA.id)
    assert fixed.value.code == "fixed_by_law"
    assert house.row("refund").due_at == refund.due_at
