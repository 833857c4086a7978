"""Append-only record of who did what, sealed into one hash chain.

Rows enter freely inside each transaction; the sealer links them in batches afterwards (ordered by instant,
then id), so that writers never wait for each other. ``verify`` walks the chain; rows not sealed yet are
named as the tail, never passed over in silence.

A chain alone does not show that its end was cut off. How far it reached stands twice more: in the one row of
``journal_anchor`` and in a file beside the database. Both are compared by ``verify``. Limits: whoever rewrites the
whole chain and both anchors leaves no trace in this installation (copy the file elsewhere, then they do), and rows of
the last seconds, not sealed yet, are guarded by the database's triggers alone.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Index
from sqlmodel import Field, Session, SQLModel, col, func, select

from backend.infra.db import UtcDateTime

GENESIS = "0" * 64

# A row may become visible after rows with a later instant (its transaction ran longer); sealing only what is
# older than this keeps the chain in the order of instants for all but extreme delays, which stay verifiable.
SETTLE = timedelta(seconds=2)

#: Rows that ``verify`` holds at a time.
PORTION = 1000


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


class JournalAnchor(SQLModel, table=True):
    """One row: how far the chain reaches, and its last seal. Written by the sealer, it only moves on."""

    __tablename__ = "journal_anchor"
    __table_args__ = (CheckConstraint("id = 1", name="one_anchor"),)

    id: int = Field(default=1, primary_key=True)
    sealed: int
    seal: str = Field(max_length=64)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


@dataclass(frozen=True)
class Anchor:
    """How far the chain reached once, kept outside of it."""

    sealed: int
    seal: str


@dataclass(frozen=True)
class Verdict:
    """What ``verify`` found: ``broken_at`` is the first seal number that does not fit, None when all do.

    ``cut_at`` is the first number of a tail that an anchor remembers and the chain has no longer.
    """

    sealed: int
    unsealed: int
    broken_at: int | None
    cut_at: int | None = None
    anchored: int | None = None  # how far the file reaches; None where there is none

    @property
    def intact(self) -> bool:
        return self.broken_at is None and self.cut_at is None


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
        select(JournalEntry).where(col(JournalEntry.seal_no).is_not(None))
        # first() alone would read the whole journal into memory before it gives one row.
        .order_by(col(JournalEntry.seal_no).desc()).limit(1)
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
    if rows:
        anchor = session.get(JournalAnchor, 1) or JournalAnchor(sealed=0, seal=GENESIS, at=now)
        anchor.sealed, anchor.seal, anchor.at = number, previous, now
        session.add(anchor)
    return len(rows)


def anchor_of(session: Session) -> Anchor | None:
    """How far the chain reached at its last sealing."""
    row = session.get(JournalAnchor, 1)
    return Anchor(row.sealed, row.seal) if row is not None else None


def read_anchor(file: Path) -> Anchor | None:
    """The anchor beside the database; None when there is none. Raises ValueError when it is not readable."""
    if not file.is_file():
        return None
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return Anchor(int(kept["sealed"]), str(kept["seal"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{file} is no anchor") from error


def write_anchor(file: Path, anchor: Anchor) -> None:
    """Keep the anchor beside the database, written apart and moved; it never moves back."""
    kept = read_anchor(file)
    if kept is not None and kept.sealed >= anchor.sealed:
        return
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    draft.write_text(json.dumps({"sealed": anchor.sealed, "seal": anchor.seal}) + "\n", encoding="utf-8")
    draft.replace(file)


def verify(session: Session, beside: Anchor | None = None) -> Verdict:
    """Walk the chain from its start; any altered, removed or inserted row breaks it, and so does a cut tail.

    ``beside`` is the anchor from the file, where there is one.
    """
    within = anchor_of(session)
    anchors = [one for one in (within, beside) if one is not None]
    previous, expected = GENESIS, 0
    # In portions that are let go again: the chain of years does not fit in memory.
    portions = session.exec(
        select(JournalEntry).where(col(JournalEntry.seal_no).is_not(None)).order_by(col(JournalEntry.seal_no))
        .execution_options(yield_per=PORTION)
    ).partitions()
    rows = (row for portion in portions for row in _let_go(session, portion))
    unsealed = session.exec(select(func.count()).where(col(JournalEntry.seal_no).is_(None))).one()
    broken: int | None = None
    for row in rows:
        expected += 1
        if row.seal_no != expected or row.seal != _digest(previous, row):
            broken = expected
            break
        previous = row.seal or ""
        if any(one.sealed == expected and one.seal != previous for one in anchors):
            # A chain that fits in itself, and is not the one that was anchored.
            broken = expected
            break
    cut = None
    if broken is None:
        reached = max((one.sealed for one in anchors), default=0)
        # The anchor within is written with the seals themselves: a chain beyond it was lengthened by somebody else.
        if reached > expected:
            cut = expected + 1
        elif expected > (within.sealed if within is not None else 0):
            broken = (within.sealed if within is not None else 0) + 1
    return Verdict(sealed=expected, unsealed=unsealed, broken_at=broken, cut_at=cut,
                   anchored=beside.sealed if beside is not None else None)


def _let_go(session: Session, portion: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
    for row in portion:
        session.expunge(row)
    return portion


def latest(session: Session, subject_kind: str | None, subject_id: str | None, limit: int) -> list[JournalEntry]:
    """Newest acts first, narrowed to one kind of subject or one subject where given."""
    query = select(JournalEntry).order_by(col(JournalEntry.at).desc(), col(JournalEntry.id)).limit(limit)
    if subject_kind:
        query = query.where(JournalEntry.subject_kind == subject_kind)
    if subject_id:
        query = query.where(JournalEntry.subject_id == subject_id)
    return list(session.exec(query))
