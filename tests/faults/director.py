"""Leads a rehearsal: opens the conversations, kills processes while they run, and has the books judged."""

import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from backend.infra.db import make_engine
from backend.infra.work import Works
from backend.wiring import REACTIONS
from tests.faults.agents import Agent
from tests.faults.customers import Customer
from tests.faults.house import House, standing
from tests.faults.judge import judge
from tests.faults.stage import Stage

AT_ONCE = 16
AGENTS = ("linjia", "zhouyang", "shenlan", "hantao")
ONE_TALK_SECONDS = 240.0


@dataclass
class Result:
    """What was done and what was broken; ``faults`` is empty when the house keeps its promises."""

    seed: int
    dialect: str
    backends: int
    talks: int
    seconds: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    logs: str = ""

    def __str__(self) -> str:
        counted = ", ".join(f"{what} {count}" for what, count in sorted(self.counts.items()))
        killed = ", ".join(f"{what} {count}" for what, count in sorted(self.kills.items()))
        return (f"{self.dialect}, {self.backends} backend(s), seed {self.seed}: {self.talks} conversations in "
                f"{self.seconds:.0f} s; killed: {killed}; {counted}; faults: {len(self.faults)}")


async def rehearse(url: str, folder: Path, seed: int, talks: int, backends: int, kill_every: float,
                   at_once: int = AT_ONCE) -> Result:
    """The whole rehearsal on an empty database, with logs in ``folder``."""
    began = time.monotonic()
    async with standing(url, folder, backends, seed) as house:
        engine = make_engine(url)
        stage = Stage(house, Works(engine, REACTIONS), seed)
        result = Result(seed, engine.dialect.name, backends, talks)
        staff = [Agent(stage, name) for name in AGENTS]
        await asyncio.gather(*(one.sign_in() for one in staff))
        working = [asyncio.create_task(one.work()) for one in staff]
        killing = [asyncio.create_task(_keep_killing(house, name, random.Random(f"{seed}:{name}"), kill_every))
                   for name in house.programs]
        try:
            await _play(stage, talks, at_once, [*working, *killing])
        finally:
            for task in (*working, *killing):
                task.cancel()
            await asyncio.gather(*working, *killing, return_exceptions=True)
            await stage.http.aclose()
        result.faults = stage.faults + await asyncio.to_thread(judge, stage.works, [*stage.talks.values()], result.counts)
        result.counts += stage.tally.done
        result.kills = house.kills
        result.logs = "\n".join(f"--- {name}\n{house.last_words(name)}" for name in house.programs)
        engine.dispose()
    result.seconds = time.monotonic() - began
    return result


async def _play(stage: Stage, talks: int, at_once: int, helpers: list[asyncio.Task[None]]) -> None:
    """So many customers at once; a helper that fails ends the rehearsal with its reason."""
    room = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with room:
            try:
                async with asyncio.timeout(ONE_TALK_SECONDS):
                    await Customer(stage, number).live()
            except TimeoutError:
                stage.faults.append(f"talk {number} took more than {ONE_TALK_SECONDS:g} seconds")

    playing = asyncio.gather(*(one(number) for number in range(talks)))
    done, _ = await asyncio.wait((playing, *helpers), return_when=asyncio.FIRST_COMPLETED)
    if playing not in done:
        playing.cancel()
    for task in done:
        task.result()


async def _keep_killing(house: House, name: str, dice: random.Random, every: float) -> None:
    """One program, again and again; each has a killer of its own, so that two may lie dead at once."""
    every *= {"backend": 1.0, "bot": 1.5, "worker": 3.0}[name.split("-")[0]]
    while True:
        await asyncio.sleep(every * dice.uniform(0.3, 1.7))
        await house.kill(name, dice.choice((0, 0, 0.3, 1.0)))


def run(url: str, seed: int, talks: int, backends: int, kill_every: float) -> Result:
    with tempfile.TemporaryDirectory(prefix="zhike-faults-") as folder:
        return asyncio.run(rehearse(url, Path(folder), seed, talks, backends, kill_every))


def main() -> None:
    """``ZHIKE_FAULT_CONVERSATIONS=200 python -m tests.faults.director sqlite|postgresql [seed]``."""
    from tests import postgres

    dialect = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    talks = int(os.environ.get("ZHIKE_FAULT_CONVERSATIONS", "200"))
    every = float(os.environ.get("ZHIKE_FAULT_KILL_EVERY", "5"))
    if dialect == "postgresql":
        with postgres.server() as url:
            result = run(url, seed, talks, 2, every)
    else:
        with tempfile.TemporaryDirectory() as folder:
            result = run(f"sqlite:///{folder}/faults.db", seed, talks, 1, every)
    print(result, flush=True)
    for fault in result.faults[:40]:
        print("  ", fault)
    if result.faults:
        print(result.logs)
    raise SystemExit(1 if result.faults else 0)


if __name__ == "__main__":
    main()
