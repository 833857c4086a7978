"""Who stands behind a role or a group when a ladder calls for them."""

from collections.abc import Iterable

from sqlmodel import Session

from backend.deadlines import store
from backend.kernel.escalation import OWNER
from backend.people import service as people


class Roster:
    """The staff as they are now, looked up once for a whole batch of deadlines."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._roles: dict[str, list[str]] | None = None
        self._groups: dict[str, list[str]] = {}
        self._active: set[str] = set()

    def find(self, tokens: Iterable[str]) -> tuple[str, ...]:
        """Active staff named by these tokens, each once; ``owner`` is for the case's own room to know."""
        found: dict[str, None] = {}
        for token in tokens:
            for staff_id in self._of(token):
                found.setdefault(staff_id)
        return tuple(found)

    def least_busy_first(self, token: str) -> tuple[str, ...]:
        """For taking over: those with the fewest unseen calls first, so that not all falls to one person."""
        busy = store.unseen_counts(self._session)
        return tuple(sorted(self._of(token), key=lambda one: (busy.get(one, 0), one)))

    def _of(self, token: str) -> list[str]:
        if token == OWNER:
            return []
        self._load()
        assert self._roles is not None
        if token.startswith("staff:"):
            staff_id = token.removeprefix("staff:")
            return [staff_id] if staff_id in self._active else []
        if token.startswith("group:"):
            return self._groups.get(token.removeprefix("group:"), [])
        return self._roles.get(token, [])

    def _load(self) -> None:
        if self._roles is not None:
            return
        self._roles = {}
        for staff, roles in people.everybody(self._session):
            if not staff.active:
                continue
            self._active.add(staff.id)
            for role in roles:
                self._roles.setdefault(role, []).append(staff.id)
            for group in staff.skill_groups.split(","):
                if group:
                    self._groups.setdefault(group, []).append(staff.id)
