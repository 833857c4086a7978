"""What the two sides know of each other without words: delivered, read, typing, connected."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.conversations import marks
from backend.conversations import service as conversations
from backend.conversations.service import Conversation
from backend.gateway.here import Here
from backend.handoffs import service as handoffs
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from tests import builders
from tests.cast import LIN_JIA, NOW
from tests.gateway.visitor import PNG, Visitor


def works_of(visitor: Visitor) -> Works:
    return visitor.client.app.state.works  # type: ignore[attr-defined, no-any-return]


def standing(visitor: Visitor) -> Conversation:
    with works_of(visitor).read(SYSTEM) as work:
        return conversations.get(work.session, visitor.id)


def tell(socket: Any, *frames: dict[str, Any]) -> None:
    """Frames without words get no answer: the answered one after them tells that they were taken."""
    for frame in (*frames, {"type": "ping"}):
        socket.send_json(frame)
    frames_until(socket, "pong")


def taken_by_lin_jia(visitor: Visitor) -> None:
    works = works_of(visitor)
    with works.begin(SYSTEM) as work:
        handoffs.request(work, visitor.id, "customer_request", {}, "")
    with works.begin(LIN_JIA) as work:
        handoffs.set_status(work, "online")
        handoffs.take(work, visitor.id)


def frames_until(socket: Any, kind: str) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["type"] != kind:
        heard.append(socket.receive_json())
    return heard


def test_delivered_and_read_move_forward_only_and_never_past_the_last_word(visitor: Visitor) -> None:
    visitor.send("发票怎么开")
    last = visitor.wait_for("bot")["seq"]
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": last})
        tell(socket, {"type": "delivered", "seq": 2})
        assert (standing(visitor).delivered_seq, standing(visitor).customer_read_seq) == (2, 0)
        tell(socket, {"type": "read", "seq": last})
        assert standing(visitor).customer_read_seq == last
        assert standing(visitor).delivered_seq == last, "what is read was delivered"
        tell(socket, {"type": "read", "seq": 1}, {"type": "delivered", "seq": 1}, {"type": "read", "seq": 99_999})
    found = standing(visitor)
    assert (found.customer_read_seq, found.delivered_seq) == (last, last)


@pytest.mark.parametrize("frame", [{"type": "read", "seq": -1}, {"type": "read", "seq": "many"}, {"type": "delivered", "seq": 2**40}])
def test_a_mark_that_is_no_number_is_refused_and_the_line_stands(visitor: Visitor, frame: dict[str, Any]) -> None:
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": 0})
        socket.send_json(frame)
        assert frames_until(socket, "error")[-1]["code"] == "bad_frame"
        socket.send_json({"type": "ping"})
        frames_until(socket, "pong")


def test_reading_can_be_told_without_a_socket_and_asking_on_tells_delivery(visitor: Visitor) -> None:
    visitor.send("发票怎么开")
    last = visitor.wait_for("bot")["seq"]
    visitor.read(after=last)
    assert standing(visitor).delivered_seq == last
    for seq in (last, 1):
        told = visitor.client.post(f"/api/chat/{visitor.id}/read", headers=visitor.headers, json={"seq": seq})
        assert told.status_code == 204
    assert standing(visitor).customer_read_seq == last
    bad = visitor.client.post(f"/api/chat/{visitor.id}/read", headers=visitor.headers, json={"seq": -1})
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_request")
    stranger = visitor.client.post(f"/api/chat/{visitor.id}/read", json={"seq": last})
    assert (stranger.status_code, stranger.json()["code"]) == (401, "bad_token")


def test_the_customer_sees_that_the_agent_has_read(visitor: Visitor) -> None:
    taken_by_lin_jia(visitor)
    sent = visitor.send("桌子什么时候送到").json()["seq"]
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": sent})
        frames_until(socket, "state")
        with works_of(visitor).begin(LIN_JIA) as work:
            marks.read_by_agent(work, visitor.id, sent)
        assert frames_until(socket, "read")[-1] == {"type": "read", "seq": sent}
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": sent})
        assert frames_until(socket, "state")[0] == {"type": "read", "seq": sent}, "told again after a reconnection"
    assert visitor.read(after=sent)["read"] == sent


def test_that_the_customer_types_reaches_who_listens_and_not_at_every_key(visitor: Visitor) -> None:
    heard: list[str] = []
    works = works_of(visitor)
    publish, works.publish = works.publish, lambda hints: (heard.extend(hints), publish(hints))[1]
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": 0})
        tell(socket, *({"type": "typing"} for _ in range(5)))
    assert heard.count(f"typing-customer:{visitor.id}") == 1


def test_the_agents_typing_reaches_the_customer(visitor: Visitor) -> None:
    taken_by_lin_jia(visitor)
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": 0})
        frames_until(socket, "state")
        works_of(visitor).publish([f"typing:{visitor.id}"])
        assert frames_until(socket, "typing")[-1] == {"type": "typing", "from": "agent"}


def test_after_a_sleep_the_socket_gives_what_was_missed_once_and_in_order(visitor: Visitor) -> None:
    taken_by_lin_jia(visitor)
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": 0})
        seen = [one["message"]["seq"] for one in frames_until(socket, "state") if one["type"] == "message"]
    with works_of(visitor).begin(LIN_JIA) as work:
        for number in range(5):
            conversations.say_as_agent(work, conversations.get(work.session, visitor.id), f"第{number}句", f"a{number}")
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": seen[-1]})
        missed = [one["message"] for one in frames_until(socket, "state") if one["type"] == "message"]
    assert [one["seq"] for one in missed] == list(range(seen[-1] + 1, seen[-1] + 6))
    assert [one["text"] for one in missed] == [f"第{number}句" for number in range(5)]


def test_a_frame_sent_twice_over_two_roads_is_one_message(visitor: Visitor) -> None:
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": 0})
        for _ in range(2):
            socket.send_json({"client_id": "twice", "text": "发票怎么开"})
        acks = [frames_until(socket, "ack")[-1]["seq"] for _ in range(2)]
        over_http = visitor.send("发票怎么开", client_id="twice").json()["seq"]
    assert acks == [over_http, over_http]
    assert len([one for one in visitor.read()["messages"] if one["from"] == "customer"]) == 1


def test_more_than_one_page_of_messages_comes_whole_over_the_socket(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.gateway.present.MOST_AT_ONCE", 3)
    taken_by_lin_jia(visitor)
    with works_of(visitor).begin(LIN_JIA) as work:
        for number in range(8):
            conversations.say_as_agent(work, conversations.get(work.session, visitor.id), f"第{number}句", f"a{number}")
    last = standing(visitor).last_seq
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": 0})
        got = [one["message"]["seq"] for one in frames_until(socket, "state") if one["type"] == "message"]
    assert got == list(range(1, last + 1))


def test_a_file_is_the_customers_by_token_too_and_a_strangers_by_nothing(client: TestClient, visitor: Visitor) -> None:
    visitor.client.post(f"/api/chat/{visitor.id}/attachments", headers=visitor.headers, data={"client_id": "p1"},
                        files={"file": ("裂纹.png", PNG, "image/png")})
    url = next(one for one in visitor.read()["messages"] if one.get("attachment"))["attachment"]["url"].split("?")[0]
    assert client.get(url, headers=visitor.headers).content == PNG
    other = Visitor(client, "visitor-2")
    for headers in (other.headers, {}, {"Authorization": "Basic x"}):
        refused = client.get(url, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (404, "attachment_not_found")
    assert client.get(url.replace(visitor.id, other.id), headers=other.headers).status_code == 404


# --- the marks themselves, on both databases -----------------------------------------------------------------


def test_marks_on_both_databases_hint_only_what_moved(pack_loaded: Works) -> None:
    with pack_loaded.begin(SYSTEM, NOW) as work:
        conversation = builders.a_conversation(work)
        conversations.receive(work, conversation, client_id="c1", text="在吗")
        conversations.receive(work, conversation, client_id="c2", text="你好")
    told: list[str] = []
    pack_loaded.publish = told.extend

    def move(mark: Any, seq: int) -> int:
        told.clear()
        with pack_loaded.begin(SYSTEM, NOW) as work:
            mark(work, conversation.id, seq)
        return len(told)

    assert [move(marks.delivered, 1), move(marks.delivered, 1), move(marks.delivered, 9), move(marks.delivered, 2)] == [1, 0, 1, 0]
    assert [move(marks.read_by_customer, 1), move(marks.read_by_customer, 1), move(marks.read_by_customer, 7)] == [1, 0, 1]
    assert [move(marks.read_by_agent, 2), move(marks.read_by_agent, 1)] == [1, 0]
    assert move(lambda work, _id, seq: marks.delivered(work, "nowhere", seq), 1) == 0
    with pack_loaded.read(SYSTEM) as work:
        found = conversations.get(work.session, conversation.id)
        assert (found.delivered_seq, found.customer_read_seq, found.agent_read_seq) == (2, 2, 2)


def test_a_customers_presence_is_news_when_they_come_and_noted_at_most_every_fifteen_seconds(pack_loaded: Works) -> None:
    with pack_loaded.begin(SYSTEM, NOW) as work:
        one, other = builders.a_conversation(work), builders.a_conversation(work)
    told: list[str] = []
    pack_loaded.publish = told.extend

    def seen(after: float) -> tuple[int, float | None]:
        told.clear()
        moment = NOW + timedelta(seconds=after)
        with pack_loaded.begin(SYSTEM, moment) as work:
            marks.customer_seen(work, one.id, other.id, "nowhere")
        with pack_loaded.read(SYSTEM) as work:
            at = conversations.get(work.session, one.id).customer_seen_at
        return len(told), at and (at - NOW).total_seconds()

    assert [seen(0), seen(10), seen(16), seen(40), seen(200)] == [(2, 0), (0, 0), (0, 16), (0, 40), (2, 200)]
    assert marks.is_here(NOW, NOW + timedelta(seconds=44))
    assert not marks.is_here(NOW, NOW + timedelta(seconds=46))
    assert not marks.is_here(None, NOW)


def test_all_open_connections_are_noted_in_one_go(pack_loaded: Works) -> None:
    with pack_loaded.begin(SYSTEM) as work:
        ids = [builders.a_conversation(work).id for _ in range(4)]

    async def day() -> list[int]:
        here = Here(pack_loaded)
        with here.connected(ids[0]), here.connected(ids[0]), here.connected(ids[1]):
            here.touch(ids[2])
            first = await here.note()
            again = await here.note()
        return [first, again, await here.note()]

    assert asyncio.run(day()) == [3, 0, 0]
    with pack_loaded.read(SYSTEM) as work:
        assert [conversations.get(work.session, one).customer_seen_at is not None for one in ids] == [True, True, True, False]
