"""Letters to staff: left with the deed, sent once, kept while nobody takes them, given up only when refused for good."""

import email
import email.policy
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlmodel import select

from backend.complaints import major
from backend.complaints import service as complaints
from backend.complaints.policy import policy
from backend.conversations import alerts
from backend.infra import mail, outbox
from backend.infra.outbox import OutboxJob
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.settings import settings
from backend.wiring import watch_letters
from backend.worker import Worker
from tests import smtp_sink
from tests.cast import LIN_JIA, NOW
from tests.services.complaint_story import filed
from tests.smtp_sink import Sink

BOSS = "boss@example.com"
FROM = "zhike@shop.example.com"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp_sink.standing() as one:
        yield one


def box(url: str | None, sender: str | None = FROM, user: str | None = None) -> mail.Postbox:
    return mail.postbox(replace(settings(), smtp_url=url, mail_from=sender, smtp_user=user, smtp_password="geheim"))


def leave(works: Works, text: str = "取件又失约了，请看一看。", to: str = BOSS) -> None:
    with works.begin(SYSTEM, NOW) as work:
        mail.put(work, to, "重大投诉 TS20260924-0017", text)


def run(works: Works, postbox: mail.Postbox) -> int:
    return outbox.run_due(works, {mail.KIND: postbox.handle}, watch=watch_letters)


def job(works: Works) -> OutboxJob:
    with works.read(SYSTEM) as work:
        return work.session.exec(select(OutboxJob)).one()


def due_again(works: Works) -> None:
    with works.begin(SYSTEM) as work:
        row = work.session.exec(select(OutboxJob)).one()
        row.due_at = work.now - timedelta(seconds=1)
        work.session.add(row)


def told(works: Works) -> list[str]:
    with works.read(SYSTEM) as work:
        return [one.kind for one in alerts.still_open(work.session)]


def read(raw: bytes) -> EmailMessage:
    letter = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(letter, EmailMessage)
    return letter


def test_a_letter_arrives_in_chinese_with_its_own_name_and_is_sent_once(works: Works, sink: Sink) -> None:
    leave(works)
    assert run(works, box(sink.url)) == 1
    assert run(works, box(sink.url)) == 0
    (raw,) = sink.letters
    letter = read(raw)
    assert letter["to"] == BOSS and letter["from"] == FROM
    assert letter["subject"] == "重大投诉 TS20260924-0017"
    assert letter.get_content_type() == "text/plain" and letter.get_content_charset() == "utf-8"
    assert letter.get_content().strip() == "取件又失约了，请看一看。"
    assert letter["message-id"] == f"<{job(works).payload['id']}@shop.example.com>"
    assert letter["auto-submitted"] == "auto-generated"
    assert raw.isascii(), "any server can pass it on"
    assert told(works) == []


def test_a_letter_handed_in_twice_bears_the_same_name(works: Works, sink: Sink) -> None:
    leave(works)
    payload = job(works).payload
    for _ in range(2):  # the first worker died before it could note what it did
        box(sink.url).handle(works, payload)
    first, second = (read(one)["message-id"] for one in sink.letters)
    assert first == second


def test_phones_cards_and_mailboxes_leave_the_house_masked(works: Works, sink: Sink) -> None:
    leave(works, "客户 13812346027，卡 6222021234567890123，chen@example.com，急。")
    run(works, box(sink.url))
    said = read(sink.letters[0]).get_content()
    assert "138****6027" in said and "c***@example.com" in said
    assert "13812346027" not in said and "6222021234567890123" not in said


def test_a_subject_cannot_smuggle_a_line_into_the_head(works: Works, sink: Sink) -> None:
    with works.begin(SYSTEM, NOW) as work:
        mail.put(work, BOSS, "急\r\nBcc: evil@example.com", "看")
    run(works, box(sink.url))
    assert read(sink.letters[0])["bcc"] is None


def test_without_a_mail_server_letters_are_kept_and_said_so_and_not_tried_again(works: Works) -> None:
    leave(works)
    assert run(works, box(None)) == 0
    row = job(works)
    assert row.parked_at is not None and row.gave_up_at is None and row.tries == 1
    assert told(works) == ["mail_parked"]
    due_again(works)
    run(works, box(None))
    assert job(works).tries == 1, "nobody tries what cannot go"


