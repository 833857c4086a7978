"""A throw-away PostgreSQL server on a socket of its own, for tests."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Engine


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return Path(places[-1]).parent if places else None


@lru_cache(maxsize=1)
def missing() -> str | None:
    """Why there is no server to test on; None when there is one."""
    if _binaries() is None:
        return "no PostgreSQL server installed: apt-get install postgresql"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL refuses to run as root and there is no user postgres to run it"
    return None


@contextmanager
def server() -> Iterator[str]:
    """Start a server in a new folder, give its address, stop it and remove the folder."""
    binaries = _binaries()
    assert binaries is not None
    home = Path(tempfile.mkdtemp(prefix="zhike-pg-"))
    run_as: dict[str, int] = {}
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        shutil.chown(home, "postgres", "postgres")
        run_as = {"user": user.pw_uid, "group": user.pw_gid}
    data = home / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True, "cwd": home}
    subprocess.run([binaries / "initdb", "-D", data, "-U", "zhike", "-A", "trust", "-E", "UTF8", "--no-sync"],
                   **quiet, **run_as)  # type: ignore[call-overload]
    options = f"-k {home} -h '' -c fsync=off -c full_page_writes=off"
    try:
        subprocess.run([binaries / "pg_ctl", "-D", data, "-w", "-o", options, "-l", home / "log", "start"],
                       **quiet, **run_as)  # type: ignore[call-overload]
        yield f"postgresql+psycopg://zhike@/postgres?host={home}"
    finally:
        subprocess.run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home,
                       **run_as)  # type: ignore[call-overload]
        shutil.rmtree(home, ignore_errors=True)


def empty(engine: Engine) -> None:
    """Remove every row, keep the schema."""
    tables = [name for name in inspect(engine).get_table_names() if name != "alembic_version"]
    with engine.begin() as connection:
        # The guards refuse to empty a table at a stroke; a replica's session asks no triggers.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("TRUNCATE " + ", ".join(f'"{name}"' for name in tables)))


def create(engine: Engine, name: str, template: str | None) -> str:
    """A new database, copied from ``template`` where named; gives its address."""
    copy = f' TEMPLATE "{template}"' if template else ""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        connection.execute(text(f'CREATE DATABASE "{name}"{copy}'))
    return engine.url.set(database=name).render_as_string(hide_password=False)


def drop(engine: Engine, name: str) -> None:
    """Remove a database, whoever is still connected."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
