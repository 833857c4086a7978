"""Databases for the tests: always migrated, never `create_all`; SQLite, and PostgreSQL where a server is found."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

# Before anything reads the settings: tests never touch the installation's own files.
TEST_VAR = Path(tempfile.mkdtemp(prefix="zhike-test-"))
os.environ["VAR_DIR"] = str(TEST_VAR)
os.environ.pop("DATABASE_URL", None)

import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy.engine import Engine

from backend.infra import schema
from backend.infra.db import make_engine
from backend.infra.work import Works
from tests import cast, postgres

# No test is judged by the clock: a busy machine is not a wrong result.
hypothesis_settings.register_profile("zhike", deadline=None)
hypothesis_settings.load_profile("zhike")


# Whoever shares a running house or bot stays in one process of a parallel run; the longest wait goes first.
TOGETHER = ("tests/journeys/", "tests/bot/")


def _shared(nodeid: str) -> int:
    return next((number for number, part in enumerate(TOGETHER) if nodeid.startswith(part)), len(TOGETHER))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _shared(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """By what tests share, else by file. (xdist's own groups do not reach pytest 9.2's node ids.)"""
    from xdist.scheduler import LoadScopeScheduling

    class BySharing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            shared = _shared(nodeid)
            return TOGETHER[shared] if shared < len(TOGETHER) else nodeid.split("::")[0]

    return BySharing(config, log)


@pytest.fixture(scope="session", autouse=True)
def _tidy() -> Iterator[None]:
    yield
    shutil.rmtree(TEST_VAR, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_sqlite() -> Path:
    """One migrated SQLite file; each test gets a copy, which costs a millisecond."""
    path = TEST_VAR / "template.db"
    engine = make_engine(f"sqlite:///{path}")
    schema.upgrade(engine)
    engine.dispose()
    _fold(path)
    return path


def _fold(path: Path) -> None:
    """Fold the write-ahead log in, so that one file is the whole database."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.fixture(scope="session")
def postgres_engine() -> Iterator[Engine]:
    """A migrated database on an own PostgreSQL server, started for this test run."""
    with postgres.server() as url:
        engine = make_engine(url)
        schema.upgrade(engine)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty, migrated database of each dialect."""
    if request.param == "postgresql":
        if postgres.missing():
            pytest.skip(postgres.missing() or "")
        shared: Engine = request.getfixturevalue("postgres_engine")
        postgres.empty(shared)
        yield shared
        return
    path = tmp_path / "zhike.db"
    shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
    own = make_engine(f"sqlite:///{path}")
    yield own
    own.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def unmigrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database with nothing in it yet, to be brought to an earlier version."""
    if request.param == "postgresql":
        if postgres.missing():
            pytest.skip(postgres.missing() or "")
        server: Engine = request.getfixturevalue("postgres_engine")
        engine = make_engine(postgres.create(server, "old_version", template=None))
        yield engine
        engine.dispose()
        postgres.drop(server, "old_version")
        return
    engine = make_engine(f"sqlite:///{tmp_path / 'old.db'}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def packed_sqlite(migrated_sqlite: Path) -> Path:
    """The migrated file with the default pack and the cast in it."""
    path = TEST_VAR / "packed.db"
    shutil.copy(migrated_sqlite, path)
    engine = make_engine(f"sqlite:///{path}")
    _pack(engine)
    engine.dispose()
    _fold(path)
    return path


@pytest.fixture(scope="session")
def packed_postgres(postgres_engine: Engine) -> str:
    """The name of a PostgreSQL database with the default pack, to be copied from."""
    engine = make_engine(postgres.create(postgres_engine, "packed", template=None))
    schema.upgrade(engine)
    _pack(engine)
    engine.dispose()
    return "packed"


def _pack(engine: Engine) -> None:
    from backend.wiring import REACTIONS
    from tests import builders

    builders.the_pack(Works(engine, REACTIONS))


@pytest.fixture(params=["sqlite", "postgresql"])
def pack_loaded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Works]:
    """Units of work with the whole wiring on a database that holds the default pack and the cast."""
    from backend.wiring import REACTIONS

    if request.param == "postgresql":
        if postgres.missing():
            pytest.skip(postgres.missing() or "")
        server: Engine = request.getfixturevalue("postgres_engine")
        engine = make_engine(postgres.create(server, "test", template=request.getfixturevalue("packed_postgres")))
        yield Works(engine, REACTIONS)
        engine.dispose()
        postgres.drop(server, "test")
        return
    path = tmp_path / "zhike.db"
    shutil.copy(request.getfixturevalue("packed_sqlite"), path)
    engine = make_engine(f"sqlite:///{path}")
    yield Works(engine, REACTIONS)
    engine.dispose()


@pytest.fixture
def now() -> datetime:
    return cast.NOW


@pytest.fixture
def works(engine: Engine) -> Works:
    """Units of work with the whole wiring, on an empty migrated database."""
    from backend.wiring import REACTIONS

    return Works(engine, REACTIONS)
