"""One message's cost, from HTTP in to reply out, beside the same Rasa with its default recipe."""

import argparse
import json
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks import peer as peers
from benchmarks import phrases, surroundings
from benchmarks.processes import (
    BOT_PYTHON,
    ROOT,
    Failed,
    children,
    command_line,
    cpu_seconds,
    free_port,
    measured,
    running,
    settle,
    weigh,
)
from benchmarks.traffic import BotTalker, HouseTalker, PeerTalker, Talker, send

PATIENCE = 300.0
PROGRAMS = {"backend": "backend.main", "bot": "bot.serve", "actions": "actions.serve"}


@dataclass(frozen=True)
class Size:
    """How much is sent. Every message is a new one, so that no cache of sentences helps."""

    warm_up: int = 20
    one_by_one: int = 240
    conversations: int = 20
    at_once: int = 480
    clients: int = 8
    conversations_at_once: int = 40

    @property
    def total(self) -> int:
        return self.warm_up + self.one_by_one + self.at_once


QUICK = Size(warm_up=8, one_by_one=24, conversations=4, at_once=48, clients=8, conversations_at_once=8)


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("message_cost")
    group.add_argument("--retrain", action="store_true", help="train the peer again even if it is unchanged")
    group.add_argument("--old-peer", action="store_true",
                       help="take the last trained peer even if the phrases have changed since (said in the output)")
    group.add_argument("--peer-epochs", type=int, default=peers.EPOCHS, metavar="N",
                       help=f"not the recipe's {peers.EPOCHS}: serving costs the same, training figures mean nothing")
    group.add_argument("--peer-only", action="store_true", help="train the peer if needed, measure nothing")


def run(options: argparse.Namespace, out: Path) -> dict[str, Any] | None:
    """Measure; None when only the peer was wanted."""
    size = QUICK if options.quick else Size()
    machine = surroundings.facts()
    peer = peers.trained(out, quick=options.quick, epochs=options.peer_epochs, retrain=options.retrain,
                         old_is_fine=options.old_peer)
    if options.peer_only:
        _note(f"the peer stands in {peer.folder}: {peer.facts}")
        return None
    texts = phrases.messages(size.total)
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as given:
        home = Path(given)
        _note("training our model from nothing …")
        training = train_ours(home)
        measures: dict[str, Any] = {}
        # Never two at once: they would take each other's cores.
        _note("the peer alone …")
        with _peer(peer, home) as (make, pids, seconds):
            measures["peer"] = {"start_seconds": seconds, **_measure(make, pids, texts, size)}
        _note("our bot alone, through its own channel …")
        with _house(home, "bot") as (_, bot, pids, seconds):
            measures["bot"] = {"start_seconds": seconds, **_measure(bot, {"bot": pids["bot"]}, texts, size)}
        _note("the whole house, through the website's door …")
        with _house(home, "house") as (house, _, pids, seconds):
            measures["house"] = {"start_seconds": seconds, **_measure(house, pids, texts, size)}
    machine["load_after"] = surroundings.load()
    result = {
        "name": "message_cost", "quick": options.quick, "surroundings": machine, "size": size.__dict__,
        "peer": {"rasa": peer.facts["rasa"], "model": peer.folder.name, "epochs": peer.epochs, "trained_in_this_run": not peer.reused,
                 "trained_on_todays_phrases": peer.current},
        "training": {"ours": training, "peer": peer.facts}, "serving": measures,
    }
    result["ratios"] = ratios(result)
    return result


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _measure(make: Callable[[str], Talker], pids: Mapping[str, int], texts: list[str], size: Size) -> dict[str, Any]:
    first, second = size.warm_up, size.warm_up + size.one_by_one
    quiet = settle(pids)
    send(make, "warm", texts[:first], clients=1, conversations=min(4, first))
    before = cpu_seconds(pids)
    one = send(make, "one", texts[first:second], clients=1, conversations=size.conversations).as_dict()
    between = cpu_seconds(pids)
    many = send(make, "many", texts[second:], clients=size.clients, conversations=size.conversations_at_once).as_dict()
    after = cpu_seconds(pids)
    one["cpu_ms"] = round((between - before) * 1000 / size.one_by_one, 1)
    many["cpu_ms"] = round((after - between) * 1000 / size.at_once, 1)
    memory = weigh(pids)
    return {"quiet_before": quiet, "one_client": one, "at_once": many, "memory": memory,
            "rss_mb": round(sum(each["rss_mb"] for each in memory.values()), 1)}


# --- ours -------------------------------------------------------------------------------------------------------


