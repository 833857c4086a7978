"""One case at work: assessed, tasks given, evidence kept."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.complaints import service as complaints
from backend.complaints.tables import ComplaintFile, ComplaintTask
from backend.infra import files
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, customer_actor
from backend.kernel.errors import Forbidden, Invalid, NotFound
from tests.cast import HE_CHUAN, LIN_JIA, NOW, ZHOU_YANG
from tests.services.complaint_refusals import PDF, PNG, refused
from tests.services.complaint_story import SCORES, bring_to, filed, fresh, kinds, move, thread

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
