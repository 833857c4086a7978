"""Matching at 5,000 scripts of 10 questions, and a library after one change, beside brute-force character TF-IDF."""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import phrases, surroundings
from benchmarks.processes import BOT_PYTHON, ROOT, Failed

#: The product's promise (issue "Approved scripts"): found within this after the sentence vector is there.
PROMISE_MS = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("script_matching")
    group.add_argument("--scripts", type=int, default=5000, help="scripts in the library")


def run(options: argparse.Namespace, out: Path) -> dict[str, Any] | None:
    """Both sides over the same library and the same sentences, one after the other, each in a fresh process."""
    if getattr(options, "peer_only", False):
        return None
    sizes = {"scripts": 200 if options.quick else options.scripts, "questions": 10,
             "asked": 60 if options.quick else 600, "changes": 5 if options.quick else 40}
    machine = surroundings.facts()
    spoken = [text for texts in phrases.training_phrases().values() for text in texts if text.strip()]
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as given:
        words = Path(given) / "phrases.json"
        words.write_text(json.dumps(spoken, ensure_ascii=False), encoding="utf-8")
        sides = {side: _measured(side, words, sizes) for side in ("ours", "peer")}
    machine["load_after"] = surroundings.load()
    ours, peer = sides["ours"], sides["peer"]
    return {"name": "script_matching", "quick": options.quick, "surroundings": machine, "sizes": sizes, **sides,
            "ratio": {"match_p50": round(ours["match_ms"]["p50"] / peer["match_ms"]["p50"], 3),
                      "match_p99": round(ours["match_ms"]["p99"] / peer["match_ms"]["p99"], 3),
                      "rebuild_p50": round(ours["rebuild_ms"]["p50"] / peer["rebuild_ms"]["p50"], 3)},
            "promise_ms": PROMISE_MS, "kept": ours["match_ms"]["p50"] <= PROMISE_MS}


def _measured(side: str, words: Path, sizes: dict[str, int]) -> dict[str, Any]:
    command = [str(BOT_PYTHON), "-W", "ignore", str(ROOT / "benchmarks" / "script_matching_bot.py"), side, str(words)]
    for name, value in sizes.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings.bare_environment(), cwd=ROOT)
    if done.returncode != 0:
        raise Failed(f"the {side} side ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def table(result: dict[str, Any]) -> str:
    ours, peer, ratio, sizes = result["ours"], result["peer"], result["ratio"], result["sizes"]
    rows = [
        ("one sentence matched, p50 ms", ours["match_ms"]["p50"], peer["match_ms"]["p50"], ratio["match_p50"]),
        ("one sentence matched, p99 ms", ours["match_ms"]["p99"], peer["match_ms"]["p99"], ratio["match_p99"]),
        ("  processor time of it, p50 ms", ours["match_ms"]["cpu_p50"], peer["match_ms"]["cpu_p50"],
         round(ours["match_ms"]["cpu_p50"] / peer["match_ms"]["cpu_p50"], 3)),
        ("after one changed script, p50 ms", ours["rebuild_ms"]["p50"], peer["rebuild_ms"]["p50"],
         ratio["rebuild_p50"]),
        ("after one changed script, max ms", ours["rebuild_ms"]["max"], peer["rebuild_ms"]["max"], ""),
        ("memory MB", ours["memory_mb"]["after_changes"], peer["memory_mb"]["after"], ""),
    ]
    head = f"script matching, {sizes['scripts']} scripts x {sizes['questions']} questions, after embedding, one core"
    lines = [head, f"  {'':36}{'ours':>10}{'TF-IDF':>10}{'ratio':>8}"]
    lines += [f"  {name:36}{left:>10}{right:>10}{share:>8}" for name, left, right, share in rows]
    lines.append(f"  the same first script as a look at every row: {ours['same_first_as_exact']:.0%}; "
                 f"promise {result['promise_ms']} ms: {'kept' if result['kept'] else 'NOT kept'}")
    return "\n".join(lines)
