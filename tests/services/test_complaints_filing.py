"""Complaints in the database: filed once, numbered without twins, with what is wrong named."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import select

from backend.complaints import proofs
from backend.complaints import service as complaints
from backend.complaints.events import ComplaintFiled
from backend.complaints.tables import Complaint
from backend.deadlines import service as deadlines
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM
from backend.kernel.clock import shanghai_instant, to_shanghai
from backend.kernel.errors import Invalid
from backend.wiring import REACTIONS
from tests.builders import a_conversation, a_customer
from tests.services.complaint_steps import FILED, a_house, file_in, filed, kinds


@pytest.fixture
def house(works: Works, tmp_path: Path) -> Works:
    return a_house(works, tmp_path)


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
        "title": "桌板开裂，换货取件两次没来",
        "stage": "filed",
        "stage_text": "已受理",
        "can_withdraw": True,
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
