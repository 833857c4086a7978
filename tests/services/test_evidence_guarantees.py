"""Behind every service, with raw SQL: evidence about complaints and their dates only grows, SQLite and PostgreSQL alike."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, select

from backend.complaints.learning.tables import FrozenBaseline, Improvement, ImprovementStep, Remedy, WhyRecord
from backend.complaints.tables import Complaint, ComplaintEntry
from backend.deadlines import service as deadlines
from backend.deadlines.tables import BreachCause, DeadlineNotice, RegimeVersion
from backend.infra import guards
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.ids import new_id
from tests.cast import LIN_JIA, NOW
from tests.services.complaint_story import explain_lateness, filed

LATE = NOW + timedelta(days=60)
KINDS: dict[str, type[SQLModel]] = {
    "complaint_entries": ComplaintEntry, "complaint_whys": WhyRecord, "complaint_remedies": Remedy,
    "complaint_baselines": FrozenBaseline, "improvement_steps": ImprovementStep, "regime_versions": RegimeVersion,
    "deadline_notices": DeadlineNotice, "breach_causes": BreachCause,
}  # fmt: skip
WORDS = {table: word for table, word, _ in guards.EVIDENCE}


def told(works: Works) -> Complaint:
    """A case that ran out and was explained, with its causes, a payment, a frozen limit and an improvement."""
    complaint = filed(works)
    deadlines.sweep(works, LATE)
    explain_lateness(works, complaint, LATE)
    who = {"actor_id": LIN_JIA.id, "actor_name": LIN_JIA.name, "at": LATE}
    item = Improvement(
        id=new_id(), title="催派单", source_kind="manual", source_query={}, source_words="人工", owner_id=LIN_JIA.id,
        due_on=date(2026, 12, 1), measure="每天核对", state="open", created_by=LIN_JIA.id, created_at=LATE)  # fmt: skip
    with works.begin(SYSTEM, LATE) as work:
        work.session.add(item)
        work.flush()
        work.session.add_all([
            WhyRecord(id=new_id(), complaint_id=complaint.id, revision=1, whys="[]", layers=1, cause="x", **who),
            Remedy(id=new_id(), complaint_id=complaint.id, kind="cash", amount=5000, **who),
            FrozenBaseline(id=new_id(), chart="rate", scope="all", query={}, first_day=date(2026, 1, 1),
                           last_day=date(2026, 6, 1), points=20, centre=1.0, moving_range=0.5, frozen_by=LIN_JIA.id,
                           frozen_at=LATE),
            ImprovementStep(id=new_id(), item_id=item.id, seq=1, action="open", text="开始", **who),
        ])  # fmt: skip
    return complaint


def raw(works: Works, sql: str, **values: Any) -> None:
    with works.begin(SYSTEM, LATE) as work:
        work.session.connection().execute(text(sql), values)


def rows(works: Works, table: str) -> list[tuple[Any, ...]]:
    with works.read(SYSTEM) as work:
        return [tuple(row) for row in work.session.connection().execute(text(f"SELECT * FROM {table} ORDER BY id"))]


def test_every_table_of_evidence_is_guarded_and_named_here() -> None:
    assert set(KINDS) == set(WORDS)
    assert {model.__tablename__ for model in KINDS.values()} == set(KINDS)  # type: ignore[comparison-overlap]


def test_no_column_of_evidence_can_be_altered_and_no_row_removed(pack_loaded: Works) -> None:
    works = pack_loaded
    told(works)
    for table, word in WORDS.items():
        before = rows(works, table)
        assert before, f"the story leaves no row in {table}"
        for column in [one["name"] for one in inspect(works.engine).get_columns(table)]:
            with pytest.raises(IntegrityError, match=word):
                raw(works, f"UPDATE {table} SET {column} = {column}")
        with pytest.raises(IntegrityError, match=word):
            raw(works, f"DELETE FROM {table}")
        assert rows(works, table) == before


def test_nobody_enters_in_the_place_of_evidence_and_no_table_is_emptied_at_a_stroke(pack_loaded: Works) -> None:
    works = pack_loaded
    told(works)
    sqlite = works.engine.dialect.name == "sqlite"
    for table, word in WORDS.items():
        before = rows(works, table)
        if not sqlite:
            with pytest.raises(IntegrityError, match=f"{table}_never_emptied"):
                raw(works, f"TRUNCATE {table} CASCADE")
        else:
            with pytest.raises(IntegrityError, match=word):
                raw(works, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")
        assert rows(works, table) == before


def test_another_row_under_the_same_key_pushes_nothing_out(pack_loaded: Works) -> None:
    """SQLite's OR REPLACE with an id of its own, but the place of another."""
    works = pack_loaded
    if works.engine.dialect.name != "sqlite":
        pytest.skip("only SQLite replaces rows")
    told(works)
    for table, word, unique in guards.EVIDENCE:
        if unique:
            columns = ", ".join(one["name"] for one in inspect(works.engine).get_columns(table) if one["name"] != "id")
            with pytest.raises(IntegrityError, match=word):
                raw(works, f"INSERT OR REPLACE INTO {table} (id, {columns}) SELECT 'forged', {columns} FROM {table} LIMIT 1")


def test_evidence_goes_on_growing(pack_loaded: Works) -> None:
    works = pack_loaded
    complaint = told(works)
    with works.begin(LIN_JIA, LATE) as work:
        deadlines.record_cause(work, "complaint", complaint.id, "promise", "other", "再补一句：仓库也漏看了。")
    with works.read(SYSTEM) as work:
        causes = work.session.exec(select(BreachCause)).all()
        assert len({one.deadline_id for one in causes}) < len(causes)


def test_verify_misses_a_guard_of_evidence_that_was_taken_down(works: Works) -> None:
    name = "guard_breach_causes_lose_nothing"
    on = "" if works.engine.dialect.name == "sqlite" else " ON breach_causes"
    with works.begin(SYSTEM, NOW) as work:
        work.session.connection().execute(text(f"DROP TRIGGER {name}{on}"))
        assert guards.problems(work.session.connection()) == [name]
        guards.install(work.session.connection())
        assert guards.problems(work.session.connection()) == []
