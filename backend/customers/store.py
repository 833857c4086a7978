"""Every query of the customers room."""

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from backend.customers.tables import Customer, CustomerNote


def by_id(session: Session, customer_id: str) -> Customer | None:
    return session.get(Customer, customer_id)


def by_ids(session: Session, customer_ids: Collection[str]) -> Sequence[Customer]:
    return session.exec(select(Customer).where(col(Customer.id).in_(customer_ids))).all() if customer_ids else []


def by_ref(session: Session, channel: str, ref_index: str) -> Customer | None:
    return session.exec(
        select(Customer).where(Customer.channel == channel, Customer.ref_index == ref_index)
    ).first()


def by_contact(session: Session, contact_index: str) -> list[Customer]:
    """The same person on several channels, most recently seen first."""
    return list(
        session.exec(
            select(Customer)
            .where(Customer.contact_index == contact_index)
            .order_by(col(Customer.last_seen_at).desc())
        )
    )


def notes(session: Session, customer_id: str, limit: int = 20) -> list[CustomerNote]:
    return list(
        session.exec(
            select(CustomerNote)
            .where(CustomerNote.customer_id == customer_id)
            .order_by(col(CustomerNote.at).desc(), col(CustomerNote.id))
            .limit(limit)
        )
    )
