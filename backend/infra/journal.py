"""Append-only record of who did what, sealed into one hash chain.

Rows enter freely inside each transaction; the sealer links them in batches afterwards (ordered by instant,
then id), so that writers never wait for each other. ``verify`` walks the chain; rows not sealed yet are
named as the tail, never passed over in silence.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, Session, SQLModel, col, func, select

from backend.infra.db import UtcDateTime

GENESIS = "0" * 64

# A row may become visible after rows with a later instant (its transaction ran longer); sealing only what is
# older than this keeps the chain in the order of instants for all but extreme delays, which stay verifiable.
SETTLE = timedelta(seconds=2)


class JournalEntry(SQLModel, table=True):
    """One act. ``seal_no`` and ``seal`` are empty until the sealer has linked the row."""

    __tablename__ = "journal"
    __table_args__ = (Index("ix_journal_subject", "subject_kind", "subject_id"),)

    id: str = Field(primary_key=True, max_length=32)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    actor_kind: str = Field(max_length=16)
    actor_id: str = Field(max_length=64)
    action: str = Field(max_length=64, index=True)
    subject_kind: str = Field(max_length=32)
    subject_id: str = Field(max_length=64)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    seal_no: int | None = Field(default=None, unique=True)
    seal: str | None = Field(default=None, max_length=64)


@dataclass(frozen=True)
class Verdict:
    """What ``verify`` found: ``broken_at`` is the first seal number that does not fit, None when all do."""

    sealed: int
    unsealed: int
    broken_at: int | None

    @property
    def intact(self) -> bool:
        return self.broken_at is None


def _digest(previous: str, row: JournalEntry) -> str:
    body = json.dumps(
        [row.id, row.at.isoformat(), row.actor_kind, row.actor_id, row.action, row.subject_kind,
         row.subject_id, row.detail, row.seal_no],
        ensure_ascii=False, sort_keys=True, separators=(",", ":"),
    )
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def seal(session: Session, now: datetime, limit: int = 500) -> int:
    """Link unsealed rows to the chain; returns how many. The unique ``seal_no`` makes a second sealer fail."""
    last = session.exec(
        select(JournalEntry).where(col(JournalEntry.seal_no).is_not(None)).order_by(col(JournalEntry.seal_no).desc())
    ).first()
    number, previous = (last.seal_no or 0, last.seal or GENESIS) if last else (0, GENESIS)
    rows = session.exec(
        select(JournalEntry)
        .where(col(JournalEntry.seal_no).is_(None), JournalEntry.at < now - SETTLE)
        .order_by(col(JournalEntry.at), col(JournalEntry.id))
        .limit(limit)
    ).all()
    for row in rows:
        number += 1
        row.seal_no = number
        row.seal = previous = _digest(previous, row)
    return len(rows)


def verify(session: Session) -> Verdict:
    """Walk the chain from its start; any altered, removed or inserted row breaks it."""
    previous, expected = GENESIS, 0
    rows = session.exec(
        select(JournalEntry).where(col(JournalEntry.seal_no).is_not(None)).order_by(col(JournalEntry.seal_no))
    )
    unsealed = session.exec(select(func.count()).where(col(JournalEntry.seal_no).is_(None))).one()
    broken: int | None = None
    for row in rows:
        expected += 1
        if row.seal_no != expected or row.seal != _digest(previous, row):
            broken = expected
            break
        previous = row.seal or ""
    return Verdict(sealed=expected, unsealed=unsealed, broken_at=broken)


def latest(session: Session, subject_kind: str | None, subject_id: str | None, limit: int) -> list[JournalEntry]:
    """Newest acts first, narrowed to one kind of subject or one subject where given."""
    query = select(JournalEntry).order_by(col(JournalEntry.at).desc(), col(JournalEntry.id)).limit(limit)
    if subject_kind:
        query = query.where(JournalEntry.subject_kind == subject_kind)
    if subject_id:
        query = query.where(JournalEntry.subject_id == subject_id)
    return list(session.exec(query))