def test_after_the_server_is_set_up_the_worker_sends_what_was_kept(works: Works, sink: Sink,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    leave(works)
    run(works, box(None))
    set_up = box(sink.url)
    monkeypatch.setattr("backend.worker.mail.postbox", lambda _settings: set_up)
    worker = Worker(works)
    worker.start()
    try:
        for _ in range(200):
            if sink.letters and job(works).done_at is not None:
                break
            worker._stop.wait(0.05)
    finally:
        worker.stop()
    assert len(sink.letters) == 1 and job(works).done_at is not None
    assert told(works) == []


@pytest.mark.parametrize(("url", "sender"), [
    ("smtp.example.com", FROM), ("https://smtp.example.com", FROM), ("smtp://:25", FROM), ("smtp://x:99999", FROM),
    ("smtp://127.0.0.1:25", "没有地址"), ("smtp://127.0.0.1:25", "nobody"), (None, FROM), ("smtp://127.0.0.1", None),
])
def test_what_is_set_up_wrongly_parks_the_letter_and_says_what_to_mend(works: Works, url: str | None,
                                                                       sender: str | None) -> None:
    leave(works)
    run(works, box(url, sender))
    row = job(works)
    assert row.parked_at is not None and "ZHIKE_" in (row.error or "")


def test_a_server_that_is_away_is_tried_again_with_patience_and_staff_hear_of_it(works: Works) -> None:
    leave(works)
    away = box(f"smtp://127.0.0.1:{smtp_sink.closed_port()}")
    waits = []
    for number in range(1, 6):
        assert run(works, away) == 0
        row = job(works)
        assert row.tries == number and row.parked_at is None and row.gave_up_at is None
        with works.read(SYSTEM) as work:
            waits.append(row.due_at - work.now)
        assert told(works) == ([] if number < 4 else ["mail_late"])
        due_again(works)
    assert waits == sorted(waits) and waits[-1] > timedelta(minutes=2)


def test_a_server_that_comes_back_ends_the_alarm(works: Works, sink: Sink) -> None:
    leave(works)
    sink.answers["RCPT"] = "451 try again later"
    for _ in range(4):
        run(works, box(sink.url))
        due_again(works)
    assert told(works) == ["mail_late"]
    sink.answers.clear()
    assert run(works, box(sink.url)) == 1
    assert told(works) == []


@pytest.mark.parametrize("word", ["MAIL", "RCPT", "DATA", "."])
def test_what_is_refused_for_good_is_not_asked_again_and_staff_hear_why(works: Works, sink: Sink, word: str) -> None:
    leave(works)
    sink.answers[word] = "550 no such mailbox boss@example.com"
    run(works, box(sink.url))
    row = job(works)
    assert row.gave_up_at is not None and row.tries == 1 and not sink.letters
    assert "550" in (row.error or "") and BOSS not in (row.error or "")
    assert told(works) == ["mail_failed"]
    sink.answers.clear()
    due_again(works)
    assert run(works, box(sink.url)) == 0


def test_an_address_that_is_none_is_given_up_at_once(works: Works, sink: Sink) -> None:
    leave(works, to="总经理")
    run(works, box(sink.url))
    assert job(works).gave_up_at is not None and told(works) == ["mail_failed"]


def test_a_refused_password_waits_for_the_administrator(works: Works, sink: Sink) -> None:
    sink.offers = ("AUTH PLAIN", "8BITMIME")
    sink.answers["AUTH"] = "535 wrong"
    leave(works)
    run(works, box(sink.url, user="zhike"))
    assert job(works).parked_at is not None and "ZHIKE_SMTP_PASSWORD" in (job(works).error or "")


def test_no_letter_goes_over_an_open_line_to_another_machine(works: Works, sink: Sink,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_is_here", lambda _host: False)
    leave(works)
    run(works, box(sink.url))  # it does not offer STARTTLS
    assert not sink.letters and job(works).parked_at is not None


def test_a_good_bye_that_goes_wrong_does_not_send_the_letter_again(works: Works, sink: Sink) -> None:
    sink.answers["QUIT"] = "421 tired"
    leave(works)
    assert run(works, box(sink.url)) == 1
    assert job(works).done_at is not None


def test_an_emergency_plan_writes_to_the_addresses_of_the_pack(pack_loaded: Works, sink: Sink,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    works = pack_loaded
    known = policy()
    monkeypatch.setattr(major, "policy", lambda: replace(known, plan={**known.plan, "mail": [BOSS]}))
    complaint = filed(works)
    with works.begin(LIN_JIA, NOW) as work:
        complaints.declare_major(work, complaint.number, "客户 13812346027 说要找媒体")
    assert run(works, box(sink.url)) == 1
    letter = read(sink.letters[0])
    assert complaint.number in letter["subject"]
    assert "138****6027" in letter.get_content()
    assert "桌板开裂" not in letter.get_content(), "the customer's own words stay in the house"
