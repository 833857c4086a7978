"""The rhythm of an emergency plan: every update owed by the regime ``major_plan``, counted in working hours."""

from datetime import date, datetime
from typing import Any

from backend.complaints import service as complaints
from backend.complaints import store
from backend.complaints.major import PLAN, RHYTHM
from backend.complaints.tables import Complaint
from backend.deadlines import regime_editing
from backend.deadlines import service as deadlines
from backend.deadlines.regime_editing import Wanted
from backend.deadlines.tables import Deadline
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant
from tests.cast import HAN_TAO, NOW, SHEN_LAN
from tests.services.complaint_story import filed, kinds

FIRST_DUE = shanghai_instant(2026, 10, 10, 9, 36)  # 3 h 24 min are left of Friday, 36 min of the make-up Saturday


def owed(works: Works, complaint: Complaint) -> list[Deadline]:
    """The plan's deadlines, every round."""
    from backend.deadlines import store as clocks

    with works.read(SYSTEM) as work:
        plan = store.plan_of(work.session, complaint.id)
        assert plan is not None
        return clocks.of_subject(work.session, PLAN, plan.id)


def next_at(works: Works, complaint: Complaint) -> datetime | None:
    with works.read(SYSTEM) as work:
        plan = store.plan_of(work.session, complaint.id)
        return plan.next_update_at if plan else None


def reported(works: Works, complaint: Complaint, at: datetime, text: str = "还在查") -> None:
    with works.begin(HAN_TAO, at) as work:
        complaints.update_plan(work, complaint.number, text)


def rule(**changed: Any) -> dict[str, Any]:
    return {"stage": RHYTHM, "amount": 4, "unit": "working_hours", "start": "major_declared",
            "start_zh": "列为重大投诉", "warn_at": [0.8, 1.0]} | changed  # fmt: skip


def test_the_first_update_is_owed_four_working_hours_after_it_became_a_major_case(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded, description="桌腿断了，把孩子砸伤了")
    (row,) = owed(pack_loaded, complaint)
    assert (row.kind, row.starts_at, row.due_at) == (RHYTHM, NOW, FIRST_DUE)
    assert row.explanation["rule"]["start"] == "major_declared"
    assert next_at(pack_loaded, complaint) == FIRST_DUE


def test_each_update_keeps_one_promise_and_makes_the_next_from_then_on(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded, description="桌腿断了，把孩子砸伤了")
    for said, due in (
        (shanghai_instant(2026, 10, 10, 9, 0), shanghai_instant(2026, 10, 10, 13, 0)),
        (shanghai_instant(2026, 10, 10, 12, 30), shanghai_instant(2026, 10, 10, 16, 30)),
        # Said on Sunday, when nobody works: counted from Monday morning.
        (shanghai_instant(2026, 10, 11, 20, 0), shanghai_instant(2026, 10, 12, 13, 0)),
    ):
        reported(pack_loaded, complaint, said)
        assert next_at(pack_loaded, complaint) == due
    rows = sorted(owed(pack_loaded, complaint), key=lambda one: one.round)
    assert [one.met_at is not None for one in rows] == [True, True, True, False]
    assert [one.round for one in rows] == [1, 2, 3, 4]


def test_before_it_is_due_the_leader_is_reminded_once_and_lateness_is_stamped_with_its_true_instant(
    pack_loaded: Works,
) -> None:
    complaint = filed(pack_loaded, description="桌腿断了，把孩子砸伤了")
    for at in (shanghai_instant(2026, 10, 9, 17, 50), shanghai_instant(2026, 10, 9, 17, 55)):
        deadlines.sweep(pack_loaded, at)
    assert kinds(pack_loaded, complaint).count("plan_reminded") == 1
    deadlines.sweep(pack_loaded, shanghai_instant(2026, 10, 10, 15, 0))
    (row,) = owed(pack_loaded, complaint)
    assert row.breached_at == FIRST_DUE
    assert kinds(pack_loaded, complaint).count("plan_late") == 1


def test_a_new_version_of_the_regime_changes_the_rhythm_from_the_next_update_on(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded, description="桌腿断了，把孩子砸伤了")
    wanted = Wanted(key="major_plan", title="重大投诉预案", source="本店自定", rules=[rule(amount=2)],
                    reason="旺季要报得更勤", valid_from=date(2026, 10, 10))  # fmt: skip
    with pack_loaded.begin(HAN_TAO, NOW) as work:
        draft = regime_editing.draft(work, wanted)
        regime_editing.submit(work, draft.id)
    with pack_loaded.begin(SHEN_LAN, NOW) as work:
        regime_editing.approve(work, draft.id)
    assert next_at(pack_loaded, complaint) == FIRST_DUE, "what runs keeps the version it started under"
    reported(pack_loaded, complaint, shanghai_instant(2026, 10, 10, 9, 0))
    assert next_at(pack_loaded, complaint) == shanghai_instant(2026, 10, 10, 11, 0)


def test_when_the_plan_ends_no_more_updates_are_owed(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded, description="桌腿断了，把孩子砸伤了")
    with pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.finish_plan(work, complaint.number, dict.fromkeys(
            ("happened", "done", "cause", "result", "prevention"), "写明了"))
    (row,) = owed(pack_loaded, complaint)
    assert row.dropped_at == NOW and next_at(pack_loaded, complaint) is None
    deadlines.sweep(pack_loaded, shanghai_instant(2026, 11, 1, 9, 0))
    assert "plan_late" not in kinds(pack_loaded, complaint)
