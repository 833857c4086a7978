"""Complaints go along when the customer of their conversation turns out to be somebody we know."""

from sqlalchemy import update
from sqlmodel import col, select

from backend.complaints.tables import Complaint, CustomerNotice
from backend.conversations.events import CustomerIdentified
from backend.infra.work import Work


def follow(work: Work, fact: CustomerIdentified) -> None:
    """What was filed in this conversation, and the news of it that waits, belong to the proven customer."""
    mine = list(work.session.exec(
        select(Complaint.id).where(Complaint.conversation_id == fact.conversation_id,
                                   Complaint.customer_id == fact.before)
    ))
    if not mine:
        return
    work.session.execute(update(Complaint).where(col(Complaint.id).in_(mine)).values(customer_id=fact.customer_id))
    work.session.execute(
        update(CustomerNotice).where(col(CustomerNotice.complaint_id).in_(mine),
                                     col(CustomerNotice.customer_id) == fact.before)
        .values(customer_id=fact.customer_id)
    )
    for complaint_id in mine:
        work.journal("complaint_customer_identified", "complaint", complaint_id, before=fact.before,
                     customer=fact.customer_id)
