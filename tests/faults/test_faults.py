"""The rehearsal in small; ZHIKE_FAULT_CONVERSATIONS=200 makes it whole (some minutes a database).

SQLite with one backend, PostgreSQL with two: customers and agents go to either at random, request by request.
"""

import os
import random
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from tests import postgres
from tests.faults.director import Result, run

CONVERSATIONS = int(os.environ.get("ZHIKE_FAULT_CONVERSATIONS", "12"))
KILL_EVERY = float(os.environ.get("ZHIKE_FAULT_KILL_EVERY", "4"))


def rehearsed(url: str, backends: int, capsys: pytest.CaptureFixture[str]) -> Result:
    seed = int(os.environ.get("ZHIKE_FAULT_SEED", "0")) or random.SystemRandom().randrange(10**6)
    result = run(url, seed, CONVERSATIONS, backends, KILL_EVERY)
    with capsys.disabled():
        print(f"\n{result}")
    assert result.faults == [], f"seed {seed}: {result.faults[:20]}\n{result.logs}"
    counts = result.counts
    assert counts["acknowledged"] >= CONVERSATIONS * 3
    assert counts["seen by customer's socket"] == counts["seen by customer's poll"] > counts["acknowledged"]
    assert counts["takeovers"] and counts["answered by the bot"] and counts["replies"]
    assert sum(result.kills.values()) >= 2
    return result


def test_on_sqlite_with_one_backend_nothing_is_lost_doubled_or_out_of_order(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rehearsed(f"sqlite:///{tmp_path}/faults.db", 1, capsys)


@pytest.mark.skipif(postgres.missing() is not None, reason=str(postgres.missing()))
def test_on_postgresql_with_two_backends_nothing_is_lost_doubled_or_out_of_order(
        postgres_engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    url = postgres.create(postgres_engine, "faults", template=None)
    try:
        rehearsed(url, 2, capsys)
    finally:
        postgres.drop(postgres_engine, "faults")
