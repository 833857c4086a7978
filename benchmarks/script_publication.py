"""From an approval to its words, through the three real programs with two bots, beside plain Rasa's retrain and swap."""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import rasa_swap, surroundings
from benchmarks.house import House, standing
from benchmarks.processes import BOT_PYTHON, ROOT, Failed, answer_of, settle, weigh
from benchmarks.traffic import POLL, Connection, percentile

#: The product's promise: from the approval's commit to the bot's next answer.
PROMISE_MS = 1000.0
KEY, ASKED = "invoice.how_to_issue", "发票怎么开"
BOTS = 2
GIVE_UP = 20.0


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("script_publication")
    group.add_argument("--publications", type=int, default=150, metavar="N", help="publications that are timed")
    group.add_argument("--swap-epochs", type=int, default=1, metavar="N",
                       help="epochs of the peer that is retrained after an edit; its own recipe says 100")
    group.add_argument("--swaps", type=int, default=3, metavar="N", help="edits of the peer's responses; 0 leaves it out")
    group.add_argument("--memory-publications", type=int, default=0, metavar="N",
                       help="so many more publications, with the memory of backend and bots by tenths (10000: long)")


def run(options: argparse.Namespace, out: Path) -> dict[str, Any] | None:
    if options.peer_only:
        return None
    machine = surroundings.facts()
    count = 12 if options.quick else options.publications
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as given:
        home = Path(given)
        _note("the house with two bots …")
        with standing(home, BOTS) as house:
            quiet = settle(house.pids)
            office = Office(house)
            for number in range(3):
                timed(house, office, number, f"warm-{number}")
            ours = _figures([timed(house, office, number, str(number)) for number in range(count)])
            ours["quiet_before"] = quiet
            memory = _memory(house, office, options.memory_publications) if options.memory_publications else None
            office.close()
        swaps = min(1, options.swaps) if options.quick else options.swaps
        peer = None
        if swaps:
            _note("the peer: trained from nothing, then edited, trained and swapped …")
            peer = rasa_swap.measure(home / "peer", quick=options.quick, epochs=options.swap_epochs, edits=swaps)
    machine["load_after"] = surroundings.load()
    result = {"name": "script_publication", "quick": options.quick, "surroundings": machine, "publications": count,
              "bots": BOTS, "ours": ours, "peer": peer, "memory": memory, "promise_ms": PROMISE_MS,
              "kept": ours["answers"]["p99_ms"] <= PROMISE_MS and not ours["old_at_the_door"]}
    if peer:
        seconds = statistics.median(edit["seconds"] for edit in peer["edits"])
        result["ratio"] = {"p50": round(seconds * 1000 / ours["answers"]["p50_ms"]),
                           "p99": round(seconds * 1000 / ours["answers"]["p99_ms"])}
    return result


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- publishing -----------------------------------------------------------------------------------------------------


class Office:
    """Author and approver at the staff API."""

    def __init__(self, house: House) -> None:
        self.author, self._author_token = house.staff("sumin")
        self.approver, self._approver_token = house.staff("shenlan")
        found = self.author.call("GET", f"/api/scripts/{KEY}", None, self._author_token)
        current = next(one for one in found["versions"] if one["state"] == "effective")
        self.examples = current["examples"]

    def submitted(self, name: str) -> dict[str, Any]:
        """A version that waits for its approval."""
        draft = self.author.call("POST", f"/api/scripts/{KEY}/versions", {
            "text": f"在「我的订单」里点「开发票」就可以。（{name}）", "examples": self.examples}, self._author_token)
        return dict(self.author.call("POST", f"/api/scripts/{KEY}/submit", {"version": draft["version"]},
                                     self._author_token))

    def approve(self, version: dict[str, Any]) -> float:
        """Gives the instant at which the version was put in force, a moment before its commit, in epoch seconds."""
        said = self.approver.call("POST", f"/api/scripts/{KEY}/approve",
                                  {"version": version["version"], "seen": version["hash"]}, self._approver_token)
        if said["state"] != "effective":
            raise Failed(f"approved, and yet {said['state']}")
        return datetime.fromisoformat(said["started_at"]).timestamp()

    def close(self) -> None:
        self.author.close()
        self.approver.close()


@dataclass
class Timed:
    """One publication: ms from when the version was put in force, inside the approval's transaction."""

    approval: float = 0.0  # the whole request, in ms
    taken_over: dict[str, float] = field(default_factory=dict)  # by bot: until its own set had the new words
    place: str = ""  # where a customer asked next
    answered: float = 0.0
    old_words: bool = False  # they asked after the confirmation and heard an old version
    failure: str | None = None


