"""Offering a full queue to a full house: 500 waiting, 50 people; beside a scan that asks the database about every pair."""

import argparse
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine

from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.handoffs import offers
from backend.handoffs import service as handoffs
from backend.infra import schema
from backend.infra.db import make_engine
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, Role, staff_actor
from backend.people.tables import Staff
from backend.scripts import service as scripts
from benchmarks import surroundings
from benchmarks.columns import figures, row
from benchmarks.deadline_sweep import NOW, databases, timed
from benchmarks.processes import ROOT

SIZES = {"waiting": 500, "people": 50, "rounds": 9}
QUICK = {"waiting": 40, "people": 6, "rounds": 3}
PACK = ROOT / "data" / "packs" / "retail"
GROUPS = ("aftersale", "presale", "complaint")
PLACES = 6  # of each person


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("queue_assignment")
    group.add_argument("--waiting", type=int, help="how many wait (500)")
    group.add_argument("--people", type=int, help="how many are there to serve them (50)")


def run(options: argparse.Namespace, out: Path) -> dict[str, Any] | None:
    """SQLite, then PostgreSQL where a server is installed."""
    sizes = dict(QUICK if options.quick else SIZES)
    for name in ("waiting", "people"):
        if getattr(options, name):
            sizes[name] = getattr(options, name)
    machine = surroundings.facts()
    measured = {name: _measure(url, sizes) for name, url in databases()}
    machine["load_after"] = surroundings.load()
    return {"name": "queue_assignment", "quick": options.quick, "surroundings": machine, "sizes": sizes, "databases": measured}


def _measure(url: str, sizes: dict[str, int]) -> dict[str, Any]:
    engine = make_engine(url)
    try:
        schema.upgrade(engine)
        works = Works(engine, {})  # no reactions: the router runs when it is measured, and not before
        _fill(works, sizes)
        seconds: dict[str, list[float]] = {"all": [], "idle": [], "naive": []}
        offered = pairs = 0
        for number in range(sizes["rounds"]):
            now = NOW + timedelta(seconds=number)
            _clear(engine)
            spent, offered = timed(lambda at=now: _everything(works, at))
            seconds["all"].append(spent)
            spent, more = timed(lambda at=now: _once(works, at))
            seconds["idle"].append(spent)  # everybody has an offer to answer: what a run costs that finds nothing to do
            if more:
                raise AssertionError(f"a second run at once offered {more} more")
            _clear(engine)
            spent, pairs = timed(lambda at=now: _naive(works, at))
            seconds["naive"].append(spent)
        if not offered or offered < pairs:
            raise AssertionError(f"the router offered {offered}, the plain scan {pairs}")
        found = {name: figures(values) for name, values in seconds.items()}
        return {**found, "offered": offered, "scan_offered": pairs,
                "faster": round(found["naive"]["p50_ms"] / found["all"]["p50_ms"], 1)}
    finally:
        engine.dispose()


def _fill(works: Works, sizes: dict[str, int]) -> None:
    with works.begin(SYSTEM, NOW - timedelta(hours=1)) as work:
        scripts.seed(work, PACK)
        for number in range(sizes["people"]):
            # Hashing passwords would be the longest part of filling the house; nobody signs in here.
            name = f"person{number}"
            work.session.add(Staff(id=name, username=name, display_name=name, password_hash="!", created_at=work.now,
                                   skill_groups=",".join(GROUPS[number % 3:][:2])))
            work.flush()
            work.actor = staff_actor(name, name, [Role.AGENT])
            handoffs.set_status(work, "online")
    for number in range(sizes["waiting"]):
        at = NOW - timedelta(seconds=number % 900)
        with works.begin(BOT, at) as work:
            customer = customers.recognise(work, "web", f"bench-{number}", None)
            conversation, _ = conversations.start(work, "web", customer.id)
            reason = ("customer_request", "repeated_failure", "anger", "elder")[number % 4]
            intent = ("ask_refund", "ask_product", "file_complaint")[number % 3]
            conversations.receive(work, conversation, client_id=f"c{number}", text="等了两周还没有送到，请帮我看看。")
            handoffs.request(work, conversation.id, reason, {"intent": intent}, "等了两周还没有送到")


def _here(works: Works, now: datetime) -> None:
    with works.begin(SYSTEM, now) as work:
        work.session.execute(text("UPDATE desk_connections SET seen_at = :now"), {"now": _stamp(works, now)})


def _stamp(works: Works, now: datetime) -> Any:
    return now.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds") if works.engine.dialect.name == "sqlite" else now


def _clear(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM handoff_offers"))


def _once(works: Works, now: datetime) -> int:
    with works.begin(SYSTEM, now) as work:
        return len(offers.run(work))


def _everything(works: Works, now: datetime) -> int:
    """Runs until nobody can be offered any more (each run fills everybody's hands at once)."""
    _here(works, now)
    total = 0
    while made := _once(works, now):
        total += made
    return total


def _naive(works: Works, now: datetime) -> int:
    """What one would write first: for each waiting customer, for each person, ask the database whether they may."""
    _here(works, now)
    made = 0
    with works.begin(SYSTEM, now) as work:
        waiting = work.session.execute(text(
            "SELECT id, skill_group, kind FROM handoffs WHERE taken_at IS NULL AND ended_at IS NULL "
            "ORDER BY priority DESC, requested_at")).all()
        staff = [row[0] for row in work.session.execute(text("SELECT staff_id FROM presences WHERE status = 'online'"))]
        for handoff_id, group, kind in waiting:
            for staff_id in staff:
                if _may(work.session, staff_id, group, kind):
                    work.session.execute(text(
                        "INSERT INTO handoff_offers (id, handoff_id, staff_id, offered_at, expires_at) "
                        "VALUES (:id, :handoff, :staff, :now, :now)"),
                        {"id": f"n{made}", "handoff": handoff_id, "staff": staff_id, "now": _stamp(works, now)})
                    made += 1
                    break
    return made


def _may(session: Any, staff_id: str, group: str, kind: str) -> bool:
    """One query a pair: serves the group, and has fewer offers than may be held out at once."""
    found = session.execute(text(
        "SELECT s.skill_groups, (SELECT COUNT(*) FROM handoffs h WHERE h.taken_by = s.id AND h.ended_at IS NULL "
        "AND h.kind = :kind), (SELECT COUNT(*) FROM handoff_offers o WHERE o.staff_id = s.id AND o.ended_at IS NULL) "
        "FROM staff s WHERE s.id = :staff"), {"staff": staff_id, "kind": kind}).one()
    return group in str(found[0]).split(",") and found[1] < PLACES and found[2] < 2


def table(result: dict[str, Any]) -> str:
    """p50 and p95, a column a database."""
    names = list(result["databases"])
    lines = [f"queue_assignment: {result['sizes']['waiting']} waiting, {result['sizes']['people']} people; load "
             f"{result['surroundings']['load_before']} before, {result['surroundings']['load_after']} after; milliseconds, p50 / p95",
             f"  {'':<36}" + "".join(f"{name:>22}" for name in names)]
    for key, title in (("all", "offer everybody who can be offered"), ("idle", "a run with nothing to do"),
                       ("naive", "plain scan, a query a pair")):
        lines.append(row(title, 36, result["databases"], key))
    lines.append(f"  {'offered (plain scan)':<36}" + "".join(
        f"{result['databases'][name]['offered']:>14} ({result['databases'][name]['scan_offered']:>5})" for name in names))
    return "\n".join(lines)
