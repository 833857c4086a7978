"""The command line before a database that is not there, or not ready: a sentence with a way forward, no traceback."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from backend import cli, installation
from backend.settings import read_environment


def run(monkeypatch: pytest.MonkeyPatch, url: str, *words: str) -> int:
    config = replace(read_environment(), database_url=url)
    for reader in (cli, installation):
        monkeypatch.setattr(reader, "settings", lambda: config)
    monkeypatch.setattr(sys, "argv", ["zhike", *words])
    with pytest.raises(SystemExit) as over:
        cli.main()
    return int(over.value.code or 0)


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))


def test_a_database_without_our_tables_is_named_with_the_way_to_prepare_it(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    assert run(monkeypatch, url, "demo", "month", "--force", "--json") == 1
    said = json.loads(capsys.readouterr().err)
    assert said["code"] == "schema_not_current"
    assert str(tmp_path / "other.db") in said["message"] and "./zhike db prepare" in said["message"]
    assert run(monkeypatch, url, "db", "upgrade") == 0  # the commands that make it ready are not refused
    assert run(monkeypatch, url, "verify") == 0


def test_a_database_that_does_not_answer_is_named_without_its_password(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("verify", "db upgrade"):
        assert run(monkeypatch, "postgresql+psycopg://zhike:geheim@127.0.0.1:1/shop", *command.split()) == 1
        said = capsys.readouterr().err
        assert said.startswith("数据库（127.0.0.1:1/shop）没有应答：") and "geheim" not in said and "Traceback" not in said
