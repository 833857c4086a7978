"""The real bot and the real actions on free ports, beside a fake backend: one start for all live tests."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bot.fake_backend import SECRET, FakeBackend

ROOT = Path(__file__).resolve().parent.parent.parent
BOT_PYTHON = ROOT / ".venv" / "bot" / "bin" / "python"
START_SECONDS = 150


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Customer:
    """Types into the bot's channel as the gateway would."""

    bot: httpx.Client
    sender: str = field(default_factory=lambda: uuid.uuid4().hex)
    nlu: dict[str, Any] = field(default_factory=dict)

    def post(
        self, text: str, button: dict[str, str] | None = None, message_id: str | None = None, said_last: str | None = None
    ) -> httpx.Response:
        body = {
            "sender": self.sender,
            "message_id": message_id or uuid.uuid4().hex,
            "text": text,
            "button": button,
            "channel": "web",
            "said_last": said_last,
        }
        return self.bot.post("/webhooks/zhike/webhook", json=body)

    def say(self, text: str, message_id: str | None = None, said_last: str | None = None) -> list[dict[str, Any]]:
        response = self.post(text, message_id=message_id, said_last=said_last)
        assert response.status_code == 200, response.text
        self.nlu = response.json()["nlu"]
        messages: list[dict[str, Any]] = response.json()["messages"]
        return messages

    def press(self, action: str, title: str = "按钮") -> list[dict[str, Any]]:
        return self._press({"title": title, "action": action})

    def pick(self, key: str, title: str) -> list[dict[str, Any]]:
        """Press an offered title."""
        return self._press({"title": title, "script": key})

    def _press(self, button: dict[str, str]) -> list[dict[str, Any]]:
        response = self.post(button["title"], button)
        assert response.status_code == 200, response.text
        self.nlu = response.json()["nlu"]
        messages: list[dict[str, Any]] = response.json()["messages"]
        return messages


def keys(messages: list[dict[str, Any]]) -> list[str]:
    """What was said, by script key; commands and cards by their kind."""
    said = []
    for message in messages:
        if "script" in message:
            said.append(str(message["script"]["key"]))
        elif "command" in message:
            said.append(f"{message['command']}:{message['reason']}")
        else:
            said.append(f"card:{message['card']['kind']}")
    return said


@pytest.fixture(scope="session")
def backend() -> Iterator[FakeBackend]:
    fake = FakeBackend()
    yield fake
    fake.stop()


@dataclass
class Programs:
    """The two processes, and how to start the bot once more."""

    env: dict[str, str]
    logs: Path
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        log = (self.logs / f"{name}.log").open("ab")
        self.running[name] = subprocess.Popen(
            [str(BOT_PYTHON), "-m", f"{name}.serve"], cwd=ROOT, env=self.env, stdout=log, stderr=subprocess.STDOUT
        )

    def stop(self, name: str) -> None:
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for name, process in self.running.items():
                assert process.poll() is None, (self.logs / f"{name}.log").read_text(errors="replace")[-3000:]
            try:
                health = httpx.get(f"http://127.0.0.1:{self.port}/webhooks/zhike/health", timeout=2)
                if health.status_code == 200 and health.json()["ready"]:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.3)
        raise AssertionError("the bot did not get ready\n" + (self.logs / "bot.log").read_text()[-3000:])


@pytest.fixture(scope="session")
def programs(backend: FakeBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    if not BOT_PYTHON.exists():
        pytest.skip("the bot's environment is not set up")
    var = tmp_path_factory.mktemp("var")
    # Sentence vectors of the pack are the same for everybody: take the project's cache along.
    known = ROOT / "var" / "cache" / "embeddings.sqlite3"
    if known.exists():
        (var / "cache").mkdir()
        (var / "cache" / known.name).write_bytes(known.read_bytes())
    if not (ROOT / "models" / "zhike.tar.gz").exists():
        subprocess.run([str(BOT_PYTHON), "-m", "bot.train"], cwd=ROOT, check=True)
    port, actions_port = free_port(), free_port()
    env = os.environ | {
        "ZHIKE_BACKEND_URL": backend.url,
        "ZHIKE_BOT_SECRET": SECRET,
        "ZHIKE_ACTIONS_URL": f"http://127.0.0.1:{actions_port}/webhook",
        "ZHIKE_VAR_DIR": str(var),
        "BOT_PORT": str(port),
        "ACTIONS_PORT": str(actions_port),
    }
    programs = Programs(env, var, port)
    programs.start("actions")
    programs.start("bot")
    try:
        programs.await_ready()
        yield programs
    finally:
        for name in list(programs.running):
            programs.stop(name)


@pytest.fixture
def customer(programs: Programs, backend: FakeBackend) -> Iterator[Customer]:
    """A new conversation, with all faults switched off."""
    backend.down = backend.refuse_filing = False
    headers = {"X-Zhike-Secret": SECRET}
    with httpx.Client(base_url=f"http://127.0.0.1:{programs.port}", headers=headers, timeout=15) as client:
        yield Customer(client)
