"""Complaints that were filed before this version survive it: in place on the desk, and found by search."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from backend.complaints import proofs
from backend.complaints import service as complaints
from backend.complaints.service import Query
from backend.infra import schema
from backend.infra.db import EncryptedText
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from tests.cast import NOW
from tests.old_version import stand_at

OLD = datetime(2026, 9, 24, 2, 12, tzinfo=UTC)


@pytest.fixture
def old_engine(unmigrated: Engine) -> Engine:
    """A database as the version before left it."""
    stand_at(unmigrated, "0003")
    return unmigrated


def insert(connection: Any, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def fill(engine: Engine) -> None:
    """Three complaints of 24 September: one with a running clock, one with a stopped one, one closed."""
    sqlite = engine.dialect.name == "sqlite"
    secret = EncryptedText()

    def sealed(words: str) -> bytes | None:
        return secret.process_bind_param(words, engine.dialect)

    def at(instant: datetime) -> Any:
        return instant.replace(tzinfo=None).isoformat(" ") + ".000000" if sqlite else instant

    with engine.begin() as connection:
        insert(
            connection,
            "customers",
            id="c1",
            channel="web",
            ref_index="r1",
            visits=1,
            created_at=at(OLD),
            last_seen_at=at(OLD),
        )
        insert(
            connection,
            "regime_versions",
            id="v1",
            key="house_default",
            version=1,
            title="期限",
            binds="company",
            source="自定",
            rules="[]",
            valid_from="2026-09-01",
            approved_by="pack",
            approved_at=at(OLD),
        )
        for number, closed in ((1, None), (2, None), (3, OLD)):
            insert(
                connection,
                "complaints",
                id=f"k{number}",
                number=f"TS20260924-000{number}",
                idempotency_key=f"i{number}",
                receipt_token_hash=proofs.token_hash(proofs.receipt_token(f"k{number}")),
                customer_id="c1",
                channel="web",
                description=sealed("桌板开裂，取件两次没来"),
                remedy=sealed("换货"),
                contact=sealed("13812346027"),
                contact_kind="phone",
                last4_index="x",
                category="物流履约",
                severity=12,
                stage="closed" if closed else "filed",
                urged=0,
                priority=number,
                filed_at=at(OLD),
                closed_at=at(closed) if closed else None,
            )
            insert(
                connection,
                "complaint_entries",
                id=f"e{number}",
                complaint_id=f"k{number}",
                seq=1,
                kind="filed",
                to_stage="filed",
                actor_kind="bot",
                actor_id="bot",
                actor_name="小知",
                public=True,
                text=sealed(""),
                detail="{}",
                at=at(OLD),
            )
        for number, paused in ((1, None), (2, OLD)):
            insert(
                connection,
                "deadlines",
                id=f"d{number}",
                subject_kind="complaint",
                subject_id=f"k{number}",
                kind="promise",
                round=1,
                regime_version_id="v1",
                starts_at=at(OLD),
                due_at=at(OLD + timedelta(days=18)),
                legal_due_at=at(OLD + timedelta(days=18)),
                near_at=at(OLD + timedelta(days=15)),
                provisional=False,
                paused_at=at(paused) if paused else None,
                explanation='{"rule": {"stage": "promise", "amount": 7, '
                '"unit": "working_days"}, "long": "x", "plain": "x", "regime": "期限", "version": 1, "source": "x"}',
            )


def test_old_complaints_keep_their_words_and_take_their_place_on_the_desk(old_engine: Engine) -> None:
    fill(old_engine)
    schema.upgrade(old_engine)
    works = Works(old_engine)
    with works.read(SYSTEM) as work:
        rows = {one.id: one for one in complaints.of_customer(work.session, "c1")}
        listed = [
            row["number"][-1] for row in complaints.listing(work.session, NOW, Query(which="all"))["rows"]
        ]
        shown = complaints.case(work.session, rows["k1"], NOW)
    assert rows["k1"].description == "桌板开裂，取件两次没来" and rows["k1"].next_due_at == OLD + timedelta(
        days=18
    )
    assert rows["k2"].next_due_at is None and rows["k3"].closed_at == OLD
    # Due next, then what waits with stopped clocks, then what is over.
    assert listed == ["1", "2", "3"]
    assert (rows["k1"].ratings, rows["k1"].topic, rows["k1"].merged_into_id) == ({}, "物流履约", None)
    assert shown["category_text"] == "物流履约" and len(shown["thread"]) == 1


def test_old_complaints_are_found_by_words_once_the_worker_has_been_by(old_engine: Engine) -> None:
    fill(old_engine)
    schema.upgrade(old_engine)
    works = Works(old_engine)
    assert complaints.catch_up(works) == 3 and complaints.catch_up(works) == 0
    with works.read(SYSTEM) as work:
        found = complaints.listing(work.session, NOW, Query(which="all", search="开裂 取件"))["rows"]
        assert len(found) == 3
        assert complaints.get(work.session, "TS20260924-0001").contact_index is not None


def test_a_place_kept_by_the_migration_is_the_place_that_the_program_gives(old_engine: Engine) -> None:
    from backend.complaints.rules.desk import order_key

    fill(old_engine)
    schema.upgrade(old_engine)
    with Works(old_engine).read(SYSTEM) as work:
        for one in complaints.of_customer(work.session, "c1"):
            assert one.order_key == order_key(
                next_due_at=one.next_due_at,
                priority=one.priority,
                filed_at=one.filed_at,
                closed_at=one.closed_at,
            )
