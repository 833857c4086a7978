"""The real house for journeys: ``make up``'s own supervisor and its three programs. Nothing is faked."""

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "corridor-lantern-42"
START_SECONDS = 240
BACKEND, BOT, ACTIONS = "backend.main", "bot.serve", "actions.serve"


def wait_for[T](true: Callable[[], T], seconds: float, otherwise: str) -> T:
    """Poll until ``true()`` is truthy; fails the test with ``otherwise`` after ``seconds``."""
    until = time.monotonic() + seconds
    while True:
        if found := true():
            return found
        if time.monotonic() > until:
            pytest.fail(otherwise)
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class House:
    """A running 知客: its address, and the means to hurt it."""

    base: str
    var: Path
    process: subprocess.Popen[str]
    ports: dict[str, int]
    lines: list[str] = field(default_factory=list)

    # --- its programs ---------------------------------------------------------------------------

    def pid_of(self, module: str) -> int | None:
        """The process that runs ``module`` for this house; None while there is none."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", "--", f"-m {module}$"],
                               capture_output=True, text=True, check=False).stdout.split()
        return int(found[0]) if found else None

    def pids(self) -> dict[str, int]:
        """All three programs; the test fails when one is missing."""
        found = {module: self.pid_of(module) for module in (BACKEND, BOT, ACTIONS)}
        missing = [module for module, pid in found.items() if pid is None]
        assert not missing, f"not running: {missing}"
        return {module: pid for module, pid in found.items() if pid is not None}

    def send(self, module: str, signal_number: int) -> int:
        pid = self.pid_of(module)
        assert pid is not None, f"{module} is not running"
        os.kill(pid, signal_number)
        return pid

    def kill(self, module: str) -> int:
        """kill -9: no program gets to say goodbye."""
        return self.send(module, signal.SIGKILL)

    @contextmanager
    def paused(self, module: str) -> Iterator[None]:
        """The program hangs for the length of the block: it takes connections and answers nobody."""
        pid = self.send(module, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def ready(self) -> bool:
        """Customers can be served: database, bot, and the bot's actions."""
        try:
            actions = httpx.get(f"http://127.0.0.1:{self.ports['ACTIONS_PORT']}/health", timeout=5, trust_env=False)
            return actions.is_success and httpx.get(f"{self.base}/readyz", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def wait_ready(self, seconds: float = 120) -> None:
        wait_for(self.ready, seconds, "the house is not ready again:\n" + "".join(self.lines[-40:]))

    # --- what only insiders see -----------------------------------------------------------------

    def secret(self) -> str:
        return str(json.loads((self.var / "secrets.json").read_text())["bot_secret"])

    def complaints_of(self, conversation_id: str) -> list[dict[str, Any]]:
        """The complaints filed in a conversation, as the bot may read them."""
        answer = httpx.get(f"{self.base}/api/bot/complaints", params={"conversation_id": conversation_id}, timeout=30,
                           headers={"X-Zhike-Secret": self.secret()}, trust_env=False)
        found: list[dict[str, Any]] = answer.raise_for_status().json()["complaints"]
        return found

    @contextmanager
    def staff(self, username: str) -> Iterator[httpx.Client]:
        """A signed-in member of staff without a browser."""
        with httpx.Client(base_url=self.base, timeout=30, trust_env=False) as client:
            answer = client.post("/login", data={"username": username, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            yield client


def all_day_pack(folder: Path) -> Path:
    """The retail pack of an organisation that never sleeps: a journey must not depend on the hour of the day."""
    # With its neighbours: it takes regimes over from the folder beside it.
    shutil.copytree(ROOT / "data" / "packs", folder / "packs")
    pack = folder / "packs" / "retail"
    for name in ("organisation.yml", "skill_groups.yml"):
        path = pack / name
        before = path.read_text(encoding="utf-8")
        after = before.replace('"9:00-21:00"', '"0:00-24:00"').replace("每天 9:00 至 21:00", "全天")
        assert after != before, f"{name} no longer writes its hours as 9:00-21:00"
        path.write_text(after, encoding="utf-8")
    return pack


def up_to_date_model() -> None:
    """As `make test` does: trained beforehand, where embeddings are kept; the house's own var folder is empty."""
    subprocess.run([ROOT / ".venv" / "bot" / "bin" / "python", "-m", "bot.train"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL, timeout=900)


@contextmanager
def started() -> Iterator[House]:
    """Everything started by the command that a newcomer types, on free ports, with an own var folder."""
    up_to_date_model()
    var = Path(tempfile.mkdtemp(prefix="zhike-journey-"))
    ports = {name: free_port() for name in ("PORT", "BOT_PORT", "ACTIONS_PORT")}
    env = {**os.environ, **{name: str(port) for name, port in ports.items()}, "VAR_DIR": str(var),
           "ZHIKE_PACK": str(all_day_pack(var)), "ZHIKE_DEMO_PASSWORD": PASSWORD,
           "ZHIKE_CHATS_PER_HOUR": "10000", "ZHIKE_CHAT_PER_MINUTE": "1000"}
    env.pop("DATABASE_URL", None)
    process = subprocess.Popen([sys.executable, str(ROOT / "tools" / "up.py")], cwd=ROOT, env=env, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    house = House(f"http://127.0.0.1:{ports['PORT']}", var, process, ports)
    told: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            house.lines.append(line)
            told.put(line)

    threading.Thread(target=listen, daemon=True).start()
    try:
        _wait_until_announced(house, told)
        wait_for(lambda: _knows_its_questions(house), START_SECONDS, "the bot never embedded its scripts' questions")
        yield house
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(var, ignore_errors=True)


def _knows_its_questions(house: House) -> bool:
    """The house's var folder is new, and so are its embeddings: until they stand, a topic's default answers for it."""
    body = {"sender": "warm-up", "message_id": str(time.monotonic()), "text": "门店在哪里", "button": None, "channel": "web"}
    answer = httpx.post(f"http://127.0.0.1:{house.ports['BOT_PORT']}/webhooks/zhike/webhook", json=body, timeout=30,
                        headers={"X-Zhike-Secret": house.secret()}, trust_env=False)
    said = answer.raise_for_status().json()["messages"]
    return any((one.get("script") or {}).get("key") == "service.stores" for one in said)


def _wait_until_announced(house: House, told: "queue.Queue[str]") -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            if "已就绪" in told.get(timeout=1):
                return
        except queue.Empty:
            if house.process.poll() is not None or time.monotonic() > until:
                pytest.fail("the house did not start:\n" + "".join(house.lines[-60:]))
