"""Looking versions up, for those who show or send them."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from backend.kernel.actors import Actor, Permission
from backend.kernel.errors import NotFound
from backend.scripts import store
from backend.scripts.tables import Script, ScriptVersion


def get(session: Session, version_id: str) -> ScriptVersion:
    """Raises NotFound (`script_version_not_found`)."""
    return or_not_found(store.version(session, version_id))


def the_version(session: Session, key: str, number: int) -> ScriptVersion:
    """Raises NotFound (`script_version_not_found`)."""
    return or_not_found(store.by_number(session, key, number))


@dataclass(frozen=True)
class VersionCard:
    """What a bubble needs to know of the version it speaks."""

    key: str
    version: int
    version_id: str
    title: str


def version_card(session: Session, version_id: str) -> VersionCard | None:
    """Which script and version a stored id names. Both rows sit in the session's identity map after the first look."""
    version = session.get(ScriptVersion, version_id)
    script = session.get(Script, version.key) if version else None
    if version is None or script is None:
        return None
    return VersionCard(key=version.key, version=version.version, version_id=version.id, title=script.title)


def files_of(session: Session, version_id: str) -> list[dict[str, Any]]:
    """What goes out with a version: ``{"id", "name", "kind", "size", "sha256"}`` each."""
    version = session.get(ScriptVersion, version_id)
    return [dict(file) for file in version.attachments] if version else []


def waiting_for(session: Session, actor: Actor) -> int:
    """How many versions wait for this person's decision."""
    return store.waiting_for(session, actor.id) if actor.can(Permission.SCRIPT_APPROVE) else 0


def or_not_found(version: ScriptVersion | None) -> ScriptVersion:
    if version is None:
        raise NotFound("script_version_not_found", "没有这个版本，可能链接旧了。请回到话术库再找一次。")
    return version
