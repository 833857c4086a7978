"""Instead of waiting: a message, a call, the bot meanwhile; with a number and a date that is kept an eye on."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from backend.conversations import alerts
from backend.conversations import service as conversations
from backend.handoffs import callback_store, callbacks, hours, service
from backend.handoffs.routing_tables import Callback
from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, customer_actor
from backend.kernel.clock import shanghai_instant
from backend.kernel.errors import Conflict, Invalid, NotFound
from tests.cast import HAN_TAO, LIN_JIA, NOW, ZHOU_YANG
from tests.services.test_handoffs import SECOND, a_request, a_talk, at_the_desk, held, house, said

__all__ = ["house"]  # the fixture


def ask(works: Works, conversation_id: str, kind: str = "callback", now: datetime = NOW) -> None:
    with works.begin(BOT, now) as work:
        callbacks.ask(work, conversation_id, kind)


def hear(works: Works, conversation_id: str, words: str, now: datetime = NOW) -> bool:
    with works.begin(BOT, now) as work:
        return callbacks.hear(work, conversation_id, words)


def rows(works: Works) -> list[Callback]:
    with works.read(BOT, NOW) as work:
        return list(work.session.exec(select(Callback)).all())


def state(works: Works, conversation_id: str) -> str:
    with works.read(BOT, NOW) as work:
        return conversations.get(work.session, conversation_id).state


def booked(works: Works, now: datetime = NOW, name: str = "陈雨薇") -> Callback:
    conversation_id = a_request(works, name, now=now)
    ask(works, conversation_id, now=now)
    assert hear(works, conversation_id, "13812346027", now)
    return next(one for one in rows(works) if one.conversation_id == conversation_id)


def test_a_call_asked_for_gets_a_number_a_date_and_leaves_the_queue(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    ask(house, conversation_id)
    assert state(house, conversation_id) == "queued", "the place is kept until everything is known"
    assert hear(house, conversation_id, "我的电话是 138 1234 6027")
    (row,) = rows(house)
    assert (row.number, row.state, row.contact, row.kind) == ("LY20261009-0001", "open", "13812346027", "callback")
    assert row.due_at == NOW + timedelta(hours=2) and row.text == "等了两周了"
    assert state(house, conversation_id) == "bot"
    assert said(house, conversation_id)[-2:] == ["handoff.ask_contact", "handoff.callback_booked"]
    with house.read(BOT, NOW) as work:
        text = conversations.thread(work.session, conversation_id)[-1].text
        journal = work.session.exec(select(JournalEntry).where(JournalEntry.action == "callback_filed")).one()
    assert "LY20261009-0001" in text and "16:36" in text and "138****6027" in text and "13812346027" not in text
    assert "13812346027" not in str(journal.detail)


def test_a_message_is_kept_word_for_word_and_needs_no_contact(house: Works) -> None:
    conversation_id = a_request(house)
    ask(house, conversation_id, "message")
    assert hear(house, conversation_id, "桌腿少一颗螺丝，请补发。")
    with house.begin(BOT, NOW) as work:
        assert callbacks.skip_contact(work, conversation_id)
    (row,) = rows(house)
    assert (row.text, row.contact, row.state) == ("桌腿少一颗螺丝，请补发。", None, "open")
    assert said(house, conversation_id)[-2:] == ["handoff.ask_contact_optional", "handoff.message_taken"]


def test_a_number_that_is_no_number_is_asked_for_once_more_and_then_left(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    ask(house, conversation_id)
    assert hear(house, conversation_id, "1381234602")
    assert said(house, conversation_id)[-1] == "handoff.contact_unread"
    assert not hear(house, conversation_id, "退款多久到账"), "they speak of something else: it is read as that"
    assert said(house, conversation_id)[-1] == "handoff.contact_given_up"
    assert [one.state for one in rows(house)] == ["cancelled"] and state(house, conversation_id) == "queued"


@pytest.mark.parametrize("way", ["words", "button"])
def test_there_is_a_way_back_and_the_place_is_still_theirs(house: Works, way: str) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    ask(house, conversation_id)
    if way == "words":
        assert hear(house, conversation_id, "算了。")
    else:
        with house.begin(BOT, NOW) as work:
            callbacks.stay(work, conversation_id)
    assert said(house, conversation_id)[-1] == "handoff.already_queued" and state(house, conversation_id) == "queued"
    assert not hear(house, conversation_id, "13812346027"), "nobody asks any more"


def test_a_person_who_comes_meanwhile_ends_the_asking(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    ask(house, conversation_id)
    with house.begin(LIN_JIA, NOW) as work:
        service.take(work, conversation_id)
    assert not hear(house, conversation_id, "13812346027")
    assert [one.state for one in rows(house)] == ["cancelled"]


def test_also_without_a_queue_a_call_can_be_asked_for(house: Works) -> None:
    conversation_id = a_talk(house, text="安装师傅没来")
    ask(house, conversation_id)
    assert hear(house, conversation_id, "lin@example.com")
    (row,) = rows(house)
    assert (row.contact_kind, row.text, row.handoff_id) == ("email", "安装师傅没来", None)


def test_numbers_of_a_day_run_on_and_the_next_day_begins_anew(house: Works) -> None:
    tomorrow = NOW + timedelta(days=1)
    numbers = [booked(house, name="甲").number, booked(house, name="乙").number, booked(house, tomorrow, "丙").number]
    assert numbers == ["LY20261009-0001", "LY20261009-0002", "LY20261010-0001"]


@pytest.mark.parametrize(("asked", "due"), [
    (shanghai_instant(2026, 10, 9, 23, 30), shanghai_instant(2026, 10, 10, 11, 0)),
    (shanghai_instant(2026, 10, 9, 20, 0), shanghai_instant(2026, 10, 10, 10, 0)),
    (shanghai_instant(2026, 10, 10, 6, 0), shanghai_instant(2026, 10, 10, 11, 0))])
def test_the_date_counts_in_the_groups_own_hours(house: Works, asked: datetime, due: datetime) -> None:
    assert booked(house, asked).due_at == due


def test_a_day_off_approved_for_the_group_moves_the_date_and_closes_the_queue(house: Works) -> None:
    from backend.deadlines.tables import CalendarChange

    with house.begin(SYSTEM, NOW) as work:
        work.session.add(CalendarChange(
            id="off", kind="days", unit="aftersale", reason="盘点", state="approved", proposed_by="hantao", proposed_at=NOW,
            decided_by="shenlan", decided_at=NOW,
            content={"days": [{"date": "2026-10-09", "name": "盘点", "hours": []}]}))
    with house.read(SYSTEM, NOW) as work:
        assert hours.open_groups(work.session, NOW) == {"presale", "complaint"}
        assert hours.answer_by(work.session, "aftersale", NOW) == shanghai_instant(2026, 10, 10, 11, 0)
        assert hours.answer_by(work.session, "presale", NOW) == NOW + timedelta(hours=2)


# --- on the desk ----------------------------------------------------------------------------------


def test_the_desk_sees_what_its_groups_owe_and_the_number_is_for_whoever_takes_it(house: Works) -> None:
    row = booked(house)
    with house.read(ZHOU_YANG, NOW) as work:
        (shown,) = callbacks.open_for_team(work.session, "zhouyang", NOW)
        assert shown["contact"] is None and shown["contact_masked"] == "138****6027"
        assert (shown["kind_text"], shown["tone"], shown["name"]) == ("回电", "track", "陈雨薇")
        assert callbacks.open_for_team(work.session, "shenlan", NOW), "the whole house's groups"
    with house.begin(ZHOU_YANG, NOW + SECOND) as work:
        callbacks.take(work, row.id)
    with house.read(ZHOU_YANG, NOW) as work:
        (shown,) = callbacks.open_for_team(work.session, "zhouyang", NOW + timedelta(minutes=100))
        assert (shown["contact"], shown["mine"], shown["tone"]) == ("13812346027", True, "near")
        (theirs,) = callbacks.open_for_team(work.session, "linjia", NOW)
        assert (theirs["contact"], theirs["taken_by_name"]) == (None, "周杨")
    with pytest.raises(Conflict) as refused, house.begin(LIN_JIA, NOW + SECOND) as work:
        callbacks.take(work, row.id)
    assert refused.value.code == "already_taken"


def test_an_outcome_ends_it_and_three_calls_that_nobody_answered_end_it_too(house: Works) -> None:
    first, second = booked(house, name="甲"), booked(house, name="乙")
    with pytest.raises(Conflict), house.begin(LIN_JIA, NOW) as work:
        callbacks.done(work, first.id, "reached")
    for row in (first, second):
        with house.begin(LIN_JIA, NOW) as work:
            callbacks.take(work, row.id)
    with pytest.raises(Invalid), house.begin(LIN_JIA, NOW) as work:
        callbacks.done(work, first.id, "也许")
    with house.begin(LIN_JIA, NOW) as work:
        assert callbacks.done(work, first.id, "reached", "已补发螺丝").state == "done"
    states = []
    for _ in range(3):
        with house.begin(LIN_JIA, NOW) as work:
            states.append(callbacks.done(work, second.id, "no_answer").state)
    assert states == ["taken", "taken", "done"]
    with pytest.raises(Conflict) as closed, house.begin(LIN_JIA, NOW) as work:
        callbacks.done(work, second.id, "reached")
    assert closed.value.code == "callback_closed"
    with pytest.raises(NotFound), house.begin(LIN_JIA, NOW) as work:
        callbacks.take(work, "0" * 32)


def test_what_is_due_and_what_is_late_is_an_alert_until_somebody_has_answered(house: Works) -> None:
    row = booked(house)

    def watched(minutes: int) -> list[tuple[str, int]]:
        with house.begin(SYSTEM, NOW + timedelta(minutes=minutes)) as work:
            callbacks.watch(work)
        with house.read(SYSTEM, NOW) as work:
            return [(one.kind, one.count) for one in alerts.still_open(work.session)]

    assert watched(60) == [] and watched(95) == watched(96) == [("callback_due", 1)]
    assert watched(121) == watched(122) == [("callback_overdue", 1)]
    with house.begin(HAN_TAO, NOW + timedelta(minutes=125)) as work:
        callbacks.take(work, row.id)
        callbacks.done(work, row.id, "reached")
    with house.read(SYSTEM, NOW) as work:
        assert list(alerts.still_open(work.session)) == []
        assert callback_store.done_since(work.session, NOW)[0].outcome == "reached"


def test_a_customer_who_closes_the_window_while_asked_has_registered_nothing(house: Works) -> None:
    conversation_id = a_request(house)
    ask(house, conversation_id)
    with house.begin(customer_actor("c"), NOW) as work:
        conversations.close(work, conversations.get(work.session, conversation_id), "customer")
    assert [(one.state, one.number) for one in rows(house)] == [("cancelled", None)]


def test_the_bot_answers_meanwhile_by_consent_and_falls_silent_when_somebody_comes(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    with house.begin(BOT, NOW) as work:
        assert service.go_on_with_bot(work, conversation_id)
        talk = conversations.get(work.session, conversation_id)
        assert conversations.bot_answers(talk) and talk.state == "queued"
        assert service.queue_state(work.session, conversation_id, NOW) == {"ahead": 0, "eta_seconds": 60}
    with house.begin(LIN_JIA, NOW) as work:
        service.take(work, conversation_id)
        assert not conversations.bot_answers(conversations.get(work.session, conversation_id))
    with house.begin(BOT, NOW) as work:
        assert not service.go_on_with_bot(work, conversation_id), "a person holds it"
    assert state(house, held(house, name="另一位")) == "agent"
