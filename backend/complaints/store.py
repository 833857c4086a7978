"""Every query about complaints and their threads."""

from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from backend.complaints.rules import Stage
from backend.complaints.tables import (
    Complaint,
    ComplaintEntry,
    ComplaintFile,
    ComplaintTask,
    CustomerNotice,
    MajorPlan,
)


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


# --- relatives -----------------------------------------------------------------------------------------


def relatives(
    session: Session,
    *,
    customer_id: str,
    contact_index: str | None,
    order_no: str | None,
    since: datetime,
    limit: int = 50,
) -> list[Complaint]:
    """Cases of the same customer, the same contact or the same order since then, newest first."""
    wanted: dict[str, Complaint] = {}
    # One question by each index: a condition with OR might be answered by walking all cases by their date.
    for column, value in (
        (Complaint.customer_id, customer_id),
        (Complaint.contact_index, contact_index),
        (Complaint.order_no, order_no),
    ):
        if value:
            query = select(Complaint).where(col(column) == value, col(Complaint.filed_at) >= since)
            newest = session.exec(query.order_by(col(Complaint.filed_at).desc()).limit(limit))
            wanted |= {one.id: one for one in newest}
    return sorted(wanted.values(), key=lambda one: one.filed_at, reverse=True)[:limit]


def of_topic(session: Session, topic: str, limit: int = 100) -> list[Complaint]:
    """Open cases of one cause, newest first."""
    return list(
        session.exec(
            select(Complaint)
            .where(Complaint.topic == topic, col(Complaint.closed_at).is_(None))
            .order_by(col(Complaint.filed_at).desc())
            .limit(limit)
        )
    )


# Beyond this many the answer is "very many" either way; counting a flood exactly would slow every filing in it.
MOST_OF_TOPIC = 500


def count_of_topic(session: Session, topic: str, since: datetime) -> tuple[int, int]:
    """How many complaints of a cause were filed since then, and by how many customers (of the newest 500)."""
    newest = (
        select(Complaint.customer_id)
        .where(
            Complaint.topic == topic, Complaint.filed_at >= since, Complaint.stage != Stage.WITHDRAWN.value
        )
        .order_by(col(Complaint.filed_at).desc())
        .limit(MOST_OF_TOPIC)
        .subquery()
    )
    query = select(func.count(), func.count(func.distinct(newest.c.customer_id))).select_from(newest)
    cases, customers = session.execute(query).one()
    return int(cases), int(customers)


def running_plans(session: Session, topic: str) -> list[MajorPlan]:
    """The plans that run for cases of one cause. Few run at a time, so they are looked through from that side."""
    running = session.exec(select(MajorPlan).where(col(MajorPlan.closed_at).is_(None)).limit(200)).all()
    ids = [plan.complaint_id for plan in running]
    of_cause = select(Complaint.id).where(col(Complaint.id).in_(ids), Complaint.topic == topic)
    same = set(session.exec(of_cause)) if ids else set()
    return [plan for plan in running if plan.complaint_id in same]


def merged_into(session: Session, complaint_id: str) -> list[Complaint]:
    """The complaints that are handled with this one."""
    return list(
        session.exec(
            select(Complaint)
            .where(Complaint.merged_into_id == complaint_id)
            .order_by(col(Complaint.filed_at))
        )
    )


def merged_ids(session: Session, complaint_id: str) -> list[str]:
    return list(session.exec(select(Complaint.id).where(Complaint.merged_into_id == complaint_id)))


# --- tasks, files, plans ---------------------------------------------------------------------------------


def tasks(session: Session, complaint_id: str) -> list[ComplaintTask]:
    """Open ones first, by their date; then the done ones, the last done first."""
    found = list(session.exec(select(ComplaintTask).where(ComplaintTask.complaint_id == complaint_id)))
    open_ones = sorted((one for one in found if one.done_at is None), key=lambda one: one.due_at)
    done = [(one.done_at, one) for one in found if one.done_at is not None]
    return open_ones + [one for _, one in sorted(done, key=lambda pair: pair[0], reverse=True)]


def locked_task(session: Session, complaint_id: str, task_id: str) -> ComplaintTask | None:
    return session.exec(
        select(ComplaintTask)
        .where(ComplaintTask.id == task_id, ComplaintTask.complaint_id == complaint_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def files(session: Session, complaint_id: str) -> list[ComplaintFile]:
    return list(
        session.exec(
            select(ComplaintFile)
            .where(ComplaintFile.complaint_id == complaint_id)
            .order_by(col(ComplaintFile.at))
        )
    )


def file_by_id(session: Session, complaint_id: str, file_id: str) -> ComplaintFile | None:
    return session.exec(
        select(ComplaintFile).where(ComplaintFile.id == file_id, ComplaintFile.complaint_id == complaint_id)
    ).first()


def file_by_hash(session: Session, complaint_id: str, sha256: str) -> ComplaintFile | None:
    return session.exec(
        select(ComplaintFile).where(
            ComplaintFile.sha256 == sha256, ComplaintFile.complaint_id == complaint_id
        )
    ).first()


def plan_of(session: Session, complaint_id: str, *, lock: bool = False) -> MajorPlan | None:
    query = select(MajorPlan).where(MajorPlan.complaint_id == complaint_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


# --- news that wait for the customer ----------------------------------------------------------------------


def waiting_notices(session: Session, customer_id: str) -> list[CustomerNotice]:
    return list(
        session.exec(
            select(CustomerNotice)
            .where(CustomerNotice.customer_id == customer_id, col(CustomerNotice.told_at).is_(None))
            .order_by(col(CustomerNotice.at))
            .with_for_update()
        )
    )
