"""What serves the agent: offers, status with its reason, files, marks of reading, calls to make; and what a list costs."""

from collections.abc import Callable
from datetime import timedelta

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event

from backend.conversations import marks
from backend.conversations import service as conversations
from backend.handoffs import desk
from backend.handoffs import service as handoffs
from backend.handoffs.routing_tables import Callback
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, Actor, customer_actor
from backend.kernel.clock import utc_now
from backend.kernel.ids import new_id
from tests.cast import HAN_TAO, LIN_JIA, SU_MIN, ZHOU_YANG
from tests.web.desk.conftest import a_talk, offered

type At = Callable[[Actor], TestClient]
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


# --- offers ---------------------------------------------------------------------------------------


def test_an_offer_stands_on_top_with_its_seconds_and_is_taken_by_its_addressee(works: Works, at_desk: At) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    for person in (LIN_JIA, ZHOU_YANG):
        at_desk(person).post("/api/desk/beat")
    offer = offered(works, conversation, "linjia")
    shown = at_desk(LIN_JIA).get("/api/desk").json()
    assert [(one["offer_id"], one["conversation_id"], one["seconds"]) for one in shown["offers"]] == [(offer, conversation, 60)]
    assert 50 <= shown["offers"][0]["seconds_left"] <= 60
    page = at_desk(LIN_JIA).get("/desk/list").text
    assert f'data-offer="{offer}"' in page and 'data-key="a"' in page and "派给你" in page
    other = at_desk(ZHOU_YANG)
    assert other.get("/api/desk").json()["offers"] == [] and "请林佳接" in other.get("/desk/list").text
    lost = other.post(f"/api/desk/{conversation}/take")
    assert (lost.status_code, lost.json()["code"]) == (409, "offered_to_other")
    assert at_desk(LIN_JIA).post(f"/api/desk/{conversation}/take").json()["taken_by"] == "linjia"
    assert at_desk(LIN_JIA).get("/api/desk").json()["offers"] == []


def test_an_offer_may_be_declined_by_its_addressee_only(works: Works, at_desk: At) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    for person in (LIN_JIA, ZHOU_YANG):
        at_desk(person).post("/api/desk/beat")
    offered(works, conversation, "linjia")
    refused = at_desk(ZHOU_YANG).post(f"/api/desk/{conversation}/decline")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_offer")
    assert at_desk(LIN_JIA).post(f"/api/desk/{conversation}/decline").status_code == 204
    assert at_desk(LIN_JIA).get("/api/desk").json()["offers"] == []
    assert at_desk(SU_MIN).post(f"/api/desk/{conversation}/decline").status_code == 403


# --- status ---------------------------------------------------------------------------------------


