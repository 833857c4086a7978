"""Every query about staff."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from backend.people.tables import Attempt, SignIn, Staff, StaffRole


def by_id(session: Session, staff_id: str) -> Staff | None:
    return session.get(Staff, staff_id)


def by_ids(session: Session, ids: Collection[str]) -> Sequence[Staff]:
    return session.exec(select(Staff).where(col(Staff.id).in_(ids))).all()


def by_username(session: Session, username: str) -> Staff | None:
    return session.exec(select(Staff).where(Staff.username == username.strip().lower())).first()


def everybody(session: Session) -> list[Staff]:
    return list(session.exec(select(Staff).order_by(col(Staff.username))))


def roles(session: Session, staff_id: str) -> list[str]:
    return list(session.exec(select(StaffRole.role).where(StaffRole.staff_id == staff_id)))


def sign_in(session: Session, token_hash: str) -> SignIn | None:
    return session.get(SignIn, token_hash)


def sign_ins_of(session: Session, staff_id: str) -> list[SignIn]:
    return list(session.exec(select(SignIn).where(SignIn.staff_id == staff_id)))


def drop_expired(session: Session, now: datetime) -> None:
    session.exec(delete(SignIn).where(col(SignIn.expires_at) < now))


def attempts(session: Session, purpose: str, subject: str, since: datetime) -> int:
    return session.exec(
        select(func.count()).select_from(Attempt)
        .where(Attempt.purpose == purpose, Attempt.subject == subject, Attempt.at >= since)
    ).one()