def timed(house: House, office: Office, number: int, name: str) -> Timed:
    """Approve one version; then somebody asks at once, in turn at the website's door and at each bot's own channel.

    The clock starts at the stamp that the approval's transaction sets just before it commits (one machine, one clock).
    One place a time is asked: three questions at once would measure each other.
    """
    version = office.submitted(name)
    result = Timed(place=("door", *(f"bot {one + 1}" for one in range(len(house.bots))))[number % (1 + len(house.bots))])
    asker: Customer | BotsOwn = (Customer(house) if result.place == "door"
                                 else BotsOwn(house, int(result.place[-1]) - 1, name))
    began = [0.0]
    go = threading.Event()
    watchers = [threading.Thread(target=_watch, args=(house, bot, go, began, result)) for bot in range(len(house.bots))]
    for watcher in watchers:
        watcher.start()
    sent = time.time()
    began[0] = time.perf_counter()
    go.set()
    before_commit = (office.approve(version) - sent) * 1000
    result.approval = (time.perf_counter() - began[0]) * 1000
    try:
        while (said := asker.ask()) != (KEY, version["version"]):
            # At the door the text comes from the database: never old. A bot's own words follow its next poll.
            result.old_words = True
            if time.perf_counter() - began[0] > GIVE_UP:
                raise Failed(f"{result.place} says {said} and not version {version['version']}")
            time.sleep(0.02)
        result.answered = (time.perf_counter() - began[0]) * 1000
    finally:
        for watcher in watchers:
            watcher.join()
        asker.close()
    if result.failure:
        raise Failed(result.failure)
    result.answered -= before_commit
    result.taken_over = {bot: after - before_commit for bot, after in result.taken_over.items()}
    return result


def _watch(house: House, bot: int, go: threading.Event, began: list[float], result: Timed) -> None:
    """When one bot's set has changed, by its health page."""
    connection = Connection(house.bots[bot])

    def revision() -> int:
        return int(connection.call("GET", "/webhooks/zhike/health")["scripts"]["revision"])

    try:
        known = revision()
        go.wait()
        while revision() == known:
            if time.perf_counter() - began[0] > GIVE_UP:
                result.failure = f"bot {bot + 1} never took the new set over"
                return
            time.sleep(0.02)
        result.taken_over[f"bot {bot + 1}"] = (time.perf_counter() - began[0]) * 1000
    except Exception as error:
        result.failure = f"bot {bot + 1}: {error}"
    finally:
        connection.close()


class BotsOwn:
    """One bot's own channel, past the gateway: what it would say by itself."""

    def __init__(self, house: House, bot: int, name: str) -> None:
        self._connection = Connection(house.bots[bot], {"X-Zhike-Secret": house.secret})
        self._name, self._turn = name, 0

    def ask(self) -> tuple[str, int]:
        self._turn += 1
        said = self._connection.call("POST", "/webhooks/zhike/webhook", {
            "sender": f"bench-{self._name}-{self._turn}", "message_id": f"{self._name}-{self._turn}", "text": ASKED,
            "button": None, "channel": "web"})
        script = said["messages"][0].get("script") or {}
        return script.get("key"), script.get("version")

    def close(self) -> None:
        self._connection.close()


class Customer:
    """A new conversation at the website's door."""

    def __init__(self, house: House) -> None:
        self._connection = Connection(house.port)
        chat = self._connection.call("POST", "/api/chat/sessions", {"channel": "web"})
        self._chat, self._token = chat["conversation_id"], chat["token"]

    def ask(self) -> tuple[str, int]:
        """Key and version of the answer."""
        seq = self._connection.call("POST", f"/api/chat/{self._chat}/messages", {"client_id": "1", "text": ASKED},
                                    self._token)["seq"]
        news = self._connection.call("GET", f"/api/chat/{self._chat}/messages?after={seq}&wait={POLL:g}", None,
                                     self._token)
        script = next(one["script"] for one in news["messages"] if one["from"] == "bot")
        return script["key"], script["version"]

    def close(self) -> None:
        self._connection.close()


# --- figures --------------------------------------------------------------------------------------------------------


def _figures(all_timed: list[Timed]) -> dict[str, Any]:
    def row(values: list[float]) -> dict[str, float]:
        return {"n": len(values), "p50_ms": round(percentile(values, 50), 1), "p99_ms": round(percentile(values, 99), 1),
                "max_ms": round(max(values), 1)}

    places = sorted({one.place for one in all_timed})
    return {"approval": row([one.approval for one in all_timed]),
            "taken_over": row([max(one.taken_over.values()) for one in all_timed]),
            **{place: row([one.answered for one in all_timed if one.place == place]) for place in places},
            "answers": row([one.answered for one in all_timed]),
            "old_at_the_door": sum(one.old_words for one in all_timed if one.place == "door"),
            "old_at_a_bot": sum(one.old_words for one in all_timed if one.place != "door")}


