"""What thousands of open customer sockets cost on one backend, beside a bare FastAPI WebSocket echo."""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.infra.db import make_engine
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.ids import new_id
from backend.scripts import service as scripts
from backend.settings import settings
from backend.wiring import REACTIONS
from benchmarks import surroundings
from benchmarks.deadline_sweep import databases
from benchmarks.house import BACKEND_PYTHON, PASSWORD, _direct, _ready
from benchmarks.processes import ROOT, Failed, cpu_seconds, free_port, measured, running, settle, weigh
from benchmarks.traffic import percentile

AGENT = "linjia"
BATCH = 250
WARM_UP = 8
PATIENCE = 120.0


@dataclass(frozen=True)
class Size:
    sockets: int = 2000
    talking: int = 200  # conversations in an agent's hands, over which the messages go
    messages: int = 400
    at_once: int = 4
    quiet_seconds: int = 30


QUICK = Size(sockets=100, talking=20, messages=40, quiet_seconds=5)


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("open_sockets")
    group.add_argument("--sockets", type=int, help="how many are open (2,000)")
    group.add_argument("--only", choices=("sqlite", "postgresql"), help="one database instead of both")


def run(options: argparse.Namespace, out: Path) -> dict[str, Any] | None:
    """The peer, then the house on SQLite, then on PostgreSQL where a server is installed."""
    size = QUICK if options.quick else Size()
    if options.sockets:
        size = Size(**{**size.__dict__, "sockets": options.sockets, "talking": min(size.talking, options.sockets)})
    _many_files(size.sockets)
    machine = surroundings.facts()
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as given:
        home = Path(given)
        print("the peer …", file=sys.stderr, flush=True)
        result: dict[str, Any] = {"peer": _peer(home, size)}
        for name, url in databases():
            if options.only in (None, name):
                print(f"the backend on {name} …", file=sys.stderr, flush=True)
                result[name] = _ours(home, name, url, size)
    machine["load_after"] = surroundings.load()
    return {"name": "open_sockets", "quick": options.quick, "surroundings": machine, "size": size.__dict__,
            "measured": result}


def _many_files(sockets: int) -> None:
    """Each socket is a file on either side; what we start inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + 1000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Failed(f"this system allows {hard} open files, {wanted} are needed: ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


# --- the two sides ----------------------------------------------------------------------------------------------


def _peer(home: Path, size: Size) -> dict[str, Any]:
    port = free_port()
    env = surroundings.bare_environment() | {"PORT": str(port)}
    order = {"kind": "echo", "sockets": [{"path": "/ws"}] * size.sockets}
    with running([str(BACKEND_PYTHON), "-m", "benchmarks.echo_peer"], cwd=ROOT, env=env, log=home / "peer.log",
                 patience=PATIENCE, ready=lambda: _ready(f"http://127.0.0.1:{port}/healthz")) as (pid, _):
        return _measure(home, pid, port, order, size)


def _ours(home: Path, name: str, url: str, size: Size) -> dict[str, Any]:
    """The backend as shipped with its worker inside; no bot, because persons talk here."""
    var = home / name / "var"
    var.mkdir(parents=True)
    settings()  # draws the secrets, if nobody has yet: both processes read what the other encrypts
    shutil.copy(settings().var_dir / "secrets.json", var)
    port = free_port()
    env = surroundings.bare_environment() | {
        "VAR_DIR": str(var), "DATABASE_URL": url, "PORT": str(port), "ZHIKE_DEMO_PASSWORD": PASSWORD,
        "ZHIKE_LOG_LEVEL": "WARNING", "ZHIKE_CHAT_PER_MINUTE": "1000000", "BOT_PORT": str(free_port())}
    measured([str(BACKEND_PYTHON), "-W", "ignore", "-m", "backend.cli", "db", "prepare", "--json"], cwd=ROOT, env=env,
             log=home / name / "prepare.log")
    sockets = _conversations(url, size)
    with running([str(BACKEND_PYTHON), "-W", "ignore", "-m", "backend.main"], cwd=ROOT, env=env,
                 log=home / name / "backend.log", patience=PATIENCE,
                 ready=lambda: _ready(f"http://127.0.0.1:{port}/healthz")) as (pid, _):
        order = {"kind": "house", "sockets": sockets,
                 "agent_headers": {"Authorization": f"Bearer {_token(port)}"}}
        return _measure(home, pid, port, order, size)


def _conversations(url: str, size: Size) -> list[dict[str, str]]:
    """So many with a greeting in each; the first ones are in the agent's hands."""
    engine = make_engine(url)
    works = Works(engine, REACTIONS)
    rows: list[dict[str, str]] = []
    while len(rows) < size.sockets:
        with works.begin(SYSTEM) as work:
            for _ in range(min(BATCH, size.sockets - len(rows))):
                customer = customers.recognise(work, "web", new_id())
                talk, token = conversations.start(work, "web", customer.id)
                conversations.say(work, talk, scripts.speak(work, "system.welcome", {}, "web"), sender="system")
                if len(rows) < size.talking:
                    conversations.change_hands(work, talk, "agent", AGENT)
                rows.append({"id": talk.id, "path": f"/api/chat/{talk.id}/ws",
                             "first": json.dumps({"token": token, "after": 0})})
    engine.dispose()
    return rows


