"""Finding complaints by words: what is indexed of a case, and the catching up of cases filed before there was an
index."""

from sqlalchemy import TextClause
from sqlmodel import Session, col, select

from backend.complaints import duplicates, store
from backend.complaints.policy import policy
from backend.complaints.rules.policy import guess_category
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT
from backend.customers import service as customers
from backend.infra import search
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM

CATCH_UP = 200


def index_case(work: Work, complaint: Complaint) -> None:
    """Everything of a case that staff search by. The contact is findable whole only: nobody fishes by digits."""
    running = complaint.number.rsplit("-", 1)[-1]
    name = customers.name_of(work.session, complaint.customer_id)
    texts = [
        complaint.description,
        complaint.remedy,
        complaint.number,
        complaint.order_no or "",
        complaint.product or "",
        name,
        policy().category_title(complaint.category),
        complaint.contact.replace("-", ""),
        # 0017 is asked for as 0017, 017 or 17.
        " ".join(
            {running, running.lstrip("0"), running.lstrip("0").zfill(2), running.lstrip("0").zfill(3)} - {""}
        ),
    ]
    search.add(work.session, SUBJECT, complaint.id, texts)


def matching(session: Session, question: str) -> TextClause | None:
    """A subquery of the ids of the cases that hold every word; None when there is no word to search by."""
    return search.matching(session, SUBJECT, question)


def catch_up(works: Works) -> int:
    """Index cases that came before the index did; gives how many. Run by the worker until nothing is left."""
    with works.read(SYSTEM) as work:
        known = select(search.SearchDoc.subject_id).where(search.SearchDoc.scope == SUBJECT)
        ids = list(
            work.session.exec(select(Complaint.id).where(col(Complaint.id).not_in(known)).limit(CATCH_UP))
        )
    for complaint_id in ids:
        with works.begin(SYSTEM) as work:
            complaint = store.locked(work.session, complaint_id)
            if complaint is None:
                continue
            complaint.contact_index = complaint.contact_index or duplicates.contact_index(complaint.contact)
            complaint.topic = complaint.topic or guess_category(policy(), complaint.description)
            work.session.add(complaint)
            index_case(work, complaint)
            thread = [entry.text for entry in store.entries(work.session, complaint.id) if entry.text]
            search.add(work.session, SUBJECT, complaint.id, thread)
    return len(ids)
