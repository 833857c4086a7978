"""Complaints in the database: filed once, numbered without twins, moved by the table, kept to their dates."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from backend.complaints import proofs, store
from backend.complaints import service as complaints
from backend.complaints.events import ComplaintFiled, ComplaintMoved, ComplaintUrged
from backend.complaints.rules import Stage
from backend.complaints.service import Query
from backend.complaints.tables import Complaint
from backend.deadlines import service as deadlines
from backend.infra.work import Work, Works
from backend.kernel.actors import BOT, SYSTEM, Actor
from backend.kernel.clock import shanghai_instant, to_shanghai
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, ZhikeError
from backend.wiring import REACTIONS
from tests.builders import a_conversation, a_customer
from tests.cast import HAN_TAO, HE_CHUAN, LIN_JIA, NOW, SHEN_LAN, hire

REGIMES = """
regimes:
  - key: house_default
    title: 测试时限
    source: 测试
    valid_from: 2026-01-01
    rules:
      - {stage: acknowledge, amount: 1, unit: minutes, start: filed}
      - {stage: first_person, amount: 1, unit: working_days, end_time: "18:00", start: filed}
      - {stage: decide, amount: 5, unit: working_days, end_time: "18:00", start: filed}
      - {stage: promise, amount: 7, unit: working_days, end_time: "18:00", start: filed}
"""
FILED = shanghai_instant(2026, 9, 24, 10, 12)
PHONE = "138 1234 6027"


@pytest.fixture
def house(works: Works, tmp_path: Path) -> Works:
    """The cast on the payroll and the deadlines of the mock pages' story."""
    (tmp_path / "regimes.yml").write_text(REGIMES, encoding="utf-8")
    with works.begin(SYSTEM, NOW) as work:
        hire(work)
        deadlines.seed(work, tmp_path)
    return works


def filing(**changed: Any) -> dict[str, Any]:
    given = {
        "idempotency_key": "key-1",
        "description": "桌板开裂，换货取件两次没来",
        "remedy": "换一张完好的桌板",
        "order_no": "2609173382",
        "contact": PHONE,
    }
    return given | changed


def file_in(
    work: Work, conversation_id: str | None = None, customer_id: str = "", **changed: Any
) -> Complaint:
    return complaints.file(
        work,
        customer_id=customer_id or a_customer(work).id,
        conversation_id=conversation_id,
        channel="web",
        **filing(**changed),
    )


def filed(works: Works, at: datetime = FILED, **changed: Any) -> Complaint:
    with works.begin(BOT, at) as work:
        return file_in(work, a_conversation(work).id, **changed)


def move(
    works: Works, number: str, action: str, actor: Actor = LIN_JIA, at: datetime = NOW, **detail: Any
) -> Complaint:
    with works.begin(actor, at) as work:
        return complaints.move(work, number, action, **detail)


# 严重 2 × 复杂 1 × 影响 2 × 紧急 3 = 12, as in the mock pages' story.
SCORES = {"severity": 2, "complexity": 1, "impact": 2, "urgency": 3}
WAY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("acknowledge", {}),
    ("assess", {**SCORES, "category": "logistics.pickup", "unit": "logistics"}),
    ("investigate", {"text": "两次失约的原因"}),
    ("decide", {"outcome": "accepted", "text": "换新，免运费"}),
    ("communicate", {"channel": "phone", "text": "新桌板今天出库"}),
    ("close", {}),
)


def bring_to(works: Works, number: str, last: str, at: datetime = NOW) -> None:
    for action, detail in WAY:
        if action == "close":
            explain_lateness(works, number, at)
        move(works, number, action, at=at, **detail)
        if action == last:
            return


def explain_lateness(works: Works, number: str, at: datetime = NOW) -> None:
    """The story begins a fortnight late; closing asks why."""
    with works.begin(LIN_JIA, at) as work:
        late = deadlines.without_cause(work.session, "complaint", complaints.get(work.session, number).id)
        for kind in {row.kind for row in late}:
            complaints.explain_breach(work, number, kind, "short_of_staff", "国庆当班的人少")


