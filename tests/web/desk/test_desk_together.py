"""Working together at the desk: whispers, questions, take-over, wrap-up, tasks; and none of it reaches a customer."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.handoffs import service as handoffs
from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, Actor, customer_actor
from backend.kernel.clock import utc_now
from tests.cast import ADMIN, HAN_TAO, HE_CHUAN, LIN_JIA, SHEN_LAN, SU_MIN, ZHOU_YANG
from tests.web.desk.conftest import a_talk

type At = Callable[[Actor], TestClient]
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@pytest.fixture
def talk(works: Works, at_desk: At) -> str:
    """林佳 holds a conversation; 周杨 is there too."""
    conversation = a_talk(works, "陈雨薇", "发票抬头写错了，还能改吗")
    for person in (LIN_JIA, ZHOU_YANG):
        at_desk(person).post("/api/desk/beat")
    assert at_desk(LIN_JIA).post(f"/api/desk/{conversation}/take").status_code == 200
    return conversation


def seen_by_the_customer(app: FastAPI, works: Works, texts: list[str]) -> tuple[str, Callable[[], str]]:
    """A conversation opened over HTTP, and everything that its customer's own address answers."""
    client = TestClient(app)
    opened = client.post("/api/chat/sessions", json={"customer": {"ref": "r-1", "name": "王建国"}}).json()
    conversation, token = opened["conversation_id"], opened["token"]
    with works.begin(customer_actor("c")) as work:
        for index, text in enumerate(texts):
            conversations.receive(work, conversations.get(work.session, conversation), client_id=f"x-{index}", text=text)
    with works.begin(BOT) as work:
        handoffs.request(work, conversation, "customer_request", {})
    return conversation, lambda: client.get(
        f"/api/chat/{conversation}/messages", headers={"Authorization": f"Bearer {token}"}).text


def journal(works: Works, action: str) -> list[JournalEntry]:
    with works.read(SYSTEM) as work:
        return list(work.session.exec(select(JournalEntry).where(JournalEntry.action == action)))


# --- nothing of it reaches the customer -----------------------------------------------------------


def test_notes_questions_whispers_tags_and_tasks_never_reach_the_customer(
        app: FastAPI, works: Works, at_desk: At) -> None:
    conversation, seen = seen_by_the_customer(app, works, ["灯坏了", "转人工"])
    agent, boss = at_desk(LIN_JIA), at_desk(HAN_TAO)
    at_desk(ZHOU_YANG).post("/api/desk/beat")
    assert agent.post(f"/api/desk/{conversation}/take").status_code == 200
    agent.post(f"/api/desk/{conversation}/reply", json={"text": "您好，我看看", "client_id": "r-1"})
    agent.post(f"/api/desk/{conversation}/note", json={"text": "机密一号"})
    assert agent.post(f"/api/desk/{conversation}/consult",
                      json={"asked": "zhouyang", "question": "机密二号"}).status_code == 201
    assert boss.post(f"/api/desk/{conversation}/whisper", json={"text": "机密三号"}).status_code == 201
    assert boss.post(f"/api/desk/{conversation}/take-over").status_code == 200
    due = (utc_now() + timedelta(days=1)).isoformat()
    boss.post(f"/api/desk/{conversation}/follow-up", json={"text": "机密四号", "due_at": due})
    done = boss.post(f"/api/desk/{conversation}/wrap-up", json={
        "outcome": "solved", "note": "机密五号", "tags": ["goods.damaged"], "correct_intent": "ask_warranty_repair"})
    assert done.status_code == 200
    shown = seen()
    assert "您好，我看看" in shown and "灯坏了" in shown
    for secret in ("机密", "周杨", "whisper", "goods.damaged", "破损", "linjia", "hantao"):
        assert secret not in shown, secret


def test_a_whisper_is_read_by_the_holder_and_supervisors_only(talk: str, at_desk: At) -> None:
    said = [at_desk(HAN_TAO).post(f"/api/desk/{talk}/whisper", json={"text": "直接换新", "client_id": "w-1"})
            for _ in range(2)]
    assert said[0].status_code == 201 and said[0].json()["seq"] == said[1].json()["seq"]

    def texts(person: Actor) -> list[str]:
        return [one["text"] for one in at_desk(person).get(f"/api/desk/{talk}/messages").json()["messages"]]

    assert "直接换新" in texts(LIN_JIA) and "直接换新" in texts(HAN_TAO) and "直接换新" in texts(SHEN_LAN)
    assert "直接换新" not in texts(ZHOU_YANG)
    page = at_desk(LIN_JIA).get(f"/desk/{talk}?part=log").text
    assert "耳语" in page and "韩涛对你" in page
    assert "直接换新" not in at_desk(ZHOU_YANG).get(f"/desk/{talk}").text
    # The manager's and the quality room's own view of the conversation does not show it either.
    assert "直接换新" not in at_desk(HE_CHUAN).get(f"/dashboard/rows/conversations/{talk}").text


