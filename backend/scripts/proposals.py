"""Agents' edits of approved answers: kept as proposals, decided by script owners, told back to the agent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import Conflict, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people
from backend.scripts import rewording, service, store
from backend.scripts.difference import SideBySide, compare
from backend.scripts.drafting import Content
from backend.scripts.rules import State
from backend.scripts.speaking import house_values
from backend.scripts.tables import Script, ScriptProposal, ScriptVersion

NAMES = {"open": "等话术管理员看", "accepted": "采用了", "declined": "没有采用"}


def note(work: Work, version_id: str, said: str, message_id: str, conversation_id: str) -> ScriptProposal | None:
    """An agent sent something that began as this version. None when the words are the approved ones, or all new.

    Harmless to call twice for one message.
    """
    version = store.version(work.session, version_id)
    if version is None or store.proposal_of(work.session, message_id) is not None:
        return None
    found = rewording.reworded(version.text, said, house_values())
    if not found.is_proposal_for(version.text):
        return None
    proposal = ScriptProposal(
        id=new_id(), key=version.key, version_id=version.id, message_id=message_id, conversation_id=conversation_id,
        staff_id=work.actor.id, text=found.text, kept=round(found.kept, 3), said_at=work.now)
    work.session.add(proposal)
    work.flush()
    work.journal("script_proposed", "script_version", version.id, key=version.key, version=version.version,
                 proposal=proposal.id, kept=proposal.kept)
    work.hint("scripts")
    return proposal


def accept(work: Work, proposal_id: str) -> ScriptVersion:
    """Make a draft of it: the owner goes on from there, another person approves as always.

    The same wording from several agents is accepted together. Raises NotFound, Conflict (`proposal_decided`).
    """
    work.actor.require(Permission.SCRIPT_WRITE)
    proposal = _open(work, proposal_id)
    current = _current(work.session, proposal)
    same = [one for one in store.proposals(work.session, key=proposal.key, state="open") if one.text == proposal.text]
    names = "、".join(dict.fromkeys(people.staff_name(work.session, one.staff_id) for one in same))
    draft = service.draft(work, proposal.key, Content(
        text=proposal.text, buttons=current.buttons, examples=current.examples, channel=current.channel,
        attachments=[file["id"] for file in current.attachments],
        note=f"来自客服{names}的改动" + (f"，{len(same)} 次" if len(same) > 1 else "")))
    for one in same:
        _decide(work, one, "accepted", "", draft)
    return draft


def decline(work: Work, proposal_id: str, reason: str) -> ScriptProposal:
    """Say no, with the reason that the agent reads. Raises Invalid (`reason_missing`), Conflict (`proposal_decided`)."""
    work.actor.require(Permission.SCRIPT_WRITE)
    reason = reason.strip()[:300]
    if not reason:
        raise Invalid("reason_missing", "请写明为什么不采用，客服会看到。", fields={"reason": "请写明原因"})
    proposal = _open(work, proposal_id)
    for one in store.proposals(work.session, key=proposal.key, state="open"):
        if one.text == proposal.text:
            _decide(work, one, "declined", reason)
    return proposal


def _open(work: Work, proposal_id: str) -> ScriptProposal:
    proposal = store.proposal(work.session, proposal_id, lock=True)
    if proposal is None:
        raise NotFound("proposal_not_found", "没有这条改动，可能链接旧了。")
    if proposal.state != "open":
        raise Conflict("proposal_decided", "这条改动已经有人处理了，请刷新后再看。")
    return proposal


def _decide(work: Work, proposal: ScriptProposal, state: str, reason: str, draft: ScriptVersion | None = None) -> None:
    proposal.state, proposal.reason = state, reason
    proposal.decided_by, proposal.decided_at = work.actor.id, work.now
    proposal.draft_id = draft.id if draft else None
    work.session.add(proposal)
    work.journal(f"script_proposal_{state}", "script_version", proposal.version_id, key=proposal.key,
                 proposal=proposal.id, reason=reason, draft=draft.version if draft else None)
    work.hint("scripts")


def _current(session: Session, proposal: ScriptProposal) -> ScriptVersion:
    """The words in force in the channel that the agent started from, else those they started from."""
    base = service.get(session, proposal.version_id)
    return next(iter(store.effective(session, proposal.key, (base.channel,))), base)


# --- what people see ----------------------------------------------------------------------------


@dataclass
class View:
    """One wording, proposed once or many times, beside the words in force."""

    id: str
    key: str
    title: str
    base: ScriptVersion
    sides: SideBySide
    kept: int  # per cent
    who: list[str]
    count: int
    when: str
    state: str
    outcome: str
    href: str | None = None
    conversations: list[str] = field(default_factory=list)


def open_views(session: Session, now: datetime, key: str | None = None) -> list[View]:
    """What waits for a decision, the most frequent wording first."""
    grouped: dict[tuple[str, str], list[ScriptProposal]] = {}
    for one in store.proposals(session, key=key, state="open"):
        grouped.setdefault((one.key, one.text), []).append(one)
    return [_view(session, group, now) for group in sorted(grouped.values(), key=len, reverse=True)]


def views_of(session: Session, staff_id: str, now: datetime) -> list[View]:
    """What became of one agent's edits, newest first."""
    return [_view(session, [one], now) for one in store.proposals(session, staff_id=staff_id, limit=50)]


def counts_of(session: Session, staff_id: str) -> dict[str, int]:
    """How many of one agent's edits wait for a decision, and how many have one."""
    waiting = store.count_proposals(session, state="open", staff_id=staff_id)
    return {"open": waiting, "decided": store.count_proposals(session, staff_id=staff_id) - waiting}


def _view(session: Session, group: Sequence[ScriptProposal], now: datetime) -> View:
    newest = group[0]
    base = _current(session, newest) if newest.state == "open" else service.get(session, newest.version_id)
    script = session.get_one(Script, newest.key)
    draft = store.version(session, newest.draft_id) if newest.draft_id else None
    return View(
        id=newest.id, key=newest.key, title=script.title, base=base, sides=compare(base.text, newest.text),
        kept=round(newest.kept * 100), count=len(group), when=zh_datetime(newest.said_at, now), state=newest.state,
        who=list(dict.fromkeys(people.staff_name(session, one.staff_id) for one in group)),
        outcome=_outcome(session, newest, draft, now), href=f"/scripts/versions/{draft.id}" if draft else None,
        conversations=[one.conversation_id for one in group],
    )


def _outcome(session: Session, proposal: ScriptProposal, draft: ScriptVersion | None, now: datetime) -> str:
    """What became of it, in a sentence for the agent."""
    if proposal.state == "open":
        return "等话术管理员看"
    who = people.staff_name(session, proposal.decided_by)
    if draft is None:
        return f"{who}没有采用：{proposal.reason}"
    if draft.started_at:
        return f"{who}采用了，v{draft.version} {zh_datetime(draft.started_at, now)}生效"
    return f"{who}采用了，v{draft.version} {State(draft.state).zh}"
