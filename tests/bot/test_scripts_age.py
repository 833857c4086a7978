"""With the backend down the bot goes on with the last approved set, says how old it is, and in the end only the fallback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bot.conftest import ROOT, SECRET, Customer, Programs, free_port, keys
from tests.bot.fake_backend import FakeBackend

#: So old may the last approved set be here; a day in real life.
MAX_AGE = 6.0
#: No judgement by the clock: only how long to wait before giving up.
PATIENCE = 60.0


@pytest.fixture
def short_lived(programs: Programs, tmp_path: Path) -> Iterator[tuple[Programs, FakeBackend]]:
    """A second bot beside the others', with a backend of its own and a short memory."""
    backend = FakeBackend()
    known = ROOT / "var" / "cache" / "embeddings.sqlite3"
    if known.exists():
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / known.name).write_bytes(known.read_bytes())
    port = free_port()
    env = programs.env | {"ZHIKE_BACKEND_URL": backend.url, "ZHIKE_VAR_DIR": str(tmp_path), "BOT_PORT": str(port),
                          "ZHIKE_SCRIPTS_MAX_AGE_HOURS": str(MAX_AGE / 3600)}
    own = Programs(env, tmp_path, port)
    own.start("bot")
    try:
        own.await_ready()
        yield own, backend
    finally:
        own.stop("bot")
        backend.stop()


def health(port: int) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{port}/webhooks/zhike/health", timeout=10).json()
    return found


def age(port: int) -> float:
    return float(health(port)["scripts"]["age_seconds"])


def test_the_last_approved_set_goes_on_until_it_is_too_old(short_lived: tuple[Programs, FakeBackend]) -> None:
    own, backend = short_lived
    with httpx.Client(base_url=f"http://127.0.0.1:{own.port}", headers={"X-Zhike-Secret": SECRET}, timeout=30) as client:
        before = health(own.port)["scripts"]
        backend.down = True
        answer = keys(Customer(client).say("发票怎么开"))
        said_at = age(own.port)
        if said_at < MAX_AGE:  # on a very busy machine the set may have grown too old while it answered
            assert answer == ["invoice.how_to_issue"]
        now = health(own.port)["scripts"]
        assert (now["count"], now["revision"]) == (before["count"], before["revision"])
        wait_until(lambda: age(own.port) > MAX_AGE)
        for text in ("发票怎么开", "你们几点下班", "谢谢"):
            (message,) = Customer(client).say(text)
            assert message["script"]["key"] == "system.fallback"
        assert keys(Customer(client).say("转人工")) == ["handoff:customer_request"], "a person is fetched all the same"

        # A restart makes the copy on disk no younger.
        own.stop("bot")
        own.start("bot")
        wait_until(lambda: up(own.port))
        assert age(own.port) > MAX_AGE
        (message,) = Customer(client).say("发票怎么开")
        assert message["script"]["key"] == "system.fallback"

        backend.down = False
        wait_until(lambda: age(own.port) < MAX_AGE)
        assert keys(Customer(client).say("发票怎么开")) == ["invoice.how_to_issue"]


def up(port: int) -> bool:
    try:
        return bool(health(port)["ready"])
    except httpx.HTTPError:
        return False


def wait_until(reached: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)
