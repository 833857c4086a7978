"""Probable duplicates, similar open cases, and bursts of one cause."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from backend.complaints import proofs, rules, store
from backend.complaints.events import ComplaintBurst
from backend.complaints.policy import policy
from backend.complaints.rules import OVER, Stage
from backend.complaints.rules.likeness import Likeness, compare, text_likeness
from backend.complaints.tables import Complaint
from backend.conversations import alerts
from backend.deadlines import service as deadlines
from backend.infra.db import blind_index
from backend.infra.work import Work
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import Conflict

# A case that ended longer ago than this is another matter, however alike the words are.
LOOK_BACK = timedelta(days=90)


def contact_index(contact: str) -> str:
    """The blind index by which the same phone or mailbox is recognised in complaints."""
    return blind_index("complaint_contact", contact.lower())


@dataclass(frozen=True)
class Match:
    complaint: Complaint
    likeness: Likeness


def probable(
    session: Session,
    now: datetime,
    *,
    customer_id: str,
    contact: str,
    order_no: str | None,
    description: str,
    but: str = "",
) -> list[Match]:
    """Cases that are probably the same matter, the most alike first. Withdrawn and merged ones do not count."""
    found = []
    index = contact_index(contact)
    for other in store.relatives(
        session, customer_id=customer_id, contact_index=index, order_no=order_no, since=now - LOOK_BACK
    ):
        if other.id == but or other.stage in (Stage.WITHDRAWN, Stage.MERGED):
            continue
        likeness = compare(
            policy(),
            text_likeness(description, other.description),
            same_person=other.customer_id == customer_id or other.contact_index == index,
            same_order=order_no is not None and other.order_no == order_no,
        )
        if likeness.probable:
            found.append(Match(other, likeness))
    return sorted(found, key=lambda match: match.likeness.text, reverse=True)


def refuse_known(work: Work, matches: list[Match], conversation_id: str | None) -> None:
    """Say which complaint it probably is, instead of filing twice. Raises Conflict (``complaint_probably_known``).

    The receipt link opens the whole case, so it is given only where the case was filed in this very
    conversation; a number alone opens nothing.
    """
    if not matches:
        return
    match = matches[0]
    other = match.complaint
    _, promised = deadlines.promise_words(deadlines.promise_of(work.session, "complaint", other.id))
    fields = {
        "number": other.number,
        "likeness": str(match.likeness.percent),
        "why": match.likeness.why,
        "stage": other.stage,
        "stage_text": Stage(other.stage).zh,
        "open": "1" if Stage(other.stage) not in OVER else "",
        "filed_text": zh_datetime(other.filed_at, work.now),
        "promised_text": promised,
        "title": rules.title(other.description),
    }
    if conversation_id is not None and other.conversation_id == conversation_id:
        fields["receipt_url"] = proofs.receipt_url(other.id)
    raise Conflict(
        "complaint_probably_known",
        f"这很可能是已经登记的 {other.number}（{match.likeness.why}）。是同一件就不用再登记，补充说明即可。",
        fields=fields,
    )


def similar(session: Session, complaint: Complaint, limit: int = 5) -> tuple[list[Match], int]:
    """Open cases of the same cause, the most alike first, and how many there are (at most a hundred)."""
    if not complaint.topic:
        return [], 0
    others = [one for one in store.of_topic(session, complaint.topic) if one.id != complaint.id]
    matches = [
        Match(
            one,
            compare(
                policy(),
                text_likeness(complaint.description, one.description),
                same_person=one.customer_id == complaint.customer_id,
                same_order=complaint.order_no is not None and one.order_no == complaint.order_no,
            ),
        )
        for one in others[:50]
    ]
    matches.sort(key=lambda match: match.likeness.text, reverse=True)
    return matches[:limit], len(others)


def watch_for_burst(work: Work, topic: str | None) -> None:
    """Many of one cause in a short time: told to managers at the set number, and at every multiple of it."""
    if not topic:
        return
    known = policy()
    count, customers = store.count_of_topic(work.session, topic, work.now - known.burst_window)
    if count < known.burst_count or count % known.burst_count:
        return
    hours = known.burst_window.total_seconds() / 3600
    alerts.raise_alert(
        work,
        "complaint_burst",
        topic,
        f"「{known.category_title(topic)}」{hours:.0f} 小时内 {count} 件，{customers} 位客户。请查是否同一原因。",
    )
    work.record(ComplaintBurst(at=work.now, topic=topic, count=count, hours=hours))
