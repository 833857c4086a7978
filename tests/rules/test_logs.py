"""What leaves the process as a log line carries no customer's number."""

import logging

import pytest
import structlog

from backend.infra import logs


@pytest.fixture(autouse=True)
def _restore():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_phone_numbers_and_mail_addresses_are_masked_in_every_log_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    structlog.get_logger("test").info("received", text="打我 13812345678，或 someone@example.com")
    logging.getLogger("library").warning("gave up on %s", "13812345678")
    out = capsys.readouterr().out
    assert "received" in out
    assert "gave up on" in out
    assert "13812345678" not in out
    assert "someone@example.com" not in out
    assert "138****5678" in out
