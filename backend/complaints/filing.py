"""Receiving a complaint: once per key, with a number, a receipt and running clocks."""

import hashlib

from sqlalchemy.exc import IntegrityError

from backend.complaints import clocks, duplicates, major, proofs, rules, searching, store
from backend.complaints.events import ComplaintFiled
from backend.complaints.policy import policy
from backend.complaints.rules import Stage
from backend.complaints.rules.policy import guess_category
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, append
from backend.customers import service as customers
from backend.deadlines import service as deadlines
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Invalid, ZhikeError
from backend.kernel.ids import new_id


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
    ask_first: bool = False,
) -> Complaint:
    """Receive a complaint: number, receipt, first thread entry, running clocks.

    The same key again, also at the same moment, gives the complaint that came first, whatever else was sent.
    With ``ask_first`` a probable duplicate is refused by name instead of filed twice. Raises Invalid
    (``complaint_invalid``) with each wrong field, Conflict (``complaint_probably_known``), Forbidden.
    """
    work.actor.require(Permission.COMPLAINT_FILE)
    key = _key(idempotency_key)
    known = store.by_key(work.session, key)
    if known is not None:
        return known
    filing = rules.check_filing(description, remedy, order_no, contact)
    if ask_first:
        _ask(work, filing, customer_id, conversation_id)
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
                contact_index=duplicates.contact_index(filing.contact),
                last4_index=proofs.last4_index(number, rules.last4(filing.contact)),
                stage=Stage.FILED.value,
                topic=guess_category(policy(), filing.description),
                product=_product(work, filing.order_no),
                filed_at=work.now,
            )
            work.session.add(complaint)
            work.flush()
    except IntegrityError:
        known = store.by_key(work.session, key)
        if known is None:
            raise
        return known
    searching.index_case(work, complaint)
    append(work, complaint, "filed", to_stage=Stage.FILED, public=True)
    clocks.start_all(work, complaint, "filed")
    # The number given back at once is the acknowledgement that the standard asks for.
    deadlines.meet(work, SUBJECT, complaint.id, "acknowledge")
    clocks.refresh(work, complaint)
    customers.remember_contact(work, customer_id, filing.contact)
    work.journal("complaint_filed", SUBJECT, complaint.id, number=number, channel=channel, by=work.actor.kind)
    work.record(
        ComplaintFiled(
            at=work.now,
            complaint_id=complaint.id,
            number=number,
            customer_id=customer_id,
            conversation_id=conversation_id,
            channel=channel,
            topic=complaint.topic,
            product=complaint.product,
        )
    )
    major.judge(work, complaint)
    duplicates.watch_for_burst(work, complaint.topic)
    work.hint("complaints")
    return complaint


def _ask(work: Work, filing: rules.Filing, customer_id: str, conversation_id: str | None) -> None:
    """Staff are shown every probable duplicate. A customer is told of what this very visitor filed and no more:
    a typed phone or order number must not tell a stranger whether somebody has complained."""
    matches = duplicates.probable(
        work.session,
        work.now,
        customer_id=customer_id,
        contact=filing.contact,
        order_no=filing.order_no,
        description=filing.description,
    )
    if not work.actor.is_staff:
        matches = [
            match
            for match in matches
            if match.complaint.customer_id == customer_id
            or (conversation_id is not None and match.complaint.conversation_id == conversation_id)
        ]
    duplicates.refuse_known(work, matches, conversation_id)


def _product(work: Work, order_no: str | None) -> str | None:
    """What was bought, as the order names it: for counting by product. An unknown order names nothing."""
    if not order_no:
        return None
    try:
        return customers.find_order(order_no, work.now).item_name[:80]
    except ZhikeError:
        return None


def _key(given: str) -> str:
    """Keys are kept whole up to their column's width, longer ones by their hash."""
    text = given.strip()
    if not text:
        raise Invalid("idempotency_key_missing", "缺少 idempotency_key，无法防止重复登记。")
    return text if len(text) <= 64 else hashlib.sha256(text.encode()).hexdigest()
