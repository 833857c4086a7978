"""The life of a version, from draft to the last time it is said. Every move is journalled."""

from datetime import datetime
from typing import Any

import structlog
from sqlmodel import Session

from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM, Permission, must_differ
from backend.kernel.errors import Conflict, Forbidden, Invalid, ZhikeError
from backend.kernel.ids import new_id
from backend.scripts import rules, speaking, store, wording
from backend.scripts.checking import approvals_needed, check, findings
from backend.scripts.drafting import Content, draft, known_channel, name_it, settle_details, write
from backend.scripts.events import ScriptPublished, ScriptWithdrawn
from backend.scripts.exchange import (
    ImportReport,
    export_rows,
    import_file,
    import_rows,
    read_file,
    to_json,
    to_xlsx,
    write_file,
)
from backend.scripts.pack import seed
from backend.scripts.reading import VersionCard, files_of, get, or_not_found, the_version, version_card, waiting_for
from backend.scripts.rules import IMPORT_AUTHOR, LIFECYCLE, Action, Spoken, State
from backend.scripts.speaking import digest_of, effective, feed, house_values, organisation, render_version, speak
from backend.scripts.tables import ScriptVersion

__all__ = [
    "Content", "ImportReport", "Spoken", "VersionCard", "activate_due", "approvals_needed", "approve", "check", "digest_of",
    "draft", "edit_draft", "effective", "export_rows", "feed", "files_of", "findings", "get", "house_values", "import_file",
    "import_rows", "organisation", "read_file", "recall", "refuse", "render_version", "rollback", "seed",
    "send_back", "speak", "submit", "the_version", "to_json", "to_xlsx", "version_card", "waiting_for",
    "withdraw", "write_file",
]

log = structlog.get_logger(__name__)


# --- writing ------------------------------------------------------------------------------------


def edit_draft(work: Work, version_id: str, content: Content, seen: str | None = None) -> ScriptVersion:
    """Change a draft. Only its author may: an approver who wrote half of it could not approve it honestly.

    ``seen`` is the digest of what the author had on the screen. Raises Conflict (`text_changed`) when the
    draft has changed since, Forbidden (`not_your_draft`).
    """
    work.actor.require(Permission.SCRIPT_WRITE)
    version = _held(work, version_id)
    _own(work, version)
    version.state = LIFECYCLE.next(State(version.state), Action.EDIT)
    _same_words(version, seen)
    version.channel = known_channel(content.channel)
    write(work, version, content)
    script = store.script(work.session, version.key)
    if script:
        settle_details(work, script, content)
    # A script that nobody has heard yet may still change its name and place.
    if script and not _was_ever_approved(work.session, version.key):
        name_it(script, content)
    work.session.add(version)
    work.journal("script_edited", "script_version", version.id, key=version.key, version=version.version)
    return version


def submit(work: Work, version_id: str, note: str = "") -> ScriptVersion:
    """Ask for approval. Raises Invalid (`script_not_ready`) while a check fails."""
    work.actor.require(Permission.SCRIPT_WRITE)
    version = _held(work, version_id)
    _own(work, version)
    version.state = LIFECYCLE.next(State(version.state), Action.SUBMIT)
    rules.check_validity(version.effective_from, version.effective_to, work.now)
    _must_pass(work.session, version)
    version.submitted_at, version.refusal = work.now, None
    version.note = note.strip()[:300] or version.note
    version.approvals_needed = approvals_needed(version.text, version.buttons)
    version.first_approver_id = version.first_approved_at = None
    work.session.add(version)
    work.journal("script_submitted", "script_version", version.id, key=version.key, version=version.version,
                 note=version.note, approvals_needed=version.approvals_needed)
    work.hint("scripts")
    return version


def recall(work: Work, version_id: str) -> ScriptVersion:
    """The author takes a version back from review, to go on writing."""
    work.actor.require(Permission.SCRIPT_WRITE)
    version = _held(work, version_id)
    _own(work, version)
    return _move(work, version, Action.RECALL, "script_recalled", **_UNSIGNED)


def send_back(work: Work, version_id: str, reason: str) -> ScriptVersion:
    """The approver asks for a change. Raises Invalid (`reason_missing`)."""
    work.actor.require(Permission.SCRIPT_APPROVE)
    reason = _reason(reason, "请写明要改什么，作者会看到。")
    version = _held(work, version_id)
    must_differ(version.author_id, work.actor.id)
    return _move(work, version, Action.SEND_BACK, "script_sent_back", reason, refusal=reason, **_UNSIGNED)


def refuse(work: Work, version_id: str, reason: str) -> ScriptVersion:
    """The approver says no, for good. Raises Invalid (`reason_missing`)."""
    work.actor.require(Permission.SCRIPT_APPROVE)
    reason = _reason(reason, "请写明为什么不同意，作者会看到。")
    version = _held(work, version_id)
    must_differ(version.author_id, work.actor.id)
    return _move(work, version, Action.REFUSE, "script_refused", reason, refusal=reason)


