"""Complaints moved by the table and kept to their dates: refused moves leave no trace, two at once no harm."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from backend.complaints import proofs, store
from backend.complaints import service as complaints
from backend.complaints.events import ComplaintMoved
from backend.complaints.rules import Stage
from backend.complaints.tables import Complaint
from backend.deadlines import service as deadlines
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, Actor
from backend.kernel.clock import shanghai_instant
from backend.kernel.errors import Conflict, Forbidden, NotFound, ZhikeError
from backend.wiring import REACTIONS
from tests.cast import HAN_TAO, HE_CHUAN, LIN_JIA, NOW, SHEN_LAN
from tests.services.complaint_steps import FILED, SCORES, WAY, a_house, bring_to, explain_lateness, filed, kinds, move


@pytest.fixture
def house(works: Works, tmp_path: Path) -> Works:
    return a_house(works, tmp_path)


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
