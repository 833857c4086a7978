"""Control charts: limits against figures worked out by hand, and each Western Electric rule at its border."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kernel.control_charts import LEAST_POINTS, Baseline, Sample, baseline, chart, rules_at


def steady(count: int, k: float = 10, n: float = 1000) -> list[Sample]:
    return [Sample(k, n) for _ in range(count)]


def test_nineteen_points_have_no_baseline_and_twenty_have_one() -> None:
    assert baseline("u", steady(LEAST_POINTS - 1)) is None
    assert baseline("u", steady(LEAST_POINTS)) == Baseline("u", 0.01, 20)


def test_empty_and_unfinished_periods_do_not_count_towards_the_twenty() -> None:
    samples = [*steady(19), Sample(0, 0), Sample(3, 100, unfinished=True)]
    assert baseline("p", samples) is None


def test_u_limits_follow_each_points_own_n() -> None:
    base = Baseline("u", 0.04, 20)
    small, large = chart("u", [Sample(4, 100), Sample(40, 1600)], base)
    assert small.upper == pytest.approx(0.04 + 3 * math.sqrt(0.04 / 100))
    assert large.upper == pytest.approx(0.04 + 3 * math.sqrt(0.04 / 1600))
    assert small.lower == 0.0 and large.lower == pytest.approx(0.025)


def test_p_limits_are_three_binomial_errors_and_never_leave_the_unit_interval() -> None:
    (point,) = chart("p", [Sample(45, 50)], Baseline("p", 0.9, 20))
    assert point.lower == pytest.approx(0.9 - 3 * math.sqrt(0.9 * 0.1 / 50))
    assert point.upper == 1.0


def test_xmr_limits_are_two_point_six_six_mean_moving_ranges() -> None:
    values = [10, 12, 9, 11, 10, 13, 10, 9, 11, 12, 10, 11, 9, 12, 10, 11, 13, 10, 9, 11]
    base = baseline("xmr", [Sample(value, 5) for value in values])
    ranges = [abs(b - a) for a, b in pairwise(values)]
    assert base is not None
    assert base.centre == pytest.approx(sum(values) / 20)
    assert base.moving_range == pytest.approx(sum(ranges) / 19)
    (point,) = chart("xmr", [Sample(11, 5)], base)
    assert point.upper == pytest.approx(base.centre + 2.66 * base.moving_range)
    assert point.lower == pytest.approx(base.centre - 2.66 * base.moving_range)


def test_a_jump_beyond_the_moving_range_limit_is_a_signal_of_its_own() -> None:
    base = Baseline("xmr", 10, 20, moving_range=1)
    points = chart("xmr", [Sample(8.3, 1), Sample(11.6, 1), Sample(11.6 - 3.2, 1)], base)
    assert "range" in points[1].rules, "3.3 is more than 3.267"
    assert "range" not in points[2].rules, "3.2 is not"


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        ([3.01], ("beyond_3",)),
        ([-3.01], ("beyond_3",)),
        ([3.0], ()),
        ([2.1, 0, 2.1], ("two_of_three",)),
        ([2.1, 0, 0, 2.1], ()),
        ([2.1, -2.1], ()),
        ([2.1, 2.1, 0.5], ()),  # the pattern ended a point ago
        ([1.1, 1.1, 0, 1.1, 1.1], ("four_of_five",)),
        ([1.1, 1.1, 0, 0, 1.1], ()),
        ([1.1, 1.1, -1.1, 1.1, 1.1], ("four_of_five",)),
        ([0.1] * 8, ("eight",)),
        ([0.1] * 7, ()),
        ([0.1] * 7 + [-0.1], ()),
        ([0.1] * 4 + [0.0] + [0.1] * 7, ()),
        ([-0.1] * 8, ("eight",)),
    ],
)
def test_each_rule_holds_at_its_border(scores: list[float], found: tuple[str, ...]) -> None:
    assert rules_at(scores, len(scores) - 1) == found


def test_a_period_without_data_breaks_no_run_and_is_not_judged() -> None:
    base = Baseline("u", 0.01, 20)
    samples = [*[Sample(11, 1000)] * 4, Sample(0, 0), *[Sample(11, 1000)] * 4]
    points = chart("u", samples, base)
    assert points[4].value is None and points[4].rules == ()
    assert points[-1].rules == ("eight",)


def test_an_unfinished_period_is_drawn_and_not_judged() -> None:
    points = chart("u", [Sample(90, 1000, unfinished=True)], Baseline("u", 0.01, 20))
    assert points[0].value == pytest.approx(0.09) and points[0].rules == ()


def test_a_centre_of_nought_makes_any_complaint_a_signal() -> None:
    points = chart("u", [Sample(0, 50), Sample(1, 50)], Baseline("u", 0.0, 20))
    assert points[0].rules == () and points[1].rules == ("beyond_3",)


def test_without_a_baseline_there_are_values_and_no_limits() -> None:
    (point,) = chart("u", [Sample(5, 100)], None)
    assert point.value == 0.05 and point.upper is None and point.rules == ()


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 500)), min_size=20, max_size=40),
    st.floats(0.1, 20),
)
def test_limits_do_not_depend_on_the_unit_of_the_base(pairs: list[tuple[int, int]], unit: float) -> None:
    plain = [Sample(k, n) for k, n in pairs]
    scaled = [Sample(k, n * unit) for k, n in pairs]
    one, other = baseline("u", plain), baseline("u", scaled)
    assert one is not None and other is not None
    for a, b in zip(chart("u", plain, one), chart("u", scaled, other), strict=True):
        assert a.z == pytest.approx(b.z, rel=1e-6, abs=1e-6)
