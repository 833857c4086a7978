"""A database in use before routing: its people and their presence survive, with sensible measures."""

from pathlib import Path

from sqlalchemy import text

from backend.infra import schema
from backend.infra.db import make_engine
from tests.old_version import stand_at


def test_people_from_before_routing_keep_their_measure_and_get_the_usual_others(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'old.db'}")
    stand_at(engine, "0007")
    at = "2026-10-09 06:36:00.000000"
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO staff (id, username, display_name, password_hash, active, skill_groups, created_at)"
                                " VALUES ('lin', 'lin', '林佳', '!', 1, 'aftersale', :at)"), {"at": at})
        connection.execute(text("INSERT INTO presences (staff_id, status, since, seen_at, capacity)"
                                " VALUES ('lin', 'online', :at, :at, 4)"), {"at": at})
    schema.upgrade(engine)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT capacity, complaint_capacity, misses, reason, notice FROM presences")).one()
        assert tuple(row) == (4, 3, 0, None, None)
        assert connection.execute(text("SELECT languages FROM staff")).scalar() == "zh"
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    assert schema.is_current(engine)
    engine.dispose()
