"""The append-only thread of a complaint, and the lock that keeps its numbering straight."""

from typing import Any

from backend.complaints import store
from backend.complaints.rules import Stage
from backend.complaints.tables import Complaint, ComplaintEntry
from backend.infra import search
from backend.infra.work import Work
from backend.kernel.errors import NotFound
from backend.kernel.ids import new_id

SUBJECT = "complaint"


def not_found() -> NotFound:
    return NotFound("complaint_not_found", "没有找到这件投诉，请核对编号后再试。")


def locked(work: Work, complaint_id: str) -> Complaint:
    """The complaint as it is now, held until the transaction ends. Raises NotFound."""
    found = store.locked(work.session, complaint_id)
    if found is None:
        raise not_found()
    return found


def append(
    work: Work,
    complaint: Complaint,
    kind: str,
    *,
    from_stage: Stage | None = None,
    to_stage: Stage | None = None,
    public: bool = False,
    text: str = "",
    **detail: Any,
) -> None:
    """One more line of the thread. The complaint's lock keeps the numbering free of twins."""
    work.session.add(
        ComplaintEntry(
            id=new_id(),
            complaint_id=complaint.id,
            seq=store.last_seq(work.session, complaint.id) + 1,
            kind=kind,
            from_stage=from_stage.value if from_stage else None,
            to_stage=to_stage.value if to_stage else None,
            actor_kind=work.actor.kind,
            actor_id=work.actor.id,
            actor_name=work.actor.name[:40],
            public=public,
            text=text,
            detail=detail,
            at=work.now,
        )
    )
    work.flush()
    if text:
        search.add(work.session, SUBJECT, complaint.id, [text])