def train_ours(home: Path, share: float = 1.0) -> dict[str, Any]:
    """``bot.train`` with nothing kept from earlier: no embeddings, no dictionary, no Rasa cache."""
    examples = phrases.training_phrases(share)
    root = ROOT if share == 1.0 else _with_fewer_phrases(home / "project", examples)
    env = _our_environment(home) | {"ZHIKE_VAR_DIR": str(home / "empty-var"),
                                    "RASA_CACHE_DIRECTORY": str(home / "empty-rasa")}
    cost = measured([str(BOT_PYTHON), "-m", "bot.train", "--force"], cwd=root, env=env, log=home / "train.log")
    # From here on as after any training: what it embedded of our own phrases stays embedded.
    (home / "empty-var").rename(home / "var")
    model = home / "models" / "zhike.tar.gz"
    return {**cost.as_dict(), "intents": len(examples), "examples": sum(map(len, examples.values())),
            "model_mb": round(model.stat().st_size / 2**20, 2),
            "includes": "embedding the phrases (no cache on disk) and the pack's example questions"}


def _with_fewer_phrases(root: Path, examples: Mapping[str, list[str]]) -> Path:
    """A copy of what a training reads, with these phrases only."""
    for folder in ("bot", "data"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "nlu"))
    shutil.copy(ROOT / "config.yml", root)
    nlu = [{"intent": intent, "examples": "".join(f"- {text}\n" for text in texts)} for intent, texts in examples.items()]
    (root / "data" / "nlu").mkdir()
    (root / "data" / "nlu" / "share.yml").write_text(
        yaml.safe_dump({"version": "3.1", "nlu": nlu}, allow_unicode=True, width=1000), encoding="utf-8")
    return root


def _our_environment(home: Path) -> dict[str, str]:
    return surroundings.bare_environment() | {"ZHIKE_MODELS_DIR": str(home / "models")}


@contextmanager
def _house(home: Path, name: str) -> Iterator[tuple[Callable[[str], Talker], Callable[[str], Talker], dict[str, int],
                                                    float]]:
    """Everything by ``make up``'s own supervisor: a new database, free ports, the model trained just now."""
    var = home / f"var-{name}"
    shutil.copytree(home / "var", var)
    ports = {key: free_port() for key in ("PORT", "BOT_PORT", "ACTIONS_PORT")}
    log = home / f"{name}.log"
    env = _our_environment(home) | {key: str(port) for key, port in ports.items()} | {
        "VAR_DIR": str(var), "ZHIKE_DEMO_PASSWORD": "loopback-only-bench",
        # One address opens and says far more than a customer may.
        "ZHIKE_CHATS_PER_HOUR": "1000000", "ZHIKE_CHAT_PER_MINUTE": "1000000"}
    up = running([sys.executable, str(ROOT / "tools" / "up.py")], cwd=ROOT, env=env, log=log, patience=PATIENCE,
                 ready=lambda: "已就绪" in log.read_text(encoding="utf-8", errors="replace"))
    with up as (supervisor, seconds):
        own = {pid: command_line(pid) for pid in children(supervisor)}
        pids = {key: pid for key, module in PROGRAMS.items() for pid, line in own.items() if module in line}
        if missing := PROGRAMS.keys() - pids.keys():
            raise Failed(f"not running: {', '.join(sorted(missing))}")
        secret = json.loads((var / "secrets.json").read_text())["bot_secret"]
        yield (lambda who: HouseTalker(ports["PORT"], who), lambda who: BotTalker(ports["BOT_PORT"], secret, who),
               pids, round(seconds, 1))


# --- the peer ---------------------------------------------------------------------------------------------------


@contextmanager
def _peer(peer: peers.Peer, home: Path) -> Iterator[tuple[Callable[[str], Talker], dict[str, int], float]]:
    port = free_port()
    command = [str(BOT_PYTHON), "-m", "rasa", "run", "-i", "127.0.0.1", "-p", str(port), "-m", str(peer.model),
               "--credentials", str(peer.folder / "credentials.yml"), "--endpoints",
               str(peer.folder / "endpoints.yml")]
    env = surroundings.bare_environment() | {"TMPDIR": str(home)}
    with running(command, cwd=home, env=env, log=home / "peer.log", patience=PATIENCE,
                 ready=lambda: _peer_answers(port)) as (pid, seconds):
        yield lambda who: PeerTalker(port, who), {"rasa": pid}, round(seconds, 1)


