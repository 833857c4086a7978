"""Where a benchmark ran: what its figures depend on besides the code."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.processes import BOT_PYTHON, answer_of
from bot.settings import THREADS

#: Of the caller's environment only this reaches a program under measurement.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER")


def bare_environment() -> dict[str, str]:
    """The same for both sides: one thread an operation, no telemetry, nothing of ours or the caller's."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, **THREADS, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}


def facts() -> dict[str, Any]:
    """The machine and the interpreters, with the load that others put on it now."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _field("/proc/cpuinfo", "model name"),
        "memory_mb": int(_field("/proc/meminfo", "MemTotal").split()[0] or 0) // 1024,
        "system": platform.platform(),
        "python_backend": platform.python_version(),
        "python_bot": answer_of([str(BOT_PYTHON), "-c", "import platform; print(platform.python_version())"]),
        "load_before": load(),
    }


def load() -> float:
    """Processes that wanted a core during the last minute, ours included."""
    return round(os.getloadavg()[0], 2)


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "0"