def kinds(works: Works, complaint: Complaint) -> list[str]:
    with works.read(SYSTEM) as work:
        return [entry.kind for entry in store.entries(work.session, complaint.id)]


# --- filing ---


def test_a_filed_complaint_has_a_number_a_receipt_and_running_clocks(house: Works) -> None:
    heard: list[ComplaintFiled] = []
    works = Works(house.engine, {**REACTIONS, ComplaintFiled: [lambda work, fact: heard.append(fact)]})
    complaint = filed(works)
    assert complaint.number == "TS20260924-0001"
    assert [fact.number for fact in heard] == [complaint.number]
    with works.read(SYSTEM) as work:
        clocks = {row.kind: row for row in deadlines.of(work.session, "complaint", complaint.id)}
        summary = complaints.summary(work.session, complaint, FILED)
    assert clocks["acknowledge"].met_at == FILED  # the number given back at once
    assert to_shanghai(clocks["decide"].due_at).strftime("%m-%d") == "10-09"
    assert summary == {
        "number": "TS20260924-0001",
        "stage": "filed",
        "stage_text": "已受理",
        "promised_at": shanghai_instant(2026, 10, 12, 18).isoformat(),
        "promised_text": "10月12日（周一）18:00",
        "receipt_url": f"/r/{proofs.receipt_token(complaint.id)}",
    }


def test_the_same_key_gives_the_first_complaint_whatever_else_is_sent(house: Works) -> None:
    first, second = filed(house), filed(house, description="另一件事情完全不同")
    assert (first.id, first.description) == (second.id, second.description)
    assert kinds(house, first) == ["filed"]


def test_eight_clicks_at_once_file_one_complaint(house: Works) -> None:
    with house.begin(BOT, FILED) as work:
        conversation = a_conversation(work)

    def click(_: int) -> str:
        with house.begin(BOT, FILED) as work:
            return file_in(work, conversation.id, conversation.customer_id).number

    with ThreadPoolExecutor(8) as pool:
        numbers = set(pool.map(click, range(8)))
    assert numbers == {"TS20260924-0001"}
    after = filed(house, idempotency_key="key-2")
    assert after.number == "TS20260924-0002"  # the losers gave their numbers back


def test_numbers_have_no_twins_and_no_gaps_when_eight_file_at_once(house: Works) -> None:
    with house.begin(BOT, FILED) as work:
        customer_id = a_customer(work).id

    def one(index: int) -> str:
        with house.begin(BOT, FILED) as work:
            return file_in(work, None, customer_id, idempotency_key=f"k{index}").number

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(pool.map(one, range(24)))
    assert numbers == [f"TS20260924-{n:04d}" for n in range(1, 25)]


def test_what_is_wrong_with_a_filing_is_named_and_nothing_is_kept(house: Works) -> None:
    with pytest.raises(Invalid) as refused:
        filed(house, description="坏", remedy=" ", contact="1381234")
    assert set(refused.value.fields) == {"description", "remedy", "contact"}
    with house.read(SYSTEM) as work:
        assert work.session.exec(select(Complaint)).all() == []


def test_words_and_contact_are_not_readable_in_the_database(house: Works) -> None:
    filed(house)
    with house.read(SYSTEM) as work:
        raw = work.session.connection().exec_driver_sql("SELECT description, contact FROM complaints").one()
    for value in raw:
        assert "桌板".encode() not in bytes(value) and b"13812346027" not in bytes(value)


def test_without_a_regime_a_complaint_is_still_received_and_nobody_is_promised_anything(works: Works) -> None:
    with works.begin(BOT, FILED) as work:
        complaint = file_in(work)
        summary = complaints.summary(work.session, complaint, FILED)
    assert (summary["promised_at"], summary["promised_text"]) == (None, "")


