"""A database as an earlier version of the house left it, for tests of what a migration does to rows in use."""

from collections.abc import Callable

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Engine

from backend.infra import schema


def stand_at(engine: Engine, revision: str) -> None:
    """Bring a database up to this revision, not further."""
    _move(engine, command.upgrade, revision)


def step_back_to(engine: Engine, revision: str) -> None:
    _move(engine, command.downgrade, revision)


def _move(engine: Engine, how: Callable[[Config, str], None], revision: str) -> None:
    config = schema._config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        how(config, revision)
        connection.commit()
