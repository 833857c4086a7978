"""The customer's own moves, and the desk: bulk, saved views, pages, late cases."""

from datetime import timedelta

import pytest

from backend.complaints import service as complaints
from backend.complaints import store
from backend.deadlines import service as deadlines
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, customer_actor
from backend.kernel.errors import Conflict, Invalid, NotFound
from tests.cast import HAN_TAO, LIN_JIA, NOW, SHEN_LAN
from tests.services.complaint_refusals import refused
from tests.services.complaint_story import bring_to, filed, fresh, move, thread

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
