"""What a customer does with a complaint: urges, adds, finds it again, reads its receipt; the list behind it."""

from datetime import timedelta
from pathlib import Path

import pytest

from backend.complaints import proofs
from backend.complaints import service as complaints
from backend.complaints.events import ComplaintUrged
from backend.complaints.service import Query
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM
from backend.kernel.clock import shanghai_instant
from backend.kernel.errors import Conflict, NotFound, TooMany
from backend.wiring import REACTIONS
from tests.builders import a_conversation, a_customer
from tests.cast import LIN_JIA, NOW, SHEN_LAN
from tests.services.complaint_steps import FILED, a_house, bring_to, explain_lateness, filed, kinds, move


@pytest.fixture
def house(works: Works, tmp_path: Path) -> Works:
    return a_house(works, tmp_path)


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
