"""Leads a rehearsal: starts the players, lets the clock run and leap, kills players with SIGKILL, and judges."""

import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlmodel import select

from backend.deadlines import rules
from backend.deadlines import service as deadlines
from backend.deadlines.tables import Deadline, DeadlineNotice
from backend.infra import journal
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from tests.cast import hire
from tests.soak import stage
from tests.soak.player import play

_FORK = multiprocessing.get_context("fork")
WRITERS, WORKERS = 2, 2


@dataclass
class Result:
    """What a rehearsal found. All lists of faults are empty when the house holds."""

    dialect: str
    seed: int
    cases: int = 0
    deadlines: int = 0
    moves: int = 0
    notices: int = 0
    said: int = 0
    kills: dict[str, int] = field(default_factory=lambda: {"writer": 0, "worker": 0})
    leaps: int = 0
    seconds: float = 0
    journal: int = 0
    lost_moves: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return [*self.lost_moves, *self.doubled, *self.missed, *self.early, *self.broken]


def rehearse(engine: Engine, cases: int, seed: int, kill_every: float = 1.0, most_kills: int = 10**6) -> Result:
    """The whole rehearsal on a migrated, empty database."""
    chance = random.Random(seed)
    result = Result(engine.dialect.name, seed)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="zhike-soak-") as given:
        folder = Path(given)
        _set_up(engine, folder)
        clock = stage.Clock(folder / "clock")
        url = engine.url.render_as_string(hide_password=False)
        players: dict[str, BaseProcess] = {}
        try:
            _play(players, clock, url, folder, cases, chance, (kill_every, most_kills), result)
        finally:
            for player in players.values():
                player.kill()
                player.join()
        _finish(engine, clock)
        _judge(engine, folder, cases, result)
    result.seconds = round(time.monotonic() - begun, 1)
    return result


def _set_up(engine: Engine, folder: Path) -> None:
    stage.prepare(engine)
    (folder / "regimes.yml").write_text(stage.REGIMES, encoding="utf-8")
    with Works(engine, {}).begin(SYSTEM, stage.BEGINS) as work:
        hire(work)
        deadlines.seed(work, folder)


def _play(players: dict[str, BaseProcess], clock: stage.Clock, url: str, folder: Path, cases: int,
          chance: random.Random, kills: tuple[float, int], result: Result) -> None:
    """Until both writers have filed all their cases."""
    share = cases // WRITERS
    kill_every, most_kills = kills

    started: dict[str, float] = {}

    def index(name: str) -> int:
        role, lane = name.split("-")
        return int(lane) + (0 if role == "writer" else WRITERS)

    def start(name: str) -> None:
        role, lane = name.split("-")
        started[name] = clock.beats(index(name))
        # Forked, so that a killed player is back at once; it opens a database connection of its own.
        players[name] = _FORK.Process(target=play, args=(role, url, folder, int(lane), chance.randrange(10**9), share))
        players[name].start()

    for lane in range(WRITERS):
        start(f"writer-{lane}")
    for lane in range(WORKERS):
        start(f"worker-{lane}")
    next_kill = time.monotonic() + kill_every * 3
    leap, leap_ends = timedelta(0), 0.0
    while any(clock.progress(lane) < 1 for lane in range(WRITERS)):
        now = time.monotonic()
        gone = sum(clock.progress(lane) for lane in range(WRITERS)) / WRITERS
        if leap and now > leap_ends:
            leap = timedelta(0)
        elif not leap and chance.random() < 0.02:
            leap, leap_ends = timedelta(hours=chance.uniform(-60, 60)), now + chance.uniform(0.05, 0.6)
            result.leaps += 1
        clock.set(stage.BEGINS + stage.LASTS * gone + leap)
        if now > next_kill and sum(result.kills.values()) < most_kills:
            # Only who is in the middle of something is worth killing.
            busy = [one for one in sorted(players)
                    if players[one].is_alive() and clock.beats(index(one)) > started[one] + 5]
            if not busy:
                time.sleep(0.02)
                continue
            name = chance.choice(busy)
            players[name].kill()  # SIGKILL: no good-bye, no clean-up
            players[name].join()
            result.kills[name.split("-")[0]] += 1
            start(name)
            next_kill = now + chance.uniform(0.5, 1.5) * kill_every
        for name, player in list(players.items()):
            if player.exitcode == 1:
                raise RuntimeError(f"{name} fell: {(folder / f'{name}.log').read_text()[-3000:]}")
        time.sleep(0.02)


def _finish(engine: Engine, clock: stage.Clock) -> None:
    """A year later everything has neared and run out: sweeps until nothing is left to say, then the seal."""
    late = stage.BEGINS + timedelta(days=365)
    clock.set(late)
    own = Works(engine, stage.REACTIONS)
    while deadlines.sweep(own, late):
        pass
    for _ in range(1_000_000):
        with own.begin(SYSTEM, late + timedelta(days=1)) as work:
            if not journal.seal(work.session, work.now):
                break


