"""Asking once, answering once."""

import hashlib
import threading
from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from backend.conversations import service as conversations
from backend.conversations.tables import Conversation, Message
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM, customer_actor
from backend.kernel.errors import Conflict, Invalid, NotFound, ZhikeError
from backend.scripts import service as scripts
from backend.settings import settings
from backend.surveys import service as surveys
from backend.surveys.events import SatisfactionAnswered, SurveyDeclined, SurveyInvited
from backend.surveys.tables import Invitation, SatisfactionFact, SurveyVersion
from tests.builders import a_conversation
from tests.cast import LIN_JIA, NOW

CUSTOMER = customer_actor("c")


@pytest.fixture
def quiet(pack_loaded: Works) -> Works:
    """The house with its pack, without the wiring: each reaction is called by hand here."""
    return Works(pack_loaded.engine)


def a_talk(works: Works, *, words: int = 2, agent: bool = False) -> str:
    """A conversation in which the customer wrote and was answered, still open."""
    with works.begin(CUSTOMER, NOW) as work:
        talk = a_conversation(work)
        for number in range(words):
            message = conversations.receive(work, talk, client_id=f"c{number}", text="发票怎么开")
            conversations.note_understanding(work, message.id, "ask_invoice", 0.9)
            conversations.say(work, talk, scripts.speak(work, "chat.thank", {}))
            conversations.say(work, talk, scripts.speak(work, "invoice.how_to_issue", {}) if _has(work) else
                              scripts.speak(work, "feedback.give_praise", {}))
        talk_id = talk.id
    if agent:
        with works.begin(LIN_JIA, NOW) as work:
            held = conversations.change_hands(work, conversations.get(work.session, talk_id), "agent", LIN_JIA.id)
            conversations.say_as_agent(work, held, "我来帮您看。", "a1")
    return talk_id


def _has(work: Work) -> bool:
    return scripts.effective(work.session, "invoice.how_to_issue", "web", work.now) is not None


def close(works: Works, talk_id: str, by: str = "customer") -> list[object]:
    """Close and let the survey's reaction run; gives the facts of that work."""
    with works.begin(SYSTEM, NOW) as work:
        conversations.close(work, conversations.get(work.session, talk_id), by)
        fact = next(one for one in work.facts if type(one).__name__ == "ConversationClosed")
        surveys.on_conversation_closed(work, fact)  # type: ignore[arg-type]
        return list(work.facts)


def token(works: Works, talk_id: str) -> str:
    with works.read(SYSTEM) as work:
        found = work.session.exec(select(Invitation).where(Invitation.conversation_id == talk_id)).one()
        return surveys.token_of(found.id)


def said(session: Session, talk_id: str) -> list[tuple[str, str | None]]:
    return [(view.sender, view.script_key) for view in conversations.thread(session, talk_id)]


def test_closing_a_talk_invites_once_with_what_was_rated(quiet: Works) -> None:
    talk_id = a_talk(quiet, agent=True)
    facts = close(quiet, talk_id, "agent")
    invited = [one for one in facts if isinstance(one, SurveyInvited)]
    assert len(invited) == 1 and invited[0].agent_id == LIN_JIA.id
    with quiet.read(SYSTEM) as work:
        row = work.session.exec(select(Invitation)).one()
        assert row.conversation_id == talk_id and row.agent_id == LIN_JIA.id and row.channel == "web"
        assert row.intents == ["ask_invoice"] and len(row.script_version_ids) == 2
        assert row.expires_at == NOW + timedelta(hours=72)
        assert row.token_hash == hashlib.sha256(surveys.token_of(row.id).encode()).hexdigest()
        assert len(surveys.token_of(row.id)) == 43 and surveys.token_of(row.id) not in row.token_hash
        last = conversations.thread(work.session, talk_id)[-1]
        assert (last.sender, last.script_key) == ("system", "survey.invite")
        assert last.card == {"kind": "survey", "invitation_id": row.id}