def test_a_provisional_year_shows_the_customer_no_date(house: Works) -> None:
    at = shanghai_instant(2026, 12, 25, 10)
    complaint = filed(house, at)
    with house.read(SYSTEM) as work:
        summary = complaints.summary(work.session, complaint, at)
        receipt = complaints.receipt(work.session, proofs.receipt_token(complaint.id), at)
    assert receipt is not None
    assert summary["promised_at"] is None
    assert summary["promised_text"] == receipt["promised_text"] == "7 个工作日内"
    assert receipt["day_cells"] == [] and receipt["explanation"] == []
    assert all("2027" not in step["note"] and "1月" not in step["note"] for step in receipt["stages"])


# --- moving ---


def test_a_complaint_walks_to_its_end_and_keeps_its_promises(house: Works) -> None:
    moved: list[ComplaintMoved] = []
    works = Works(house.engine, {**REACTIONS, ComplaintMoved: [lambda work, fact: moved.append(fact)]})
    complaint = filed(works)
    bring_to(works, complaint.number, "close")
    assert [fact.to_stage for fact in moved] == [
        "acknowledged", "assessed", "investigating", "decided", "communicated", "closed",
    ]  # fmt: skip
    assert moved[4].public_text == "新桌板今天出库" and moved[3].public_text == ""
    with works.read(SYSTEM) as work:
        row = complaints.get(work.session, complaint.number)
        assert (row.stage, row.closed_at, row.owner_id, row.severity) == ("closed", NOW, LIN_JIA.id, 12)
        clocks = deadlines.of(work.session, "complaint", complaint.id)
        assert all(clock.met_at is not None for clock in clocks)
        assert {clock.kind for clock in clocks if clock.breached_at} == {
            "first_person"
        }  # taken up after the holiday


@pytest.mark.parametrize("stage", list(Stage))
def test_a_move_that_does_not_fit_is_refused_and_leaves_no_trace(house: Works, stage: Stage) -> None:
    complaint = filed(house)
    way = {"acknowledged": "acknowledge", "assessed": "assess", "investigating": "investigate",
           "decided": "decide", "communicated": "communicate", "closed": "close", "reopened": "close"}  # fmt: skip
    if stage.value in way:
        bring_to(house, complaint.number, way[stage.value])
    if stage is Stage.REOPENED:
        move(house, complaint.number, "reopen", text="不满意")
    if stage is Stage.WITHDRAWN:
        move(house, complaint.number, "withdraw", text="客户说不用了")
    if stage is Stage.REFERRED:
        move(house, complaint.number, "refer", text="由厂家保修", referred_to="云杉家具厂")
    if stage is Stage.MERGED:
        other = filed(house, idempotency_key="other")
        move(house, complaint.number, "merge", text="同一件事", into=other.number)
    before = kinds(house, complaint)
    full = {**SCORES, "outcome": "accepted", "channel": "phone", "text": "原因"}
    with house.read(SYSTEM) as work:
        allowed = set(
            complaints.case(work.session, complaints.get(work.session, complaint.number), NOW)["actions"]
        )
    for action in {
        "acknowledge",
        "assess",
        "investigate",
        "decide",
        "communicate",
        "close",
        "reopen",
        "withdraw",
    } - allowed:
        with pytest.raises(Conflict) as refused:
            move(house, complaint.number, action, **full)
        assert refused.value.code == "move_not_allowed"
    assert kinds(house, complaint) == before


def test_of_two_who_decide_at_once_one_is_told_that_the_other_was_faster(house: Works) -> None:
    complaint = filed(house)
    bring_to(house, complaint.number, "investigate")

    def decide(actor: Actor) -> str:
        try:
            move(house, complaint.number, "decide", actor, outcome="accepted", text=f"{actor.name}的决定")
        except ZhikeError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        results = sorted(pool.map(decide, [LIN_JIA, SHEN_LAN, HAN_TAO, LIN_JIA]))
    assert results == ["done", "move_not_allowed", "move_not_allowed", "move_not_allowed"]
    assert kinds(house, complaint).count("decide") == 1


def test_who_only_reads_complaints_moves_none(house: Works) -> None:
    complaint = filed(house)
    for actor in (HE_CHUAN, BOT):
        with pytest.raises(Forbidden):
            move(house, complaint.number, "acknowledge", actor)
    with pytest.raises(Forbidden):
        move(house, complaint.number, "extend", LIN_JIA, kind="promise", working_days=2, text="等检测")


