"""Programs under measurement: started, waited for, weighed through /proc, stopped by their own number."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BOT_PYTHON = ROOT / ".venv" / "bot" / "bin" / "python"
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A program under measurement did not do its part; the message carries its last words."""


@dataclass(frozen=True)
class Cost:
    """What one whole process took, by the operating system's own accounting."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float

    def as_dict(self) -> dict[str, float]:
        return {name: round(value, 2) for name, value in asdict(self).items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(path: Path, lines: int = 25) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def measured(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> Cost:
    """Run a command to its end. Raises Failed when it does not end well."""
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT)
        try:
            # wait4 gives this child's own figures; getrusage(RUSAGE_CHILDREN) would mix all that ever ran.
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{tail(log)}")
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@contextmanager
def running(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path, ready: Callable[[], bool],
            patience: float) -> Iterator[tuple[int, float]]:
    """A program from ready to stopped: its pid, and how many seconds it took to be ready."""
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT)
        try:
            while not ready():
                if process.poll() is not None or time.monotonic() - began > patience:
                    raise Failed(f"{' '.join(command)} is not ready:\n{tail(log)}")
                time.sleep(0.1)
            yield process.pid, time.monotonic() - began
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        # A supervisor killed outright leaves its children behind: take them along, by number.
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def weigh(pids: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Resident memory of each process now, and its highest so far, in MB."""
    return {name: {"rss_mb": _status(pid, "VmRSS"), "peak_mb": _status(pid, "VmHWM")} for name, pid in pids.items()}


def _status(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def cpu_seconds(pids: Mapping[str, int]) -> float:
    """CPU time that these processes have used so far."""
    total = 0
    for pid in pids.values():
        # The command name may hold blanks; the fields are counted from after its bracket.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def answer_of(command: Sequence[str]) -> str:
    """What a short command prints."""
    done: subprocess.CompletedProcess[Any] = subprocess.run(command, capture_output=True, text=True, check=True)
    return str(done.stdout).strip()


def settle(pids: Mapping[str, int], patience: float = 60.0) -> bool:
    """Wait until these processes have done what they still do after starting; False when they never rest."""
    until = time.monotonic() + patience
    before = cpu_seconds(pids)
    while time.monotonic() < until:
        time.sleep(2)
        now = cpu_seconds(pids)
        if now - before < 0.2:
            return True
        before = now
    return False
