"""Why time ran out: every breach has its cause written down before its case closes."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.deadlines import rules, store
from backend.deadlines.tables import BreachCause, Deadline
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.errors import Conflict, Invalid, NotFound
from backend.kernel.ids import new_id

MOST_WORDS = 500


def without_cause(session: Session, subject_kind: str, subject_id: str) -> list[Deadline]:
    """Deadlines of a subject that ran out (of every round) and that nobody has explained."""
    late = [
        row
        for row in store.of_subject(session, subject_kind, subject_id)
        if row.breached_at is not None or (row.met_at is not None and row.met_at > row.due_at)
    ]
    known = store.causes(session, [row.id for row in late])
    return [row for row in late if row.id not in known]


def unexplained(session: Session, subject_kind: str, subject_id: str, now: datetime) -> list[Deadline]:
    """What nobody has explained, with what has run out but was not noticed yet: closing asks for all of it."""
    missing = {row.id: row for row in without_cause(session, subject_kind, subject_id)}
    unnoticed = [
        row for row in store.of_subject(session, subject_kind, subject_id) if rules.judge(row.clock, now).breached
    ]
    known = store.causes(session, [row.id for row in unnoticed])
    return list((missing | {row.id: row for row in unnoticed if row.id not in known}).values())


def require_causes(work: Work, subject_kind: str, subject_id: str) -> None:
    """The guard before closing. Raises Conflict (``breach_cause_missing``) naming what is unexplained."""
    missing = unexplained(work.session, subject_kind, subject_id, work.now)
    kinds = sorted({rules.kind_name(row.kind) for row in missing})
    if kinds:
        raise Conflict("breach_cause_missing", f"「{'」「'.join(kinds)}」逾期，还没有写原因。请先写明逾期原因，再结案。")


def record_cause(
    work: Work, subject_kind: str, subject_id: str, kind: str, cause: str, text: str
) -> BreachCause:
    """Say why a deadline ran out. A later word is added, never put in place of the first.

    Raises Invalid (``unknown_cause``, ``cause_needs_words``), NotFound (``breach_not_found``).
    """
    work.actor.require(Permission.COMPLAINT_HANDLE)
    if cause not in rules.BREACH_CAUSES:
        raise Invalid("unknown_cause", "请从列表里选一个逾期原因。", fields={"cause": "请选择原因"})
    words = text.strip()
    if not 2 <= len(words) <= MOST_WORDS:
        message = f"请写明经过，2 到 {MOST_WORDS} 个字。"
        raise Invalid("cause_needs_words", message, fields={"text": message})
    late = [
        row
        for row in store.of_subject(work.session, subject_kind, subject_id)
        if row.kind == kind
        and (
            row.breached_at is not None
            or (row.met_at is not None and row.met_at > row.due_at)
            or rules.judge(row.clock, work.now).breached
        )
    ]
    if not late:
        raise NotFound("breach_not_found", f"「{rules.kind_name(kind)}」没有逾期，不用写原因。")
    explained = store.causes(work.session, [row.id for row in late])
    row = next((one for one in late if one.id not in explained), late[-1])
    found = BreachCause(
        id=new_id(), deadline_id=row.id, cause=cause, text=words, recorded_by=work.actor.id, recorded_at=work.now
    )
    work.session.add(found)
    work.flush()
    work.journal("breach_cause_recorded", subject_kind, subject_id, kind=kind, cause=cause)
    return found


def causes_of(session: Session, subject_kind: str, subject_id: str) -> list[dict[str, Any]]:
    """What was said of a subject's breaches, for its page and for learning."""
    rows = {row.id: row for row in store.of_subject(session, subject_kind, subject_id)}
    return [
        {
            "kind": rows[deadline_id].kind,
            "name": rules.kind_name(rows[deadline_id].kind),
            "cause": one.cause,
            "cause_text": rules.BREACH_CAUSES.get(one.cause, one.cause),
            "text": one.text,
            "by": one.recorded_by,
            "at": one.recorded_at,
        }
        for deadline_id, one in store.causes(session, list(rows)).items()
    ]


def no_open_breach(work: Work, subject_kind: str, subject_id: str) -> bool:
    """Whether nothing that is still owed has run out."""
    return not any(
        row.clock.open and row.breached_at is not None
        for row in store.of_subject(work.session, subject_kind, subject_id)
    )

