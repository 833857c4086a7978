"""Ladders and extensions as people write them, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kernel.deadlines import Rule, Unit
from backend.kernel.errors import Invalid
from backend.kernel.escalation import Extension, ladder, read_ladder, write_ladder

WRITTEN = """
50% 负责人
80% 告知 负责人、主管
100% 主管、质检，由接管 主管
逾期1个工作日 主管、组:投诉
逾期3个工作日 系统管理员
"""


def test_a_ladder_is_written_a_line_a_rung_and_reads_back_the_same() -> None:
    rows = read_ladder(WRITTEN)
    levels = ladder(rows)
    assert [level.point_zh for level in levels] == ["50%", "80%", "到期时", "逾期 1 个工作日", "逾期 3 个工作日"]
    assert levels[2].take_over == "manager" and levels[3].tell == ("manager", "group:投诉")
    assert levels[2].zh == "到期时 告知 主管、质检，由 主管 接管"
    assert read_ladder(write_ladder(levels)) == rows


@given(st.lists(st.integers(1, 100), min_size=1, max_size=6, unique=True).map(sorted),
       st.lists(st.integers(1, 50), max_size=3, unique=True).map(sorted))
def test_any_ladder_in_order_survives_writing_reading_and_storing(shares: list[int], late: list[int]) -> None:
    rows = [{"share": share / 100, "tell": ["owner", "manager"]} for share in shares]
    rows += [{"overdue": one, "overdue_unit": "hours", "tell": ["admin"], "take_over": "manager"} for one in late]
    levels = ladder(rows)
    assert ladder([level.as_dict() for level in levels]) == levels
    assert ladder(read_ladder(write_ladder(levels))) == levels
    rule = Rule("decide", 5, Unit.WORKING_DAYS, escalation=levels, extension=Extension(most=3))
    assert Rule.from_dict(rule.as_dict()) == rule


@pytest.mark.parametrize(
    "rows",
    [
        [{"share": 0.8}],
        [{"tell": ["owner"]}],
        [{"share": 0.8, "overdue": 1, "tell": ["owner"]}],
        [{"share": 0.8, "tell": ["owner"]}, {"share": 0.8, "tell": ["manager"]}],
        [{"share": 0.8, "tell": ["owner"]}, {"share": 0.5, "tell": ["manager"]}],
        [{"overdue": 1, "tell": ["owner"]}, {"share": 0.5, "tell": ["manager"]}],
        [{"overdue": 2, "tell": ["owner"]}, {"overdue": 1, "tell": ["manager"]}],
        [{"share": 1.2, "tell": ["owner"]}],
        [{"share": 0.5, "tell": ["the boss"]}],
        [{"share": 0.5, "tell": ["owner"], "take_over": "the boss"}],
        [{"overdue": 0, "tell": ["owner"]}],
    ],
)
def test_a_ladder_that_leads_nowhere_is_refused(rows: list[dict[str, object]]) -> None:
    with pytest.raises(Invalid) as refused:
        ladder(rows)
    assert refused.value.code == "bad_ladder"


@pytest.mark.parametrize("line", ["", "主管", "80 主管", "逾期 主管", "80%"])
def test_a_line_that_says_nothing_is_refused_or_skipped(line: str) -> None:
    if not line:
        assert read_ladder(line) == []
        return
    with pytest.raises(Invalid):
        read_ladder(line)


@pytest.mark.parametrize("data", [{"most": 0}, {"times": -1}, {"approver": "boss"}, {"unit": "hours"}, {"most": "many"}])
def test_an_extension_nobody_could_grant_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        Extension.from_dict(data)
    assert refused.value.code == "bad_rule"
