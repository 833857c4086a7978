"""Runs in the bot's environment: one process takes the pack over, changed a little each time, again and again.

Prints one JSON object: resident memory by tenths, and what one take-over costs until the matcher knows it too.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

#: Every so many publications bring a new example question along, which must be embedded.
NEW_QUESTION_EVERY = 10


def pack() -> list[dict[str, Any]]:
    """The demo pack as the backend would feed it."""
    rows = []
    for path in sorted((ROOT / "data" / "packs" / "retail" / "scripts").glob("*.yml")):
        for row in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            rows.append({"key": row["key"], "version": 1, "version_id": row["key"], "topic": row["topic"], "channel": "any",
                         "title": row["title"], "text": row["text"], "buttons": row.get("buttons") or [],
                         "examples": [str(one) for one in row.get("examples") or []]})
    return rows


def resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--publications", type=int, required=True)
    count = parser.parse_args().publications

    from bot.components.encoder import second_encoder, shared_encoder
    from bot.matcher import ScriptMatcher
    from bot.scripts import ScriptCache
    from bot.understanding import Understanding

    scripts = pack()
    answers = [number for number, row in enumerate(scripts) if row["topic"] != "system" and row["examples"]]
    with tempfile.TemporaryDirectory() as folder:
        cache = ScriptCache(file=Path(folder) / "scripts.json")
        cache.apply({"revision": 0, "scripts": scripts})
        understanding = Understanding(cache, ScriptMatcher(shared_encoder(), second_encoder()))
        rows: list[dict[str, float]] = []
        spent = 0.0
        for number in range(count + 1):
            if number % max(1, count // 10) == 0:
                gc.collect()
                rows.append({"after": number, "rss_mb": resident_mb()})
            row = scripts[answers[number % len(answers)]]
            row["version"] += 1
            row["text"] = f"{row['text'].split('（')[0]}（第 {number} 次改）"
            if number % NEW_QUESTION_EVERY == 0:
                row["examples"] = [*row["examples"][:8], f"第 {number} 个新问法是什么"]
            feed = json.loads(json.dumps({"revision": number + 1, "scripts": scripts}, ensure_ascii=False))
            began = time.perf_counter()
            cache.apply(feed)
            cache.save(feed)
            assert understanding.settled()
            spent += time.perf_counter() - began
            said = cache.get(row["key"])
            assert said is not None and said.text == row["text"], "an old wording is still said"
            understanding.matcher.match("发票怎么开")
    print(json.dumps({"publications": count, "rows": rows, "take_over_ms": round(spent * 1000 / (count + 1), 2),
                      "questions": understanding.matcher.size}))


if __name__ == "__main__":
    main()