def _token(port: int) -> str:
    form = urllib.parse.urlencode({"username": AGENT, "password": PASSWORD}).encode()
    with _direct().open(urllib.request.Request(f"http://127.0.0.1:{port}/api/auth/token", form), timeout=30) as answer:
        return str(json.load(answer)["access_token"])


# --- measuring --------------------------------------------------------------------------------------------------


def _measure(home: Path, pid: int, port: int, order: dict[str, Any], size: Size) -> dict[str, Any]:
    pids = {"server": pid}
    base = {"base": f"http://127.0.0.1:{port}", "messages": size.messages, "at_once": size.at_once,
            "talking": list(range(size.talking))}
    # A few first: whatever is loaded and filled on first use belongs to the process, not to the sockets.
    with _client(home, order | base | {"sockets": order["sockets"][:WARM_UP], "talking": list(range(WARM_UP)),
                                       "messages": WARM_UP * 2, "name": "first"}) as tell:
        tell("open")
        tell("send")
    settle(pids)
    before = weigh(pids)["server"]["rss_mb"]
    with _client(home, order | base | {"name": "then"}) as tell:  # an id that was sent before would be nothing new
        opened = tell("open")
        settle(pids)
        full = weigh(pids)["server"]["rss_mb"]
        began, used = time.monotonic(), cpu_seconds(pids)
        time.sleep(size.quiet_seconds)
        quiet = (cpu_seconds(pids) - used) / (time.monotonic() - began)
        used = cpu_seconds(pids)
        ways: dict[str, list[float]] = tell("send")
        sent = sum(map(len, ways.values()))
        cpu = (cpu_seconds(pids) - used) / sent
        ended = tell("end")
    return {
        "opened": opened["opened"], "opening_seconds": opened["seconds"], **ended,
        "kb_a_socket": round((full - before) * 1024 / size.sockets, 1), "rss_mb": full,
        "quiet_cpu_percent": round(quiet * 100, 1), "cpu_ms_a_message": round(cpu * 1000, 2),
        "ways": {way: {"messages": len(seconds), "p50_ms": round(statistics.median(seconds) * 1000, 1),
                       "p95_ms": round(percentile(seconds, 95) * 1000, 1)} for way, seconds in ways.items()},
    }


@contextmanager
def _client(home: Path, order: dict[str, Any]) -> Iterator[Any]:
    """The process at the other end; ``tell`` gives it an order and returns its answer."""
    path = home / "order.json"
    path.write_text(json.dumps(order))
    log = home / "client.log"
    with log.open("wb") as errors, subprocess.Popen(
            [str(BACKEND_PYTHON), "-m", "benchmarks.socket_client", str(path)], cwd=ROOT, text=True, stderr=errors,
            env=surroundings.bare_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def tell(what: str) -> Any:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(what + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            if not answer:
                raise Failed(f"the client fell at {what}:\n{log.read_text()[-2000:]}")
            return json.loads(answer)

        try:
            yield tell
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def table(result: dict[str, Any]) -> str:
    measured_, size = result["measured"], result["size"]
    peer = measured_["peer"]
    echo = peer["ways"]["echo"]
    lines = [f"{size['sockets']} open sockets on one process; {size['messages']} messages each way, {size['at_once']} at once",
             f"  {'':34}{'KB a socket':>14}{'quiet CPU %':>14}{'p50 ms':>10}{'p95 ms':>10}{'p95 ours / echo':>18}",
             f"  {'bare FastAPI echo':34}{peer['kb_a_socket']:>14}{peer['quiet_cpu_percent']:>14}{echo['p50_ms']:>10}"
             f"{echo['p95_ms']:>10}"]
    for name, one in measured_.items():
        if name == "peer":
            continue
        ratio = one["kb_a_socket"] / peer["kb_a_socket"] if peer["kb_a_socket"] else float("nan")
        lines.append(f"  {name + f' (memory {ratio:.2f} x the echo)':34}{one['kb_a_socket']:>14}{one['quiet_cpu_percent']:>14}")
        for way, figures in one["ways"].items():
            lines.append(f"    {way.replace('_', ' '):32}{'':28}{figures['p50_ms']:>10}{figures['p95_ms']:>10}"
                         f"{figures['p95_ms'] / echo['p95_ms']:>18.1f}")
    return "\n".join(lines)