def test_the_card_shows_the_questionnaire_and_its_token(quiet: Works) -> None:
    talk_id = a_talk(quiet)
    close(quiet, talk_id)
    with quiet.read(SYSTEM) as work:
        row = work.session.exec(select(Invitation)).one()
        shown = surveys.card(work.session, row.id)
    assert shown["kind"] == "survey" and shown["token"] == surveys.token_of(row.id)
    assert len(shown["labels"]) == 5 and set(shown["reasons"]) == {"good", "bad"}
    assert shown["answered"] is False and shown["declined"] is False and "score" not in shown


def test_one_question_alone_is_not_asked_about(quiet: Works) -> None:
    talk_id = a_talk(quiet, words=1)
    close(quiet, talk_id)
    with quiet.read(SYSTEM) as work:
        assert work.session.exec(select(Invitation)).all() == []


def test_asking_a_second_time_gives_the_first_invitation(quiet: Works) -> None:
    talk_id = a_talk(quiet)
    close(quiet, talk_id)
    with quiet.begin(SYSTEM, NOW) as work:
        before = said(work.session, talk_id)
        again = surveys.invite(work, talk_id, None)
        assert again is not None and again.conversation_id == talk_id
        assert said(work.session, talk_id) == before
        assert len(work.session.exec(select(Invitation)).all()) == 1


def test_eight_threads_that_ask_at_once_ask_once(quiet: Works) -> None:
    talk_id = a_talk(quiet)
    start, found, failed = threading.Barrier(8), [], []

    def ask() -> None:
        start.wait()
        try:
            with quiet.begin(SYSTEM, NOW) as work:
                row = surveys.invite(work, talk_id, None)
                found.append(row.id if row else None)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(found) == 8 and len(set(found)) == 1
    with quiet.read(SYSTEM) as work:
        assert len(work.session.exec(select(Invitation)).all()) == 1
        keys = [key for _, key in said(work.session, talk_id)]
        assert keys.count("survey.invite") == 1


def test_an_answer_is_kept_once_and_thanked_for(quiet: Works) -> None:
    talk_id = a_talk(quiet, agent=True)
    close(quiet, talk_id, "agent")
    key = token(quiet, talk_id)
    with quiet.begin(CUSTOMER, NOW + timedelta(hours=1)) as work:
        surveys.answer(work, key, 5, ["态度好"], " 谢谢 ")
        answered = [one for one in work.facts if isinstance(one, SatisfactionAnswered)]
        assert [(one.score, one.agent_id) for one in answered] == [(5, LIN_JIA.id)]
    with quiet.begin(CUSTOMER, NOW + timedelta(hours=2)) as work, pytest.raises(Conflict) as refused:
        surveys.answer(work, key, 1)
    assert refused.value.code == "already_answered"
    with quiet.read(SYSTEM) as work:
        row = work.session.exec(select(SatisfactionFact)).one()
        assert (row.score, row.reasons, row.comment, row.agent_id) == (5, ["态度好"], "谢谢", LIN_JIA.id)
        assert said(work.session, talk_id)[-1] == ("system", "survey.thanks")
        shown = surveys.card(work.session, row.invitation_id)
        assert shown["answered"] is True and shown["score"] == 5
        rated = surveys.of_conversation(work.session, talk_id)
        assert rated is not None and rated["score"] == 5 and rated["comment"] == "谢谢"


