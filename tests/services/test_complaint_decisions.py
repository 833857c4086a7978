"""A case decided, told with its proof, rated; and the side ways it may take."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from backend.complaints import proofs
from backend.complaints import service as complaints
from backend.complaints.events import ComplaintMoved
from backend.deadlines import service as deadlines
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, customer_actor
from backend.kernel.errors import Conflict, NotFound, ZhikeError
from backend.surveys import handling
from backend.wiring import REACTIONS
from tests.cast import NOW
from tests.services.complaint_refusals import refused
from tests.services.complaint_story import REPLY, bring_to, filed, fresh, kinds, move, thread

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
    assert fresh(pack_loaded, complaint).cause == "supplier.carrier"
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
