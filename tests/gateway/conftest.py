"""The whole application on a copy of the packed database, with a bot that does as told, and somebody at its door."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.main import create_app
from backend.settings import settings
from tests.gateway.fakes import FakeBot
from tests.gateway.visitor import Visitor


@pytest.fixture
def whole_app(packed_sqlite: Path, tmp_path: Path) -> Callable[..., FastAPI]:
    """Makes the application; what is given changes its settings."""
    def make(**changed: Any) -> FastAPI:
        path = tmp_path / "web.db"
        shutil.copy(packed_sqlite, path)
        return create_app(replace(settings(), database_url=f"sqlite:///{path}", run_worker=False, **changed), FakeBot())

    return make


@pytest.fixture
def client(whole_app: Callable[..., FastAPI]) -> Iterator[TestClient]:
    with TestClient(whole_app()) as opened:
        yield opened


@pytest.fixture
def visitor(client: TestClient) -> Visitor:
    return Visitor(client)
