"""Checks that need the bot's own environment (Rasa lives in another Python): run there, told here."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def checked(module: str, seconds: float = 120) -> None:
    """Run `tests.bot.MODULE`, which prints OK at its end; fails with what it said."""
    done = subprocess.run([ROOT / ".venv/bot/bin/python", "-W", "ignore", "-m", f"tests.bot.{module}"], cwd=ROOT,
                          capture_output=True, text=True, timeout=seconds)
    assert done.stdout.strip().endswith("OK"), done.stderr[-3000:]
