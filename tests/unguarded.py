"""Behind the guards' back: what somebody could do who may change the schema."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import Session

from backend.infra import guards


@contextmanager
def unguarded(session: Session) -> Iterator[None]:
    """No triggers inside the block; they stand again after it, in the same transaction."""
    guards.remove(session.connection())
    yield
    session.flush()
    guards.install(session.connection())
