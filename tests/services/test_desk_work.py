"""Work at the desk on both databases: questions, tasks, tags, whispers, corrections, many rows at a glance."""

from datetime import datetime, timedelta

import pytest

from backend.conversations import glance
from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.handoffs import consulting, correcting, desk, followups, service, supervising, tagging, wrapping
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, customer_actor
from backend.kernel.errors import Conflict, Forbidden, Invalid
from tests.cast import HAN_TAO, HE_CHUAN, LIN_JIA, SU_MIN, ZHOU_YANG


def a_held_talk(works: Works, now: datetime, name: str = "陈雨薇", text: str = "发票抬头写错了") -> str:
    with works.begin(customer_actor("c"), now) as work:
        customer = customers.recognise(work, "web", f"ref-{name}", name)
        conversation, _ = conversations.start(work, "web", customer.id)
        message = conversations.receive(work, conversation, client_id="c-1", text=text)
        conversations.note_understanding(work, message.id, "ask_refund", 0.7)
    with works.begin(SYSTEM, now) as work:
        service.request(work, conversation.id, "customer_request", {})
    for person in (LIN_JIA, ZHOU_YANG):
        with works.begin(person, now) as work:
            service.beat(work)
    with works.begin(LIN_JIA, now) as work:
        service.take(work, conversation.id)
    return conversation.id


def test_whispers_are_left_out_wherever_nobody_asks_for_them(pack_loaded: Works, now: datetime) -> None:
    talk = a_held_talk(pack_loaded, now)
    with pack_loaded.begin(HAN_TAO, now) as work:
        supervising.whisper(work, talk, "直接换新")
        conversations.add_note(work, conversations.get(work.session, talk), "大家看的")
    with pack_loaded.read(SYSTEM, now) as work:
        def texts(**asked: object) -> set[str]:
            return {one.text for one in conversations.thread(work.session, talk, **asked)}  # type: ignore[arg-type]

        assert not texts() & {"直接换新", "大家看的"}
        assert texts(notes=True) & {"直接换新", "大家看的"} == {"大家看的"}
        assert texts(notes=True, whispers="zhouyang") & {"直接换新"} == set()
        for reader in ("linjia", "hantao", "*"):
            assert "直接换新" in texts(notes=True, whispers=reader)
        assert not texts(whispers="*") & {"直接换新", "大家看的"}, "without notes there are no whispers either"


def test_a_question_ends_with_the_conversation_and_waits_for_nobody_after_it(pack_loaded: Works, now: datetime) -> None:
    talk = a_held_talk(pack_loaded, now)
    with pack_loaded.begin(LIN_JIA, now) as work:
        consulting.ask(work, talk, "zhouyang", "能改吗")
    with pack_loaded.begin(HE_CHUAN, now) as work, pytest.raises(Forbidden):
        consulting.ask(work, talk, "zhouyang", "我也问")
    with pack_loaded.begin(LIN_JIA, now) as work:
        wrapping.wrap_up(work, talk, wrapping.Summary("solved"))
    with pack_loaded.read(ZHOU_YANG, now) as work:
        assert consulting.asked_of_me(work.session, "zhouyang", now) == []
        assert consulting.about(work.session, talk, "zhouyang") == []


def test_tags_come_from_the_list_and_are_kept_once(pack_loaded: Works, now: datetime) -> None:
    talk = a_held_talk(pack_loaded, now)
    most = tagging.known_tags().most
    keys = list(tagging.known_tags().tags)
    assert len(keys) > most and all(one["tags"] for one in tagging.choices())
    with pack_loaded.begin(LIN_JIA, now) as work:
        tagging.put(work, talk, [keys[0], keys[0], keys[1]])
        assert tagging.put(work, talk, [keys[1]]) == sorted(keys[:2])
        with pytest.raises(Invalid) as refused:
            tagging.put(work, talk, keys[:most + 1])
        assert refused.value.code == "too_many_tags"


def test_tasks_stand_in_the_order_of_their_dates_and_turn_late(pack_loaded: Works, now: datetime) -> None:
    talk = a_held_talk(pack_loaded, now)
    with pack_loaded.begin(LIN_JIA, now) as work:
        followups.add(work, talk, "后做", "linjia", now + timedelta(days=2))
        followups.add(work, talk, "先做", "linjia", now + timedelta(hours=1))
    with pack_loaded.read(LIN_JIA, now + timedelta(hours=3)) as work:
        shown = desk.desk(work)
        assert [(one["text"], one["tone"]) for one in shown["to_do"]] == [("先做", "breached"), ("后做", "track")]
        assert shown["counts"]["to_do_late"] == 1


def test_a_correction_names_the_turn_that_was_misread_and_the_last_word_counts(pack_loaded: Works, now: datetime) -> None:
    talk = a_held_talk(pack_loaded, now)
    with pack_loaded.begin(LIN_JIA, now) as work:
        handoff = service.store.open_of(work.session, talk)
        assert handoff is not None
        correcting.note(work, handoff, "ask_invoice")
        correcting.note(work, handoff, "ask_payment")
        assert correcting.note(work, handoff, "ask_invoice") is not None
    with pack_loaded.read(SU_MIN, now) as work:
        shown = correcting.listing(work.session, "open", now)
        assert [(one["text"], one["was"], one["right"], one["count"]) for one in shown["rows"]] == [
            ("发票抬头写错了", "退款", "发票", 1)]
        assert shown["confusions"] == [{"was": "退款", "right": "发票", "count": 1}]
        only = shown["rows"][0]["ids"][0]
    with pack_loaded.begin(LIN_JIA, now) as work, pytest.raises(Forbidden):
        correcting.decide(work, only, "kept")
    with pack_loaded.begin(HE_CHUAN, now) as work:
        correcting.decide(work, only, "kept")
    with pack_loaded.begin(SU_MIN, now) as work:
        with pytest.raises(Conflict):
            correcting.decide(work, only, "dropped")
        assert correcting.export(work).splitlines()[1:] == ["发票抬头写错了\task_invoice\task_refund\t1"]
        correcting.decide(work, only, "open")


def test_a_glance_shows_the_last_spoken_word_not_notices_or_notes(pack_loaded: Works, now: datetime) -> None:
    talk = a_held_talk(pack_loaded, now)
    with pack_loaded.begin(LIN_JIA, now) as work:
        service.note(work, talk, "只给同事")
    with pack_loaded.read(SYSTEM, now) as work:
        seen = glance.glances(work.session, {talk, "0" * 32})
        assert set(seen) == {talk}
        assert (seen[talk].sender, seen[talk].text, seen[talk].files) == ("customer", "发票抬头写错了", False)
        assert glance.glances(work.session, set()) == {}