def test_two_answers_at_once_leave_one(quiet: Works) -> None:
    talk_id = a_talk(quiet)
    close(quiet, talk_id)
    key, start, outcomes = token(quiet, talk_id), threading.Barrier(8), []

    def rate(score: int) -> None:
        start.wait()
        try:
            with quiet.begin(CUSTOMER, NOW) as work:
                surveys.answer(work, key, score)
            outcomes.append("kept")
        except Conflict as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=rate, args=(1 + number % 5,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already_answered"] * 7 + ["kept"]


def test_a_low_score_is_answered_with_the_offer_of_help(quiet: Works) -> None:
    talk_id = a_talk(quiet)
    close(quiet, talk_id)
    with quiet.begin(CUSTOMER, NOW) as work:
        surveys.answer(work, token(quiet, talk_id), 2, ["没解决"])
    with quiet.read(SYSTEM) as work:
        last = conversations.thread(work.session, talk_id)[-1]
        assert last.script_key == "survey.thanks_low"
        assert {button.get("action") for button in last.buttons} == {"request_human", "file_complaint"}


def test_a_reason_that_was_not_offered_leaves_nothing_behind(quiet: Works) -> None:
    talk_id = a_talk(quiet)
    close(quiet, talk_id)
    with pytest.raises(Invalid) as refused, quiet.begin(CUSTOMER, NOW) as work:
        surveys.answer(work, token(quiet, talk_id), 2, ["便宜一点就好"])
    assert refused.value.code == "unknown_reason"
    with quiet.read(SYSTEM) as work:
        assert work.session.exec(select(SatisfactionFact)).all() == []


def test_after_72_hours_it_is_too_late(quiet: Works) -> None:
    talk_id = a_talk(quiet)
    close(quiet, talk_id)
    with pytest.raises(ZhikeError) as refused, quiet.begin(CUSTOMER, NOW + timedelta(hours=72)) as work:
        surveys.answer(work, token(quiet, talk_id), 4)
    assert (refused.value.code, refused.value.status) == ("survey_expired", 410)


def test_an_unknown_token_finds_nothing(quiet: Works) -> None:
    with pytest.raises(NotFound) as refused, quiet.begin(CUSTOMER, NOW) as work:
        surveys.answer(work, "x" * 43, 4)
    assert refused.value.code == "survey_not_found"


def test_whoever_skips_may_skip_twice_and_still_answer_later(quiet: Works) -> None:
    talk_id = a_talk(quiet)
    close(quiet, talk_id)
    key = token(quiet, talk_id)
    for _ in range(2):
        with quiet.begin(CUSTOMER, NOW) as work:
            row = surveys.decline(work, key)
            assert row.declined_at == NOW
            first = [one for one in work.facts if isinstance(one, SurveyDeclined)]
    assert first == []  # the second time nothing happened
    with quiet.begin(CUSTOMER, NOW + timedelta(hours=1)) as work:
        surveys.answer(work, key, 4)
    with pytest.raises(Conflict), quiet.begin(CUSTOMER, NOW) as work:
        surveys.decline(work, key)
    with quiet.read(SYSTEM) as work:
        assert work.session.exec(select(Invitation)).one().declined_at is None


def test_an_unanswered_conversation_that_fell_silent_is_not_asked_about(quiet: Works) -> None:
    with quiet.begin(CUSTOMER, NOW) as work:
        talk = a_conversation(work)
        for number in range(3):
            conversations.receive(work, talk, client_id=f"c{number}", text="在吗")
            conversations.say(work, talk, scripts.speak(work, "system.fallback", {}))
    close(quiet, talk.id, "idle")
    with quiet.read(SYSTEM) as work:
        assert work.session.exec(select(Invitation)).all() == []


def test_seeding_again_adds_nothing_and_a_stored_version_stays_as_it_was(quiet: Works) -> None:
    with quiet.begin(SYSTEM, NOW) as work:
        row = work.session.exec(select(SurveyVersion).where(SurveyVersion.key == "after_chat")).one()
        row.question = "旧的问法？"
        work.session.add(row)
        work.flush()
        assert surveys.seed(work, settings().pack_dir) == 0
        assert work.session.exec(select(SurveyVersion).where(SurveyVersion.key == "after_chat")).one().question == "旧的问法？"


def test_a_house_without_a_questionnaire_asks_nobody(quiet: Works) -> None:
    talk_id = a_talk(quiet)
    with quiet.begin(SYSTEM, NOW) as work:
        work.session.delete(work.session.exec(select(SurveyVersion).where(SurveyVersion.key == "after_chat")).one())
    with quiet.begin(SYSTEM, NOW) as work:
        assert surveys.invite(work, talk_id, None) is None
        rows = work.session.exec(select(Message).where(col(Message.conversation_id) == talk_id)).all()
        assert all(row.card is None for row in rows)
        assert work.session.get(Conversation, talk_id) is not None
