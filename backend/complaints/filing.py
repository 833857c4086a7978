"""Receiving a complaint: once per key, with a number, a receipt and running clocks."""

import hashlib

import structlog
from sqlalchemy.exc import IntegrityError

from backend.complaints import proofs, rules, store
from backend.complaints.events import ComplaintFiled
from backend.complaints.rules import Stage
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, append
from backend.customers import service as customers
from backend.deadlines import service as deadlines
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Invalid, NotFound
from backend.kernel.ids import new_id

log = structlog.get_logger(__name__)

REGIME = deadlines.DEFAULT_REGIME


def file(
    work: Work,
    *,
    idempotency_key: str,
    customer_id: str,
    conversation_id: str | None,
    channel: str,
    description: str,
    remedy: str,
    order_no: str | None,
    contact: str,
) -> Complaint:
    """Receive a complaint: number, receipt, first thread entry, running clocks.

    The same key again, also at the same moment, gives the complaint that came first, whatever else was sent.
    Raises Invalid (``complaint_invalid``) with each wrong field, Forbidden.
    """
    work.actor.require(Permission.COMPLAINT_FILE)
    key = _key(idempotency_key)
    known = store.by_key(work.session, key)
    if known is not None:
        return known
    filing = rules.check_filing(description, remedy, order_no, contact)
    complaint_id = new_id()
    try:
        # The number is drawn inside the savepoint: whoever loses the race gives it back, and there is no gap.
        with work.session.begin_nested():
            day = rules.day_key(work.now)
            number = rules.number_of(day, store.next_running_number(work.session, day))
            complaint = Complaint(
                id=complaint_id,
                number=number,
                idempotency_key=key,
                receipt_token_hash=proofs.token_hash(proofs.receipt_token(complaint_id)),
                customer_id=customer_id,
                conversation_id=conversation_id,
                channel=channel,
                description=filing.description,
                remedy=filing.remedy,
                order_no=filing.order_no,
                contact=filing.contact,
                contact_kind=filing.contact_kind,
                last4_index=proofs.last4_index(number, rules.last4(filing.contact)),
                stage=Stage.FILED.value,
                filed_at=work.now,
            )
            work.session.add(complaint)
            work.flush()
    except IntegrityError:
        known = store.by_key(work.session, key)
        if known is None:
            raise
        return known
    append(work, complaint, "filed", to_stage=Stage.FILED, public=True)
    _start_clocks(work, complaint, "filed")
    # The number given back at once is the acknowledgement that the standard asks for.
    deadlines.meet(work, SUBJECT, complaint.id, "acknowledge")
    customers.remember_contact(work, customer_id, filing.contact)
    work.journal("complaint_filed", SUBJECT, complaint.id, number=number, channel=channel)
    work.record(
        ComplaintFiled(
            at=work.now,
            complaint_id=complaint.id,
            number=number,
            customer_id=customer_id,
            conversation_id=conversation_id,
            channel=channel,
        )
    )
    work.hint("complaints")
    return complaint


def _key(given: str) -> str:
    """Keys are kept whole up to their column's width, longer ones by their hash."""
    text = given.strip()
    if not text:
        raise Invalid("idempotency_key_missing", "缺少 idempotency_key，无法防止重复登记。")
    return text if len(text) <= 64 else hashlib.sha256(text.encode()).hexdigest()


def _start_clocks(work: Work, complaint: Complaint, event: str) -> None:
    """A complaint is received even where no regime is in force: then nobody is promised anything."""
    try:
        deadlines.start_all(work, SUBJECT, complaint.id, REGIME, event)
    except NotFound as error:
        log.warning("no_regime_in_force", regime=REGIME, complaint=complaint.number)
        work.journal("regime_missing", SUBJECT, complaint.id, regime=REGIME, code=error.code)
