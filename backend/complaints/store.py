"""Every query about complaints and their threads."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, text
from sqlmodel import Session, col, func, select

from backend.complaints.rules import OVER
from backend.complaints.tables import Complaint, ComplaintEntry
from backend.deadlines import service as deadlines


def by_key(session: Session, idempotency_key: str) -> Complaint | None:
    return session.exec(select(Complaint).where(Complaint.idempotency_key == idempotency_key)).first()


def by_id(session: Session, complaint_id: str) -> Complaint | None:
    return session.get(Complaint, complaint_id)


def by_number(session: Session, number: str) -> Complaint | None:
    return session.exec(select(Complaint).where(Complaint.number == number)).first()


def by_receipt(session: Session, token_hash: str) -> Complaint | None:
    return session.exec(select(Complaint).where(Complaint.receipt_token_hash == token_hash)).first()


def id_of(session: Session, number: str) -> str | None:
    return session.exec(select(Complaint.id).where(Complaint.number == number)).first()


def locked(session: Session, complaint_id: str) -> Complaint | None:
    """The row as it is now, held until the transaction ends (on SQLite the whole database is)."""
    return session.exec(
        select(Complaint)
        .where(Complaint.id == complaint_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def next_running_number(session: Session, day: str) -> int:
    """The day's next number. The row stays locked until commit, so that no two complaints share one."""
    found = session.execute(
        text(
            "INSERT INTO complaint_numbers (day, last) VALUES (:day, 1) "
            "ON CONFLICT (day) DO UPDATE SET last = complaint_numbers.last + 1 RETURNING last"
        ),
        {"day": day},
    ).scalar_one()
    return int(found)


def of_conversation(session: Session, conversation_id: str) -> list[Complaint]:
    return list(
        session.exec(
            select(Complaint)
            .where(Complaint.conversation_id == conversation_id)
            .order_by(col(Complaint.filed_at).desc(), col(Complaint.number).desc())
        )
    )


def of_customer(session: Session, customer_id: str) -> list[Complaint]:
    return list(
        session.exec(
            select(Complaint)
            .where(Complaint.customer_id == customer_id)
            .order_by(col(Complaint.filed_at).desc(), col(Complaint.number).desc())
        )
    )


def by_numbers(session: Session, numbers: list[str]) -> list[Complaint]:
    return list(session.exec(select(Complaint).where(col(Complaint.number).in_(numbers)))) if numbers else []


# --- the thread ----------------------------------------------------------------------------------------


def entries(session: Session, complaint_id: str, *, public: bool = False) -> list[ComplaintEntry]:
    """The thread, oldest first; what the customer may read with ``public``."""
    query = select(ComplaintEntry).where(ComplaintEntry.complaint_id == complaint_id)
    if public:
        query = query.where(col(ComplaintEntry.public).is_(True))
    return list(session.exec(query.order_by(col(ComplaintEntry.seq))))


def last_of_kind(session: Session, complaint_id: str, kind: str) -> ComplaintEntry | None:
    return session.exec(
        select(ComplaintEntry)
        .where(ComplaintEntry.complaint_id == complaint_id, ComplaintEntry.kind == kind)
        .order_by(col(ComplaintEntry.seq).desc())
        .limit(1)
    ).first()


def last_seq(session: Session, complaint_id: str) -> int:
    query = select(func.max(ComplaintEntry.seq)).where(ComplaintEntry.complaint_id == complaint_id)
    return session.exec(query).one() or 0


# --- the list --------------------------------------------------------------------------------------------


def _filtered(
    query: Select[Any], which: str, now: datetime, owner_id: str | None, search: str
) -> Select[Any]:
    """``which``: open, overdue, today or all."""
    if which != "all":
        query = query.where(col(Complaint.stage).not_in([stage.value for stage in OVER]))
    if which == "overdue":
        query = query.where(col(Complaint.id).in_(deadlines.overdue("complaint", now)))
    elif which == "today":
        query = query.where(col(Complaint.id).in_(deadlines.due_today("complaint", now)))
    if owner_id:
        query = query.where(col(Complaint.owner_id) == owner_id)
    if search:
        query = query.where(col(Complaint.number).contains(search, autoescape=True))
    return query


def page_of(
    session: Session, which: str, now: datetime, owner_id: str | None, search: str, offset: int, limit: int
) -> list[Complaint]:
    """Open cases by what is due next, the most urged first among equals; then closed ones, newest first."""
    due = deadlines.next_due("complaint")
    query = (
        select(Complaint)
        .outerjoin(due, due.c.subject_id == Complaint.id)
        .order_by(
            due.c.due_at.is_(None),
            due.c.due_at,
            col(Complaint.priority).desc(),
            col(Complaint.filed_at).desc(),
        )
    )
    filtered = _filtered(query, which, now, owner_id, search)
    return list(session.execute(filtered.offset(offset).limit(limit)).scalars())


def count_of(
    session: Session, which: str, now: datetime, owner_id: str | None = None, search: str = ""
) -> int:
    query = _filtered(select(func.count(col(Complaint.id))), which, now, owner_id, search)
    return int(session.execute(query).scalar_one())
