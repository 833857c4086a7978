"""From the bot to a person and back, on both databases."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest

from backend.conversations import service as conversations
from backend.handoffs import desk, service, store
from backend.handoffs.tables import Presence
from backend.infra.work import Works
from backend.kernel.actors import BOT, Actor, customer_actor
from backend.kernel.clock import shanghai_instant
from backend.kernel.errors import Conflict, Forbidden, NotFound, ZhikeError
from backend.people.tables import Staff
from backend.scripts import service as scripts
from tests.builders import a_customer
from tests.cast import HAN_TAO, LIN_JIA, NOW, ZHOU_YANG

SECOND = timedelta(seconds=1)


@pytest.fixture
def house(pack_loaded: Works) -> Works:
    """The pack's words and people; 林佳 serves 售后 and 投诉, 周杨 售前 and 售后."""
    with pack_loaded.begin(BOT, NOW) as work:
        for staff_id, groups in (("linjia", "aftersale,complaint"), ("zhouyang", "presale,aftersale")):
            staff = work.session.get(Staff, staff_id)
            assert staff is not None
            staff.skill_groups = groups
            work.session.add(staff)
    return pack_loaded


def at_the_desk(works: Works, *actors: Actor, now: datetime = NOW) -> None:
    for actor in actors:
        with works.begin(actor, now) as work:
            service.beat(work)


def a_talk(works: Works, name: str = "陈雨薇", text: str = "等了两周了", now: datetime = NOW) -> str:
    with works.begin(customer_actor("c"), now) as work:
        customer = a_customer(work, ref=f"ref-{name}", name=name)
        conversation, _ = conversations.start(work, "web", customer.id)
        conversations.receive(work, conversation, client_id=f"hello-{name}", text=text)
        return conversation.id


def a_request(works: Works, name: str = "陈雨薇", reason: str = "customer_request", text: str = "等了两周了",
              now: datetime = NOW, **known: object) -> str:
    conversation_id = a_talk(works, name, text, now)
    with works.begin(BOT, now) as work:
        service.request(work, conversation_id, reason, dict(known))
    return conversation_id


def said(works: Works, conversation_id: str) -> list[str]:
    with works.read(BOT, NOW) as work:
        return [one.script_key or "" for one in conversations.thread(work.session, conversation_id)
                if one.sender in ("system", "bot")]


