"""Every query about scripts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlmodel import Session, col, func, or_, select

from backend.infra.journal import JournalEntry
from backend.scripts.rules import ANY_CHANNEL, OPEN_STATES, State
from backend.scripts.tables import Catalogue, Script, ScriptVersion


def script(session: Session, key: str) -> Script | None:
    return session.get(Script, key)


def lock_script(session: Session, key: str) -> Script | None:
    """The script, held until the transaction ends: of two drafts at once each gets a number of its own."""
    return session.get(Script, key, with_for_update=True, populate_existing=True)


def version(session: Session, version_id: str) -> ScriptVersion | None:
    return session.get(ScriptVersion, version_id)


def lock_version(session: Session, version_id: str) -> ScriptVersion | None:
    """The version as it stands now, held until the transaction ends."""
    return session.get(ScriptVersion, version_id, with_for_update=True, populate_existing=True)


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


def effective(session: Session, key: str, channels: Sequence[str], *, hold: bool = False) -> list[ScriptVersion]:
    """Effective versions of a key in these channels.

    ``hold`` keeps them in force until the transaction ends (FOR SHARE on PostgreSQL; SQLite has one writer
    at a time anyway), so that words cannot be withdrawn between the check and the storing of the message.
    """
    wanted = select(ScriptVersion).where(
        ScriptVersion.key == key, col(ScriptVersion.channel).in_(channels), ScriptVersion.state == State.EFFECTIVE
    ).execution_options(populate_existing=True)
    if hold:
        wanted = wanted.with_for_update(read=True)
    return list(session.exec(wanted))


def effective_set(session: Session) -> list[tuple[ScriptVersion, Script]]:
    """Everything that may be said, in a stable order."""
    return list(session.exec(
        select(ScriptVersion, Script).where(ScriptVersion.key == Script.key, ScriptVersion.state == State.EFFECTIVE)
        .order_by(col(ScriptVersion.key), col(ScriptVersion.channel))
    ))


def due_ids(session: Session, now: datetime) -> list[str]:
    """Approved versions whose from-date has come, and versions whose to-date has come; earliest first."""
    return list(session.exec(
        select(ScriptVersion.id).where(
            or_(
                (col(ScriptVersion.state) == State.APPROVED)
                & (col(ScriptVersion.effective_from).is_(None) | (col(ScriptVersion.effective_from) <= now)),
                col(ScriptVersion.state).in_([State.APPROVED, State.EFFECTIVE])
                & (col(ScriptVersion.effective_to) <= now),
            )
        ).order_by(col(ScriptVersion.effective_from), col(ScriptVersion.version))
    ))


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
    """How many versions wait for this approver's decision: all in review that they did not write."""
    return session.exec(
        select(func.count()).select_from(ScriptVersion)
        .where(ScriptVersion.state == State.IN_REVIEW, ScriptVersion.author_id != staff_id)
    ).one()


def neighbours(session: Session, key: str) -> list[tuple[str, str, list[str]]]:
    """Key, title and example questions of every other effective script."""
    return [(one.key, script.title, one.examples) for one, script in effective_set(session)
            if one.key != key and one.channel == ANY_CHANNEL and one.examples]


def acts(session: Session, version_ids: Collection[str]) -> list[JournalEntry]:
    """Who did what to these versions, in the order it happened."""
    return list(session.exec(
        select(JournalEntry)
        .where(JournalEntry.subject_kind == "script_version", col(JournalEntry.subject_id).in_(version_ids))
        .order_by(col(JournalEntry.at))
    ))


def has_effective(session: Session, key: str) -> bool:
    found: Any = session.exec(
        select(exists().where(ScriptVersion.key == key, ScriptVersion.state == State.EFFECTIVE))  # type: ignore[arg-type]
    ).one()
    return bool(found)
