"""Writers on SQLite line up: a customer's message waits its turn and is stored."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from backend.infra import db
from backend.infra.turns import Turn, turn_of
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Unavailable

WRITERS, EACH = 12, 15


def test_who_asked_first_goes_first() -> None:
    turn, went, threads = Turn(), [], []

    def go(number: int) -> None:
        with turn:
            went.append(number)

    with turn:
        for number in range(8):
            threads.append(threading.Thread(target=go, args=(number,)))
            threads[-1].start()
            while len(turn._line) <= number:  # it stands in the line before the next one comes
                pass
    for thread in threads:
        thread.join()
    assert went == list(range(8))


def test_nobody_stands_in_the_line_for_ever_and_the_line_goes_on_without_them() -> None:
    turn, told = Turn(patience=0.05), []

    def waits() -> None:
        with pytest.raises(Unavailable) as refusal, turn:
            pass
        told.append(refusal.value.code)

    with turn:
        waiting = threading.Thread(target=waits)
        waiting.start()
        waiting.join()
    assert told == ["database_busy"]
    with turn:
        pass


def test_a_failure_inside_hands_the_turn_on() -> None:
    turn = Turn()
    with pytest.raises(ValueError), turn:
        raise ValueError
    with turn:
        pass


def test_a_writer_inside_a_writer_is_told_instead_of_waiting_for_itself() -> None:
    turn = Turn()
    with turn, pytest.raises(RuntimeError, match="inside another"), turn:
        pass


def test_on_postgresql_nobody_lines_up(engine: Engine) -> None:
    assert isinstance(turn_of(engine), Turn) == (engine.dialect.name == "sqlite")


def test_two_engines_on_one_file_share_the_line(tmp_path: Path) -> None:
    one, other = (db.make_engine(f"sqlite:///{tmp_path}/zhike.db") for _ in range(2))
    assert turn_of(one) is turn_of(other)
    assert turn_of(one) is not turn_of(db.make_engine(f"sqlite:///{tmp_path}/another.db"))


def test_many_writers_never_find_the_database_locked_even_without_patience(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite's own waiting is switched off: whoever asked it while another writes would fail at once.
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 0)
    engine = db.make_engine(f"sqlite:///{tmp_path}/zhike.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE said (writer INTEGER, number INTEGER)"))
    works = Works(engine)
    failures: list[Exception] = []

    def write(writer: int) -> None:
        for number in range(EACH):
            try:
                with works.begin(SYSTEM) as work:
                    work.session.execute(text("SELECT COUNT(*) FROM said")).scalar()
                    work.session.execute(text("INSERT INTO said VALUES (:writer, :number)"),
                                         {"writer": writer, "number": number})
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with works.read(SYSTEM) as work:
        assert work.session.execute(text("SELECT COUNT(*) FROM said")).scalar() == WRITERS * EACH
