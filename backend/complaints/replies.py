"""Approved replies to complaints: chosen, filled in, and what was changed by hand recorded."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.complaints import proofs
from backend.complaints.rules import missing
from backend.complaints.tables import Complaint
from backend.customers import service as customers
from backend.deadlines import service as deadlines
from backend.infra.work import Work
from backend.kernel.errors import Invalid
from backend.scripts import service as scripts
from backend.scripts.rules import render, variables_in

TOPIC = "complaint_reply"


def offered(session: Session, complaint: Complaint, now: datetime) -> list[dict[str, str]]:
    """The replies in force, filled in for this case as far as its facts go; the rest stays in brackets."""
    known = {**scripts.house_values(), **_values(session, complaint, now)}
    found = []
    for one in _in_force(session, now):
        names = variables_in(one["text"])
        blanks = {name: f"【{_BLANKS.get(name, name)}】" for name in names if name not in known}
        found.append(
            {"key": one["key"], "title": one["title"], "text": render(one["text"], {**known, **blanks})}
        )
    return found


def proof(work: Work, complaint: Complaint, key: str, text: str) -> dict[str, Any]:
    """What proves that approved words were used, and how they were changed.

    Raises Invalid: ``field_missing`` (no reply chosen although there are some), ``reply_unknown``,
    ``reply_unfinished`` (a bracket was left open).
    """
    known = {one["key"]: one for one in _in_force(work.session, work.now)}
    if not text or (not key and not known):
        return {}
    if not key:
        raise missing("script", "请先选一条批准过的回复，再按这件的情况改。")
    if key not in known:
        message = "这条回复现在不能用，可能刚被撤回，请重新选。"
        raise Invalid("reply_unknown", message, fields={"script": message})
    if "【" in text:
        message = "还有【 】没填好，填好再告诉客户。"
        raise Invalid("reply_unfinished", message, fields={"text": message})
    one = known[key]
    approved = next(row["text"] for row in offered(work.session, complaint, work.now) if row["key"] == key)
    edited = " ".join(text.split()) != " ".join(approved.split())
    return {
        "script_key": key,
        "script_version": one["version"],
        "script_version_id": one["version_id"],
        "edited": edited,
        # Kept beside what was said, so that the change can be read without digging up the version.
        "approved_text": approved if edited else "",
    }


_BLANKS = {"remedy": "处理办法", "progress": "进展", "eta": "时间", "days": "几天", "agent_name": "您的姓名"}


def _values(session: Session, complaint: Complaint, now: datetime) -> dict[str, str]:
    promise = deadlines.promise_of(session, "complaint", complaint.id)
    _, promised = deadlines.promise_words(promise)
    values = {
        "complaint_no": complaint.number,
        "order_no": complaint.order_no or "",
        "item_name": complaint.product or "",
        "promised_at": promised,
        "receipt_url": proofs.receipt_url(complaint.id),
    }
    told = customers.get(session, complaint.customer_id).name
    # A visitor without a name is greeted without one, never as 访客 7276.
    return {"customer_name": told or ""} | {name: value for name, value in values.items() if value}


def _in_force(session: Session, now: datetime) -> list[dict[str, Any]]:
    """Approved scripts of the topic that may be said now."""
    return [one for one in scripts.feed(session, now)["scripts"] if one["topic"] == TOPIC]