def test_an_unknown_number_or_action_is_not_found(house: Works) -> None:
    complaint = filed(house)
    with pytest.raises(NotFound):
        move(house, "TS20260924-9999", "acknowledge")
    with pytest.raises(NotFound):
        move(house, complaint.number, "explode")


def test_a_withdrawn_complaint_owes_nothing_any_more(house: Works) -> None:
    complaint = filed(house)
    move(house, complaint.number, "withdraw", at=FILED + timedelta(hours=1), text="客户说已经收到新的")
    assert deadlines.sweep(house, NOW + timedelta(days=60)) == 0
    with house.read(SYSTEM) as work:
        owed = [row for row in deadlines.of(work.session, "complaint", complaint.id) if row.clock.open]
    assert owed == []


def test_a_reopened_complaint_owes_a_new_answer(house: Works) -> None:
    complaint = filed(house)
    bring_to(house, complaint.number, "close")
    move(house, complaint.number, "reopen", text="桌板又裂了", at=NOW + timedelta(days=3))
    with house.read(SYSTEM) as work:
        promise = deadlines.promise_of(work.session, "complaint", complaint.id)
        assert promise is not None and promise.round == 2 and promise.clock.open
        assert complaints.get(work.session, complaint.number).closed_at is None
    with pytest.raises(Conflict):
        move(house, complaint.number, "close")
    for action, detail in WAY[2:]:
        if action == "close":
            explain_lateness(house, complaint.number, NOW + timedelta(days=3))
        move(house, complaint.number, action, at=NOW + timedelta(days=3), **detail)


def test_an_extension_moves_the_promise_and_tells_the_customer(house: Works) -> None:
    complaint = filed(house)
    move(house, complaint.number, "acknowledge")
    move(house, complaint.number, "extend", SHEN_LAN, kind="promise", working_days=2, text="等检测报告")
    with house.read(SYSTEM) as work:
        receipt = complaints.receipt(work.session, proofs.receipt_token(complaint.id), NOW)
    assert receipt is not None
    assert receipt["promised_text"] == "10月14日 周三 18:00"
    assert receipt["history"][0]["what"] == "最晚时间改为 10月14日（周三）18:00"
    assert any("延期 2 个工作日" in line for line in receipt["explanation"])


def test_pausing_stops_the_clocks_and_says_why(house: Works) -> None:
    complaint = filed(house)
    move(house, complaint.number, "acknowledge", at=FILED)
    move(house, complaint.number, "pause", text="等您发照片", at=FILED + timedelta(days=4))
    with house.read(SYSTEM) as work:
        case = complaints.case(work.session, complaints.get(work.session, complaint.number), NOW)
        receipt = complaints.receipt(work.session, proofs.receipt_token(complaint.id), NOW)
    assert case["paused"] and receipt is not None
    assert receipt["remaining_text"] == "计时暂停：等您发照片"
    assert not receipt["late"]
    move(house, complaint.number, "resume")
    with house.read(SYSTEM) as work:
        promise = deadlines.promise_of(work.session, "complaint", complaint.id)
        assert promise is not None
        assert promise.due_at > shanghai_instant(2026, 10, 12, 18)


# --- deadlines in the thread ---


def test_a_breach_is_written_into_the_thread_once_for_staff_only(house: Works) -> None:
    complaint = filed(house)
    late = shanghai_instant(2026, 10, 13, 9)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: deadlines.sweep(house, late), range(4)))
    assert sorted(kinds(house, complaint)) == ["breached", "breached", "breached", "filed"]
    with house.read(SYSTEM) as work:
        entries = store.entries(work.session, complaint.id)
        receipt = complaints.receipt(work.session, proofs.receipt_token(complaint.id), late)
        case = complaints.case(work.session, complaints.get(work.session, complaint.number), late)
    assert [entry.public for entry in entries] == [True, False, False, False]
    promise = next(entry for entry in entries if entry.detail.get("clock") == "promise")
    assert promise.detail["at"] == shanghai_instant(2026, 10, 12, 18).isoformat()
    assert receipt is not None and receipt["late"] and "已经晚了 15 时" in receipt["remaining_text"]
    assert [line["what"] for line in receipt["history"]] == ["登记了投诉"]
    assert any(clock["clock_text"] == "逾期 15 时" for clock in case["clocks"])