def _memory(house: House, office: Office, count: int) -> dict[str, Any]:
    """Resident memory while the library changes over and over, nothing else going on."""
    step = max(1, count // 10)
    watched = {name: pid for name, pid in house.pids.items() if name != "actions"}
    rows = [{"after": 0, **_resident(watched)}]
    began = time.monotonic()
    for number in range(1, count + 1):
        office.approve(office.submitted(f"memory-{number}"))
        if number % step == 0 or number == count:
            time.sleep(1)
            rows.append({"after": number, **_resident(watched)})
            _note(f"  {number} publications, {time.monotonic() - began:.0f} s: {rows[-1]}")
    one_by_one = answer_of([str(BOT_PYTHON), "-W", "ignore", str(ROOT / "benchmarks" / "script_publication_bot.py"),
                            "--publications", str(count)])
    half = rows[len(rows) // 2]
    seen = {f"bot {number}": (house.logs / f"bot {number}.log").read_text(errors="replace").count("scripts: revision")
            for number in range(1, BOTS + 1)}
    return {"publications": count, "seconds": round(time.monotonic() - began), "rows": rows, "taken_over": seen,
            "one_by_one": json.loads(one_by_one.splitlines()[-1]),
            "growth_mb": {name: round(rows[-1][name] - rows[0][name], 1) for name in watched},
            "second_half_mb": {name: round(rows[-1][name] - half[name], 1) for name in watched}}


def _resident(pids: dict[str, int]) -> dict[str, Any]:
    return {name: each["rss_mb"] for name, each in weigh(pids).items()}


def table(result: dict[str, Any]) -> str:
    """The figures as a page of plain text."""
    here, ours, peer = result["surroundings"], result["ours"], result["peer"]
    lines = [f"script_publication: {result['publications']} approvals, from the approval's commit to the new words, "
             f"{result['bots']} bots",
             f"  {here['cores']} cores, {here['processor']}; load {here['load_before']} before, {here['load_after']} "
             f"after; {here['at']}"]
    if result["quick"]:
        lines.append("  QUICK: few publications, a peer of few phrases. These figures mean little.")
    lines += ["", f"{'':58}{'n':>6}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}"]
    names = {"approval": "the approval itself (request to confirmation)",
             "taken_over": "every bot has the new set",
             "door": "a customer's next answer, at the website's door",
             "answers": "publication to speech: all answers"}
    for name in ("approval", "taken_over", "door", *sorted(one for one in ours if one.startswith("bot ")), "answers"):
        label, row = names.get(name, f"{name} says it of its own"), ours[name]
        lines.append(f"{label:58}{row['n']:>6}{row['p50_ms']:>10.0f}{row['p99_ms']:>10.0f}{row['max_ms']:>10.0f}")
    lines.append(f"  promised: {result['promise_ms']:.0f} ms; {'kept' if result['kept'] else 'NOT KEPT'}; old words after the "
                 f"confirmation: {ours['old_at_the_door']} at the door, {ours['old_at_a_bot']} from a bot's own mouth "
                 "(the gateway says the new ones in their place)")
    if peer:
        seconds = [edit["seconds"] for edit in peer["edits"]]
        lines += ["", f"plain Rasa {peer['rasa']}, responses edited → rasa train → PUT /model → first new answer "
                      f"({len(seconds)} edits, {peer['epochs']} epochs instead of the recipe's 100)",
                  f"{'  with its training cache warm':58}" + f"{statistics.median(seconds):>9.1f} s  of these: training "
                  f"{statistics.median(edit['training']['wall_seconds'] for edit in peer['edits']):.1f} s, swap "
                  f"{statistics.median(edit['swap'] for edit in peer['edits']):.1f} s",
                  f"{'  (trained from nothing)':58}{peer['from_nothing']['wall_seconds']:>9.1f} s",
                  f"  ours is {result['ratio']['p50']} times as fast at p50, {result['ratio']['p99']} times at p99"]
    if result["memory"]:
        memory = result["memory"]
        lines += ["", f"memory over {memory['publications']} publications in {memory['seconds']} s (MB resident); the bots "
                      f"took over {memory['taken_over']} sets, several publications at once where they came faster"]
        lines += ["  " + "  ".join(f"{name} {value}" for name, value in row.items()) for row in memory["rows"]]
        lines.append(f"  growth {memory['growth_mb']}, of it in the second half {memory['second_half_mb']}")
        alone = memory["one_by_one"]
        lines.append(f"  a bot's set and matcher, every single one of {alone['publications']} taken over "
                     f"({alone['take_over_ms']} ms each): "
                     + ", ".join(f"{row['after']:.0f}: {row['rss_mb']:.0f}" for row in alone["rows"]))
    return "\n".join(lines)
