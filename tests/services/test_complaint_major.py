"""Major complaints: triggered by rules, led by a plan with a rhythm, told to the top, ended with a report."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from backend.complaints import service as complaints
from backend.complaints import store
from backend.complaints.events import ComplaintBecameMajor, ComplaintBurst
from backend.complaints.tables import ComplaintTask, MajorPlan
from backend.conversations import alerts
from backend.deadlines import service as deadlines
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM
from backend.kernel.errors import Conflict, Invalid, NotFound, ZhikeError
from backend.wiring import REACTIONS
from tests.cast import HAN_TAO, LIN_JIA, NOW, SHEN_LAN
from tests.services.complaint_story import SCORES, bring_to, filed, fresh, kinds, move

REPORT = {
    "happened": "桌腿断裂伤人",
    "done": "停售同批",
    "cause": "榫头过短",
    "result": "客户接受",
    "prevention": "加抽检",
}


def plan(works: Works, complaint: Any) -> MajorPlan | None:
    with works.read(SYSTEM) as work:
        return store.plan_of(work.session, complaint.id)


def open_alerts(works: Works) -> dict[tuple[str, str], str]:
    with works.read(SYSTEM) as work:
        return {(one.kind, one.subject): one.detail for one in alerts.still_open(work.session)}


def test_an_injury_starts_the_plan_at_filing(pack_loaded: Works) -> None:
    heard: list[ComplaintBecameMajor] = []
    works = Works(
        pack_loaded.engine, {**REACTIONS, ComplaintBecameMajor: [lambda work, fact: heard.append(fact)]}
    )
    complaint = filed(works, description="桌腿断了，把孩子砸伤了，流血了")
    row, started = fresh(works, complaint), plan(works, complaint)
    assert started is not None and row.major_at == NOW and row.priority == 10
    assert [one["key"] for one in started.triggers] == ["injury"] and "砸伤" in started.triggers[0]["why"]
    assert started.owner_id in {"hantao", "shenlan"} and started.next_update_at is not None
    assert heard[0].triggers == ("injury",) and heard[0].owner_id == started.owner_id
    assert ("complaint_major", complaint.number) in open_alerts(works)
    with works.read(SYSTEM) as work:
        steps = work.session.exec(
            select(ComplaintTask).where(ComplaintTask.complaint_id == complaint.id)
        ).all()
    assert len(steps) == 3 and {step.assignee_id for step in steps} == {started.owner_id}
    assert kinds(works, complaint) == ["filed", "major"]


def test_an_ordinary_complaint_starts_none(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded, description="桌板有划痕，没有人受伤")
    assert plan(pack_loaded, complaint) is None and fresh(pack_loaded, complaint).major_at is None
    with pytest.raises(NotFound), pack_loaded.begin(LIN_JIA, NOW) as work:
        complaints.update_plan(work, complaint.number, "进展")


def test_a_supplement_and_an_assessment_trigger_too_and_join_the_same_plan(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(BOT, NOW) as work:
        complaints.supplement(work, complaint, "再不解决我就找电视台记者")
    first = plan(pack_loaded, complaint)
    assert first is not None and [one["key"] for one in first.triggers] == ["media"]
    move(pack_loaded, complaint, "acknowledge")
    worst = dict.fromkeys(SCORES, 3)
    move(pack_loaded, complaint, "assess", **worst, category="safety.injury")
    joined = plan(pack_loaded, complaint)
    assert joined is not None and joined.id == first.id
    assert [one["key"] for one in joined.triggers] == ["media", "safety", "critical"]
    assert fresh(pack_loaded, complaint).priority == 10 + 4  # the plan's, once, and the level's
    with pack_loaded.begin(BOT, NOW) as work:
        complaints.supplement(work, complaint, "记者明天来")
    again = plan(pack_loaded, complaint)
    assert again is not None and len(again.triggers) == 3  # what is known is not told again


def test_the_fifth_customer_with_one_cause_makes_it_major_and_raises_a_burst(pack_loaded: Works) -> None:
    bursts: list[ComplaintBurst] = []
    works = Works(pack_loaded.engine, {**REACTIONS, ComplaintBurst: [lambda work, fact: bursts.append(fact)]})
    cases = [
        filed(works, ref=f"v{n}", contact=f"1390000000{n}", description=f"第 {n} 次反映，柜门开裂")
        for n in range(5)
    ]
    assert [plan(works, one) is not None for one in cases] == [False] * 4 + [True]
    assert [(fact.topic, fact.count) for fact in bursts] == [("quality.damage", 5)]
    sixth = filed(works, ref="v6", contact="13900000006", description="第 6 次反映，柜门开裂")
    assert plan(works, sixth) is None  # one task group looks into one cause
    assert "24 小时内 5 件，5 位客户" in open_alerts(works)[("complaint_burst", "quality.damage")]


def test_one_customer_who_files_five_times_is_a_burst_but_not_many_customers(pack_loaded: Works) -> None:
    cases = [filed(pack_loaded, description=f"第 {n} 次反映，柜门开裂") for n in range(5)]
    assert all(plan(pack_loaded, one) is None for one in cases)


def test_updates_keep_the_rhythm_and_a_late_one_is_told_to_the_top(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded, description="桌腿断了，把孩子砸伤了")
    first = plan(pack_loaded, complaint)
    assert first is not None and first.next_update_at is not None
    late = first.next_update_at + timedelta(minutes=5)
    for _ in range(2):
        deadlines.sweep(pack_loaded, late)
    assert kinds(pack_loaded, complaint).count("plan_late") == 1
    assert ("complaint_plan_late", complaint.number) in open_alerts(pack_loaded)
    with pack_loaded.begin(HAN_TAO, late) as work:
        complaints.update_plan(work, complaint.number, "已到医院看望，孩子无大碍")
    second = plan(pack_loaded, complaint)
    assert second is not None and second.next_update_at is not None and second.next_update_at > late
    assert ("complaint_plan_late", complaint.number) not in open_alerts(pack_loaded)
    assert "孩子无大碍" in open_alerts(pack_loaded)[("complaint_major", complaint.number)]


def test_the_task_group_has_a_leader_and_real_members(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded, description="桌腿断了，把孩子砸伤了")
    with pytest.raises(NotFound), pack_loaded.begin(SHEN_LAN, NOW) as work:
        complaints.set_plan_team(work, complaint.number, "shenlan", ["nobody"])
    with pack_loaded.begin(SHEN_LAN, NOW) as work:
        complaints.set_plan_team(work, complaint.number, "shenlan", ["linjia", "hechuan", "shenlan"])
    found = plan(pack_loaded, complaint)
    assert found is not None and (found.owner_id, found.members) == (
        "shenlan",
        ["shenlan", "linjia", "hechuan"],
    )


def test_the_case_is_not_closed_before_its_plan_and_the_plan_not_without_a_whole_report(
    pack_loaded: Works,
) -> None:
    complaint = filed(pack_loaded, description="桌腿断了，把孩子砸伤了")
    with pack_loaded.read(SYSTEM) as work:
        steps = [task.id for task in store.tasks(work.session, complaint.id)]
    for step in steps:
        with pack_loaded.begin(HAN_TAO, NOW) as work:
            complaints.finish_task(work, complaint.number, step, "办好了")
    bring_to(pack_loaded, complaint, "communicate")
    with pytest.raises(Conflict) as held:
        move(pack_loaded, complaint, "close")
    assert held.value.code == "plan_open"
    with pytest.raises(Invalid) as half, pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.finish_plan(work, complaint.number, {**REPORT, "cause": " "})
    assert set(half.value.fields) == {"cause"}
    with pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.finish_plan(work, complaint.number, REPORT)
    move(pack_loaded, complaint, "close")
    assert open_alerts(pack_loaded) == {}
    assert deadlines.sweep(pack_loaded, NOW + timedelta(days=30)) == 0
    with pack_loaded.read(SYSTEM) as work:
        shown = complaints.plan_of(work.session, complaints.get(work.session, complaint.number), NOW)
    assert shown is not None and not shown["open"] and ("根本原因", "榫头过短") in shown["report"]
    with pytest.raises(ZhikeError) as over, pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.update_plan(work, complaint.number, "晚了")
    assert over.value.code == "plan_over"


def test_a_person_may_declare_it_with_a_reason_and_a_withdrawal_stands_the_plan_down(
    pack_loaded: Works,
) -> None:
    complaint = filed(pack_loaded)
    with pytest.raises(Invalid), pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.declare_major(work, complaint.number, " ")
    with pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.declare_major(work, complaint.number, "客户是人大代表，已来函")
    with pytest.raises(Conflict), pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.declare_major(work, complaint.number, "再来一次")
    move(pack_loaded, complaint, "withdraw", text="客户撤回")
    found = plan(pack_loaded, complaint)
    assert found is not None and found.closed_at == NOW and kinds(pack_loaded, complaint)[-2] == "plan_closed"
    assert deadlines.sweep(pack_loaded, NOW + timedelta(days=30)) == 0