def approve(work: Work, version_id: str, seen: str | None = None, note: str = "") -> ScriptVersion:
    """Approve exactly the words that were read; they take effect at once, or on their from-date.

    Words that promise money need two: the first approval is noted and the version stays in review for somebody
    else. ``seen`` is the digest of what the approver had on the screen. Raises Forbidden (`same_person`,
    `approved_already`), Conflict (`text_changed`, `move_not_allowed`), Invalid (`script_not_ready`,
    `validity_is_empty`).
    """
    work.actor.require(Permission.SCRIPT_APPROVE)
    version = _alone(work, version_id)
    state = LIFECYCLE.next(State(version.state), Action.APPROVE)
    rules.may_sign(version.author_id, version.first_approver_id, work.actor.id)
    _same_words(version, seen)
    rules.check_validity(version.effective_from, version.effective_to, work.now)
    _must_pass(work.session, version)
    # The house's list may have grown since the submission: the stricter of the two counts.
    version.approvals_needed = max(version.approvals_needed, approvals_needed(version.text, version.buttons))
    if version.approvals_needed > 1 and version.first_approver_id is None:
        return _sign_first(work, version, note)
    version.state, version.approver_id, version.approved_at = state, work.actor.id, work.now
    version.digest = digest_of(version)
    work.session.add(version)
    work.flush()
    work.journal("script_approved", "script_version", version.id, key=version.key, version=version.version,
                 digest=version.digest, note=note.strip()[:300])
    if version.effective_from is None or version.effective_from <= work.now:
        _start(work, version)
    work.hint("scripts")
    return version


def _sign_first(work: Work, version: ScriptVersion, note: str) -> ScriptVersion:
    """The first of two: the state stays, the name stands."""
    version.first_approver_id, version.first_approved_at = work.actor.id, work.now
    work.session.add(version)
    work.journal("script_approved_first", "script_version", version.id, key=version.key, version=version.version,
                 seen=digest_of(version), note=note.strip()[:300])
    work.hint("scripts")
    return version


def withdraw(work: Work, version_id: str, reason: str) -> ScriptVersion:
    """Stop saying it, at once; or give up a version that was never said. Raises Invalid (`reason_missing`)."""
    work.actor.require(Permission.SCRIPT_WITHDRAW)
    reason = _reason(reason, "请写明为什么撤回，以后查得到。")
    version = _alone(work, version_id)
    if version.state == State.DRAFT:
        _own(work, version)
    return _end(work, version, Action.WITHDRAW, "script_withdrawn", reason)


def rollback(work: Work, key: str, number: int, reason: str = "") -> ScriptVersion:
    """Say an earlier version's words again, at once, as a new version under its first approval.

    Needs the right to approve: withdrawing only silences, this speaks. Raises Conflict (`cannot_roll_back`)
    for words that were never in force, were withdrawn or whose time is over.
    """
    work.actor.require(Permission.SCRIPT_APPROVE)
    _change_words(work, key)
    store.lock_script(work.session, key)
    old = the_version(work.session, key, number)
    if not can_return(old, work.now):
        raise Conflict("cannot_roll_back",
                       f"v{number} 不能直接恢复：只有曾经生效、没有被撤回、也没有到期的版本可以。请另起一稿。")
    version = ScriptVersion(
        id=new_id(), key=key, version=store.last_number(work.session, key) + 1, channel=old.channel,
        state=State.APPROVED, text=old.text, variables=list(old.variables), buttons=list(old.buttons),
        examples=list(old.examples), attachments=[dict(file) for file in old.attachments],
        note=reason.strip()[:300] or f"退回到 v{number}", author_id=old.author_id, drafted_at=work.now,
        submitted_at=work.now, approvals_needed=old.approvals_needed, first_approver_id=old.first_approver_id,
        first_approved_at=old.first_approved_at, approver_id=old.approver_id, approved_at=old.approved_at,
        effective_to=old.effective_to, restores=number,
    )
    version.digest = digest_of(version)
    work.session.add(version)
    work.flush()
    work.journal("script_rolled_back", "script_version", version.id, key=key, version=version.version,
                 restores=number, digest=version.digest, reason=version.note)
    _start(work, version)
    return version


def can_return(version: ScriptVersion, now: datetime) -> bool:
    """Whether a rollback may bring these words back."""
    return (version.state == State.SUPERSEDED and speaking.is_intact(version)
            and (version.effective_to is None or now < version.effective_to))


def activate_due(works: Works, now: datetime | None = None) -> int:
    """Begin what is due to begin, end what is due to end; returns how many moved. Harmless to run twice.

    One key at a time, each in a transaction of its own (see ``store.hold_words``).
    """
    with works.read(SYSTEM, now) as work:
        keys = dict.fromkeys(key for key, _ in store.due(work.session, work.now))
    moved = 0
    for key in keys:
        with works.begin(SYSTEM, now) as work:
            moved += _activate(work, key)
    return moved


def _activate(work: Work, key: str) -> int:
    _change_words(work, key)
    moved = 0
    for _, version_id in store.due(work.session, work.now, key):
        # A savepoint each: a version that cannot move does not hold up the others.
        try:
            with work.session.begin_nested():
                version = store.lock_version(work.session, version_id)
                moved += version is not None and _follow_the_clock(work, version)
        except ZhikeError:
            log.exception("script_not_activated", version_id=version_id)
    return moved