def test_a_break_has_a_reason_and_what_the_house_did_to_a_status_is_said(works: Works, at_desk: At) -> None:
    client = at_desk(LIN_JIA)
    client.post("/api/desk/beat")
    set_to = client.post("/api/desk/status", json={"status": "break", "reason": "meal"}).json()
    assert (set_to["status"], set_to["reason"]) == ("break", "meal")
    assert client.get("/api/desk").json()["me"]["status_text"] == "用餐"
    wrong = client.post("/api/desk/status", json={"status": "break", "reason": "逛街"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_reason")
    with works.begin(SYSTEM) as work:
        own = handoffs.presence.store.presence(work.session, "linjia")
        assert own is not None
        handoffs.presence.set_busy(work, own, "连续 2 次没有接，已改为忙碌。")
    page = client.get("/desk/list").text
    assert "连续 2 次没有接，已改为忙碌。" in page and 'id="notice"' in page
    client.post("/api/desk/status", json={"status": "online"})
    assert 'id="notice"' not in client.get("/desk/list").text


# --- files ----------------------------------------------------------------------------------------


def test_an_agents_file_reaches_the_customer_once_and_by_their_own_address(
        app: FastAPI, works: Works, at_desk: At) -> None:
    client = TestClient(app)
    opened = client.post("/api/chat/sessions", json={"customer": {"ref": "r-1", "name": "王建国"}}).json()
    conversation, bearer = opened["conversation_id"], {"Authorization": f"Bearer {opened['token']}"}
    with works.begin(BOT) as work:
        handoffs.request(work, conversation, "customer_request", {})
    agent = at_desk(LIN_JIA)
    agent.post("/api/desk/beat")
    early = agent.post(f"/api/desk/{conversation}/attachments", files={"file": ("图.png", PICTURE)}, data={"client_id": "a-0"})
    assert (early.status_code, early.json()["code"]) == (409, "not_holder")
    agent.post(f"/api/desk/{conversation}/take")
    sent = [agent.post(f"/api/desk/{conversation}/attachments", files={"file": ("新〔桌〕板/1.png", PICTURE)},
                       data={"client_id": "a-1"}) for _ in range(2)]
    assert sent[0].status_code == 201 and sent[0].json()["seq"] == sent[1].json()["seq"]
    for name, content, code in (("a.png", b"<svg onload=1>", "file_type"), ("a.png", b"", "file_empty")):
        refused = agent.post(f"/api/desk/{conversation}/attachments", files={"file": (name, content)},
                             data={"client_id": f"bad-{code}"})
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    shown = [one for one in client.get(f"/api/chat/{conversation}/messages", headers=bearer).json()["messages"]
             if one.get("attachment")]
    assert [(one["from"], one["attachment"]["name"]) for one in shown] == [("agent", "新[桌]板_1.png")]
    assert client.get(shown[0]["attachment"]["url"]).content == PICTURE
    other = at_desk(ZHOU_YANG).post(f"/api/desk/{conversation}/attachments", files={"file": ("a.png", PICTURE)},
                                    data={"client_id": "z-1"})
    assert (other.status_code, other.json()["code"]) == (409, "not_holder")


def test_a_customers_file_is_shown_inside_the_desk_to_whom_may_read(works: Works, at_desk: At) -> None:
    from backend.infra import files

    conversation = a_talk(works, "何伟", "看图")
    with works.begin(customer_actor("c")) as work:
        talk = conversations.get(work.session, conversation)
        row = conversations.add_attachment(work, talk, name="裂纹.png", kind="image/png", size=len(PICTURE), sha256="0" * 64)
        paper = conversations.add_attachment(work, talk, name="小票.pdf", kind="application/pdf", size=8, sha256="0" * 64)
        for index, one in enumerate((row, paper)):
            files.store(one.id, PICTURE)
            conversations.receive(work, talk, client_id=f"f-{index}", text=f"[文件] {one.name}", attachment_id=one.id)
    log = at_desk(LIN_JIA).get(f"/desk/{conversation}?part=log").text
    address = f"/desk/{conversation}/attachments/{row.id}"
    assert f'<img src="{address}" alt="图片：裂纹.png"' in log and "小票.pdf" in log
    got = at_desk(LIN_JIA).get(address)
    assert got.content == PICTURE and got.headers["content-disposition"].startswith("inline")
    assert "sandbox" in got.headers["content-security-policy"]
    saved = at_desk(LIN_JIA).get(f"/desk/{conversation}/attachments/{paper.id}")
    assert saved.headers["content-disposition"].startswith("attachment")
    assert at_desk(SU_MIN).get(address).status_code == 403
    other = a_talk(works, "刘敏", "在吗")
    assert at_desk(LIN_JIA).get(f"/desk/{other}/attachments/{row.id}").status_code == 404


# --- marks ----------------------------------------------------------------------------------------


def test_an_agents_words_carry_what_is_known_of_their_arrival(works: Works, at_desk: At) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    client = at_desk(LIN_JIA)
    client.post("/api/desk/beat")
    client.post(f"/api/desk/{conversation}/take")
    seqs = [client.post(f"/api/desk/{conversation}/reply", json={"text": f"第 {index} 句", "client_id": f"m-{index}"}
                        ).json()["seq"] for index in range(3)]

    def shown() -> list[str]:
        return [one["mark"] for one in client.get(f"/api/desk/{conversation}/messages").json()["messages"]
                if one["from"] == "agent"]

    assert shown() == ["away"] * 3
    page = client.get(f"/desk/{conversation}?part=log").text
    assert page.count("客户不在线，回来就能看到") == 3
    assert "客户不在线" in client.get(f"/desk/{conversation}?part=head").text
    with works.begin(SYSTEM) as work:
        marks.customer_seen(work, conversation)
        marks.delivered(work, conversation, seqs[1])
        marks.read_by_customer(work, conversation, seqs[0])
    assert shown() == ["read", "delivered", "sent"]
    page = client.get(f"/desk/{conversation}?part=log").text
    assert "已读" in page and "已送达" in page and "客户不在线" not in page


def test_reading_is_marked_for_the_holder_only(works: Works, at_desk: At) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    at_desk(LIN_JIA).post("/api/desk/beat")
    at_desk(LIN_JIA).post(f"/api/desk/{conversation}/take")

    def read_upto() -> int:
        with works.read(SYSTEM) as work:
            return conversations.get(work.session, conversation).agent_read_seq

    assert at_desk(HAN_TAO).post(f"/api/desk/{conversation}/read", json={"seq": 1}).status_code == 204
    assert read_upto() == 0, "a supervisor who looks on has not read for the customer"
    assert at_desk(LIN_JIA).post(f"/api/desk/{conversation}/read", json={"seq": 1}).status_code == 204
    assert read_upto() == 1


def test_only_the_holders_typing_is_shown_to_the_customer(works: Works, at_desk: At) -> None:
    conversation = a_talk(works, "何伟", "在吗")
    at_desk(LIN_JIA).post("/api/desk/beat")
    at_desk(LIN_JIA).post(f"/api/desk/{conversation}/take")
    hints: list[str] = []
    works.publish = lambda topics: hints.extend(topics)  # type: ignore[method-assign]
    assert at_desk(ZHOU_YANG).post(f"/api/desk/{conversation}/typing").status_code == 204
    assert hints == []
    assert at_desk(LIN_JIA).post(f"/api/desk/{conversation}/typing").status_code == 204
    assert hints == [f"typing:{conversation}"]


# --- messages left --------------------------------------------------------------------------------


def test_a_call_is_taken_by_one_shows_its_number_to_that_one_and_is_done_with_an_outcome(
        works: Works, at_desk: At) -> None:
    conversation = a_talk(works, "何伟", "在吗", reason=None)
    with works.begin(SYSTEM) as work:
        talk = conversations.get(work.session, conversation)
        row = Callback(id=new_id(), number="LY20261009-0001", kind="callback", state="open", conversation_id=conversation,
                       customer_id=talk.customer_id, skill_group="aftersale", text="退款没到", contact="13812345678",
                       contact_kind="phone", asked_at=work.now, filed_at=work.now, due_at=work.now - timedelta(minutes=5))
        work.session.add(row)
    agent, other = at_desk(LIN_JIA), at_desk(ZHOU_YANG)
    page = agent.get("/desk/list").text
    assert "回电和留言" in page and "退款没到" in page and "13812345678" not in page
    assert agent.post(f"/api/desk/callbacks/{row.id}/take").json()["contact"] == "13812345678"
    lost = other.post(f"/api/desk/callbacks/{row.id}/take")
    assert (lost.status_code, lost.json()["code"]) == (409, "already_taken")
    assert "13812345678" in agent.get("/desk/list").text and "13812345678" not in other.get("/desk/list").text
    assert agent.post(f"/api/desk/callbacks/{row.id}/done", json={"outcome": "随便"}).status_code == 422
    assert agent.post(f"/api/desk/callbacks/{row.id}/done", json={"outcome": "reached"}).json()["state"] == "done"
    assert agent.get("/api/desk/callbacks").json()["callbacks"] == []


# --- what a list costs ----------------------------------------------------------------------------


def test_twenty_conversations_cost_no_more_queries_than_two(works: Works) -> None:
    def cost() -> int:
        count = 0

        def counted(*_args: object) -> None:
            nonlocal count
            count += 1

        event.listen(works.engine, "before_cursor_execute", counted)
        try:
            with works.read(LIN_JIA, utc_now()) as work:
                shown = desk.desk(work)
        finally:
            event.remove(works.engine, "before_cursor_execute", counted)
        assert len(shown["queue"]) == queued
        return count

    for index in range(2):
        a_talk(works, f"客户{index}", "在吗")
    queued = 2
    few = cost()
    for index in range(2, 20):
        a_talk(works, f"客户{index}", "在吗")
    queued = 20
    assert cost() == few
