"""How long the desk's list of cases takes with a million complaints: pages by key, filters and counts; p50 and p95."""

import argparse
import contextlib
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine

from backend.complaints import desk
from backend.complaints import service as complaints
from backend.complaints.rules.desk import ENDED
from backend.complaints.tables import Complaint
from backend.customers import service as customers
from backend.deadlines import service as deadlines
from backend.deadlines.tables import Deadline
from backend.infra import schema
from backend.infra.db import make_engine
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.people import service as people
from backend.scripts import service as scripts
from backend.wiring import REACTIONS
from benchmarks import surroundings
from benchmarks.columns import figures, row
from benchmarks.deadline_sweep import NOW, databases, timed
from benchmarks.processes import ROOT

SIZES = {"cases": 1_000_000, "pages": 200}
QUICK = {"cases": 5_000, "pages": 20}
PACK = ROOT / "data" / "packs" / "retail"
#: Every third case is open; of those every tenth has run out.
OPEN_EVERY, LATE_EVERY = 3, 10
QUERIES: dict[str, dict[str, str]] = {
    "open": {}, "overdue": {"which": "overdue"}, "today": {"which": "today"}, "all": {"which": "all"},
    "mine": {"owner": "bench"}, "stage": {"stage": "investigating"},
}  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("case_list")
    group.add_argument("--cases", type=int, help="how many complaints there are (1,000,000)")


def run(options: argparse.Namespace, out: Path) -> dict[str, Any] | None:
    """SQLite, then PostgreSQL where a server is installed."""
    sizes = dict(QUICK if options.quick else SIZES)
    if options.cases:
        sizes["cases"] = options.cases
    machine = surroundings.facts()
    measured = {name: _measure(url, sizes) for name, url in databases()}
    machine["load_after"] = surroundings.load()
    return {"name": "case_list", "quick": options.quick, "surroundings": machine, "sizes": sizes, "databases": measured}


