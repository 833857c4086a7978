"""Our three programs for a benchmark, with more than one bot: a new database, free ports, the model that stands."""

import json
import shutil
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import surroundings
from benchmarks.processes import BOT_PYTHON, ROOT, Failed, free_port, measured, running
from benchmarks.traffic import Connection

BACKEND_PYTHON = ROOT / ".venv" / "backend" / "bin" / "python"
PASSWORD = "loopback-only-bench"
PATIENCE = 240.0


@dataclass(frozen=True)
class House:
    """Where everything listens, and the processes by name."""

    port: int
    bots: tuple[int, ...]
    secret: str
    pids: dict[str, int]
    logs: Path

    def staff(self, username: str) -> tuple[Connection, str]:
        """A connection to the staff API and its bearer token."""
        form = urllib.parse.urlencode({"username": username, "password": PASSWORD}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/auth/token", form)
        with _direct().open(request, timeout=30) as answer:
            return Connection(self.port), str(json.load(answer)["access_token"])


def _direct() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def standing(home: Path, bots: int) -> Iterator[House]:
    """The house with so many bots, each with a folder of its own; the gateway asks the first."""
    if not (ROOT / "models" / "zhike.tar.gz").is_file():
        raise Failed("there is no model: make model")
    port, actions, *bot_ports = (free_port() for _ in range(2 + bots))
    env = surroundings.bare_environment() | {
        "VAR_DIR": str(home / "var"), "ZHIKE_DEMO_PASSWORD": PASSWORD, "PORT": str(port), "ACTIONS_PORT": str(actions),
        "BOT_PORT": str(bot_ports[0]), "ZHIKE_BACKEND_URL": f"http://127.0.0.1:{port}", "ZHIKE_LOG_LEVEL": "WARNING",
        "ZHIKE_ACTIONS_URL": f"http://127.0.0.1:{actions}/webhook",
        # One address opens and says far more than a customer may.
        "ZHIKE_CHATS_PER_HOUR": "1000000", "ZHIKE_CHAT_PER_MINUTE": "1000000"}
    with ExitStack() as stack:
        pids = {}

        def start(name: str, python: Path, module: str, asked: str | int, more: dict[str, str]) -> None:
            pids[name], _ = stack.enter_context(running(
                [str(python), "-W", "ignore", "-m", module], cwd=ROOT, env=env | more, log=home / f"{name}.log",
                patience=PATIENCE, ready=lambda: _ready(asked)))

        measured([str(BACKEND_PYTHON), "-m", "backend.cli", "db", "prepare", "--json"], cwd=ROOT, env=env,
                 log=home / "prepare.log")
        secret = json.loads((home / "var" / "secrets.json").read_text())["bot_secret"]
        start("backend", BACKEND_PYTHON, "backend.main", f"http://127.0.0.1:{port}/healthz", {})
        for number, bot_port in enumerate(bot_ports, 1):
            own = home / f"var-bot-{number}"
            known = ROOT / "var" / "cache" / "embeddings.sqlite3"
            if known.is_file():
                (own / "cache").mkdir(parents=True)
                shutil.copy(known, own / "cache")
            told = {"ZHIKE_VAR_DIR": str(own), "ZHIKE_BOT_SECRET": secret, "BOT_PORT": str(bot_port)}
            if number == 1:
                start("actions", BOT_PYTHON, "actions.serve", actions, told)
            start(f"bot {number}", BOT_PYTHON, "bot.serve", f"http://127.0.0.1:{bot_port}/webhooks/zhike/health", told)
        yield House(port, tuple(bot_ports), secret, pids, home)


def _ready(asked: str | int) -> bool:
    """By its health page, or by its open port."""
    try:
        if isinstance(asked, int):
            with socket.create_connection(("127.0.0.1", asked), timeout=2):
                return True
        with _direct().open(asked, timeout=5) as answer:
            return bool(json.load(answer).get("ready", True))
    except (OSError, ValueError, urllib.error.URLError):
        time.sleep(0.2)
        return False