def _peer_answers(port: int) -> bool:
    body = json.dumps({"sender": "start-up-check", "message": "你好"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/webhooks/rest/webhook", body,
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return bool(json.load(answer))
    except (OSError, ValueError, urllib.error.URLError):
        return False


# --- the figures ------------------------------------------------------------------------------------------------

#: Label, path within a measure, which way is better.
SERVING = (
    ("p50, one client (ms)", ("one_client", "p50_ms"), "less"),
    ("p95, one client (ms)", ("one_client", "p95_ms"), "less"),
    ("messages a second, one client", ("one_client", "per_second"), "more"),
    ("CPU a message, one client (ms)", ("one_client", "cpu_ms"), "less"),
    ("messages a second, {clients} at once", ("at_once", "per_second"), "more"),
    ("p50, {clients} at once (ms)", ("at_once", "p50_ms"), "less"),
    ("p95, {clients} at once (ms)", ("at_once", "p95_ms"), "less"),
    ("CPU a message, {clients} at once (ms)", ("at_once", "cpu_ms"), "less"),
    ("memory after, all processes (MB)", ("rss_mb",), "less"),
    ("ready after starting (s)", ("start_seconds",), "less"),
)
TRAINING = (
    ("training, wall clock (s)", "wall_seconds"),
    ("training, CPU (s)", "cpu_seconds"),
    ("training, peak memory (MB)", "peak_mb"),
    ("model on disk (MB)", "model_mb"),
)


def _at(measure: Any, path: tuple[str, ...]) -> float:
    for step in path:
        measure = measure[step]
    return float(measure)


def _ratio(ours: float, theirs: float) -> float | None:
    return round(ours / theirs, 3) if theirs else None


def ratios(result: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Ours divided by the peer's, for the whole house, for the bot alone and for training."""
    serving, training = result["serving"], result["training"]
    found: dict[str, dict[str, float | None]] = {
        side: {"_".join(path): _ratio(_at(serving[side], path), _at(serving["peer"], path)) for _, path, _ in SERVING}
        for side in ("house", "bot")}
    found["training"] = {name: _ratio(training["ours"][name], training["peer"][name]) for _, name in TRAINING}
    return found


def table(result: dict[str, Any]) -> str:
    """The figures as a page of plain text."""
    serving, training, found = result["serving"], result["training"], result["ratios"]
    peer, here, size = result["peer"], result["surroundings"], result["size"]
    lines = [f"message_cost: one message, HTTP in to reply out, beside Rasa {peer['rasa']} with its default recipe",
             f"  {here['cores']} cores, {here['processor']}; load {here['load_before']} before, "
             f"{here['load_after']} after; Python "
             f"{here['python_backend']} (backend), {here['python_bot']} (bot and peer); {here['at']}"]
    if result["quick"]:
        lines.append("  QUICK: a peer of one epoch and few messages. These figures mean nothing.")
    elif peer["epochs"] != peers.EPOCHS:
        lines.append(f"  peer: {peer['epochs']} epochs, not {peers.EPOCHS}: its training figures mean nothing.")
    if not peer["trained_in_this_run"]:
        lines.append(f"  peer: trained before ({training['peer']['trained_at']}, {peer['model']}), "
                     + ("unchanged since, reused" if peer["trained_on_todays_phrases"]
                        else "reused although the phrases have CHANGED since"))
    lines += ["", f"{'':40}{'house':>10}{'bot alone':>11}{'peer':>10}{'house/peer':>12}{'bot/peer':>10}  better"]
    for label, path, better in SERVING:
        name = "_".join(path)
        figures = [_at(serving[side], path) for side in ("house", "bot", "peer")]
        lines.append(f"{label.format(**size):40}{figures[0]:>10.1f}{figures[1]:>11.1f}{figures[2]:>10.1f}"
                     f"{_show(found['house'][name]):>12}{_show(found['bot'][name]):>10}  {better}")
    lines += ["", f"{'':40}{'ours':>10}{'':>11}{'peer':>10}{'ours/peer':>12}"]
    for label, name in TRAINING:
        lines.append(f"{label:40}{training['ours'][name]:>10.1f}{'':>11}{training['peer'][name]:>10.1f}"
                     f"{_show(found['training'][name]):>12}{'':>10}  less")
    lines.append("")
    for side in ("house", "bot", "peer"):
        memory = ", ".join(f"{name} {each['rss_mb']:.0f} MB" for name, each in serving[side]["memory"].items())
        failed = sum(serving[side][part]["failures"] for part in ("one_client", "at_once"))
        handed = sum(serving[side][part]["handed_over"] for part in ("one_client", "at_once"))
        lines.append(f"  {side}: {memory}; {failed} messages without an answer, {handed} handed to a person")
    aim = found["house"]["at_once_per_second"]
    lines.append(f"  aim: twice the peer's messages a second through the whole house; here {_show(aim)}")
    return "\n".join(lines)


def _show(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}×"
