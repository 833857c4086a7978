"""A rung of a deadline's ladder reaches people by mail too: one letter each, once, with nothing of the customer's in it."""

import email
import email.policy
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from backend.complaints import escalating
from backend.complaints import service as complaints
from backend.complaints.tables import Complaint
from backend.deadlines import service as deadlines
from backend.infra import mail, outbox
from backend.infra.outbox import OutboxJob
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Invalid, NotFound
from backend.people import service as people
from backend.people.tables import Staff
from backend.settings import settings
from backend.wiring import watch_letters
from tests import smtp_sink
from tests.cast import HAN_TAO, LIN_JIA, NOW
from tests.old_version import stand_at, step_back_to
from tests.services.complaint_story import bring_to, filed
from tests.smtp_sink import Sink

LATE = NOW + timedelta(days=40)
ADDRESSES = {"linjia": "lin@example.com", "hantao": "han@example.com", "shenlan": "shen@example.com"}


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp_sink.standing() as one:
        yield one


@pytest.fixture
def house(pack_loaded: Works) -> Works:
    """Three have an address; quality, who is called too, has none."""
    with pack_loaded.begin(SYSTEM, NOW) as work:
        for username, address in ADDRESSES.items():
            people.set_mail(work, username, address)
    return pack_loaded


def held(works: Works, owner: str = LIN_JIA.id) -> Complaint:
    complaint = filed(works)
    bring_to(works, complaint, "acknowledge")
    with works.begin(HAN_TAO, NOW) as work:
        complaints.assign(work, complaint.number, owner)
    return complaint


def letters(works: Works) -> list[dict[str, str]]:
    with works.read(SYSTEM) as work:
        return [job.payload for job in work.session.exec(select(OutboxJob).where(OutboxJob.kind == mail.KIND))]


def per_person(works: Works) -> Counter[tuple[str, str]]:
    """By address and clock: what a late sweep must not say twice."""
    return Counter((one["to"], one["subject"].partition("：")[2].partition("已")[0]) for one in letters(works))


def test_who_is_told_gets_one_letter_with_number_matter_date_and_link(house: Works, sink: Sink) -> None:
    complaint = held(house)
    deadlines.sweep(house, now=LATE)
    box = mail.postbox(replace(settings(), smtp_url=sink.url, mail_from="zhike@shop.example.com"))
    assert outbox.run_due(house, {mail.KIND: box.handle}, limit=50, watch=watch_letters) == len(letters(house)) > 0
    read = [email.message_from_bytes(raw, policy=email.policy.default) for raw in sink.letters]
    assert {one["to"] for one in read} == set(ADDRESSES.values())
    for one in read:
        words = one.get_content()
        assert complaint.number in one["subject"] and "已逾期" in one["subject"]
        assert f"{settings().address}/complaints/{complaint.number}" in words and " 前完成" in words and "月" in words
        for theirs in ("桌板", "取件", "陈雨薇", "13812346027", "6027", "/r/"):
            assert theirs not in words and theirs not in one["subject"]


def test_a_late_sweep_a_second_one_and_ten_at_once_write_to_each_person_once(house: Works) -> None:
    held(house)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: deadlines.sweep(house, now=LATE), range(10)))
    first = per_person(house)
    assert first and set(first.values()) == {1}
    deadlines.sweep(house, now=LATE + timedelta(minutes=5))
    deadlines.sweep(house, now=LATE + timedelta(days=9))
    assert per_person(house) == first


def test_a_holder_whom_a_higher_rung_has_just_told_is_not_told_again_below(house: Works) -> None:
    complaint = held(house, owner=HAN_TAO.id)
    deadlines.sweep(house, now=LATE)
    assert set(per_person(house).values()) == {1}
    with house.read(SYSTEM) as work:
        calls = Counter((one["staff_id"], one["kind"]) for one in deadlines.calls_of(work.session, "complaint", complaint.id))
    assert set(calls.values()) == {1}


def test_each_rung_reached_in_its_time_is_a_letter_of_its_own(house: Works) -> None:
    complaint = held(house)
    with house.read(SYSTEM) as work:
        row = next(one for one in deadlines.of(work.session, "complaint", complaint.id) if one.kind == "decide")
    for at in (row.near_at, row.due_at, row.due_at + timedelta(days=5)):
        deadlines.sweep(house, now=at)
        deadlines.sweep(house, now=at)
    subjects = Counter((one["to"], one["subject"]) for one in letters(house) if "内部期限" in one["subject"])
    assert subjects and set(subjects.values()) == {1}
    assert any("快到期" in subject for _, subject in subjects) and any("已逾期" in subject for _, subject in subjects)


def test_the_same_news_left_twice_is_one_letter(house: Works) -> None:
    for _ in range(2):
        with house.begin(SYSTEM, NOW) as work:
            mail.put(work, "lin@example.com", "投诉", "看一看", once="escalation:x")
            mail.put(work, "lin@example.com", "投诉", "看一看", once="escalation:x")
            mail.put(work, "han@example.com", "投诉", "看一看", once="escalation:y")
    assert len(letters(house)) == 2


def test_who_has_no_address_or_has_left_is_written_nothing(house: Works) -> None:
    with house.begin(SYSTEM, NOW) as work:
        people.set_mail(work, "shenlan", "")
        gone = work.session.get(Staff, "hantao")
        assert gone is not None
        gone.active = False
        work.session.add(gone)
    held(house)
    deadlines.sweep(house, now=LATE)
    assert {one["to"] for one in letters(house)} == {"lin@example.com"}


def test_a_transaction_that_fails_leaves_no_letter(house: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    held(house)
    with monkeypatch.context() as broken:
        broken.setattr(escalating, "append", lambda *_args, **_kwargs: 1 / 0)
        deadlines.sweep(house, now=LATE)
    assert letters(house) == []
    deadlines.sweep(house, now=LATE + timedelta(minutes=1))
    assert set(per_person(house).values()) == {1}


@pytest.mark.parametrize("wrong", ["13812346027", "lin", "lin@", "写给 lin@example.com", "a@b c"])
def test_what_is_no_address_is_refused(house: Works, wrong: str) -> None:
    with pytest.raises(Invalid) as error, house.begin(SYSTEM, NOW) as work:
        people.set_mail(work, "linjia", wrong)
    assert error.value.code == "bad_mail"
    with pytest.raises(NotFound), house.begin(SYSTEM, NOW) as work:
        people.set_mail(work, "nobody", "lin@example.com")


def test_colleagues_from_before_keep_their_account_and_have_no_address_yet(unmigrated: Engine) -> None:
    stand_at(unmigrated, "0012")
    with unmigrated.begin() as connection:
        connection.execute(text(
            "INSERT INTO staff (id, username, display_name, password_hash, active, skill_groups, languages, created_at)"
            " VALUES ('a', 'alt', '老同事', '!', true, '', 'zh', '2026-10-01 00:00:00')"))  # fmt: skip
    stand_at(unmigrated, "0013")
    with Session(unmigrated) as session:
        assert session.exec(select(Staff)).one().mail is None
    step_back_to(unmigrated, "0012")
    with unmigrated.connect() as connection:
        assert connection.execute(text("SELECT username FROM staff")).scalar_one() == "alt"
