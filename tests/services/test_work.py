"""One transaction: facts, reactions and journal rows stand or fall together."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import event, update
from sqlmodel import col, select

from backend.infra import journal
from backend.infra.journal import JournalEntry
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM
from backend.kernel.events import Fact
from tests.cast import NOW
from tests.unguarded import unguarded


@dataclass(frozen=True, kw_only=True)
class LampLit(Fact):
    room: str


def test_a_reaction_runs_inside_the_transaction_that_recorded_its_fact(works: Works) -> None:
    def write_it_down(work: Work, fact: LampLit) -> None:
        work.journal("lamp_lit", "room", fact.room)

    works = Works(works.engine, {LampLit: [write_it_down]})
    with works.begin(SYSTEM, NOW) as work:
        work.record(LampLit(at=NOW, room="kitchen"))
    with works.read(SYSTEM) as work:
        assert [row.subject_id for row in work.session.exec(select(JournalEntry))] == ["kitchen"]


def test_when_a_reaction_fails_nothing_of_the_transaction_stands(works: Works) -> None:
    def refuse(work: Work, fact: LampLit) -> None:
        raise RuntimeError("no lamps today")

    works = Works(works.engine, {LampLit: [refuse]})
    with pytest.raises(RuntimeError), works.begin(SYSTEM, NOW) as work:
        work.journal("lamp_switch_touched", "room", "kitchen")
        work.record(LampLit(at=NOW, room="kitchen"))
    with works.read(SYSTEM) as work:
        assert work.session.exec(select(JournalEntry)).all() == []


def test_hints_go_out_only_after_a_commit(works: Works) -> None:
    heard: list[str] = []
    works = Works(works.engine, {}, heard.extend)
    with pytest.raises(ValueError), works.begin(SYSTEM, NOW) as work:
        work.hint("conversation:1")
        raise ValueError
    assert heard == []
    with works.begin(SYSTEM, NOW) as work:
        work.hint("conversation:2")
        assert heard == []
    assert heard == ["conversation:2"]


def test_the_sealed_journal_verifies_and_an_altered_row_is_found(works: Works) -> None:
    for number in range(5):
        with works.begin(SYSTEM, NOW + timedelta(seconds=number)) as work:
            work.journal("counted", "number", str(number))
    with works.begin(SYSTEM) as work:
        assert journal.seal(work.session, NOW + timedelta(minutes=1)) == 5
    with works.read(SYSTEM) as work:
        verdict = journal.verify(work.session)
        assert verdict.intact and verdict.sealed == 5 and verdict.unsealed == 0
    with works.begin(SYSTEM) as work, unguarded(work.session):
        work.session.exec(  # type: ignore[call-overload]
            update(JournalEntry).where(col(JournalEntry.subject_id) == "2").values(actor_id="somebody_else"))
    with works.read(SYSTEM) as work:
        assert journal.verify(work.session).broken_at == 3


def test_sealing_and_verifying_hold_only_a_portion_of_a_long_journal(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sealed every few seconds for years: what a sealing reads must not grow with what was sealed before."""
    loaded: list[str] = []

    def note(row: JournalEntry, context: object) -> None:
        loaded.append(row.id)

    def write(first: int, count: int) -> None:
        with works.begin(SYSTEM, NOW + timedelta(minutes=first)) as work:
            for number in range(count):
                work.journal("counted", "number", str(number))

    write(0, 300)
    with works.begin(SYSTEM, NOW) as work:
        assert journal.seal(work.session, NOW + timedelta(minutes=1)) == 300
    write(2, 3)
    event.listen(JournalEntry, "load", note)
    try:
        with works.begin(SYSTEM, NOW) as work:
            assert journal.seal(work.session, NOW + timedelta(minutes=3)) == 3
        assert len(loaded) == 4, "the last sealed row and the new ones"
        monkeypatch.setattr(journal, "PORTION", 50)
        with works.read(SYSTEM) as work:
            verdict = journal.verify(work.session)
            assert (verdict.sealed, verdict.unsealed, verdict.intact) == (303, 0, True)
            assert len(list(work.session)) <= 50, "what has been judged is let go"
    finally:
        event.remove(JournalEntry, "load", note)
