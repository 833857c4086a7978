"""The website's door over real HTTP and a real socket, on the whole application, with a bot that does as told."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.settings import settings
from tests.gateway.visitor import PNG, Visitor


def test_a_new_conversation_begins_with_the_approved_welcome_and_its_version(visitor: Visitor) -> None:
    read = visitor.read()
    assert read["state"] == "bot"
    welcome = read["messages"][0]
    assert welcome["from"] == "system"
    assert welcome["script"] == {"key": "system.welcome", "version": 1}
    assert len(welcome["buttons"]) == 4


def test_a_message_is_accepted_at_once_and_answered_with_key_and_version(visitor: Visitor) -> None:
    sent = visitor.send("发票怎么开")
    assert sent.status_code == 202
    assert sent.json() == {"seq": 2}
    assert visitor.wait_for("bot")["script"] == {"key": "invoice.how_to_issue", "version": 1}


def test_the_same_client_id_gives_the_same_seq(visitor: Visitor) -> None:
    assert visitor.send("发票怎么开").json() == visitor.send("发票怎么开").json() == {"seq": 2}


@pytest.mark.parametrize(("body", "status", "code"), [
    ({"client_id": "c1", "text": ""}, 422, "empty_message"),
    ({"client_id": "c1", "text": "\u0000\u0007"}, 422, "empty_message"),
    ({"client_id": "", "text": "好"}, 422, "bad_request"),
    ({"client_id": "x" * 65, "text": "好"}, 422, "bad_request"),
    ({"text": "好"}, 422, "bad_request"),
    ({"client_id": "c1", "button": "99-1"}, 422, "unknown_button"),
])
def test_bad_messages_get_a_code_and_a_sentence(visitor: Visitor, body: dict[str, str], status: int, code: str) -> None:
    refused = visitor.client.post(f"/api/chat/{visitor.id}/messages", headers=visitor.headers, json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["message"]
    assert len(visitor.read()["messages"]) == 1


def test_one_address_cannot_open_chats_without_end(whole_app: Callable[..., FastAPI],
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(settings(), chats_opened_per_hour=2)
    monkeypatch.setattr("backend.gateway.channels.web.settings", lambda: config)
    with TestClient(whole_app(chats_opened_per_hour=2)) as client:
        for number in range(2):
            Visitor(client, f"visitor-{number}")
        refused = client.post("/api/chat/sessions", json={"channel": "web"})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_chats")
        assert refused.headers["retry-after"] == "3600"


def test_a_foreign_token_opens_nothing(client: TestClient, visitor: Visitor) -> None:
    other = Visitor(client, "visitor-2")
    for headers in (other.headers, {}, {"Authorization": "Bearer nonsense"}):
        refused = client.get(f"/api/chat/{visitor.id}/messages", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")


def test_an_unknown_conversation_reads_like_a_wrong_token(client: TestClient, visitor: Visitor) -> None:
    refused = client.get("/api/chat/nowhere/messages", headers=visitor.headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")


def test_the_socket_resumes_after_the_last_seen_number(visitor: Visitor) -> None:
    visitor.send("发票怎么开")
    answer = visitor.wait_for("bot")
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": answer["seq"] - 1})
        assert socket.receive_json()["message"]["seq"] == answer["seq"]
        assert socket.receive_json() == {"type": "state", "state": "bot"}
        socket.send_json({"client_id": "c2", "text": "还有呢"})
        frames = [socket.receive_json() for _ in range(3)]
        assert {"type": "ack", "client_id": "c2", "seq": answer["seq"] + 1} in frames


def test_the_socket_refuses_a_wrong_token_and_survives_nonsense(visitor: Visitor) -> None:
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": "wrong", "after": 0})
        assert socket.receive_json()["code"] == "bad_token"
    with visitor.client.websocket_connect(f"/api/chat/{visitor.id}/ws") as socket:
        socket.send_json({"token": visitor.token, "after": 0})
        for frame in ("not json", "[]", '{"client_id": 5}', '{"client_id": "ok", "text": ""}'):
            socket.send_text(frame)
        codes = []
        while len(codes) < 4:
            frame = socket.receive_json()
            if frame["type"] == "error":
                codes.append(frame["code"])
        assert codes == ["bad_frame", "bad_frame", "bad_frame", "empty_message"]


def test_closing_twice_is_harmless_and_invites_one_rating(visitor: Visitor) -> None:
    visitor.send("发票怎么开")
    visitor.wait_for("bot")
    visitor.send("知道了", client_id="c2")
    for _ in range(2):
        assert visitor.client.post(f"/api/chat/{visitor.id}/close", headers=visitor.headers).json() == {"state": "closed"}
    read = visitor.read()
    assert read["state"] == "closed"
    surveys = [message["card"] for message in read["messages"] if message.get("card")]
    assert [card["kind"] for card in surveys] == ["survey"]
    answered = visitor.client.post(f"/api/surveys/{surveys[0]['token']}", json={"score": 5, "reasons": [], "comment": ""})
    assert answered.status_code in (200, 201)
    again = visitor.client.post(f"/api/surveys/{surveys[0]['token']}", json={"score": 1, "reasons": [], "comment": ""})
    assert (again.status_code, again.json()["code"]) == (409, "already_answered")


def test_a_closed_conversation_takes_no_message(visitor: Visitor) -> None:
    visitor.client.post(f"/api/chat/{visitor.id}/close", headers=visitor.headers)
    refused = visitor.send("还在吗")
    assert (refused.status_code, refused.json()["code"]) == (409, "conversation_closed")


def test_a_picture_is_kept_encrypted_and_served_by_its_signed_address_only(visitor: Visitor) -> None:
    for _ in range(2):  # a repeated upload stores nothing twice
        sent = visitor.client.post(f"/api/chat/{visitor.id}/attachments", headers=visitor.headers,
                                   data={"client_id": "p1"}, files={"file": ("裂纹.png", PNG, "text/plain")})
        assert sent.status_code == 202, sent.text
    shown = next(message for message in visitor.read()["messages"] if message.get("attachment"))["attachment"]
    assert (shown["kind"], shown["name"], shown["size"]) == ("image/png", "裂纹.png", len(PNG))
    assert visitor.client.get(shown["url"]).content == PNG
    assert visitor.client.get(shown["url"][:-3] + "000").status_code == 404
    stored = [path for path in settings().files_dir.rglob("*") if path.is_file()]
    assert stored
    assert all(b"PNG" not in path.read_bytes() for path in stored)


@pytest.mark.parametrize(("content", "code"), [
    (b"", "file_empty"), (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "file_type"), (b"MZ\x90\x00", "file_type")])
def test_files_are_judged_by_their_bytes(visitor: Visitor, content: bytes, code: str) -> None:
    refused = visitor.client.post(f"/api/chat/{visitor.id}/attachments", headers=visitor.headers,
                                  data={"client_id": "p1"}, files={"file": ("photo.png", content, "image/png")})
    assert (refused.status_code, refused.json()["code"]) == (422, code)


def test_every_answer_carries_the_safe_headers(client: TestClient) -> None:
    for path in ("/", "/login", "/api/chat/x/messages", "/static/tokens.css", "/nowhere"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in ("same-origin", "no-referrer")


def test_staff_pages_send_a_stranger_to_the_log_in_and_staff_calls_refuse_him(client: TestClient) -> None:
    for path in ("/desk", "/scripts", "/complaints", "/dashboard", "/admin", "/alerts"):
        answer = client.get(path, headers={"accept": "text/html"}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
    for path in ("/api/desk", "/api/scripts", "/api/complaints", "/api/journal"):
        assert client.get(path).json()["code"] == "not_signed_in"


def test_the_bots_own_door_needs_the_secret(client: TestClient) -> None:
    assert client.get("/api/bot/scripts").json()["code"] == "bad_secret"
    assert client.get("/api/bot/scripts", headers={"X-Zhike-Secret": "guess"}).status_code == 401
    assert client.get("/api/bot/scripts", headers={"X-Zhike-Secret": settings().secrets.bot_secret}).status_code == 200


def test_too_large_a_body_is_refused_before_it_is_read(client: TestClient) -> None:
    refused = client.post("/api/chat/sessions", content=b"x" * (13 * 1024 * 1024))
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


def test_health_readiness_metrics_and_the_api_description_are_there(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["ready"] is True
    assert "zhike_http_requests_total" in client.get("/metrics").text
    assert "/api/chat/{id}/messages" in client.get("/openapi.json").json()["paths"]