def test_asking_puts_the_conversation_into_the_queue_and_tells_the_customer(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    with house.read(BOT, NOW) as work:
        assert conversations.get(work.session, conversation_id).state == "queued"
        assert service.queue_state(work.session, conversation_id, NOW) == {"ahead": 0, "eta_seconds": 60}
    assert said(house, conversation_id) == ["handoff.next_in_line"]


def test_the_second_in_line_hears_how_many_are_ahead_and_how_long_it_takes(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    a_request(house, "刘敏")
    second = a_request(house, "何伟", now=NOW + SECOND)
    with house.read(BOT, NOW) as work:
        text = conversations.thread(work.session, second)[-1].text
        assert service.queue_state(work.session, second, NOW) == {"ahead": 1, "eta_seconds": 60}
    assert said(house, second) == ["handoff.queued"] and "1 位" in text


def test_asking_twice_is_one_handoff_and_a_double_click_is_answered_once(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    for later, spoken in ((SECOND, 1), (30 * SECOND, 2)):
        with house.begin(BOT, NOW + later) as work:
            service.request(work, conversation_id, "customer_request", {})
        assert len(said(house, conversation_id)) == spoken
    with house.read(BOT, NOW) as work:
        assert len(store.waiting(work.session)) == 1
    assert said(house, conversation_id)[-1] == "handoff.already_queued"


def test_danger_is_answered_first_then_the_queue(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    assert said(house, a_request(house, reason="emergency")) == ["risk.emergency", "handoff.next_in_line"]


@pytest.mark.parametrize("present", [True, False])
def test_out_of_hours_the_place_is_kept_and_the_hours_are_said(house: Works, present: bool) -> None:
    night = shanghai_instant(2026, 10, 9, 23, 30)
    if present:
        at_the_desk(house, LIN_JIA, now=night)
    conversation_id = a_request(house, now=night)
    with house.read(BOT, night) as work:
        assert service.queue_state(work.session, conversation_id, night) is not None
    assert said(house, conversation_id) == ["handoff.out_of_hours"]


def test_nobody_at_the_desk_in_working_hours_is_said_too(house: Works) -> None:
    assert said(house, a_request(house)) == ["handoff.out_of_hours"]


def test_an_agent_who_was_not_seen_is_not_counted(house: Works) -> None:
    at_the_desk(house, LIN_JIA, now=NOW - timedelta(seconds=31))
    conversation_id = a_request(house)
    with house.read(BOT, NOW) as work:
        assert service.on_duty(work.session, NOW) == []
        place = service.queue_state(work.session, conversation_id, NOW)
    assert place == {"ahead": 0, "eta_seconds": None}


def test_an_agent_who_says_offline_is_not_counted_and_cannot_take(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    with house.begin(LIN_JIA, NOW) as work:
        service.set_status(work, "offline")
        assert service.on_duty(work.session, NOW) == []
    with pytest.raises(Conflict) as refused, house.begin(LIN_JIA, NOW) as work:
        service.take(work, conversation_id)
    assert refused.value.code == "off_duty"


def test_a_manager_who_looks_in_is_not_taken_for_an_agent(house: Works) -> None:
    at_the_desk(house, HAN_TAO)
    with house.read(BOT, NOW) as work:
        assert service.on_duty(work.session, NOW) == []


def test_of_two_agents_reaching_for_one_customer_one_wins(house: Works) -> None:
    at_the_desk(house, LIN_JIA, ZHOU_YANG)
    for round_ in range(5):
        conversation_id = a_request(house, f"客户{round_}")
        outcomes = together(partial(grab, house, conversation_id), LIN_JIA, ZHOU_YANG)
        # The one to whom it is offered; the other hears that it is offered or, a moment later, that it is taken.
        assert outcomes.count("taken") == 1 and set(outcomes) <= {"taken", "already_taken", "offered_to_other"}
        with house.read(BOT, NOW) as work:
            handoff = store.open_of(work.session, conversation_id)
            conversation = conversations.get(work.session, conversation_id)
            assert handoff is not None and handoff.taken_by == conversation.holder_id
            assert conversation.state == "agent"
        assert said(house, conversation_id).count("handoff.agent_joined") == 1


def grab(works: Works, conversation_id: str, actor: Actor) -> str:
    try:
        with works.begin(actor, NOW) as work:
            service.take(work, conversation_id)
    except ZhikeError as error:
        return error.code
    return "taken"


def together(job: Callable[[Actor], str], *actors: Actor) -> list[str]:
    gate = threading.Barrier(len(actors))
    outcomes: list[str] = []

    def run(actor: Actor) -> None:
        gate.wait()
        outcomes.append(job(actor))

    threads = [threading.Thread(target=run, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def test_two_agents_pressing_next_at_once_get_two_different_customers(house: Works) -> None:
    at_the_desk(house, LIN_JIA, ZHOU_YANG)
    for name in ("甲", "乙"):
        a_request(house, name)

    def next_one(actor: Actor) -> str:
        with house.begin(actor, NOW) as work:
            return service.take_next(work).conversation_id

    assert len(set(together(next_one, LIN_JIA, ZHOU_YANG))) == 2


def test_nobody_holds_more_than_their_capacity_not_even_from_two_tabs_at_once(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    with house.begin(LIN_JIA, NOW) as work:
        presence = work.session.get(Presence, "linjia")
        assert presence is not None
        presence.capacity = 1
        work.session.add(presence)
    wanted = [a_request(house, name) for name in ("甲", "乙")]
    tabs = iter(wanted)
    lock = threading.Lock()

    def one_tab(actor: Actor) -> str:
        with lock:
            mine = next(tabs)
        return grab(house, mine, actor)

    assert sorted(together(one_tab, LIN_JIA, LIN_JIA)) == ["at_capacity", "taken"]
    with house.read(BOT, NOW) as work:
        assert len(store.held_by(work.session, "linjia")) == 1


def test_next_serves_danger_first_then_whoever_waits_longest(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    first = a_request(house, "先来", now=NOW)
    second = a_request(house, "后来", now=NOW + SECOND)
    danger = a_request(house, "着火", "emergency", now=NOW + 2 * SECOND)
    taken = []
    for _ in range(3):
        with house.begin(LIN_JIA, NOW + 3 * SECOND) as work:
            taken.append(service.take_next(work).conversation_id)
    assert taken == [danger, first, second]
    with pytest.raises(Conflict) as empty, house.begin(LIN_JIA, NOW + 3 * SECOND) as work:
        service.take_next(work)
    assert empty.value.code == "queue_empty"


def test_the_bots_words_from_before_the_takeover_are_dropped(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_talk(house)
    with house.read(BOT, NOW) as work:
        epoch = conversations.get(work.session, conversation_id).epoch
    with house.begin(BOT, NOW) as work:
        service.request(work, conversation_id, "customer_request", {})
    with house.begin(LIN_JIA, NOW) as work:
        service.take(work, conversation_id)
    before = said(house, conversation_id)
    with house.begin(BOT, NOW) as work:
        spoken = scripts.speak(work, "system.fallback", {}, "web")
        late = conversations.say(work, conversations.get(work.session, conversation_id), spoken, epoch=epoch)
    assert late is None and said(house, conversation_id) == before


def test_leaving_the_queue_gives_the_conversation_back_to_the_bot(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(house)
    with house.begin(customer_actor("c"), NOW) as work:
        assert service.cancel(work, conversation_id) is not None
    with house.begin(customer_actor("c"), NOW) as work:
        assert service.cancel(work, conversation_id) is None  # a second press changes nothing
        assert conversations.get(work.session, conversation_id).state == "bot"
        assert service.queue_state(work.session, conversation_id, NOW) is None
    assert said(house, conversation_id)[-1] == "handoff.cancelled"


def held(works: Works, actor: Actor = LIN_JIA, name: str = "陈雨薇") -> str:
    at_the_desk(works, actor)
    conversation_id = a_request(works, name)
    with works.begin(actor, NOW) as work:
        service.take(work, conversation_id)
    return conversation_id


def test_leaving_the_queue_too_late_does_not_take_the_agent_away(house: Works) -> None:
    conversation_id = held(house)
    with house.begin(customer_actor("c"), NOW) as work:
        assert service.cancel(work, conversation_id) is None
        assert conversations.get(work.session, conversation_id).state == "agent"


def test_a_reply_sent_twice_is_one_message_and_starts_the_first_reply(house: Works) -> None:
    conversation_id = held(house)
    seqs = []
    for later in (SECOND, 2 * SECOND):
        with house.begin(LIN_JIA, NOW + later) as work:
            seqs.append(service.reply(work, conversation_id, "您好，我是林佳。", "d-1").seq)
    with house.read(BOT, NOW) as work:
        handoff = store.open_of(work.session, conversation_id)
        waiting = conversations.get(work.session, conversation_id).waiting_since
        assert handoff is not None and handoff.first_reply_at == NOW + SECOND
    assert seqs[0] == seqs[1] and waiting is None


def test_only_who_holds_the_conversation_replies(house: Works) -> None:
    conversation_id = held(house)
    with pytest.raises(Conflict) as refused, house.begin(ZHOU_YANG, NOW) as work:
        service.reply(work, conversation_id, "我来", "d-2")
    assert refused.value.code == "not_holder"


def test_a_note_reaches_colleagues_and_never_the_customer(house: Works) -> None:
    conversation_id = held(house)
    with house.begin(ZHOU_YANG, NOW) as work:
        service.note(work, conversation_id, "仓库还有 3 张", "n-1")
    with house.read(BOT, NOW) as work:
        assert all("仓库" not in one.text for one in conversations.thread(work.session, conversation_id))
        assert conversations.thread(work.session, conversation_id, notes=True)[-1].text == "仓库还有 3 张"


def test_wrapping_up_closes_the_conversation_and_ends_the_handoff(house: Works) -> None:
    conversation_id = held(house)
    with house.begin(LIN_JIA, NOW + 60 * SECOND) as work:
        handoff = service.wrap_up(work, conversation_id, "solved", "补发桌板", "ask_return_exchange")
        facts = [type(fact).__name__ for fact in work.facts]
    assert (handoff.outcome, handoff.wrap_up, handoff.correct_intent) == ("solved", "补发桌板", "ask_return_exchange")
    assert "ConversationClosed" in facts and "HandoffEnded" in facts
    with house.read(BOT, NOW) as work:
        assert conversations.get(work.session, conversation_id).state == "closed"
        assert store.open_of(work.session, conversation_id) is None
        assert store.recent_handling(work.session, NOW + 90 * SECOND) == [60.0]


def test_a_customer_who_closes_ends_the_handoff_and_the_summary_can_follow(house: Works) -> None:
    conversation_id = held(house)
    with house.begin(customer_actor("c"), NOW + SECOND) as work:
        conversations.close(work, conversations.get(work.session, conversation_id), "customer")
    with house.begin(LIN_JIA, NOW + 2 * SECOND) as work:
        assert service.wrap_up(work, conversation_id, "solved", "已说明").outcome == "solved"
    with pytest.raises(Conflict), house.begin(LIN_JIA, NOW + 3 * SECOND) as work:
        service.wrap_up(work, conversation_id, "unsolved")


def test_a_transfer_to_a_colleague_keeps_what_is_known_and_goes_to_them(house: Works) -> None:
    conversation_id = held(house)
    at_the_desk(house, ZHOU_YANG)
    a_request(house, "排着的人", now=NOW)
    with house.begin(LIN_JIA, NOW + SECOND) as work:
        passed = service.transfer(work, conversation_id, to_staff="zhouyang", note_text="差一个取件时间")
    assert passed.summary == "等了两周了" and passed.passed_by == "linjia"
    with house.begin(ZHOU_YANG, NOW + SECOND) as work:
        assert service.take_next(work).conversation_id == conversation_id
        assert conversations.thread(work.session, conversation_id, notes=True)[-3].text == "差一个取件时间"


def test_a_transfer_to_somebody_who_is_away_is_refused_and_nothing_changes(house: Works) -> None:
    conversation_id = held(house)
    for target, error in (({"to_staff": "zhouyang"}, Conflict), ({"to_group": "没有"}, NotFound), ({}, NotFound)):
        with pytest.raises(error), house.begin(LIN_JIA, NOW) as work:
            service.transfer(work, conversation_id, **target)
    with house.read(BOT, NOW) as work:
        assert conversations.get(work.session, conversation_id).holder_id == "linjia"


def test_a_supervisor_may_pass_on_a_colleagues_conversation_a_colleague_may_not(house: Works) -> None:
    conversation_id = held(house)
    with pytest.raises(Forbidden), house.begin(ZHOU_YANG, NOW) as work:
        service.transfer(work, conversation_id, to_group="complaint")
    with house.begin(HAN_TAO, NOW) as work:
        assert service.transfer(work, conversation_id, to_group="complaint").skill_group == "complaint"


def test_a_customer_whose_agent_has_vanished_goes_back_into_the_queue(house: Works) -> None:
    conversation_id = held(house)
    later = NOW + timedelta(minutes=3)
    with house.begin(BOT, NOW + timedelta(minutes=1)) as work:
        assert service.release_abandoned(work) == 0
    with house.begin(BOT, later) as work:
        assert service.release_abandoned(work) == 1
    with house.begin(BOT, later) as work:
        assert service.release_abandoned(work) == 0
        assert conversations.get(work.session, conversation_id).state == "queued"


def test_what_is_known_goes_along_and_no_phone_number_stands_in_the_open(house: Works) -> None:
    at_the_desk(house, LIN_JIA)
    conversation_id = a_request(
        house, text="订单 HM260917-3382 的投诉 TS20260924-0017，我电话 13812346027", intent="query_complaint",
        entities=[{"entity": "phone", "value": "13812346027"}, {"entity": "product", "value": "云杉升降书桌"}])
    with house.read(LIN_JIA, NOW) as work:
        handoff = store.open_of(work.session, conversation_id)
        assert handoff is not None
        known, summary, group = handoff.known, handoff.summary, handoff.skill_group
    assert known["order_nos"] == ["HM260917-3382"] and known["complaint_nos"] == ["TS20260924-0017"]
    assert known["entities"] == {"product": "云杉升降书桌"} and group == "complaint"
    assert "13812346027" not in str(known) and "13812346027" not in summary
    assert summary.startswith("订单")


def test_the_desk_shows_first_whom_to_answer_first_and_the_queue_in_order(house: Works) -> None:
    answered = held(house, name="李倩")
    waiting = held(house, name="王建国")
    with house.begin(LIN_JIA, NOW + SECOND) as work:
        service.reply(work, answered, "地址发您了", "d-9")
    a_request(house, "刘敏", now=NOW + SECOND)
    with house.read(LIN_JIA, NOW + 2 * SECOND) as work:
        shown = desk.desk(work)
    assert [row["conversation_id"] for row in shown["mine"]] == [waiting, answered]
    assert [row["clock"].tone for row in shown["mine"]] == ["track", "paused"]
    assert {**shown["counts"], **{"mine": 2, "waiting": 1, "queue": 1, "online": 1, "longest_text": "0:01"}} == shown["counts"]
    assert (shown["me"]["load"], shown["me"]["status_text"]) == (2, "在线")
