"""The study's routes on the running bot, with its real encoder and model."""

from __future__ import annotations

import httpx
import pytest

from tests.bot.conftest import Programs
from tests.bot.fake_backend import SECRET


@pytest.fixture
def bot(programs: Programs) -> httpx.Client:
    headers = {"X-Zhike-Secret": SECRET}
    return httpx.Client(base_url=f"http://127.0.0.1:{programs.port}/webhooks/zhike", headers=headers, timeout=60)


def test_sentences_that_mean_the_same_lie_together(bot: httpx.Client) -> None:
    found = bot.post("/embed", json={"texts": ["发票怎么开", "怎么开发票", "桌子晃得厉害"]}).json()
    assert found["dimension"] == 384 and "e5" in found["encoder"]
    first, second, third = found["vectors"]
    near = sum(a * b for a, b in zip(first, second, strict=True))
    far = sum(a * b for a, b in zip(first, third, strict=True))
    assert near > far and sum(value * value for value in first) == pytest.approx(1.0, abs=1e-3)


def test_a_draft_changes_who_would_answer_and_the_model_is_asked_where_nothing_is_known(bot: httpx.Client) -> None:
    question = "升降书桌能不能开到墨尔本的发票"
    draft = {"key": "invoice.abroad", "topic": "ask_invoice", "title": question, "examples": ["国外能开发票吗"]}
    answer = bot.post("/rematch", json={"scripts": [draft], "turns": [{"id": "1", "text": question}]})
    assert answer.status_code == 200, answer.text
    row = answer.json()["turns"][0]
    assert row["id"] == "1"
    assert row["before"] is None or row["before"]["key"] != "invoice.abroad"
    assert row["after"]["key"] == "invoice.abroad" and row["after"]["score"] == 1.0


@pytest.mark.parametrize(
    ("path", "sent", "status", "code"),
    [
        ("/embed", {"json": {"texts": "一句"}}, 422, "bad_texts"),
        ("/embed", {"json": {"texts": ["句"] * 257}}, 422, "too_many_texts"),
        ("/rematch", {"content": b"{"}, 400, "bad_json"),
        ("/rematch", {"json": {"turns": [{"id": "1"}]}}, 422, "bad_turns"),
        ("/embed", {"json": {"texts": []}, "headers": {"X-Zhike-Secret": "wrong"}}, 401, "wrong_secret"),
        ("/rematch", {"json": {}, "headers": {"X-Zhike-Secret": ""}}, 401, "wrong_secret"),
    ],
)
def test_a_bad_request_gets_a_code(bot: httpx.Client, path: str, sent: dict[str, object], status: int, code: str) -> None:
    answer = bot.post(path, **sent)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"].endswith("。")
