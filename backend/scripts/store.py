"""Every query about scripts."""

import zlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlmodel import Session, col, func, or_, select

from backend.infra.journal import JournalEntry
from backend.scripts.rules import ANY_CHANNEL, OPEN_STATES, State
from backend.scripts.tables import (
    Catalogue,
    ClusteredQuestion,
    QuestionCluster,
    Script,
    ScriptFile,
    ScriptProposal,
    ScriptVersion,
)

# A row's key never changes: whoever stores a row that points to it need not wait.
_FOR_CHANGE = {"key_share": True}

# The advisory locks on what keys say bear this number, those of others another.
_WORDS = 0x5C21


def hold_words(session: Session, key: str, *, alone: bool = False) -> None:
    """Keep what a key says as it is, until the transaction ends; also that it says nothing.

    Those who say it hold it together; who changes it holds it ``alone`` and is served in the order of asking, so that
    no crowd of speakers keeps a withdrawal waiting. Whoever holds one key alone must not ask for another. Look at the
    versions only after this. On SQLite there is nothing to do: it has one writer at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        session.execute(select(lock(_WORDS, zlib.crc32(key.encode()) - 2**31)))


def script(session: Session, key: str) -> Script | None:
    return session.get(Script, key)


def lock_script(session: Session, key: str) -> Script | None:
    """The script, held until the transaction ends: of two drafts at once each gets a number of its own."""
    return session.get(Script, key, with_for_update=_FOR_CHANGE, populate_existing=True)


def version(session: Session, version_id: str) -> ScriptVersion | None:
    return session.get(ScriptVersion, version_id)


def lock_version(session: Session, version_id: str) -> ScriptVersion | None:
    """The version as it stands now, held until the transaction ends."""
    return session.get(ScriptVersion, version_id, with_for_update=_FOR_CHANGE, populate_existing=True)


def by_number(session: Session, key: str, number: int) -> ScriptVersion | None:
    return session.exec(
        select(ScriptVersion).where(ScriptVersion.key == key, ScriptVersion.version == number)
    ).first()


def versions(session: Session, key: str) -> list[ScriptVersion]:
    """All versions of a script, newest first."""
    return list(session.exec(
        select(ScriptVersion).where(ScriptVersion.key == key)
        .order_by(col(ScriptVersion.version).desc(), col(ScriptVersion.drafted_at).desc())
    ))


def last_number(session: Session, key: str) -> int:
    return session.exec(select(func.max(ScriptVersion.version)).where(ScriptVersion.key == key)).one() or 0


def effective(session: Session, key: str, channels: Sequence[str]) -> list[ScriptVersion]:
    """Effective versions of a key in these channels, as they stand now; held by whoever has called ``hold_words``."""
    return list(session.exec(
        select(ScriptVersion).where(
            ScriptVersion.key == key, col(ScriptVersion.channel).in_(channels),
            ScriptVersion.state == State.EFFECTIVE,
        ).execution_options(populate_existing=True)
    ))


def effective_set(session: Session) -> list[tuple[ScriptVersion, Script]]:
    """Everything that may be said, in a stable order."""
    return list(session.exec(
        select(ScriptVersion, Script).where(ScriptVersion.key == Script.key, ScriptVersion.state == State.EFFECTIVE)
        .order_by(col(ScriptVersion.key), col(ScriptVersion.channel))
    ))


def due(session: Session, now: datetime, key: str | None = None) -> list[tuple[str, str]]:
    """Key and id of approved versions whose from-date has come and of versions whose to-date has; earliest first."""
    wanted = select(ScriptVersion.key, ScriptVersion.id).where(
        or_(
            (col(ScriptVersion.state) == State.APPROVED)
            & (col(ScriptVersion.effective_from).is_(None) | (col(ScriptVersion.effective_from) <= now)),
            col(ScriptVersion.state).in_([State.APPROVED, State.EFFECTIVE])
            & (col(ScriptVersion.effective_to) <= now),
        )
    ).order_by(col(ScriptVersion.effective_from), col(ScriptVersion.version))
    return list(session.exec(wanted.where(ScriptVersion.key == key) if key else wanted))


def catalogue(session: Session, now: datetime, *, lock: bool = False) -> Catalogue:
    """The one row that counts publications. Locked, it lets one publication through at a time."""
    found = session.get(Catalogue, 1, with_for_update=lock, populate_existing=lock)
    if found is not None:
        return found
    if not lock:
        return Catalogue(id=1, revision=0, changed_at=now)
    insert = insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    session.execute(insert(Catalogue).values(id=1, revision=0, changed_at=now).on_conflict_do_nothing())
    return session.get_one(Catalogue, 1, with_for_update=True, populate_existing=True)


def revision(session: Session) -> int:
    return session.exec(select(Catalogue.revision).where(Catalogue.id == 1)).first() or 0


def keys(session: Session) -> set[str]:
    return set(session.exec(select(Script.key)))


def scripts(session: Session, topic: str | None = None) -> list[Script]:
    wanted = select(Script).order_by(col(Script.topic), col(Script.title))
    return list(session.exec(wanted.where(Script.topic == topic) if topic else wanted))


def topic_counts(session: Session) -> dict[str, int]:
    return dict(session.exec(select(Script.topic, func.count()).group_by(Script.topic)).all())


def living(session: Session, of: Collection[str] | None = None) -> list[ScriptVersion]:
    """Versions that are in force or on their way (of these keys, or of all)."""
    wanted = select(ScriptVersion).where(col(ScriptVersion.state).in_([State.EFFECTIVE, *OPEN_STATES]))
    if of is not None:
        wanted = wanted.where(col(ScriptVersion.key).in_(of))
    return list(session.exec(wanted.order_by(col(ScriptVersion.key), col(ScriptVersion.version))))


def newest(session: Session, of: Collection[str]) -> dict[str, ScriptVersion]:
    """The newest version of each of these scripts, whatever became of it."""
    latest = (
        select(ScriptVersion.key, func.max(ScriptVersion.version).label("number"))
        .where(col(ScriptVersion.key).in_(of)).group_by(ScriptVersion.key).subquery()
    )
    rows = session.exec(select(ScriptVersion).join(
        latest, (col(ScriptVersion.key) == latest.c.key) & (col(ScriptVersion.version) == latest.c.number)))
    return {row.key: row for row in rows}


def waiting_for(session: Session, staff_id: str) -> int:
    """How many versions wait for this approver's decision: all in review that they neither wrote nor signed."""
    return session.exec(
        select(func.count()).select_from(ScriptVersion)
        .where(ScriptVersion.state == State.IN_REVIEW, ScriptVersion.author_id != staff_id,
               or_(col(ScriptVersion.first_approver_id).is_(None), ScriptVersion.first_approver_id != staff_id))
    ).one()


