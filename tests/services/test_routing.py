"""Offers, presence by live connection, time in each status, taking over: on both databases."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select

from backend.conversations import service as conversations
from backend.handoffs import events, offers, presence, service, store, waits
from backend.handoffs.routing_tables import DeskConnection, Offer
from backend.handoffs.tables import Presence
from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, Actor, customer_actor
from backend.kernel.errors import Conflict, Forbidden, Invalid
from tests.cast import HAN_TAO, LIN_JIA, NOW, ZHOU_YANG
from tests.services.test_handoffs import SECOND, a_request, a_talk, at_the_desk, grab, held, house, said, together

__all__ = ["house"]  # the fixture


def offered(works: Works, now: datetime = NOW) -> dict[str, str]:
    """Conversation → to whom it is offered now."""
    with works.read(BOT, now) as work:
        found = {}
        for actor in (LIN_JIA, ZHOU_YANG, HAN_TAO):
            for offer in offers.open_for(work.session, actor.id, now):
                handoff = store.by_id(work.session, offer.handoff_id)
                assert handoff is not None
                found[handoff.conversation_id] = offer.staff_id
        return found


def results(works: Works) -> list[tuple[str, str | None]]:
    with works.read(BOT, NOW) as work:
        rows = work.session.exec(select(Offer).order_by(col(Offer.offered_at), col(Offer.id))).all()
        return [(one.staff_id, one.result) for one in rows]


def tick(works: Works, now: datetime) -> int:
    """What the worker does each second."""
    with works.begin(SYSTEM, now) as work:
        return len(offers.run(work))


def test_whoever_asks_is_offered_at_once_to_one_person_and_taking_accepts_it(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    assert offered(house) == {conversation_id: "linjia"}
    with house.begin(LIN_JIA, NOW + SECOND) as work:
        service.take(work, conversation_id)
    assert offered(house) == {} and results(house) == [("linjia", "accepted")]


def test_somebody_who_comes_is_offered_whoever_waits_already(house: Works) -> None:
    conversation_id = a_request(house)
    assert offered(house) == {}
    at_the_desk(house, LIN_JIA)
    assert offered(house) == {conversation_id: "linjia"}


def test_while_it_is_offered_nobody_else_takes_it_but_a_supervisor(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    first, second = a_request(house, "甲"), a_request(house, "乙")
    with pytest.raises(Conflict) as refused, house.begin(ZHOU_YANG, NOW + SECOND) as work:
        service.take(work, first)
    assert refused.value.code == "offered_to_other" and "林佳" in refused.value.message
    with house.begin(ZHOU_YANG, NOW + SECOND) as work, pytest.raises(Conflict):
        service.take_next(work)
    with house.begin(HAN_TAO, NOW + SECOND) as work:
        service.set_status(work, "online")
        service.take(work, second)
    assert offered(house, NOW + SECOND) == {first: "linjia"}
    assert ("linjia", "withdrawn") in results(house)


def test_an_unanswered_minute_sends_the_customer_to_the_next_and_not_back_at_once(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    late = NOW + timedelta(seconds=61)
    at_the_desk(house, LIN_JIA, ZHOU_YANG, now=late)  # both are there; coming sets the router going by itself
    assert offered(house, late) == {conversation_id: "zhouyang"}
    assert results(house)[0] == ("linjia", "missed")
    assert grab(house, conversation_id, ZHOU_YANG) in ("taken", "already_taken")


def test_declining_passes_the_customer_on_and_counts_as_an_answer(house: Works) -> None:
    at_the_desk(house, LIN_JIA, ZHOU_YANG)
    conversation_id = a_request(house)
    first = offered(house)[conversation_id]
    one, other = (LIN_JIA, ZHOU_YANG) if first == "linjia" else (ZHOU_YANG, LIN_JIA)
    with house.begin(one, NOW + SECOND) as work:
        offers.decline(work, conversation_id)
    assert offered(house, NOW + SECOND) == {conversation_id: other.id}
    with pytest.raises(Conflict) as refused, house.begin(one, NOW + SECOND) as work:
        offers.decline(work, conversation_id)
    assert refused.value.code == "no_offer"
    with house.read(SYSTEM, NOW) as work:
        row = work.session.get(Presence, one.id)
        assert row is not None and (row.status, row.misses) == ("online", 0)


def test_two_unanswered_offers_in_a_row_set_a_person_to_busy_and_say_so(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    for minutes in (1, 4, 6):
        now = NOW + timedelta(minutes=minutes)
        at_the_desk(house, LIN_JIA, now=now)
        tick(house, now)
    with house.read(SYSTEM, now) as work:
        row = work.session.get(Presence, "linjia")
        assert row is not None and row.status == "busy" and "2 次没有接" in (row.notice or "")
        journal = work.session.exec(select(JournalEntry).where(JournalEntry.action == "status_set")).all()
        assert [(one.actor_kind, one.detail["status"]) for one in journal] == [("system", "busy")]
    assert offered(house, now) == {}, "somebody busy is offered nobody"
    with house.begin(LIN_JIA, now) as work:
        assert service.set_status(work, "online").notice is None
    assert offered(house, now) == {conversation_id: "linjia"}


def test_who_leaves_or_takes_a_break_loses_the_offer_to_somebody_else(house: Works) -> None:
    at_the_desk(house, LIN_JIA, ZHOU_YANG)
    conversation_id = a_request(house)
    first = offered(house)[conversation_id]
    one, other = (LIN_JIA, ZHOU_YANG) if first == "linjia" else (ZHOU_YANG, LIN_JIA)
    with house.begin(one, NOW + SECOND) as work:
        assert service.set_status(work, "break", "用餐").reason == "meal"
    assert offered(house, NOW + SECOND) == {conversation_id: other.id}
    assert (one.id, "withdrawn") in results(house)


def test_two_processes_routing_at_once_never_offer_one_customer_twice(house: Works) -> None:
    for number in range(6):
        a_request(house, f"客户{number}")
    at_the_desk(house, LIN_JIA, ZHOU_YANG, now=NOW + timedelta(minutes=3))
    gate = threading.Barrier(4)
    failures: list[BaseException] = []

    def route() -> None:
        try:
            gate.wait()
            for step in range(5):
                tick(house, NOW + timedelta(minutes=3, seconds=step))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=route) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with house.read(BOT, NOW) as work:
        rows = work.session.exec(select(Offer).where(col(Offer.ended_at).is_(None))).all()
    assert len(rows) == len({one.handoff_id for one in rows}) == 4
    assert sorted(one.staff_id for one in rows) == ["linjia", "linjia", "zhouyang", "zhouyang"]


def test_routing_and_taking_at_once_end_with_one_holder_each_and_no_dead_lock(house: Works) -> None:
    at_the_desk(house, LIN_JIA, ZHOU_YANG)
    waiting = [a_request(house, f"客户{number}") for number in range(5)]

    def work_through(actor: Actor) -> str:
        taken = [grab(house, conversation_id, actor) for conversation_id in waiting]
        tick(house, NOW + SECOND)
        return ",".join(taken)

    outcomes = together(work_through, LIN_JIA, ZHOU_YANG)
    assert sum(one.split(",").count("taken") for one in outcomes) == len(waiting)


# --- who is there ---------------------------------------------------------------------------------


def open_page(works: Works, actor: Actor, now: datetime = NOW) -> str:
    with works.begin(actor, now) as work:
        return presence.connect(work, "p1")


def there(works: Works, now: datetime) -> set[str]:
    with works.read(SYSTEM, now) as work:
        return {one.id for one in presence.on_duty(work.session, now)}


def test_an_open_page_is_presence_and_a_closed_one_is_absence_but_for_fetching_it_anew(house: Works) -> None:
    page = open_page(house, LIN_JIA)
    assert there(house, NOW + 25 * SECOND) == {"linjia"} and there(house, NOW + 31 * SECOND) == set()
    with house.begin(LIN_JIA, NOW + 28 * SECOND) as work:
        presence.hold(work, page, "p1")
    assert there(house, NOW + 40 * SECOND) == {"linjia"}
    with house.begin(LIN_JIA, NOW + 40 * SECOND) as work:
        presence.disconnect(work, page)
    assert there(house, NOW + 43 * SECOND) == {"linjia"} and there(house, NOW + 46 * SECOND) == set()


def test_of_two_pages_one_is_enough(house: Works) -> None:
    first, _second = open_page(house, LIN_JIA), open_page(house, LIN_JIA)
    with house.begin(LIN_JIA, NOW + SECOND) as work:
        presence.disconnect(work, first)
    assert there(house, NOW + 20 * SECOND) == {"linjia"}


def test_with_the_last_page_its_beats_end_too(house: Works) -> None:
    page = open_page(house, LIN_JIA)
    at_the_desk(house, LIN_JIA, now=NOW + SECOND)  # what the page beats besides
    with house.begin(LIN_JIA, NOW + 2 * SECOND) as work:
        presence.disconnect(work, page)
    assert there(house, NOW + 10 * SECOND) == set()


def test_a_lost_connection_gives_the_offer_away_and_is_offline_in_the_books(house: Works) -> None:
    open_page(house, LIN_JIA)
    conversation_id = a_request(house)
    assert offered(house) == {conversation_id: "linjia"}
    gone = NOW + 40 * SECOND
    with house.begin(SYSTEM, gone) as work:
        assert presence.sweep(work) == 1
        assert [one for one in work.facts if isinstance(one, events.PresenceChanged)]
    assert offered(house, gone) == {} and results(house) == [("linjia", "withdrawn")]
    with house.begin(SYSTEM, gone + SECOND) as work:
        assert presence.sweep(work) == 0


def test_the_time_in_each_status_is_kept_to_the_second_also_while_somebody_was_gone(house: Works) -> None:
    minute = timedelta(minutes=1)

    def says(minutes: int, status: str, reason: str | None = None) -> None:
        with house.begin(LIN_JIA, NOW + minutes * minute) as work:
            service.set_status(work, status, reason)

    def holds(first: int, last: int) -> None:
        for half in range(first * 4, last * 4 + 1):
            with house.begin(LIN_JIA, NOW + half * minute / 4) as work:
                presence.hold(work, page, "p1")

    page = open_page(house, LIN_JIA)
    holds(0, 10)
    says(10, "busy")
    holds(10, 15)
    says(15, "break", "meeting")
    holds(15, 20)
    with house.begin(LIN_JIA, NOW + 20 * minute) as work:
        presence.disconnect(work, page)
    page = open_page(house, LIN_JIA, NOW + 26 * minute)  # nobody swept meanwhile: the gap is found on coming back
    holds(26, 28)
    says(28, "online")
    with house.read(LIN_JIA, NOW) as work:
        spent = presence.times(work.session, "linjia", NOW, NOW + 30 * minute)
        early = presence.times(work.session, "linjia", NOW, NOW + 5 * minute)
    assert spent == {"online": 12 * 60, "busy": 5 * 60, "break": 7 * 60, "offline": 6 * 60}
    assert early == {"online": 300, "busy": 0, "break": 0, "offline": 0}


def test_a_break_has_a_reason_from_the_list(house: Works) -> None:
    with house.begin(LIN_JIA, NOW) as work:
        assert service.set_status(work, "break").reason == "rest"
        assert service.set_status(work, "break", "training").reason == "training"
        assert service.set_status(work, "online").reason is None
    with pytest.raises(Invalid) as refused, house.begin(LIN_JIA, NOW) as work:
        service.set_status(work, "break", "钓鱼")
    assert refused.value.code == "unknown_reason"


def test_dead_connections_are_swept_away_after_a_day(house: Works) -> None:
    open_page(house, LIN_JIA)
    with house.begin(SYSTEM, NOW + timedelta(days=1, seconds=1)) as work:
        presence.sweep(work)
        assert work.session.exec(select(DeskConnection)).all() == []


# --- taking over, and the estimate ----------------------------------------------------------------


def test_a_supervisor_takes_over_and_the_colleague_reads_why_and_cannot_answer_any_more(house: Works) -> None:
    conversation_id = held(house)
    with house.begin(HAN_TAO, NOW + SECOND) as work:
        before = conversations.get(work.session, conversation_id).epoch
        mine = service.take_over(work, conversation_id)
        after = conversations.get(work.session, conversation_id)
        assert (after.holder_id, after.state) == ("hantao", "agent") and after.epoch > before
        assert (mine.taken_by, mine.passed_by, mine.reason) == ("hantao", "linjia", "take_over")
        notes = [one.text for one in conversations.thread(work.session, conversation_id, notes=True) if one.sender == "note"]
        assert "韩涛接手" in notes[-1]
    assert said(house, conversation_id)[-1] == "handoff.agent_joined"
    with pytest.raises(Conflict) as refused, house.begin(LIN_JIA, NOW + SECOND) as work:
        service.reply(work, conversation_id, "还在", "late")
    assert refused.value.code == "not_holder"
    with house.begin(HAN_TAO, NOW + 2 * SECOND) as work:
        assert service.take_over(work, conversation_id).id == mine.id, "twice is harmless"


@pytest.mark.parametrize("queued", [True, False])
def test_a_supervisor_takes_over_from_the_queue_or_from_the_bot_and_an_agent_may_not(house: Works, queued: bool) -> None:
    conversation_id = a_request(house) if queued else a_talk(house)
    with pytest.raises(Forbidden), house.begin(LIN_JIA, NOW) as work:
        service.take_over(work, conversation_id)
    with house.begin(HAN_TAO, NOW) as work:
        service.take_over(work, conversation_id)
        assert conversations.get(work.session, conversation_id).holder_id == "hantao"
    assert said(house, conversation_id)[-1] == "handoff.agent_joined"
    assert ("handoff.out_of_hours" in said(house, conversation_id)) is queued, "no word of a queue for whoever was in none"


def test_the_person_stays_until_the_customer_agrees_to_go_on_with_the_bot(house: Works) -> None:
    conversation_id = held(house)
    for _ in range(2):
        with house.begin(LIN_JIA, NOW) as work:
            service.return_to_bot(work, conversation_id)  # a second click asks nothing twice
            assert conversations.get(work.session, conversation_id).state == "agent"
    assert said(house, conversation_id).count("handoff.return_ask") == 1
    with house.begin(customer_actor("c"), NOW) as work:
        assert service.answer_return(work, conversation_id, False)
        assert conversations.get(work.session, conversation_id).holder_id == "linjia"
    assert said(house, conversation_id)[-1] == "handoff.return_declined"
    with house.begin(customer_actor("c"), NOW) as work:
        assert not service.answer_return(work, conversation_id, True), "nobody is asking any more"
    with house.begin(LIN_JIA, NOW) as work:
        service.return_to_bot(work, conversation_id)
    with house.begin(customer_actor("c"), NOW) as work:
        assert service.answer_return(work, conversation_id, True)
        assert conversations.get(work.session, conversation_id).state == "bot"
    assert said(house, conversation_id)[-1] == "handoff.back_to_bot"


def test_what_was_promised_is_held_against_the_real_wait(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    for name, seconds in (("甲", 30), ("乙", 200)):
        conversation_id = a_request(house, name)
        at_the_desk(house, LIN_JIA, now=NOW + seconds * SECOND)
        with house.begin(LIN_JIA, NOW + seconds * SECOND) as work:
            service.take(work, conversation_id)
    with house.read(SYSTEM, NOW) as work:
        found = waits.accuracy(work.session, NOW, NOW + timedelta(hours=1))
        empty = waits.accuracy(work.session, NOW - timedelta(days=1), NOW)
    assert (found.n, found.mean_error, found.bias) == (2, 85.0, 55.0)  # 60 promised each: off by −30 and +140
    assert (found.held.k, found.held.n, found.longest) == (1, 2, 140.0)
    assert (empty.n, empty.mean_error) == (0, None)


def test_the_next_time_the_same_person_is_asked_first_and_knows_of_the_time_before(house: Works) -> None:
    first = held(house, ZHOU_YANG)
    with house.begin(ZHOU_YANG, NOW + SECOND) as work:
        service.wrap_up(work, first, "unsolved")
        customer_id = conversations.get(work.session, first).customer_id
    at_the_desk(house, LIN_JIA, ZHOU_YANG, now=NOW + 2 * SECOND)
    with house.begin(customer_actor("c"), NOW + 3 * SECOND) as work:
        again, _ = conversations.start(work, "web", customer_id)
        conversations.receive(work, again, client_id="again", text="还是没解决")
    with house.begin(BOT, NOW + 3 * SECOND) as work:
        handoff = service.request(work, again.id, "customer_request", {})
    (before,) = handoff.known["earlier"]
    assert (before["staff_id"], before["outcome"], before["conversation_id"]) == ("zhouyang", "unsolved", first)
    assert offered(house, NOW + 3 * SECOND) == {again.id: "zhouyang"}
