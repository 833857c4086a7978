"""What a sweep costs with a million open deadlines, beside a plain scan that reads them all and judges in Python."""

import argparse
import contextlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine

from backend.deadlines import rules, store
from backend.deadlines import service as deadlines
from backend.deadlines.rules import Clock
from backend.deadlines.tables import Deadline
from backend.infra import schema
from backend.infra.db import make_engine
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant
from backend.wiring import REACTIONS
from benchmarks import surroundings
from benchmarks.processes import ROOT
from tests import postgres

NOW = shanghai_instant(2026, 10, 9, 14, 36)
SIZES = {"open": 1_000_000, "due": 1_000, "filed": 1_000, "rounds": 5}
QUICK = {"open": 5_000, "due": 50, "filed": 50, "rounds": 2}


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("deadline_sweep")
    group.add_argument("--open-deadlines", type=int, help="how many are open (1,000,000)")


def run(options: argparse.Namespace, out: Path) -> dict[str, Any] | None:
    """SQLite, then PostgreSQL where a server is installed."""
    sizes = dict(QUICK if options.quick else SIZES)
    if options.open_deadlines:
        sizes["open"] = options.open_deadlines
    machine = surroundings.facts()
    measured = {name: _measure(url, sizes) for name, url in databases()}
    machine["load_after"] = surroundings.load()
    return {"name": "deadline_sweep", "quick": options.quick, "surroundings": machine, "sizes": sizes,
            "databases": measured, "without": postgres.missing() or ""}


def databases() -> Iterator[tuple[str, str]]:
    home = Path(tempfile.mkdtemp(prefix="zhike-bench-"))
    try:
        yield "sqlite", f"sqlite:///{home / 'sweep.db'}"
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if not postgres.missing():
        with postgres.server() as url:
            yield "postgresql", url


def _measure(url: str, sizes: dict[str, int]) -> dict[str, Any]:
    engine = make_engine(url)
    try:
        schema.upgrade(engine)
        works = Works(engine, REACTIONS)
        with works.begin(SYSTEM, NOW - timedelta(days=1)) as work:
            deadlines.seed(work, ROOT / "data" / "packs" / "retail")
        filing = _file(works, sizes["filed"])
        _fill(works, engine, sizes["open"])
        while deadlines.sweep(works, NOW):
            pass  # what the filed cases owe is not part of it
        idle, scans, sweeps, given = [], [], [], []
        for number in range(sizes["rounds"]):
            idle.append(timed(lambda: deadlines.sweep(works, NOW))[0])
            _let_some_run_out(engine, sizes["due"], number)
            seconds, found = timed(lambda: _plain_scan(engine))
            scans.append(seconds)
            # The scan only finds them; the sweep also writes every notice, its journal line and its facts.
            looking, _ = timed(lambda: _looked_up(works))
            seconds, notices = timed(lambda: deadlines.sweep(works, NOW))
            sweeps.append((looking, seconds))
            given.append(notices)
            if found != sizes["due"] or notices < sizes["due"]:
                raise AssertionError(f"{sizes['due']} ran out, the scan saw {found}, the sweep told of {notices}")
        looked, swept, scanned = (statistics.median(one) for one in (
            [one for one, _ in sweeps], [two for _, two in sweeps], scans))
        return {"filed_a_second": round(sizes["filed"] / filing, 1), "nothing_due_ms": _ms(statistics.median(idle)),
                "finding_ms": _ms(looked), "sweep_ms": _ms(swept), "plain_scan_ms": _ms(scanned), "notices": given[-1],
                "sweep_to_scan": round(swept / scanned, 4), "finding_to_scan": round(looked / scanned, 5),
                "idle_to_scan": round(statistics.median(idle) / scanned, 5),
                "notices_a_second": round(given[-1] / swept, 1)}
    finally:
        engine.dispose()


def _file(works: Works, count: int) -> float:
    """Start all clocks of new cases, each in a transaction of its own."""

    def file() -> None:
        for number in range(count):
            with works.begin(SYSTEM, NOW - timedelta(days=1)) as work:
                deadlines.start_all(work, "bench", f"filed-{number}", deadlines.DEFAULT_REGIME, "filed")

    return timed(file)[0]


