"""The five whys of one complaint and what making good has cost; both only ever grow."""

import json
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints import store as cases
from backend.complaints.events import ComplaintFiled
from backend.complaints.learning import store
from backend.complaints.learning.books import causes
from backend.complaints.learning.tables import HeardBefore, Remedy, WhyRecord
from backend.complaints.policy import policy
from backend.complaints.rules import title
from backend.complaints.rules.causes import (
    MOST_WHYS,
    check_cause_known,
    check_remedy,
    check_whys,
    needs_cause,
    yuan,
)
from backend.complaints.tables import Complaint
from backend.complaints.thread import SUBJECT, locked, not_found
from backend.conversations import tallies
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.ids import new_id
from backend.scripts import service as scripts


def record(work: Work, number: str, given: list[tuple[str, str]], cause: str) -> WhyRecord:
    """A new revision of the five whys with the root cause at their end.

    Raises Forbidden, NotFound (``complaint_not_found``), Invalid (``unknown_cause``, ``field_missing`` …).
    """
    work.actor.require(Permission.COMPLAINT_HANDLE)
    complaint = _held(work, number)
    whys = check_whys(given)
    causes().check(cause)
    before = store.whys(work.session, complaint.id)
    row = WhyRecord(
        id=new_id(),
        complaint_id=complaint.id,
        revision=before[0].revision + 1 if before else 1,
        whys=json.dumps([[one.question, one.answer] for one in whys], ensure_ascii=False),
        layers=len(whys),
        cause=cause,
        actor_id=work.actor.id,
        actor_name=work.actor.name[:40],
        at=work.now,
    )
    work.session.add(row)
    complaint.cause = cause  # what lists and counts go by
    work.session.add(complaint)
    work.flush()
    work.journal(
        "complaint_cause",
        SUBJECT,
        complaint.id,
        number=complaint.number,
        cause=cause,
        layers=row.layers,
        revision=row.revision,
    )
    work.hint("complaints")
    return row


def add_remedy(work: Work, number: str, kind: str, fen: int) -> Remedy:
    """One more line of what it cost. Raises Forbidden, NotFound, Invalid (``unknown_remedy``, ``bad_amount``)."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    complaint = _held(work, number)
    total = sum(one.amount for one in store.remedies(work.session, complaint.id))
    check_remedy(causes(), kind, fen, total)
    row = Remedy(
        id=new_id(),
        complaint_id=complaint.id,
        kind=kind,
        amount=fen,
        actor_id=work.actor.id,
        actor_name=work.actor.name[:40],
        at=work.now,
    )
    work.session.add(row)
    work.flush()
    work.journal("complaint_remedy", SUBJECT, complaint.id, number=complaint.number, kind=kind, fen=fen)
    work.hint("complaints")
    return row


def _held(work: Work, number: str) -> Complaint:
    found = cases.id_of(work.session, number.strip().upper())
    if found is None:
        raise not_found()
    return locked(work, found)


def guard_closing(session: Session, complaint: Complaint) -> None:
    """For the close move: raises Conflict (``cause_missing``, ``whys_too_few``) where a severe case has no cause."""
    revisions = store.whys(session, complaint.id)
    check_cause_known(policy(), causes(), complaint.level, revisions[0].layers if revisions else 0)


def on_filed(work: Work, fact: ComplaintFiled) -> None:
    """Keep which approved words the customer had last been answered with (wired in ``wiring``)."""
    if fact.conversation_id is None or store.heard_before(work.session, fact.complaint_id):
        return
    version_id = tallies.last_answer(work.session, fact.conversation_id)
    if version_id:
        work.session.add(HeardBefore(complaint_id=fact.complaint_id, script_version_id=version_id))


def layers_of(row: WhyRecord) -> list[tuple[str, str]]:
    return [(question, answer) for question, answer in json.loads(row.whys)]


def panel(session: Session, complaint: Complaint, now: datetime) -> dict[str, Any]:
    """What the case page shows: the newest record, the older ones, the costs, and what is still asked for."""
    book = causes()
    rows = store.whys(session, complaint.id)
    revisions = [
        {
            "revision": row.revision,
            "whys": layers_of(row),
            "cause": row.cause,
            "cause_text": book.title(row.cause),
            "who": row.actor_name,
            "at": row.at,
            "at_text": zh_datetime(row.at, now, relative=False),
        }
        for row in rows
    ]
    lines = store.remedies(session, complaint.id)
    required = needs_cause(policy(), book, complaint.level)
    layers = rows[0].layers if rows else 0
    heard = store.heard_before(session, complaint.id)
    card = scripts.version_card(session, heard.script_version_id) if heard else None
    total = sum(one.amount for one in lines) if lines else complaint.remedy_cost
    return {
        "number": complaint.number,
        "title": title(complaint.description),
        "newest": revisions[0] if revisions else None,
        "older": revisions[1:],
        "required": required,
        "missing": required and layers < book.least_whys,
        "least": book.least_whys,
        "most": MOST_WHYS,
        "tree": book.tree(),
        "remedies": [
            {
                "kind_text": book.remedies.get(one.kind, one.kind),
                "amount": one.amount,
                "amount_text": yuan(one.amount),
                "who": one.actor_name,
                "at_text": zh_datetime(one.at, now, relative=False),
            }
            for one in lines
        ],
        "total": total,
        "total_text": yuan(total) if total is not None else "",
        "from_decision": not lines and complaint.remedy_cost is not None,
        "kinds": list(book.remedies.items()),
        "heard": {"key": card.key, "version": card.version, "title": card.title} if card else None,
    }
