"""Customers hear of each step in the channel they came by: at once while they are there, else when they return."""

from datetime import timedelta

import pytest
from sqlmodel import select

from backend.complaints import proofs
from backend.complaints import service as complaints
from backend.complaints.tables import Complaint, CustomerNotice
from backend.conversations import alerts
from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM
from tests.cast import LIN_JIA, NOW, SHEN_LAN
from tests.services.complaint_story import REPLY, bring_to, filed, kinds, move, said, thread

GONE = NOW + timedelta(days=3)


def keys(works: Works, complaint: object) -> list[str | None]:
    return [key for key, _ in said(works, complaint)]  # type: ignore[arg-type]


def waiting(works: Works) -> list[CustomerNotice]:
    with works.read(SYSTEM) as work:
        query = select(CustomerNotice).where(CustomerNotice.told_at == None)  # noqa: E711
        return list(work.session.exec(query))


def test_each_stage_that_is_news_is_said_with_its_number_and_all_but_the_first_with_the_link(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    bring_to(pack_loaded, complaint, "close")
    assert keys(pack_loaded, complaint) == [
        "complaint.stage_acknowledged", "complaint.stage_investigating", "complaint.stage_communicated",
        "complaint.stage_closed",
    ]  # fmt: skip
    words = [text for _, text in said(pack_loaded, complaint)]
    link = proofs.receipt_url(complaint.id)
    assert all(complaint.number in text for text in words)
    # The first follows the slip of the filing, which bears the link: a second one right under it says nothing new.
    assert [link in text for text in words] == [False, True, True, True]
    assert "10月19日（周一）18:00" in words[0] and REPLY in words[2] and "7 天内" in words[3]
    assert kinds(pack_loaded, complaint).count("told") == 4


def test_pausing_resuming_and_a_moved_promise_are_said_too(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    move(pack_loaded, complaint, "acknowledge")
    move(pack_loaded, complaint, "pause", reason="customer", text="等您发裂纹照片")
    move(pack_loaded, complaint, "resume", at=NOW + timedelta(hours=1))
    move(pack_loaded, complaint, "extend", SHEN_LAN, kind="promise", working_days=2, text="等检测报告")
    move(pack_loaded, complaint, "extend", SHEN_LAN, kind="decide", working_days=1, text="等检测报告")
    assert keys(pack_loaded, complaint)[1:] == [
        "complaint.stage_paused", "complaint.stage_resumed", "complaint.stage_extended",
    ]  # fmt: skip
    assert "等您发裂纹照片" in said(pack_loaded, complaint)[1][1]


def test_what_staff_note_among_themselves_is_never_said(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        complaints.add_note(work, complaint.number, "快递方在推诿")
    bring_to(pack_loaded, complaint, "decide")
    assert not any("推诿" in text or "免运费" in text for _, text in said(pack_loaded, complaint))


def test_after_a_long_silence_the_newest_step_waits_for_the_next_word(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    bring_to(pack_loaded, complaint, "communicate", at=GONE)
    assert keys(pack_loaded, complaint) == [] and len(waiting(pack_loaded)) == 3
    with pack_loaded.begin(SYSTEM, GONE) as work:
        talk = conversations.get(work.session, complaint.conversation_id or "")
        conversations.receive(work, talk, client_id="back", text="有结果了吗")
    assert keys(pack_loaded, complaint) == ["complaint.stage_communicated"]
    assert waiting(pack_loaded) == []
    with pack_loaded.begin(SYSTEM, GONE) as work:
        conversations.receive(work, talk, client_id="more", text="知道了")
    assert len(said(pack_loaded, complaint)) == 1  # told once


def test_another_visit_is_told_that_there_is_news_but_not_what(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(SYSTEM, NOW) as work:
        conversations.close(
            work, conversations.get(work.session, complaint.conversation_id or ""), "customer"
        )
    bring_to(pack_loaded, complaint, "acknowledge", at=GONE)
    with pack_loaded.begin(SYSTEM, GONE) as work:
        same = customers.recognise(work, "web", "visitor-1")
        talk, _ = conversations.start(work, "web", same.id)
    with pack_loaded.read(SYSTEM) as work:
        heard = [view for view in conversations.thread(work.session, talk.id) if view.sender == "system"]
    assert [view.script_key for view in heard] == ["complaint.news_waiting"]
    assert complaint.number not in heard[0].text and "/r/" not in heard[0].text
    assert waiting(pack_loaded) == []


def test_who_came_by_phone_is_told_by_a_person(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded, talk=False, channel="phone")
    bring_to(pack_loaded, complaint, "close")
    assert waiting(pack_loaded) == [] and "told" not in kinds(pack_loaded, complaint)


def test_an_agent_in_the_conversation_is_not_spoken_for(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        talk = conversations.get(work.session, complaint.conversation_id or "")
        conversations.change_hands(work, talk, "agent", "linjia")
    move(pack_loaded, complaint, "acknowledge")
    with pack_loaded.read(SYSTEM) as work:
        last = conversations.thread(work.session, complaint.conversation_id or "")[-1]
        assert (last.sender, last.staff_id) == ("system", None)
        assert conversations.get(work.session, complaint.conversation_id or "").state == "agent"


def test_without_approved_words_nothing_is_said_the_news_waits_and_staff_hear_why(works: Works) -> None:
    from tests.cast import hire

    with works.begin(SYSTEM, NOW) as work:
        hire(work)
    complaint = filed(works)
    move(works, complaint, "acknowledge")
    assert keys(works, complaint) == [] and len(waiting(works)) == 1
    with works.read(SYSTEM) as work:
        [alert] = alerts.still_open(work.session)
    assert (alert.kind, alert.subject) == ("script_missing", "complaint.stage_acknowledged")


@pytest.mark.parametrize("action", ["withdraw", "refer"])
def test_a_case_that_leaves_the_road_says_so(pack_loaded: Works, action: str) -> None:
    complaint = filed(pack_loaded)
    move(pack_loaded, complaint, action, text="说好了", referred_to="云杉家具厂")
    [(key, text)] = said(pack_loaded, complaint)
    assert key in ("complaint.stage_withdrawn", "complaint.stage_referred")
    assert complaint.number in text and (action == "withdraw" or "云杉家具厂" in text)


# --- withdrawn by the bot, at the customer's word ---


def withdrawn_by_bot(works: Works, complaint: Complaint, conversation_id: str | None) -> None:
    with works.begin(BOT, NOW) as work:
        complaints.withdraw(work, complaint, "", confirmed=True, conversation_id=conversation_id)


def test_who_hears_it_from_the_bot_is_not_told_again(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    withdrawn_by_bot(pack_loaded, complaint, complaint.conversation_id)
    assert keys(pack_loaded, complaint) == [] and waiting(pack_loaded) == []
    last = thread(pack_loaded, complaint)[-1]
    assert (last.kind, last.to_stage, last.actor_kind, last.public) == ("withdraw", "withdrawn", "bot", True)
    assert last.text == "在会话里核对后确认撤回"


def test_the_same_visitor_in_a_new_talk_is_not_told_of_their_own_deed(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(SYSTEM, NOW) as work:
        talk, _ = conversations.start(work, "web", complaint.customer_id)
    withdrawn_by_bot(pack_loaded, complaint, talk.id)
    assert keys(pack_loaded, complaint) == [] and waiting(pack_loaded) == []


def test_withdrawn_from_somebody_elses_browser_the_customer_hears_of_it(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(SYSTEM, NOW) as work:
        stranger = customers.recognise(work, "web", "visitor-2")
        talk, _ = conversations.start(work, "web", stranger.id)
    withdrawn_by_bot(pack_loaded, complaint, talk.id)
    assert keys(pack_loaded, complaint) == ["complaint.stage_withdrawn"]