def test_moving_and_sweeping_at_once_lose_nothing_and_do_not_lock_each_other(house: Works) -> None:
    cases = [filed(house, idempotency_key=f"k{number}") for number in range(6)]

    def take(complaint: Complaint) -> str:
        move(house, complaint.number, "acknowledge")
        return "moved"

    with ThreadPoolExecutor(6) as pool:
        sweeps = [pool.submit(deadlines.sweep, house, NOW) for _ in range(3)]
        assert list(pool.map(take, cases)) == ["moved"] * 6
        for sweep in sweeps:
            sweep.result()
    deadlines.sweep(house, NOW)
    for complaint in cases:
        found = kinds(house, complaint)
        assert found.count("acknowledge") == 1
        assert found.count("breached") == 1  # first_person ran out on 28 September, noticed by one of them


# --- the customer ---


def test_urging_is_counted_and_raises_the_priority_once_a_day(house: Works) -> None:
    urged: list[ComplaintUrged] = []
    works = Works(house.engine, {**REACTIONS, ComplaintUrged: [lambda work, fact: urged.append(fact)]})
    complaint = filed(works)
    for at in (NOW, NOW + timedelta(seconds=3), NOW + timedelta(hours=1), NOW + timedelta(days=1)):
        with works.begin(BOT, at) as work:
            complaints.urge(work, complaints.get(work.session, complaint.number))
    # The second, three seconds later, was a double click.
    assert [(fact.times, fact.raised) for fact in urged] == [(1, True), (2, False), (3, True)]
    with works.read(SYSTEM) as work:
        row = complaints.get(work.session, complaint.number)
        assert (row.urged, row.priority) == (3, 2)


def test_an_answered_complaint_is_not_urged_and_an_ended_one_not_added_to(house: Works) -> None:
    complaint = filed(house)
    bring_to(house, complaint.number, "communicate")
    with pytest.raises(Conflict), house.begin(BOT, NOW) as work:
        complaints.urge(work, complaint)
    with house.begin(BOT, NOW) as work:
        complaints.supplement(work, complaint, "还有一张照片")
    explain_lateness(house, complaint.number)
    move(house, complaint.number, "close")
    with pytest.raises(Conflict), house.begin(BOT, NOW) as work:
        complaints.supplement(work, complaint, "再补一句")


def test_a_complaint_is_found_again_by_number_and_last_four(house: Works) -> None:
    complaint = filed(house)
    with house.begin(BOT, NOW) as work:
        other = a_conversation(work, a_customer(work, "somebody-else"))
        with pytest.raises(NotFound):
            complaints.found_in(work, other.id, complaint.number)
    found = complaints.find_for_customer(house, BOT, "ts20260924 0001", "6027", other.id, NOW)
    assert found.id == complaint.id
    with house.begin(BOT, NOW) as work:
        assert complaints.found_in(work, other.id, complaint.number).id == complaint.id


def test_after_five_wrong_guesses_even_the_right_digits_wait_an_hour(house: Works) -> None:
    complaint = filed(house)
    for guess in ("0000", "1111", "2222", "3333", "abcd"):
        with pytest.raises(NotFound):
            complaints.find_for_customer(house, BOT, complaint.number, guess, "talk-1", NOW)
    with pytest.raises(TooMany) as refused:
        complaints.find_for_customer(house, BOT, complaint.number, "6027", "talk-1", NOW)
    assert refused.value.code == "too_many_tries"
    with pytest.raises(TooMany):  # a new conversation gives no new guesses at this number
        complaints.find_for_customer(house, BOT, complaint.number, "6027", "talk-2", NOW)
    later = NOW + timedelta(hours=1, seconds=1)
    assert (
        complaints.find_for_customer(house, BOT, complaint.number, "6027", "talk-1", later).id == complaint.id
    )