def test_whispering_watching_and_taking_over_are_for_supervisors(talk: str, at_desk: At, works: Works) -> None:
    for path in ("whisper", "take-over"):
        refused = at_desk(ZHOU_YANG).post(f"/api/desk/{talk}/{path}", json={"text": "我来说一句"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert at_desk(ZHOU_YANG).get("/desk/wall").status_code == 403
    assert at_desk(LIN_JIA).post(f"/api/desk/{talk}/whisper", json={"text": "自言自语"}).status_code == 403
    at_desk(ZHOU_YANG).get(f"/desk/{talk}")
    assert journal(works, "conversation_watched") == []
    at_desk(HAN_TAO).get(f"/desk/{talk}?part=room")
    watched = journal(works, "conversation_watched")
    assert [(one.actor_id, one.subject_id) for one in watched] == [("hantao", talk)]
    # The holder is not told.
    assert all("韩涛" not in at_desk(LIN_JIA).get(f"/desk/{talk}?part={part}").text for part in ("head", "log", "side"))


def test_a_whisper_needs_somebody_who_holds(works: Works, at_desk: At) -> None:
    waiting = a_talk(works, "何伟", "在吗")
    refused = at_desk(HAN_TAO).post(f"/api/desk/{waiting}/whisper", json={"text": "喂"})
    assert (refused.status_code, refused.json()["code"]) == (409, "nobody_holds")


def test_taking_over_changes_the_holder_and_tells_the_old_one(talk: str, at_desk: At) -> None:
    boss, agent = at_desk(HAN_TAO), at_desk(LIN_JIA)
    assert boss.post(f"/api/desk/{talk}/take-over").json()["taken_by"] == "hantao"
    lost = agent.post(f"/api/desk/{talk}/reply", json={"text": "还在", "client_id": "l-1"})
    assert (lost.status_code, lost.json()["code"]) == (409, "not_holder")
    assert "韩涛接手了" in agent.get(f"/desk/{talk}?part=log").text


# --- asking a colleague ---------------------------------------------------------------------------


def test_a_colleague_is_asked_reads_notes_and_cannot_reply(talk: str, at_desk: At) -> None:
    agent, colleague = at_desk(LIN_JIA), at_desk(ZHOU_YANG)
    asked = [agent.post(f"/api/desk/{talk}/consult", json={"asked": "zhouyang", "question": "抬头能改吗"}) for _ in range(2)]
    assert asked[0].status_code == 201 and asked[0].json()["id"] == asked[1].json()["id"]
    mine = colleague.get("/api/desk").json()["asked"]
    assert [(one["conversation_id"], one["question"], one["by"]) for one in mine] == [(talk, "抬头能改吗", "林佳")]
    assert "请教我的" in colleague.get("/desk/list").text
    assert "林佳请教你" in colleague.get(f"/desk/{talk}?part=head").text
    refused = colleague.post(f"/api/desk/{talk}/reply", json={"text": "我来说", "client_id": "z-1"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_holder")
    assert colleague.post(f"/api/desk/{talk}/note", json={"text": "能改，30 天内"}).status_code == 201
    stranger = at_desk(HAN_TAO).post("/api/desk/consultations/" + "0" * 32 + "/end")
    assert stranger.status_code == 404
    for _ in range(2):  # twice is harmless
        assert colleague.post(f"/api/desk/consultations/{asked[0].json()['id']}/end").status_code == 200
    assert colleague.get("/api/desk").json()["asked"] == []


def test_only_the_holder_asks_and_only_somebody_who_is_there(talk: str, at_desk: At) -> None:
    away = at_desk(LIN_JIA).post(f"/api/desk/{talk}/consult", json={"asked": "hantao", "question": "在吗"})
    assert (away.status_code, away.json()["code"]) == (409, "colleague_away")
    other = at_desk(ZHOU_YANG).post(f"/api/desk/{talk}/consult", json={"asked": "linjia", "question": "在吗"})
    assert (other.status_code, other.json()["code"]) == (409, "not_holder")
    empty = at_desk(LIN_JIA).post(f"/api/desk/{talk}/consult", json={"asked": "zhouyang", "question": " "})
    assert (empty.status_code, empty.json()["code"]) == (422, "empty_message")


# --- the end --------------------------------------------------------------------------------------


def test_wrapping_up_keeps_tags_task_and_corrected_intent_or_nothing(talk: str, at_desk: At, works: Works) -> None:
    agent = at_desk(LIN_JIA)
    past = (utc_now() - timedelta(hours=1)).isoformat()
    due = (utc_now() + timedelta(days=1)).isoformat()
    for wrong, code in (({"tags": ["没有这个"]}, "unknown_tag"),
                        ({"follow_up": {"text": "回访", "due_at": past}}, "follow_up_incomplete"),
                        ({"correct_intent": "胡说"}, "unknown_intent")):
        refused = agent.post(f"/api/desk/{talk}/wrap-up", json={"outcome": "solved", **wrong})
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    with works.read(SYSTEM) as work:
        assert conversations.get(work.session, talk).state == "agent", "a refused end must end nothing"
    ended = agent.post(f"/api/desk/{talk}/wrap-up", json={
        "outcome": "solved", "note": "改好了", "correct_intent": "ask_invoice", "tags": ["money.invoice"],
        "follow_up": {"text": "把电子票发给客户", "owner": "zhouyang", "due_at": due}})
    assert ended.status_code == 200
    assert "发票" in agent.get(f"/desk/{talk}?part=head").text
    task = at_desk(ZHOU_YANG).get("/api/desk/follow-ups").json()["follow_ups"]
    assert [one["text"] for one in task] == ["把电子票发给客户"]
    assert "把电子票发给客户" in at_desk(ZHOU_YANG).get("/desk/list").text
    assert at_desk(SHEN_LAN).post(f"/api/desk/follow-ups/{task[0]['id']}/done").status_code == 200  # a supervisor may
    assert at_desk(ZHOU_YANG).get("/api/desk/follow-ups").json()["follow_ups"] == []


def test_a_task_is_done_by_whom_it_concerns(talk: str, at_desk: At) -> None:
    due = (utc_now() + timedelta(days=1)).isoformat()
    made = [at_desk(LIN_JIA).post(f"/api/desk/{talk}/follow-up", json={"text": "回电", "due_at": due}) for _ in range(2)]
    assert made[0].json()["id"] == made[1].json()["id"], "the same task twice is one"
    refused = at_desk(ZHOU_YANG).post(f"/api/desk/follow-ups/{made[0].json()['id']}/done")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_task")
    for _ in range(2):
        assert at_desk(LIN_JIA).post(f"/api/desk/follow-ups/{made[0].json()['id']}/done").status_code == 200


# --- what was corrected ---------------------------------------------------------------------------


def test_corrected_turns_reach_the_training_review_masked_and_leave_it_as_lines(works: Works, at_desk: At) -> None:
    for index in range(2):
        conversation = a_talk(works, f"客户{index}", "抬头写错了，我电话 13812345678")
        at_desk(LIN_JIA).post(f"/api/desk/{conversation}/take")
        assert at_desk(LIN_JIA).post(f"/api/desk/{conversation}/wrap-up", json={
            "outcome": "solved", "correct_intent": "ask_invoice"}).status_code == 200
    for stranger in (LIN_JIA, ADMIN):
        assert at_desk(stranger).get("/desk/corrections").status_code == 403
        assert at_desk(stranger).get("/desk/corrections.tsv").status_code == 403
    owner = at_desk(SU_MIN)
    page = owner.get("/desk/corrections").text
    assert "抬头写错了" in page and "13812345678" not in page and "发票" in page and "2 次" in page
    assert "抬头写错了" in at_desk(HE_CHUAN).get("/desk/corrections").text
    ids = page.split('name="ids" value="')[1].split('"')[0]
    assert len(ids.split(",")) == 2, "the same words are decided together"
    assert "抬头" not in owner.get("/desk/corrections.tsv").text
    form = {"csrf": "csrf-sumin", "ids": ids, "state": "kept", "from": "open"}
    assert owner.post("/desk/corrections", data=form).status_code == 200
    lines = owner.get("/desk/corrections.tsv").text.splitlines()
    assert lines[0] == "text\tintent\tbot_intent\ttimes"
    assert len(lines) == 2 and lines[1].endswith("\task_invoice\t\t2") and "138****5678" in lines[1]
    assert len(journal(works, "corrections_exported")) == 2
    again = owner.post("/desk/corrections", data=form | {"state": "dropped"})
    assert again.status_code == 409


def test_a_promise_stands_beside_the_customer_the_next_time(talk: str, at_desk: At, works: Works) -> None:
    due = (utc_now() + timedelta(days=1)).isoformat()
    at_desk(LIN_JIA).post(f"/api/desk/{talk}/follow-up", json={"text": "补发电子票", "due_at": due})
    with works.begin(customer_actor("c")) as work:
        customer = customers.recognise(work, "web", "ref-陈雨薇", "陈雨薇")
        again, _ = conversations.start(work, "web", customer.id)
    page = at_desk(ZHOU_YANG).get(f"/desk/{again.id}?part=side").text
    assert "答应客户的事" in page and "补发电子票" in page
