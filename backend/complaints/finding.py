"""Finding a complaint: by number for staff, by link, or by number and last four for a customer."""

from datetime import datetime

from sqlmodel import Session

from backend.complaints import proofs, rules, store
from backend.complaints.tables import Complaint
from backend.complaints.thread import not_found
from backend.infra.work import Work, Works
from backend.kernel.actors import Actor
from backend.kernel.contacts import parse_complaint_no
from backend.kernel.errors import Invalid, NotFound, TooMany
from backend.people import service as people


def get(session: Session, number: str) -> Complaint:
    """Raises NotFound (``complaint_not_found``)."""
    found = store.by_number(session, number.strip().upper())
    if found is None:
        raise not_found()
    return found


def by_id(session: Session, complaint_id: str) -> Complaint | None:
    return session.get(Complaint, complaint_id)


def by_number(session: Session, number: str) -> Complaint | None:
    return store.by_number(session, number)


def by_token(session: Session, token: str) -> Complaint:
    """The complaint of a receipt link. Raises NotFound without telling more."""
    found = store.by_receipt(session, proofs.token_hash(token)) if token else None
    if found is None:
        raise NotFound("receipt_not_found", "这个回执链接打不开，请核对链接，或联系在线客服。")
    return found


def of_conversation(session: Session, conversation_id: str) -> list[Complaint]:
    """Filed in this conversation, newest first."""
    return store.of_conversation(session, conversation_id)


def of_customer(session: Session, customer_id: str) -> list[Complaint]:
    """For staff. A customer's reference is the browser's word, so it opens nothing to the customer."""
    return store.of_customer(session, customer_id)


def look_up(work: Work, number: str, last4: str, conversation_id: str) -> Complaint:
    """By number and the last four of the contact. A wrong number and wrong digits read the same.

    Raises TooMany (``too_many_tries``), NotFound (``complaint_not_found``). The caller counts the wrong try
    in a transaction of its own, see ``find_for_customer``.
    """
    for purpose, subject in _tries(number, conversation_id):
        if people.attempts(work, purpose, subject, rules.TRY_WINDOW) >= rules.WRONG_TRIES:
            raise TooMany(
                "too_many_tries",
                "试的次数太多了，请一小时后再试，或转人工核对。",
                retry_after=int(rules.TRY_WINDOW.total_seconds()),
            )
    try:
        normal = parse_complaint_no(number)
    except Invalid as error:
        raise not_found() from error
    complaint = store.by_number(work.session, normal)
    index = proofs.last4_index(normal, rules.given_last4(last4))
    if complaint is None or complaint.last4_index != index:
        raise not_found()
    people.count_attempt(work, "complaint_found", f"{conversation_id}:{complaint.number}")
    return complaint


def find_for_customer(
    works: Works, actor: Actor, number: str, last4: str, conversation_id: str, now: datetime | None = None
) -> Complaint:
    """``look_up`` with its wrong tries counted: they are committed even though the look-up fails."""
    try:
        with works.begin(actor, now) as work:
            return look_up(work, number, last4, conversation_id)
    except NotFound:
        with works.begin(actor, now) as work:
            for purpose, subject in _tries(number, conversation_id):
                people.count_attempt(work, purpose, subject)
        raise


def _tries(number: str, conversation_id: str) -> list[tuple[str, str]]:
    """Counted by who asks and by what is asked for: a new conversation gives no new guesses at a number."""
    return [
        ("complaint_try", conversation_id),
        ("complaint_try_number", "".join(char for char in number if char.isdigit())[:20]),
    ]


def found_in(work: Work, conversation_id: str, number: str) -> Complaint:
    """A complaint that this conversation may act on: filed here, or looked up here. Raises NotFound."""
    complaint = get(work.session, number)
    if complaint.conversation_id == conversation_id:
        return complaint
    subject = f"{conversation_id}:{complaint.number}"
    if people.attempts(work, "complaint_found", subject, rules.FOUND_FOR) == 0:
        raise not_found()
    return complaint