def _judge(engine: Engine, folder: Path, cases: int, result: Result) -> None:
    works = Works(engine, {})
    acknowledged = [line for path in folder.glob("done-*.txt") for line in path.read_text().split()]
    with works.read(SYSTEM) as work:
        session = work.session
        known = dict(session.execute(text("SELECT id, move FROM soak_moves")).all())
        result.moves = len(known)
        result.cases = sum(move == "file" for move in known.values())
        result.lost_moves = [f"lost move {one}" for one in acknowledged if one not in known]
        if result.cases != cases // WRITERS * WRITERS:
            result.broken.append(f"{result.cases} cases of {cases}")
        said = session.execute(text("SELECT subject, kind, fact, due, detail, COUNT(*) FROM soak_said"
                                    " GROUP BY subject, kind, fact, due, detail")).all()
        result.said = sum(row[5] for row in said)
        result.doubled = [f"said {row[5]} times: {row[:5]}" for row in said if row[5] > 1]
        breaches = {(row[0], row[1]) for row in said if row[2] == "DeadlineBreached"}
        notices: dict[str, list[DeadlineNotice]] = {}
        for notice in session.exec(select(DeadlineNotice)):
            notices.setdefault(notice.deadline_id, []).append(notice)
            result.notices += 1
        journalled = Counter(
            (entry.subject_id, entry.action)
            for entry in session.exec(select(journal.JournalEntry).where(journal.JournalEntry.subject_kind == "case"))
        )
        rows = session.exec(select(Deadline)).all()
        result.deadlines = len(rows)
        for row in rows:
            _judge_one(row, notices.get(row.id, []), breaches, result)
        _judge_moves(rows, journalled, result)
        verdict = journal.verify(session)
        result.journal = verdict.sealed
        if not verdict.intact or verdict.unsealed:
            result.broken.append(f"journal: {verdict}")


def _judge_one(row: Deadline, notices: list[DeadlineNotice], breaches: set[tuple[str, str]], result: Result) -> None:
    where = f"{row.subject_id} {row.kind}"
    result.early += [f"{where}: {one.point} before its time" for one in notices if one.noticed_at < one.at]
    counted = Counter((one.point, one.due_at) for one in notices)
    result.doubled += [f"{where}: {key}" for key, count in counted.items() if count > 1]
    ran_out = [one for one in notices if one.point == "breach"]
    if len(ran_out) > 1:
        result.doubled.append(f"{where}: ran out {len(ran_out)} times")
    if bool(ran_out) != (row.breached_at is not None) or bool(ran_out) != ((row.subject_id, row.kind) in breaches):
        result.broken.append(f"{where}: notice, row and fact of the breach disagree")
    if ran_out and (row.breached_at != row.due_at or ran_out[0].at != row.due_at):
        result.broken.append(f"{where}: breach not stamped with the true instant")
    if row.met_at is not None and row.met_at > row.due_at and not ran_out:
        result.missed.append(f"{where}: done late, never noticed")
    if row.clock.running:
        # A year has passed: everything must have been noticed, under the last due date or an earlier one.
        said = {one.point for one in notices}
        result.missed += [f"{where}: {point}" for point in stage.POINTS[row.kind] - said]
        if row.next_check_at is not None or rules.judge(row.clock, stage.BEGINS + timedelta(days=400)).breached:
            result.missed.append(f"{where}: still waits for the sweep")
    ended = row.met_at or row.dropped_at
    if ended is None and row.paused_at is None:
        return
    # What was over or stopped had been noticed as far as it had come, if a sweep could see it.
    if row.next_check_at is not None:
        result.broken.append(f"{where}: over or stopped, and still woken")


def _judge_moves(rows: Any, journalled: Counter[tuple[str, str]], result: Result) -> None:
    """Each move of a date in a row has its line in the journal, and no more lines than moves."""
    moved: Counter[tuple[str, str]] = Counter()
    for row in rows:
        old: datetime | None = None
        for move in row.explanation.get("moves", []):
            moved[(row.subject_id, f"deadline_{move['why']}")] += 1
            if old is not None and datetime.fromisoformat(move["old"]) != old:
                result.lost_moves.append(f"{row.subject_id} {row.kind}: a move does not start where the last one ended")
            old = datetime.fromisoformat(move["new"])
        if old is not None and old != row.due_at:
            result.lost_moves.append(f"{row.subject_id} {row.kind}: the date is not where the last move put it")
    for key in set(moved) | {one for one in journalled if one[1] in ("deadline_extended", "deadline_resumed")}:
        if moved[key] != journalled[key]:
            result.lost_moves.append(f"{key}: {moved[key]} moves, {journalled[key]} lines of the journal")


def main() -> None:
    """``SOAK_CASES=10000 python -m tests.soak.director sqlite|postgresql [seed]``."""
    from backend.infra import schema
    from backend.infra.db import make_engine
    from tests import postgres

    dialect = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    cases = int(os.environ.get("SOAK_CASES", "10000"))

    def run(url: str) -> None:
        engine = make_engine(url)
        schema.upgrade(engine)
        result = rehearse(engine, cases, seed, kill_every=float(os.environ.get("SOAK_KILL_EVERY", "2")))
        engine.dispose()
        shown = asdict(result) | {name: len(getattr(result, name)) for name in ("lost_moves", "doubled", "missed", "early", "broken")}
        print(json.dumps(shown, ensure_ascii=False), flush=True)
        for fault in result.faults[:20]:
            print("  ", fault)
        raise SystemExit(1 if result.faults else 0)

    if dialect == "postgresql":
        with postgres.server() as url:
            run(url)
    else:
        with tempfile.TemporaryDirectory() as folder:
            run(f"sqlite:///{folder}/soak.db")


if __name__ == "__main__":
    main()
