"""The backend's side of the bot's study: portions, order, and every failure as one kind of error."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from backend.gateway.study import Study, StudyFailed
from backend.kernel.errors import Unavailable

Answer = Callable[[httpx.Request], httpx.Response]


def study(answer: Answer) -> Study:
    return Study("http://bot.test", "shared", transport=httpx.MockTransport(answer))


def test_texts_go_in_portions_with_the_secret_and_come_back_in_order() -> None:
    sizes: list[int] = []

    def bot(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/webhooks/zhike/embed"
        assert request.headers["X-Zhike-Secret"] == "shared"
        texts = json.loads(request.content)["texts"]
        sizes.append(len(texts))
        return httpx.Response(200, json={"vectors": [[float(text)] for text in texts]})

    found = study(bot).embed([str(number) for number in range(600)])
    assert sizes == [256, 256, 88]
    assert found == [[float(number)] for number in range(600)]


def test_nothing_to_embed_asks_nobody() -> None:
    def bot(request: httpx.Request) -> httpx.Response:
        raise AssertionError("asked for nothing")

    assert study(bot).embed([]) == [] and study(bot).rematch([], [], []) == []


def test_turns_go_in_portions_each_with_the_whole_draft() -> None:
    bodies: list[dict[str, Any]] = []

    def bot(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        bodies.append(body)
        return httpx.Response(200, json={"turns": [{"id": t["id"], "before": None, "after": None} for t in body["turns"]]})

    draft = {"key": "a", "topic": "ask_refund", "title": "退款", "examples": ["退款"]}
    turns = [{"id": str(number), "text": "退款", "intent": None, "confidence": None} for number in range(250)]
    rows = study(bot).rematch([draft], ["b"], turns)
    assert [row["id"] for row in rows] == [turn["id"] for turn in turns]
    assert [len(body["turns"]) for body in bodies] == [200, 50]
    assert all(body["scripts"] == [draft] and body["remove"] == ["b"] for body in bodies)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(200, json={"vectors": []}), "study_nonsense"),
        (httpx.Response(200, json=[1]), "study_nonsense"),
        (httpx.Response(200, content=b"<html>"), "study_nonsense"),
        (httpx.Response(503, json={"code": "bot_not_ready", "message": "机器人模型还没有加载好。"}), "study_refused"),
        (httpx.Response(500, content=b"oops"), "study_refused"),
    ],
)
def test_an_answer_that_does_not_serve_is_a_coded_failure(answer: httpx.Response, code: str) -> None:
    with pytest.raises(StudyFailed) as caught:
        study(lambda _: answer).embed(["退款"])
    assert caught.value.code == code and caught.value.status == 503
    assert isinstance(caught.value, Unavailable)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError("refused"), "study_down"),
        (httpx.ReadTimeout("slow"), "study_slow"),
        (httpx.RemoteProtocolError("cut"), "study_down"),
    ],
)
def test_a_bot_that_cannot_be_reached_is_a_coded_failure(error: httpx.HTTPError, code: str) -> None:
    def bot(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(StudyFailed) as caught:
        study(bot).rematch([], [], [{"id": "1", "text": "退款"}])
    assert caught.value.code == code


def test_the_bots_own_reason_reaches_the_page() -> None:
    refused = httpx.Response(503, json={"code": "scripts_not_ready", "message": "机器人还没有拿到已批准的话术，请稍后再试。"})
    with pytest.raises(StudyFailed, match="还没有拿到已批准的话术"):
        study(lambda _: refused).embed(["退款"])
