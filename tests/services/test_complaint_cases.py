"""A case in work: assessed by the matrix, investigated by tasks and evidence, answered with proof, or led elsewhere."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.complaints import proofs, store
from backend.complaints import service as complaints
from backend.complaints.events import ComplaintMoved
from backend.complaints.tables import ComplaintFile, ComplaintTask
from backend.deadlines import service as deadlines
from backend.infra import files
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, customer_actor
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound, ZhikeError
from backend.surveys import handling
from backend.wiring import REACTIONS
from tests.cast import HAN_TAO, HE_CHUAN, LIN_JIA, NOW, SHEN_LAN, ZHOU_YANG
from tests.services.complaint_story import REPLY, SCORES, bring_to, filed, fresh, kinds, move, thread

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
PDF = b"%PDF-1.7 " + b"0" * 64


def refused(code: str, act: Any) -> ZhikeError:
    with pytest.raises(ZhikeError) as error:
        act()
    assert error.value.code == code
    return error.value


# --- assessment ---


def test_an_assessment_keeps_its_four_ratings_level_category_and_unit(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    assert complaint.topic == "quality.damage" and complaint.category is None  # guessed, not judged
    bring_to(pack_loaded, complaint, "assess")
    row = fresh(pack_loaded, complaint)
    assert (row.ratings, row.severity, row.level, row.priority) == (SCORES, 12, "medium", 1)
    assert (row.category, row.unit) == ("logistics.pickup", "logistics")
    entry = thread(pack_loaded, complaint)[-1]
    assert entry.detail["ratings"] == SCORES and (entry.detail["score"], entry.actor_id) == (12, "linjia")


def test_a_case_judged_anew_does_not_add_its_priority_twice(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    bring_to(pack_loaded, complaint, "communicate")
    move(pack_loaded, complaint, "reopen", text="又裂了")
    move(pack_loaded, complaint, "assess", **{**SCORES, "severity": 3, "impact": 3})
    row = fresh(pack_loaded, complaint)
    assert (row.severity, row.level, row.priority) == (27, "high", 2)
    assert row.category == "logistics.pickup"  # kept where the second assessment names none


def test_a_wrong_category_or_unit_is_refused_and_nothing_is_half_done(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    move(pack_loaded, complaint, "acknowledge")
    before = kinds(pack_loaded, complaint)
    for extra, code in (({"category": "nope"}, "unknown_category"), ({"unit": "nope"}, "unknown_unit")):
        refused(code, lambda extra=extra: move(pack_loaded, complaint, "assess", **SCORES, **extra))
    assert kinds(pack_loaded, complaint) == before and fresh(pack_loaded, complaint).severity is None


# --- tasks and findings ---


def test_tasks_are_given_done_once_with_a_result_and_hold_up_the_closing(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        task = complaints.add_task(work, complaint.number, "鉴别裂纹照片", "hechuan", NOW + timedelta(days=1))
    bring_to(pack_loaded, complaint, "communicate")
    refused("tasks_open", lambda: move(pack_loaded, complaint, "close"))

    def finish(actor: Any, result: str = "是运输磕碰") -> None:
        with pack_loaded.begin(actor, NOW) as work:
            complaints.finish_task(work, complaint.number, task.id, result)

    with pytest.raises(Invalid):
        finish(HE_CHUAN, "  ")
    finish(HE_CHUAN)  # quality staff do what was given to them, without handling complaints
    refused("task_done", lambda: finish(LIN_JIA))
    move(pack_loaded, complaint, "close")
    assert [kind for kind in kinds(pack_loaded, complaint) if kind.startswith("task")] == [
        "task_added",
        "task_done",
    ]


def test_a_task_of_somebody_else_is_not_finished_by_a_reader(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        task = complaints.add_task(work, complaint.number, "打电话", "zhouyang", NOW + timedelta(days=1))
    with pytest.raises(Forbidden), pack_loaded.begin(HE_CHUAN, NOW) as work:
        complaints.finish_task(work, complaint.number, task.id, "打了")
    with pytest.raises(NotFound), pack_loaded.begin(ZHOU_YANG, NOW) as work:
        complaints.finish_task(work, complaint.number, "no-such-task", "打了")


@pytest.mark.parametrize(
    ("what", "who", "days", "code"),
    [(" ", "linjia", 1, "field_missing"), ("x" * 201, "linjia", 1, "field_too_long"),
     ("打电话", "nobody", 1, "staff_not_found"), ("打电话", "linjia", -1, "due_in_past")],
)  # fmt: skip
def test_a_task_that_cannot_be_done_is_refused(
    pack_loaded: Works, what: str, who: str, days: int, code: str
) -> None:
    complaint = filed(pack_loaded)

    def add() -> None:
        with pack_loaded.begin(LIN_JIA, NOW) as work:
            complaints.add_task(work, complaint.number, what, who, NOW + timedelta(days=days))

    refused(code, add)
    with pack_loaded.read(SYSTEM) as work:
        assert work.session.exec(select(ComplaintTask)).all() == []


# --- evidence ---


def test_evidence_is_kept_encrypted_once_and_said_in_the_thread(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    for _ in range(2):
        with pack_loaded.begin(customer_actor(complaint.customer_id), NOW) as work:
            row = complaints.add_evidence(work, complaint, "裂纹 1.png", PNG)
    assert kinds(pack_loaded, complaint).count("evidence") == 1
    with pack_loaded.read(SYSTEM) as work:
        again, content = complaints.read_evidence(work, complaint, row.id, for_customer=True)
    assert content == PNG and again.name == "裂纹 1.png" and files.load(row.id) == PNG


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [("照片.png", PDF, "file_lies"), ("说明.pdf", PNG, "file_lies"), ("坏.exe", PNG, "file_lies"),
     ("页面.html", b"<html>", "file_type"), ("空.png", b"", "file_empty"),
     ("大.png", PNG + b"0" * files.MAX_BYTES, "file_too_large")],
)  # fmt: skip
def test_evidence_that_lies_or_is_too_large_is_refused_and_leaves_nothing(
    pack_loaded: Works, name: str, content: bytes, code: str
) -> None:
    complaint = filed(pack_loaded)

    def add() -> None:
        with pack_loaded.begin(customer_actor(complaint.customer_id), NOW) as work:
            complaints.add_evidence(work, complaint, name, content)

    refused(code, add)
    with pack_loaded.read(SYSTEM) as work:
        assert work.session.exec(select(ComplaintFile)).all() == []
    assert kinds(pack_loaded, complaint).count("evidence") == 0


def test_staffs_files_stay_inside_and_a_name_is_never_a_path(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        row = complaints.add_evidence(work, complaint, "../../etc/说明.pdf", PDF)
    assert "/" not in row.name and not row.from_customer
    with pytest.raises(NotFound), pack_loaded.read(SYSTEM) as work:
        complaints.read_evidence(work, complaint, row.id, for_customer=True)
    with pytest.raises(NotFound), pack_loaded.read(SYSTEM) as work:
        complaints.read_evidence(work, filed(pack_loaded, ref="other"), row.id, for_customer=False)


# --- decision and its telling ---


def test_a_refusal_needs_reasons_and_the_other_ways_open(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    bring_to(pack_loaded, complaint, "investigate")
    given = {"outcome": "refused", "text": "使用两年后人为划伤"}
    error = refused("field_missing", lambda: move(pack_loaded, complaint, "decide", **given))
    assert set(error.fields) == {"other_ways"}
    move(pack_loaded, complaint, "decide", **given, other_ways="申请平台介入，或拨打 12315")
    assert fresh(pack_loaded, complaint).outcome == "refused"
    assert thread(pack_loaded, complaint)[-1].detail["other_ways"].startswith("申请平台介入")


def test_the_proof_of_feedback_names_channel_text_version_and_what_was_changed(pack_loaded: Works) -> None:
    moved: list[ComplaintMoved] = []
    works = Works(pack_loaded.engine, {**REACTIONS, ComplaintMoved: [lambda work, fact: moved.append(fact)]})
    complaint = filed(works)
    bring_to(works, complaint, "decide")
    told = {"channel": "phone", "text": REPLY}
    assert set(refused("field_missing", lambda: move(works, complaint, "communicate", **told)).fields) == {
        "script"
    }
    refused("reply_unknown", lambda: move(works, complaint, "communicate", **told, script="system.welcome"))
    half = {**told, "text": "处理办法：【处理办法】", "script": "complaint_reply.accepted"}
    refused("reply_unfinished", lambda: move(works, complaint, "communicate", **half))
    move(works, complaint, "communicate", **told, script="complaint_reply.accepted")
    proof = next(entry for entry in thread(works, complaint) if entry.kind == "communicate")
    assert (proof.text, proof.detail["channel"], proof.actor_id, proof.at) == (REPLY, "phone", "linjia", NOW)
    assert proof.detail["script_key"] == "complaint_reply.accepted" and proof.detail["script_version"] == 1
    assert proof.detail["edited"] is True and "【处理办法】" in proof.detail["approved_text"]
    assert moved[-1].public_text == REPLY and moved[-1].outcome == "accepted"


def test_closing_carries_the_cause_and_asks_the_customer_once_how_it_was_handled(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    bring_to(pack_loaded, complaint, "close")
    assert fresh(pack_loaded, complaint).cause == "carrier.missed_dispatch"
    with pack_loaded.begin(customer_actor(complaint.customer_id), NOW) as work:
        card = handling.card(work.session, complaint.id, NOW)
        assert card is not None and card["open"] and not card["answered"]
        handling.answer(work, complaint.id, 4, ["处理得快"], "换得挺快")
    with pytest.raises(Conflict), pack_loaded.begin(customer_actor("x"), NOW) as work:
        handling.answer(work, complaint.id, 1, [], None)
    last = thread(pack_loaded, complaint)[-1]
    assert (last.kind, last.detail["score"], last.text, last.public) == ("rated", 4, "换得挺快", True)
    move(pack_loaded, complaint, "reopen", text="又坏了")
    for action, detail in (("investigate", {}), ("decide", {"outcome": "partly", "text": "修"}),
                           ("communicate", {"channel": "phone", "script": "complaint_reply.partly", "text": REPLY}),
                           ("close", {})):  # fmt: skip
        move(pack_loaded, complaint, action, **detail)
    with pack_loaded.read(SYSTEM) as work:
        kept = handling.card(work.session, complaint.id, NOW)
        assert kept is not None and kept["score"] == 4  # once, whatever follows


def test_a_rating_that_fits_no_question_is_refused(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pytest.raises(NotFound), pack_loaded.begin(BOT, NOW) as work:
        handling.answer(work, complaint.id, 5, [], None)
    bring_to(pack_loaded, complaint, "close")
    for score, reasons, code in ((6, [], "bad_score"), (5, ["瞎编的"], "unknown_reason")):
        with pytest.raises(ZhikeError) as error, pack_loaded.begin(BOT, NOW) as work:
            handling.answer(work, complaint.id, score, list(reasons), None)
        assert error.value.code == code
    with pytest.raises(ZhikeError) as late, pack_loaded.begin(BOT, NOW + timedelta(days=31)) as work:
        handling.answer(work, complaint.id, 5, [], None)
    assert late.value.status == 410


# --- side ways ---


def test_clocks_that_wait_for_the_customer_run_again_when_the_customer_answers(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    move(pack_loaded, complaint, "acknowledge")
    move(pack_loaded, complaint, "pause", reason="customer")
    row = fresh(pack_loaded, complaint)
    assert row.suspended == "customer" and row.next_due_at is None
    later = NOW + timedelta(hours=2)
    with pack_loaded.begin(BOT, later) as work:
        complaints.supplement(work, row, "照片在这里")
    row = fresh(pack_loaded, complaint)
    assert row.suspended is None and row.next_due_at is not None
    assert kinds(pack_loaded, complaint)[-2:] == ["resume", "told"]
    move(pack_loaded, complaint, "pause", reason="test", at=later)
    with pack_loaded.begin(BOT, later + timedelta(hours=1)) as work:
        complaints.supplement(work, row, "再问一句")
    assert (
        fresh(pack_loaded, complaint).suspended == "test"
    )  # only what waits for the customer resumes by itself


def test_a_referral_says_to_whom_and_keeps_the_promise(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    refused("field_missing", lambda: move(pack_loaded, complaint, "refer", text="保修由厂家办"))
    move(pack_loaded, complaint, "refer", text="保修由厂家办", referred_to="云杉家具厂客服")
    with pack_loaded.read(SYSTEM) as work:
        assert all(not row.clock.open for row in deadlines.of(work.session, "complaint", complaint.id))
        receipt = complaints.receipt(work.session, proofs.receipt_token(complaint.id), NOW)
    assert receipt is not None and receipt["stage_text"] == "已转办"
    assert receipt["latest"] is not None and "云杉家具厂客服" in receipt["latest"]["text"]
    move(pack_loaded, complaint, "reopen", text="厂家不管", at=NOW + timedelta(days=3))


def test_a_merged_complaint_is_said_in_both_threads_and_its_promise_is_kept_by_the_other(
    pack_loaded: Works,
) -> None:
    first, second = filed(pack_loaded), filed(pack_loaded, NOW - timedelta(days=1))
    with pack_loaded.read(SYSTEM) as work:
        earlier = deadlines.promise_of(work.session, "complaint", second.id)
        assert earlier is not None
    move(pack_loaded, second, "merge", into=first.number, text="同一件事登记了两次")
    assert "merged_in" in kinds(pack_loaded, first) and "merge" in kinds(pack_loaded, second)
    with pack_loaded.read(SYSTEM) as work:
        running = [row for row in deadlines.of(work.session, "complaint", second.id) if row.clock.open]
        assert {row.kind for row in running} >= {"promise", "decide"}  # not dropped: still owed
        assert fresh(pack_loaded, first).next_due_at == min(
            row.due_at
            for one in (first, second)
            for row in deadlines.of(work.session, "complaint", one.id)
            if row.clock.running
        )
    bring_to(pack_loaded, first, "communicate")
    with pack_loaded.read(SYSTEM) as work:
        kept = deadlines.promise_of(work.session, "complaint", second.id)
        assert kept is not None and kept.met_at == NOW
        receipt = complaints.receipt(work.session, proofs.receipt_token(second.id), NOW)
    assert receipt is not None and receipt["merged_into"] == first.number
    assert receipt["latest"] is not None and receipt["latest"]["text"] == REPLY


def test_what_may_not_be_merged_is_refused_and_nothing_moves(pack_loaded: Works) -> None:
    one, two = filed(pack_loaded), filed(pack_loaded)
    stranger = filed(pack_loaded, ref="other", contact="13900000000")
    closed = filed(pack_loaded)
    bring_to(pack_loaded, closed, "close")
    for into, code in ((one.number, "merge_with_itself"), (closed.number, "merge_target_over"),
                       (stranger.number, "merge_other_person"), ("TS20200101-0001", "merge_target_unknown"),
                       ("你好", "merge_target_unknown")):  # fmt: skip
        refused(code, lambda into=into: move(pack_loaded, one, "merge", into=into, text="同一件"))
    move(pack_loaded, one, "merge", into=two.number, text="同一件")
    third = filed(pack_loaded)
    refused("merge_target_over", lambda: move(pack_loaded, third, "merge", into=one.number, text="同一件"))
    refused("merge_holds_others", lambda: move(pack_loaded, two, "merge", into=third.number, text="同一件"))
    assert fresh(pack_loaded, two).stage == "filed" and fresh(pack_loaded, third).merged_into_id is None


def test_two_complaints_merged_into_each_other_at_once_make_no_cycle(pack_loaded: Works) -> None:
    one, two = filed(pack_loaded), filed(pack_loaded)

    def merge(pair: tuple[Any, Any]) -> str:
        try:
            move(pack_loaded, pair[0], "merge", into=pair[1].number, text="同一件")
        except ZhikeError as error:
            return error.code
        return "merged"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(merge, [(one, two), (two, one)])) == ["merge_target_over", "merged"]


# --- the customer ---


def test_the_customer_withdraws_only_after_saying_so_twice(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)

    def withdraw(confirmed: bool) -> None:
        with pack_loaded.begin(customer_actor(complaint.customer_id), NOW) as work:
            complaints.withdraw(work, complaint, "已经收到新的", confirmed=confirmed)

    error = refused("withdraw_not_confirmed", lambda: withdraw(False))
    assert complaint.number in error.message and fresh(pack_loaded, complaint).stage == "filed"
    withdraw(True)
    row = fresh(pack_loaded, complaint)
    assert (row.stage, row.closed_at, row.next_due_at) == ("withdrawn", NOW, None)
    refused("move_not_allowed", lambda: withdraw(True))


def test_a_customer_who_is_not_satisfied_opens_the_case_again_within_the_set_days(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    bring_to(pack_loaded, complaint, "close")
    with pytest.raises(Conflict) as late, pack_loaded.begin(BOT, NOW + timedelta(days=8)) as work:
        complaints.not_satisfied(work, complaint, "还是坏的")
    assert late.value.code == "reopen_too_late"
    with pack_loaded.begin(BOT, NOW + timedelta(days=6)) as work:
        complaints.not_satisfied(work, complaint, "还是坏的")
    row = fresh(pack_loaded, complaint)
    assert row.stage == "reopened" and row.owner_id == LIN_JIA.id
    reopened = next(entry for entry in thread(pack_loaded, complaint) if entry.kind == "reopen")
    assert reopened.public and reopened.text == "还是坏的"


# --- the desk ---


def test_many_cases_are_given_away_at_once_all_or_none(pack_loaded: Works) -> None:
    cases = [filed(pack_loaded, ref=f"v{index}", contact=f"1380000000{index}") for index in range(3)]
    numbers = [one.number for one in cases]
    with pytest.raises(NotFound), pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.assign_many(work, [*numbers, "TS20200101-0001"], "zhouyang")
    assert {fresh(pack_loaded, one).owner_id for one in cases} == {None}
    with pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.assign_many(work, numbers, "zhouyang")
    assert {fresh(pack_loaded, one).owner_id for one in cases} == {"zhouyang"}
    for wrong in ([], ["TS20260101-0001"] * 1 + [f"TS20260101-{n:04d}" for n in range(2, 120)]):
        with pytest.raises(Invalid), pack_loaded.begin(HAN_TAO, NOW) as work:
            complaints.assign_many(work, wrong, "zhouyang")


def test_a_saved_view_is_ones_own_and_drops_what_it_does_not_know(pack_loaded: Works) -> None:
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        query = complaints.query_from({"which": "overdue", "category": "logistics", "stage": "nonsense"})
        view = complaints.save_view(work, "物流逾期", query)
        complaints.save_view(work, "物流逾期", query)
    with pack_loaded.begin(SHEN_LAN, NOW) as work:
        complaints.drop_view(work, view.id)
        assert complaints.views_of(work.session, "shenlan") == []
    with pack_loaded.read(LIN_JIA) as work:
        [kept] = complaints.views_of(work.session, "linjia")
        assert kept.query == {"which": "overdue", "category": "logistics"}


def test_every_page_of_the_list_is_read_once_whatever_comes_in_between(pack_loaded: Works) -> None:
    for index in range(45):
        filed(pack_loaded, NOW + timedelta(minutes=index % 7), ref=f"v{index}", talk=False)
    seen: list[str] = []
    after = ""
    for page in range(3):
        with pack_loaded.read(SYSTEM) as work:
            found = complaints.listing(work.session, NOW, after=after)
        seen += [row["number"] for row in found["rows"]]
        after = found["after"]
        if page == 0:
            filed(pack_loaded, NOW - timedelta(days=2), ref="late", talk=False)  # stands before all of them
    assert len(seen) == len(set(seen)) == 45 and after == ""
    with pack_loaded.read(SYSTEM) as work:
        assert len(store.of_topic(work.session, "quality.damage")) == 46


def test_a_late_case_is_closed_only_once_somebody_said_why_it_was_late(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    bring_to(pack_loaded, complaint, "communicate")
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        late = deadlines.of(work.session, "complaint", complaint.id)[0]
        late.breached_at = late.due_at
        work.session.add(late)
        kind = late.kind
    refused("breach_cause_missing", lambda: move(pack_loaded, complaint, "close"))
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        complaints.explain_breach(work, complaint.number, kind, "waiting_supplier", "厂家三天没有回复")
    move(pack_loaded, complaint, "close")