def _follow_the_clock(work: Work, version: ScriptVersion) -> bool:
    """Judge again: what came before may have moved this one too."""
    over = version.effective_to is not None and version.effective_to <= work.now
    if over and version.state in (State.APPROVED, State.EFFECTIVE):
        _end(work, version, Action.EXPIRE, "script_expired", "")
        return True
    if version.state == State.APPROVED and (version.effective_from is None or version.effective_from <= work.now):
        _start(work, version)
        return True
    return False


# Back to the author: whoever signed did so for words that may change now.
_UNSIGNED: dict[str, Any] = {"submitted_at": None, "first_approver_id": None, "first_approved_at": None}


# --- moves --------------------------------------------------------------------------------------


def _start(work: Work, version: ScriptVersion) -> None:
    """Put an approved version in force and its predecessor out of it. The caller holds the words alone."""
    state = LIFECYCLE.next(State(version.state), Action.START)
    for old in store.effective(work.session, version.key, (version.channel,)):
        old.state, old.ended_at = LIFECYCLE.next(State(old.state), Action.SUPERSEDE), work.now
        work.session.add(old)
        work.journal("script_superseded", "script_version", old.id, key=old.key, version=old.version,
                     by=version.version)
    work.flush()  # the old one leaves first: the database allows one at a time
    version.state, version.started_at = state, work.now
    work.session.add(version)
    work.flush()
    work.journal("script_started", "script_version", version.id, key=version.key, version=version.version,
                 channel=version.channel)
    revision = _next_revision(work)
    work.record(ScriptPublished(at=work.now, key=version.key, version_id=version.id, revision=revision))


def _end(work: Work, version: ScriptVersion, action: Action, deed: str, reason: str) -> ScriptVersion:
    was = State(version.state)
    version.state = LIFECYCLE.next(was, action)
    if was == State.EFFECTIVE:
        version.ended_at = version.effective_to if action == Action.EXPIRE and version.effective_to else work.now
    work.session.add(version)
    work.flush()
    work.journal(deed, "script_version", version.id, key=version.key, version=version.version, reason=reason,
                 was=was)
    if was == State.EFFECTIVE:
        work.record(ScriptWithdrawn(at=version.ended_at or work.now, key=version.key, version_id=version.id,
                                    revision=_next_revision(work), reason=str(version.state)))
    work.hint("scripts")
    return version


def _move(work: Work, version: ScriptVersion, action: Action, deed: str, reason: str = "",
          **changes: Any) -> ScriptVersion:
    version.state = LIFECYCLE.next(State(version.state), action)
    for name, value in changes.items():
        setattr(version, name, value)
    work.session.add(version)
    work.journal(deed, "script_version", version.id, key=version.key, version=version.version, reason=reason)
    work.hint("scripts")
    return version


def _next_revision(work: Work) -> int:
    row = store.catalogue(work.session, work.now, lock=True)
    row.revision += 1
    row.changed_at = work.now
    work.session.add(row)
    work.flush()
    work.hint("scripts")
    return row.revision


# --- small things -------------------------------------------------------------------------------


def _held(work: Work, version_id: str) -> ScriptVersion:
    return or_not_found(store.lock_version(work.session, version_id))


def _alone(work: Work, version_id: str) -> ScriptVersion:
    """The version, held, and nobody else says or changes what its key says."""
    _change_words(work, get(work.session, version_id).key)
    return _held(work, version_id)


def _change_words(work: Work, key: str) -> None:
    """From here on what a key says is this work's alone to change; call it once, for one key.

    Whoever was saying the old words has stored them by now: the instant is moved on to after that.
    """
    store.catalogue(work.session, work.now, lock=True)
    store.hold_words(work.session, key, alone=True)
    work.catch_up()


def _own(work: Work, version: ScriptVersion) -> None:
    """Only its author goes on with a draft; one that came from a file belongs to whoever takes it up."""
    if version.author_id == IMPORT_AUTHOR and work.actor.kind == "staff":
        version.author_id = work.actor.id
    if work.actor.kind == "staff" and version.author_id != work.actor.id:
        raise Forbidden("not_your_draft", "这份草稿是别人写的，只有作者能改。您可以另起一稿。")


def _same_words(version: ScriptVersion, seen: str | None) -> None:
    if seen is not None and seen != digest_of(version):
        raise Conflict("text_changed", "您打开以后内容又改过了。请看一遍现在的内容，再决定。")


def _must_pass(session: Session, version: ScriptVersion) -> None:
    failed = wording.errors(findings(session, version))
    if failed:
        fields: dict[str, str] = {}
        for finding in failed:
            fields[finding.field] = "；".join(filter(None, [fields.get(finding.field), finding.text]))
        words = "；".join(finding.text for finding in failed)
        raise Invalid("script_not_ready", f"还不能提交：{words}。", fields=fields)


def _reason(reason: str, sentence: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid("reason_missing", sentence, fields={"reason": sentence})
    return reason[:300]


def _was_ever_approved(session: Session, key: str) -> bool:
    return any(version.approved_at for version in store.versions(session, key))
