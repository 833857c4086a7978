"""The schema as a whole: every room's tables, and the way to the newest migration."""

import importlib
import pkgutil
from tempfile import TemporaryDirectory

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect, text
from sqlalchemy.engine import Engine
from sqlmodel import SQLModel

import backend
import backend.infra.journal
import backend.infra.outbox
import backend.infra.search
from backend.infra.db import make_engine
from backend.infra.search import is_ours
from backend.settings import ROOT


def metadata() -> MetaData:
    """All tables. Rooms are found by name, so that infra need not import what stands above it."""
    for room in pkgutil.iter_modules(backend.__path__):
        if room.ispkg:
            try:
                importlib.import_module(f"backend.{room.name}.tables")
            except ModuleNotFoundError as error:
                if error.name != f"backend.{room.name}.tables":
                    raise
    return SQLModel.metadata


def _config() -> Config:
    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "backend" / "migrations"))
    return config


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest migration; harmless when it is there already."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def is_current(engine: Engine) -> bool:
    """Whether the database stands at the newest migration."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == head


def drift() -> list[str]:
    """Differences between the tables in code and the migrations, judged on an empty SQLite database."""
    with TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/drift.db")
        upgrade(engine)
        with engine.connect() as connection:
            # The search index is no table of the ORM; FTS5 keeps shadow tables of its own beside it.
            context = MigrationContext.configure(connection, opts={
                "compare_type": True, "include_name": lambda name, kind, _: kind != "table" or not is_ours(name)})
            found = [repr(difference) for difference in compare_metadata(context, metadata())]
        engine.dispose()
    return found
