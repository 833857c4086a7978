"""The dates of the standard's table, and regimes that start nothing or are refused."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from backend.deadlines import service as deadlines
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant, to_shanghai
from backend.kernel.errors import Invalid, NotFound
from tests.cast import NOW
from tests.services.deadline_company import REGIMES, a_company, shown


@pytest.fixture
def company(engine: Engine, tmp_path: Path) -> Works:
    return a_company(engine, tmp_path)


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ((2026, 2, 13), "03-02"),
        ((2026, 2, 14), "03-03"),
        ((2026, 4, 30), "05-13"),
        ((2026, 9, 24), "10-12"),
        ((2026, 9, 30), "10-15"),
    ],
)
def test_seven_working_days_fall_where_the_standard_table_says(
    company: Works, start: tuple[int, int, int], due: str
) -> None:
    with company.read(SYSTEM) as work:
        found = deadlines.compute(work.session, shanghai_instant(*start, 10), None, 7)
    [one] = found["deadlines"]
    assert to_shanghai(datetime.fromisoformat(one["due_at"])).strftime("%m-%d") == due
    assert all(year["official"] for year in found["calendar"])


def test_fifteen_calendar_days_move_off_the_holiday_and_the_internal_date_does_not_rely_on_it(
    company: Works,
) -> None:
    with company.read(SYSTEM) as work:
        found = deadlines.compute(work.session, shanghai_instant(2026, 2, 2, 10), "test_default")
    refund = next(one for one in found["deadlines"] if one["stage"] == "refund")
    assert shown(datetime.fromisoformat(refund["legal_due"])) == "02-24 18:00"
    assert shown(datetime.fromisoformat(refund["internal_due"])) == "02-14 18:00"


def test_a_start_without_rule_or_regime_is_refused(company: Works) -> None:
    with company.read(SYSTEM) as work:
        with pytest.raises(Invalid):
            deadlines.compute(work.session, NOW)
        with pytest.raises(NotFound):
            deadlines.compute(work.session, NOW, "no_such_regime")
        assert len(deadlines.compute(work.session, NOW, deadlines.DEFAULT_REGIME, 7)["deadlines"]) == 1
        before_it_was_in_force = shanghai_instant(2025, 2, 14, 10)
        assert (
            len(deadlines.compute(work.session, before_it_was_in_force, "test_default", 7)["deadlines"]) == 5
        )


def test_seeding_twice_adds_nothing_and_a_doubled_stage_is_refused(company: Works, tmp_path: Path) -> None:
    with company.begin(SYSTEM, NOW) as work:
        assert deadlines.seed(work, tmp_path) == []
    spoilt = REGIMES.replace("stage: decide", "stage: promise").replace("test_default", "other")
    (tmp_path / "regimes.yml").write_text(spoilt, encoding="utf-8")
    with pytest.raises(Invalid), company.begin(SYSTEM, NOW) as work:
        deadlines.seed(work, tmp_path)
