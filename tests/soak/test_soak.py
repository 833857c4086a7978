"""The rehearsal in small; SOAK_CASES=10000 makes it whole (about ten minutes a database)."""

import os
import random

from sqlalchemy import text
from sqlalchemy.engine import Engine

from tests.soak.director import rehearse

CASES = int(os.environ.get("SOAK_CASES", "60"))


def test_killed_processes_and_leaping_clocks_lose_no_move_and_no_notice_and_double_none(engine: Engine) -> None:
    seed = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(10**6)
    try:
        result = rehearse(engine, CASES, seed, kill_every=0.2, most_kills=max(4, CASES // 100))
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE soak_said"))
            connection.execute(text("DROP TABLE soak_moves"))
    assert result.faults == [], f"seed {seed}: {result.faults[:20]}"
    assert result.cases == CASES and result.deadlines == CASES * 3
    assert result.moves > CASES
    assert result.notices and result.journal and sum(result.kills.values()) > 0