def test_a_wrong_number_and_wrong_digits_read_the_same(house: Works) -> None:
    complaint = filed(house)
    said = set()
    for number, digits in ((complaint.number, "0000"), ("TS20260924-0999", "6027"), ("??", "6027")):
        with pytest.raises(NotFound) as refused:
            complaints.find_for_customer(house, BOT, number, digits, f"talk-{number}", NOW)
        said.add((refused.value.code, refused.value.message))
    assert len(said) == 1


def test_the_receipt_tells_stage_date_and_what_was_done_but_nothing_internal(house: Works) -> None:
    complaint = filed(house)
    move(
        house,
        complaint.number,
        "acknowledge",
        at=FILED + timedelta(hours=5),
        public_text="我来负责，先核实取件记录",
    )
    with house.begin(LIN_JIA, NOW) as work:
        complaints.add_note(work, complaint.number, "快递方在推诿")
    with house.read(SYSTEM) as work:
        receipt = complaints.receipt(work.session, proofs.receipt_token(complaint.id), NOW)
        assert complaints.receipt(work.session, "wrong", NOW) is None
        assert complaints.receipt(work.session, "", NOW) is None
    assert receipt is not None
    assert receipt["promised_text"] == "10月12日 周一 18:00"
    assert (receipt["remaining_text"], receipt["late"]) == ("还有 3 天，正在按时处理", False)
    assert receipt["latest"] == {
        "text": "我来负责，先核实取件记录",
        "who": "客服林佳",
        "at_text": "9月24日 15:12",
    }
    assert [(step["label"], step["state"]) for step in receipt["stages"]] == [
        ("已受理", "done"),
        ("专人已接手", "done"),
        ("正在评估", "now"),
        ("调查", "todo"),
        ("作出决定", "todo"),
        ("告诉您结果", "todo"),
    ]
    assert receipt["stages"][-1]["note"] == "最晚 10月12日（周一）18:00"
    assert "推诿" not in str(receipt)
    assert receipt["contact_masked"] == "138****6027" and "13812346027" not in str(receipt)


# --- the list ---


def test_the_list_puts_what_is_due_next_first_and_filters(house: Works) -> None:
    old = filed(house, FILED, idempotency_key="old")
    new = filed(house, NOW - timedelta(hours=1), idempotency_key="new")
    done = filed(house, FILED, idempotency_key="done")
    bring_to(house, done.number, "close")
    with house.read(SYSTEM) as work:
        listing = complaints.listing(work.session, NOW)
        assert [row["number"] for row in listing["rows"]] == [old.number, new.number]
        tallies = complaints.counts(work.session, NOW, Query())
        # What is next due has run out already: it stands under overdue, not under today as well.
        assert tallies == {"open": 2, "overdue": 1, "today": 0, "major": 0, "waiting": 0, "all": 3}
        assert complaints.due_today(work.session, shanghai_instant(2026, 10, 10, 9)) == 1
        overdue = complaints.listing(work.session, NOW, Query(which="overdue"))["rows"]
        assert [row["number"] for row in overdue] == [old.number]
        assert overdue[0]["clock"]["tone"] == "breached"
        found = complaints.listing(work.session, NOW, Query(which="all", search=done.number[-4:]))["rows"]
        assert [row["number"] for row in found] == [done.number]
        assert complaints.listing(work.session, NOW, Query(which="all", owner=LIN_JIA.id))["total"] == 1
        assert complaints.listing(work.session, NOW, Query(which="all", search="%"))["total"] == 0


def test_a_case_is_given_an_owner_once(house: Works) -> None:
    complaint = filed(house)
    for _ in range(2):
        with house.begin(SHEN_LAN, NOW) as work:
            complaints.assign(work, complaint.number, "zhouyang")
    assert kinds(house, complaint) == ["filed", "assigned"]
    with pytest.raises(NotFound), house.begin(SHEN_LAN, NOW) as work:
        complaints.assign(work, complaint.number, "nobody")