def neighbours(session: Session, key: str) -> list[tuple[str, str, list[str]]]:
    """Key, title and example questions of every other effective script."""
    return [(one.key, script.title, one.examples) for one, script in effective_set(session)
            if one.key != key and one.channel == ANY_CHANNEL and one.examples]


def acts(session: Session, version_ids: Collection[str]) -> list[JournalEntry]:
    """Who did what to these versions, in the order it happened; that agents used them is counted elsewhere."""
    return list(session.exec(
        select(JournalEntry)
        .where(JournalEntry.subject_kind == "script_version", col(JournalEntry.subject_id).in_(version_ids),
               col(JournalEntry.action).not_in(["script_used_by_agent", "script_proposed"]))
        .order_by(col(JournalEntry.at))
    ))


def has_effective(session: Session, key: str) -> bool:
    found: Any = session.exec(
        select(exists().where(ScriptVersion.key == key, ScriptVersion.state == State.EFFECTIVE))  # type: ignore[arg-type]
    ).one()
    return bool(found)


def file(session: Session, file_id: str) -> ScriptFile | None:
    return session.get(ScriptFile, file_id)


def file_by_hash(session: Session, sha256: str) -> ScriptFile | None:
    return session.exec(select(ScriptFile).where(ScriptFile.sha256 == sha256)).first()


