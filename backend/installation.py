"""This installation's database, as the command line finds it."""

from backend.infra import schema
from backend.infra.db import make_engine
from backend.infra.work import Works
from backend.kernel.errors import Conflict
from backend.settings import settings
from backend.wiring import REACTIONS


def the_works(*, as_it_stands: bool = False) -> Works:
    """Units of work on this installation's database; its schema is looked at first, unless taken ``as_it_stands``.

    Raises Conflict (`schema_not_current`).
    """
    works, config = Works(make_engine(settings().database_url), REACTIONS), settings()
    if not as_it_stands and not schema.is_current(works.engine):
        raise Conflict("schema_not_current",
                       f"数据库（{place(config.database_url)}）还没有准备好，或者表结构不是最新的。请先运行 ./zhike db prepare；"
                       "数据在别处的，用 VAR_DIR 或 DATABASE_URL 指过去。")
    return works


def place(url: str) -> str:
    """Where a database is, without who may enter it."""
    return url.removeprefix("sqlite:///") if url.startswith("sqlite") else url.split("@")[-1]