def _measure(url: str, sizes: dict[str, int]) -> dict[str, Any]:
    engine = make_engine(url)
    try:
        schema.upgrade(engine)
        works = Works(engine, REACTIONS)
        _one_case(works)
        _copy(engine, sizes["cases"])
        chance = random.Random(1)
        found: dict[str, Any] = {}
        for name, wanted in QUERIES.items():
            found[name] = _pages(works, engine, complaints.query_from(wanted), sizes["pages"], chance)
        counts = [timed(lambda: _counts(works))[0] for _ in range(max(3, sizes["pages"] // 20))]
        found["counts"] = figures(counts)
        return found
    finally:
        engine.dispose()


def _one_case(works: Works) -> None:
    with works.begin(SYSTEM, NOW - timedelta(days=2)) as work:
        people.add(work, "bench", "测量", ["agent"], "a long enough passphrase", staff_id="bench")
        scripts.seed(work, PACK)
        deadlines.seed(work, PACK)
    with works.begin(SYSTEM, NOW - timedelta(days=1)) as work:
        customer = customers.recognise(work, "web", "bench", None)
        complaints.file(work, idempotency_key="bench", customer_id=customer.id, conversation_id=None, channel="web",
                        description="桌板开裂，换货取件两次失约。", remedy="换货", order_no="HM260917-3382",
                        contact="13812346027")


def _copy(engine: Engine, count: int) -> None:
    """Copies of that case, made inside the database: a third open, due over months, the rest closed."""
    own = {
        "id": "'case-' || i", "number": "'TS99999999-' || i", "idempotency_key": "'key-' || i",
        "receipt_token_hash": "'receipt-' || i", "last4_index": "'last4-' || i",
        "stage": f"CASE WHEN i % {OPEN_EVERY} > 0 THEN 'closed' WHEN i % 2 = 0 THEN 'investigating' ELSE 'filed' END",
        "owner_id": "CASE WHEN i % 50 = 0 THEN 'bench' END",
        "closed_at": f"CASE WHEN i % {OPEN_EVERY} > 0 THEN m.filed_at END",
        "order_key": f"CASE WHEN i % {OPEN_EVERY} > 0 THEN {ENDED} - :now - i * 1000"
                     f" WHEN i % {OPEN_EVERY * LATE_EVERY} = 0 THEN :now - i * 1000 ELSE :now + i * 60000 END",
    }  # fmt: skip
    same = [one.name for one in Complaint.__table__.columns if one.name not in own]  # type: ignore[attr-defined]
    postgres = engine.dialect.name == "postgresql"
    numbers = "generate_series(CAST(1 AS bigint), CAST(:count AS bigint)) AS n(i)" if postgres else "n"
    opening = "" if postgres else "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
    statement = (f"INSERT INTO complaints ({', '.join((*own, *same))}) {opening}SELECT {', '.join(own.values())}, "
                 f"{', '.join(f'm.{name}' for name in same)} FROM {numbers} CROSS JOIN complaints m "
                 "WHERE m.idempotency_key = 'bench'")
    with contextlib.closing(engine.connect()) as connection:
        connection.execute(text(statement), {"count": count, "now": int(NOW.timestamp() * 1000)})
        connection.commit()
        if postgres:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE complaints"))
        else:
            connection.execute(text("ANALYZE"))
            connection.commit()


def _pages(works: Works, engine: Engine, query: Any, pages: int, chance: random.Random) -> dict[str, float]:
    """Walk a few pages from the front, then from places deep inside; each row with its clocks."""
    seconds = []
    after = ""
    for number in range(pages):
        _give_clocks(works, engine, query, after)
        spent, after = timed(lambda mark=after: _page(works, query, mark))
        seconds.append(spent)
        if not after or number % 5 == 4:
            after = _deep(works, query, chance)
    return figures(seconds)


def _page(works: Works, query: Any, after: str) -> str:
    with works.read(SYSTEM, NOW) as work:
        return str(complaints.listing(work.session, NOW, query, after=after)["after"])


def _deep(works: Works, query: Any, chance: random.Random) -> str:
    """A mark somewhere in the list, as a browser would have it after many pages."""
    with works.read(SYSTEM, NOW) as work:
        row = work.session.get(Complaint, f"case-{chance.randrange(1, 5_000)}")
        return desk._mark(row) if row is not None else ""


def _give_clocks(works: Works, engine: Engine, query: Any, after: str) -> None:
    """The rows that are about to be read get the real case's clocks, so that showing them costs what it costs."""
    with works.read(SYSTEM, NOW) as work:
        found, _, _ = desk.page_of(work.session, query, NOW, after=after)
        ids = [one.id for one in found]
    same = [one.name for one in Deadline.__table__.columns if one.name not in ("id", "subject_id")]  # type: ignore[attr-defined]
    with engine.begin() as connection:
        for one in ids:
            connection.execute(text(
                f"INSERT INTO deadlines (id, subject_id, {', '.join(same)}) SELECT substr(m.id, 1, 8) || :one, :one, "
                f"{', '.join(f'm.{name}' for name in same)} FROM deadlines m JOIN complaints c ON c.id = m.subject_id "
                "WHERE c.idempotency_key = 'bench' AND NOT EXISTS (SELECT 1 FROM deadlines d WHERE d.subject_id = :one)"
            ), {"one": one})


def _counts(works: Works) -> dict[str, int]:
    with works.read(SYSTEM, NOW) as work:
        return complaints.counts(work.session, NOW, complaints.query_from({}))


def table(result: dict[str, Any]) -> str:
    """p50 and p95 of each kind of page, a column a database."""
    names = list(result["databases"])
    lines = [f"case_list: {result['sizes']['cases']:,} complaints; load {result['surroundings']['load_before']} before, "
             f"{result['surroundings']['load_after']} after; milliseconds, p50 / p95",
             f"  {'':<28}" + "".join(f"{name:>22}" for name in names)]
    for key in (*QUERIES, "counts"):
        title = "all six counts" if key == "counts" else f"page of 20, {key}"
        lines.append(row(title, 28, result["databases"], key))
    return "\n".join(lines)
