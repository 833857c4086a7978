"""Alembic's entry: migrates whatever address the settings (or the caller) name."""

from alembic import context

from backend.infra import guards
from backend.infra.db import make_engine
from backend.infra.schema import metadata
from backend.settings import settings

config = context.config


def run() -> None:
    """Migrate over the connection that the caller lent, or over one of our own."""
    lent = config.attributes.get("connection")
    if lent is not None:
        _migrate(lent)
        return
    engine = make_engine(settings().database_url)
    with engine.connect() as connection:
        _migrate(connection)
        connection.commit()
    engine.dispose()


def _migrate(connection) -> None:  # type: ignore[no-untyped-def]
    context.configure(
        connection=connection, target_metadata=metadata(), render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        if _moves():
            # A table that is rebuilt loses its triggers, a column under a trigger cannot be dropped.
            guards.remove(connection)
        context.run_migrations()
        if context.get_context().get_current_revision() == context.get_head_revision():
            guards.install(connection)


def _moves() -> bool:
    """Whether this run will change the schema."""
    try:
        wanted = context.get_revision_argument()
    except KeyError:  # a command that only looks
        return False
    return context.get_context().get_current_revision() != wanted


run()