def _fill(works: Works, engine: Engine, count: int) -> None:
    """Copies of one real deadline, due over the year to come, made inside the database.

    The day-by-day explanation is left out: it is several kilobytes a row, and the scan would have to read past it.
    """
    with works.begin(SYSTEM, NOW) as work:
        model = deadlines.start(work, "bench", "model", "promise", deadlines.DEFAULT_REGIME, "promise")
        model.explanation = {key: value for key, value in model.explanation.items() if key != "days"}
        model.schedule, model.next_check_at = [], None
        work.session.add(model)
    own = ("id", "subject_id", "due_at", "legal_due_at", "near_at", "next_check_at")
    same = [column.name for column in Deadline.__table__.columns if column.name not in own]  # type: ignore[attr-defined]
    if engine.dialect.name == "postgresql":
        numbers = "generate_series(0, :count - 1) AS n(i)"
        due, near = "CAST(:due AS timestamptz) + i * interval '30 seconds'", "CAST(:near AS timestamptz) + i * interval '30 seconds'"
        opening = ""
    else:
        opening = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) "
        numbers = "n"
        due, near = (f"strftime('%Y-%m-%d %H:%M:%S', :{name}, '+' || (i * 30) || ' seconds') || '.000000'"
                     for name in ("due", "near"))
    statement = (f"INSERT INTO deadlines ({', '.join((*own, *same))}) {opening}"
                 f"SELECT 'open-' || i, 'open-' || i, {due}, {due}, {near}, {near}, {', '.join(f'm.{name}' for name in same)} "
                 f"FROM {numbers} CROSS JOIN deadlines m WHERE m.id = :model")
    first = NOW + timedelta(days=1)
    instants = {"due": f"{first:%Y-%m-%d %H:%M:%S}+00", "near": f"{first - timedelta(hours=9):%Y-%m-%d %H:%M:%S}+00"}
    if engine.dialect.name == "sqlite":
        instants = {name: value.removesuffix("+00") for name, value in instants.items()}
    with contextlib.closing(engine.connect()) as connection:
        connection.execute(text(statement), {"count": count, "model": model.id, **instants})
        connection.commit()
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE deadlines"))
        else:
            connection.execute(text("ANALYZE"))
            connection.commit()
    with works.begin(SYSTEM, NOW) as work:
        deadlines.drop(work, "bench", "model")


def _let_some_run_out(engine: Engine, count: int, number: int) -> None:
    """Another thousand of the open ones ran out a little while ago."""
    table = Deadline.__table__  # type: ignore[attr-defined]
    ids = [f"open-{number * count + one}" for one in range(count)]
    with contextlib.closing(engine.connect()) as connection:
        for first in range(0, count, 500):
            connection.execute(
                table.update().where(table.c.id.in_(ids[first : first + 500])).values(
                    due_at=NOW - timedelta(minutes=1), near_at=NOW - timedelta(hours=1),
                    next_check_at=NOW - timedelta(hours=1)))
        connection.commit()


def _plain_scan(engine: Engine) -> int:
    """The peer: read every open deadline and judge it in Python; only counts what it would have to tell."""
    table = Deadline.__table__  # type: ignore[attr-defined]
    columns = [table.c[name] for name in ("due_at", "near_at", "neared_at", "breached_at", "paused_at")]
    wanted = table.select().with_only_columns(*columns).where(
        table.c.met_at.is_(None), table.c.dropped_at.is_(None), table.c.breached_at.is_(None),
        table.c.subject_id.like("open-%"))
    found = 0
    with contextlib.closing(engine.connect()) as connection:
        for row in connection.execution_options(stream_results=True).execute(wanted):
            found += rules.judge(Clock(*row), NOW).breached
    return found


def _looked_up(works: Works) -> int:
    """The sweep's own question: which rows want looking at."""
    with works.read(SYSTEM, NOW) as work:
        return len(store.wakeable(work.session, NOW, 5_000))


def timed(job: Any) -> tuple[float, Any]:
    begun = time.perf_counter()
    answer = job()
    return time.perf_counter() - begun, answer


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def table(result: dict[str, Any]) -> str:
    """A line a measure, a column a database."""
    names = list(result["databases"])
    sizes = result["sizes"]
    lines = [f"deadline_sweep: {sizes['open']:,} open deadlines, {sizes['due']:,} run out; load "
             f"{result['surroundings']['load_before']} before, {result['surroundings']['load_after']} after",
             f"  {'':<44}" + "".join(f"{name:>14}" for name in names)]
    for key, title in (
        ("sweep_ms", "sweep, all notices told, ms"), ("plain_scan_ms", "plain scan in Python, only counting, ms"),
        ("sweep_to_scan", "sweep / plain scan"), ("finding_ms", "finding what is due, ms"),
        ("finding_to_scan", "finding / plain scan"), ("nothing_due_ms", "sweep with nothing due, ms"),
        ("idle_to_scan", "sweep with nothing due / plain scan"), ("notices_a_second", "notices told a second"),
        ("filed_a_second", "cases filed a second (4 clocks each)"),
    ):
        lines.append(f"  {title:<44}" + "".join(f"{result['databases'][name][key]:>14,}" for name in names))
    if result["without"]:
        lines.append(f"  no PostgreSQL: {result['without']}")
    return "\n".join(lines)