def files_named(session: Session, name: str) -> list[ScriptFile]:
    return list(session.exec(select(ScriptFile).where(ScriptFile.name == name)))


# --- unanswered questions -----------------------------------------------------------------------


def clusters(session: Session, state: str | None = None, since: datetime | None = None) -> list[QuestionCluster]:
    """Clusters, those that most customers asked first."""
    wanted = select(QuestionCluster)
    if state:
        wanted = wanted.where(QuestionCluster.state == state)
    if since:
        wanted = wanted.where(col(QuestionCluster.last_at) >= since)
    return list(session.exec(wanted.order_by(col(QuestionCluster.customers).desc(), col(QuestionCluster.count).desc(),
                                             col(QuestionCluster.last_at).desc(), col(QuestionCluster.id))))


def cluster(session: Session, cluster_id: str, *, lock: bool = False) -> QuestionCluster | None:
    return session.get(QuestionCluster, cluster_id, with_for_update=lock, populate_existing=lock)


def open_clusters(session: Session, since: datetime) -> tuple[int, int]:
    """How many kinds of questions wait for words: not understood at all, and answered only by a default script."""
    rows = session.exec(select(col(QuestionCluster.default_key).is_not(None), func.count()).where(
        QuestionCluster.state == "open", col(QuestionCluster.last_at) >= since)
        .group_by(col(QuestionCluster.default_key).is_not(None))).all()
    found = {bool(general): count for general, count in rows}
    return found.get(False, 0), found.get(True, 0)


def clustered(session: Session, message_ids: Collection[str]) -> set[str]:
    """Which of these messages have been counted."""
    return set(session.exec(select(ClusteredQuestion.message_id).where(
        col(ClusteredQuestion.message_id).in_(message_ids))))


def move_questions(session: Session, from_cluster: str, to_cluster: str) -> None:
    """All that was counted in one cluster now counts in the other."""
    session.execute(update(ClusteredQuestion).where(col(ClusteredQuestion.cluster_id) == from_cluster)
                    .values(cluster_id=to_cluster))


def askers(session: Session, cluster_id: str) -> int:
    """How many different customers stand behind a cluster."""
    return session.exec(select(func.count(func.distinct(ClusteredQuestion.customer_id))).where(
        ClusteredQuestion.cluster_id == cluster_id)).one()


def asked_after(session: Session, cluster_id: str, instant: datetime) -> int:
    """How often it was asked again after this instant."""
    return session.exec(select(func.count()).select_from(ClusteredQuestion).where(
        ClusteredQuestion.cluster_id == cluster_id, ClusteredQuestion.at > instant)).one()


# --- agents' proposals --------------------------------------------------------------------------


def proposal(session: Session, proposal_id: str, *, lock: bool = False) -> ScriptProposal | None:
    return session.get(ScriptProposal, proposal_id, with_for_update=lock, populate_existing=lock)


def proposal_of(session: Session, message_id: str) -> ScriptProposal | None:
    return session.exec(select(ScriptProposal).where(ScriptProposal.message_id == message_id)).first()


def proposals(session: Session, *, key: str | None = None, state: str | None = None, staff_id: str | None = None,
              limit: int = 500) -> list[ScriptProposal]:
    """Proposals, newest first."""
    wanted = select(ScriptProposal)
    if key:
        wanted = wanted.where(ScriptProposal.key == key)
    if state:
        wanted = wanted.where(ScriptProposal.state == state)
    if staff_id:
        wanted = wanted.where(ScriptProposal.staff_id == staff_id)
    return list(session.exec(wanted.order_by(col(ScriptProposal.said_at).desc(), col(ScriptProposal.id)).limit(limit)))


def count_proposals(session: Session, *, state: str | None = None, staff_id: str | None = None) -> int:
    wanted = select(func.count()).select_from(ScriptProposal)
    if state:
        wanted = wanted.where(ScriptProposal.state == state)
    if staff_id:
        wanted = wanted.where(ScriptProposal.staff_id == staff_id)
    return session.exec(wanted).one()
