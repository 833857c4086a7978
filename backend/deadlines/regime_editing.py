"""Changing a regime: a draft, another person's approval, a version that takes force on its day and never changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session

from backend.deadlines import regime_rules, store
from backend.deadlines.rules import start_name
from backend.deadlines.tables import RegimeDraft, RegimeVersion
from backend.infra.work import Work
from backend.kernel.actors import Permission, must_differ
from backend.kernel.clock import shanghai_date
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from backend.kernel.ids import new_id

STATES = {
    "draft": "草稿", "submitted": "待批准", "approved": "已批准", "returned": "已退回", "dropped": "已作废",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What somebody wants a regime to say."""

    key: str
    title: str
    source: str
    rules: Sequence[Mapping[str, Any]]
    reason: str
    binds: str = regime_rules.COMPANY
    valid_from: date | None = None
    valid_to: date | None = None


def _checked(work: Work, wanted: Wanted) -> list[dict[str, Any]]:
    rows = [{**row, "start_zh": start_name(str(row.get("start") or "filed"))} for row in wanted.rules]
    found = regime_rules.check(
        wanted.key, wanted.title, wanted.binds, wanted.source, rows, wanted.valid_from
    )
    before = [(one.valid_from, one.valid_to) for one in store.regimes(work.session) if one.key == wanted.key]
    regime_rules.check_validity(
        wanted.title, wanted.valid_from, wanted.valid_to, before, shanghai_date(work.now)
    )
    if not wanted.reason.strip():
        raise Invalid("reason_missing", "请写明为什么要改这套时限规则。", fields={"reason": "请写明原因"})
    return [rule.as_dict() for rule in found]


def draft(work: Work, wanted: Wanted) -> RegimeDraft:
    """Write down a new version. Raises Forbidden and what `regime_rules.check` raises."""
    work.actor.require(Permission.REGIME_MANAGE)
    rows = _checked(work, wanted)
    row = RegimeDraft(
        id=new_id(),
        key=wanted.key[:64],
        title=wanted.title.strip()[:120],
        binds=wanted.binds,
        source=wanted.source.strip()[:300],
        rules=rows,
        valid_from=wanted.valid_from,
        valid_to=wanted.valid_to,
        reason=wanted.reason.strip()[:300],
        state="draft",
        author_id=work.actor.id,
        drafted_at=work.now,
    )
    work.session.add(row)
    work.flush()
    work.journal("regime_drafted", "regime", row.key, draft=row.id)
    return row


def edit(work: Work, draft_id: str, wanted: Wanted) -> RegimeDraft:
    """Change a draft or one that was sent back; its author's alone. Raises Forbidden, Conflict, Invalid."""
    row = _held(work, draft_id, "draft", "returned")
    if row.author_id != work.actor.id:
        raise Forbidden("not_your_draft", "这份草稿是别的同事写的，请他来改，或另起一份。")
    row.rules = _checked(work, wanted)
    row.title, row.source = wanted.title.strip()[:120], wanted.source.strip()[:300]
    row.valid_from, row.valid_to = wanted.valid_from, wanted.valid_to
    row.reason, row.state = wanted.reason.strip()[:300], "draft"
    work.session.add(row)
    work.journal("regime_draft_edited", "regime", row.key, draft=row.id)
    return row


def submit(work: Work, draft_id: str) -> RegimeDraft:
    """Ask for approval."""
    row = _held(work, draft_id, "draft", "returned")
    if row.author_id != work.actor.id:
        raise Forbidden("not_your_draft", "这份草稿是别的同事写的，由他提交。")
    _checked(work, _as_wanted(row))
    row.state = "submitted"
    work.session.add(row)
    work.journal("regime_submitted", "regime", row.key, draft=row.id)
    return row


def approve(work: Work, draft_id: str) -> RegimeVersion:
    """Make it a version. The approver is not the author; running cases keep the version they started under.

    Checked once more: a day may have passed since it was written. Raises Forbidden (``same_person``), Conflict,
    Invalid.
    """
    row = _held(work, draft_id, "submitted")
    must_differ(row.author_id, work.actor.id)
    rules = _checked(work, _as_wanted(row))
    newest = store.newest(work.session, row.key)
    version = RegimeVersion(
        id=new_id(),
        key=row.key,
        version=newest.version + 1 if newest else 1,
        title=row.title,
        binds=row.binds,
        source=row.source,
        rules=rules,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        approved_by=work.actor.id,
        approved_at=work.now,
        author_id=row.author_id,
        reason=row.reason,
    )
    work.session.add(version)
    # The unique (key, version) makes a second approver at the same moment fail whole.
    work.flush()
    row.state, row.decided_by, row.decided_at, row.version_id = "approved", work.actor.id, work.now, version.id
    work.session.add(row)
    work.journal("regime_approved", "regime", row.key, draft=row.id, version=version.version, author=row.author_id)
    return version


def send_back(work: Work, draft_id: str, note: str) -> RegimeDraft:
    """Not approved, with a reason the author can act on."""
    row = _held(work, draft_id, "submitted")
    must_differ(row.author_id, work.actor.id)
    if not note.strip():
        raise Invalid("reason_missing", "请写明退回的原因，方便修改。", fields={"note": "请写明原因"})
    row.state, row.note = "returned", note.strip()[:300]
    row.decided_by, row.decided_at = work.actor.id, work.now
    work.session.add(row)
    work.journal("regime_returned", "regime", row.key, draft=row.id)
    return row


def drop(work: Work, draft_id: str) -> RegimeDraft:
    """The author gives it up."""
    row = _held(work, draft_id, "draft", "returned", "submitted")
    if row.author_id != work.actor.id:
        raise Forbidden("not_your_draft", "这份草稿是别的同事写的，由他作废。")
    row.state = "dropped"
    work.session.add(row)
    work.journal("regime_draft_dropped", "regime", row.key, draft=row.id)
    return row


def by_id(session: Session, draft_id: str) -> RegimeDraft:
    """Raises NotFound (``draft_not_found``)."""
    row = store.draft(session, draft_id)
    if row is None:
        raise NotFound("draft_not_found", "没有这份草稿，请刷新后再看。")
    return row


def _held(work: Work, draft_id: str, *states: str) -> RegimeDraft:
    work.actor.require(Permission.REGIME_MANAGE)
    row = store.draft(work.session, draft_id, lock=True)
    if row is None:
        raise NotFound("draft_not_found", "没有这份草稿，请刷新后再看。")
    if row.state not in states:
        raise Conflict("draft_decided", f"这份草稿现在是「{STATES[row.state]}」，不能这样做。请刷新后再看。")
    return row


def _as_wanted(row: RegimeDraft) -> Wanted:
    return Wanted(
        key=row.key, title=row.title, source=row.source, rules=row.rules, reason=row.reason, binds=row.binds,
        valid_from=row.valid_from, valid_to=row.valid_to,
    )  # fmt: skip
