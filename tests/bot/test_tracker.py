"""The bot's memory between turns, checked in the bot's own environment."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_dialogues_are_kept_without_doubles_and_a_failed_turn_leaves_nothing() -> None:
    done = subprocess.run([ROOT / ".venv/bot/bin/python", "-W", "ignore", "-m", "tests.bot.tracker_check"], cwd=ROOT,
                          capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("OK"), done.stderr[-3000:]
