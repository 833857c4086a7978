"""Backends, worker and bot as processes that can be killed and come back."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from backend.settings import settings
from tests.journeys.house import PASSWORD, ROOT, all_day_pack, free_port

START_SECONDS = 60
BOT_TIMEOUT = 3.0


class Nursery:
    """The process that forks the others (``nursery.py``)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def wait(self) -> None:
        """Until it has imported everything."""
        assert self._line() == "ready", "the nursery did not start"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, kind: str, env: dict[str, str], log: Path) -> int:
        """A new process of this kind; gives its number."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"kind": kind, "env": env, "log": str(log)}) + "\n")
        self._process.stdin.flush()
        return int(self._line())


@contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    with (folder / "nursery.log").open("wb") as log, subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.faults.nursery"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=log) as process:
        yield Nursery(process)
        # Leaving closes its stdin, which ends it and whatever it started.


@dataclass
class Program:
    """One process; its name is its kind and number (``backend-2``)."""

    name: str
    env: dict[str, str]
    log: Path
    started_by: Nursery
    pid: int = 0

    @property
    def kind(self) -> str:
        return self.name.split("-")[0]

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def start(self) -> None:
        self.pid = self.started_by.start(self.kind, self.env, self.log)

    def kill(self) -> None:
        """SIGKILL: no program gets to say goodbye."""
        os.kill(self.pid, signal.SIGKILL)
        while self.alive:
            time.sleep(0.005)


@dataclass
class House:
    """What runs, and how often it was killed."""

    programs: dict[str, Program]
    bases: list[str]
    kills: Counter[str] = field(default_factory=Counter)

    async def kill(self, name: str, pause: float) -> None:
        """Kill, wait a moment, start again, wait until it serves."""
        program = self.programs[name]
        assert program.alive, f"{name} died by itself:\n{self.last_words(name)}"
        await asyncio.to_thread(program.kill)
        self.kills[program.kind] += 1
        await asyncio.sleep(pause)
        program.start()
        await self.ready(name)

    async def ready(self, name: str) -> None:
        program = self.programs[name]
        if program.kind == "worker":
            return
        port = program.env["PORT" if program.kind == "backend" else "BOT_PORT"]
        address = f"http://127.0.0.1:{port}/{'healthz' if program.kind == 'backend' else 'health'}"
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            until = time.monotonic() + START_SECONDS
            while True:
                try:
                    if (await client.get(address)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                assert program.alive and time.monotonic() < until, f"{name} did not start:\n{self.last_words(name)}"
                await asyncio.sleep(0.05)

    def last_words(self, name: str) -> str:
        return self.programs[name].log.read_text(errors="replace")[-3000:]


@asynccontextmanager
async def standing(url: str, folder: Path, backends: int, seed: int) -> AsyncIterator[House]:
    """The whole house on a new database; each program with its log in ``folder``."""
    (folder / "var").mkdir()
    settings()  # draws the secrets, if nobody has yet; the director reads what the house encrypts
    shutil.copy(settings().var_dir / "secrets.json", folder / "var")
    env = {**os.environ, "VAR_DIR": str(folder / "var"), "DATABASE_URL": url, "BOT_PORT": str(free_port()),
           "ZHIKE_PACK": str(all_day_pack(folder)), "ZHIKE_DEMO_PASSWORD": PASSWORD, "ZHIKE_LOG_LEVEL": "WARNING",
           "ZHIKE_CHATS_PER_HOUR": "1000000", "ZHIKE_CHAT_PER_MINUTE": "1000000", "ZHIKE_WORKER": "0",
           "ZHIKE_BOT_TIMEOUT": str(BOT_TIMEOUT), "FAULT_SEED": str(seed), "PYTHONUTF8": "1"}
    with nursery(folder) as starts:
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-W", "ignore", "-m", "backend.cli", "db", "prepare", "--json"], cwd=ROOT,
            env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        await asyncio.to_thread(starts.wait)
        ports = [free_port() for _ in range(backends)]
        programs = {
            f"backend-{number}": Program(f"backend-{number}", env | {"PORT": str(port)}, folder / f"backend-{number}.log", starts)
            for number, port in enumerate(ports, 1)}
        programs |= {name: Program(name, env, folder / f"{name}.log", starts) for name in ("worker-1", "bot-1")}
        house = House(programs, [f"http://127.0.0.1:{port}" for port in ports])
        for program in programs.values():
            program.start()
        await asyncio.gather(*map(house.ready, programs))
        yield house
