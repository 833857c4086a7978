"""Rates, means, percentiles and differences, against published values and plain properties."""

from __future__ import annotations

import math
import statistics as stdlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.kernel.statistics import Rate, difference, mean, median, p90, percentile, wilson

FEW = settings(max_examples=100)
RATES = st.integers(0, 500).flatmap(lambda n: st.builds(Rate, st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_wilson_interval_agrees_with_newcombes_table(k: int, n: int, low: float, high: float) -> None:
    found = wilson(k, n)
    assert found is not None
    assert found == pytest.approx((low, high), abs=5e-5)


def test_no_data_is_none_and_says_so() -> None:
    empty = Rate(0, 0)
    assert empty.value is None and empty.interval is None and not empty.enough
    assert empty.zh() == empty.percent() == "暂无数据"


def test_a_rate_shows_its_numerator_its_n_and_its_interval() -> None:
    assert Rate(35, 40).zh() == "87.5%（35/40，95% 区间 73.9%–94.5%）"
    assert Rate(3, 4).zh(0) == "75%（3/4，95% 区间 30%–95%，样本不足）"
    assert not Rate(29, 29).enough and Rate(30, 30).enough


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (1, 0)])
def test_an_impossible_rate_is_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError):
        Rate(k, n)


@given(RATES)
@FEW
def test_the_interval_holds_the_rate_and_stays_between_none_and_all(rate: Rate) -> None:
    if rate.value is None or rate.interval is None:
        assert rate.n == 0
        return
    low, high = rate.interval
    assert 0 <= low <= rate.value <= high <= 1
    mirrored = Rate(rate.n - rate.k, rate.n).interval
    assert mirrored == pytest.approx((1 - high, 1 - low))


@given(st.integers(0, 50), st.integers(1, 50))
@FEW
def test_more_of_the_same_narrows_the_interval(k: int, n: int) -> None:
    if k > n:
        k, n = n, k
    few, many = wilson(k, n), wilson(k * 10, n * 10)
    assert few and many and many[1] - many[0] < few[1] - few[0]


def test_a_mean_comes_with_its_n_and_interval() -> None:
    found = mean([4, 5, 3, 5, 4])
    assert found.value == pytest.approx(4.2)
    # t(4) = 2.776, s = 0.8367, half width 1.0388
    assert found.interval == pytest.approx((3.1612, 5.2388), abs=1e-3)
    assert found.zh() == "4.20（n=5，95% 区间 3.16–5.24，样本不足）"
    assert mean([]).zh() == "暂无数据"
    assert mean([4]).interval is None and mean([4]).value == 4


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60))
@FEW
def test_the_mean_lies_in_its_interval(values: list[float]) -> None:
    found = mean(values)
    assert found.value is not None and found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1]
    assert found.value == pytest.approx(stdlib.fmean(values), abs=1e-6)


def test_median_and_ninetieth_percentile_interpolate_as_spreadsheets_do() -> None:
    assert median([1, 2, 3, 4]).value == 2.5
    assert p90([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).value == pytest.approx(9.1)
    assert median([]).value is None and median([]).n == 0
    assert percentile([7], 0.9).value == 7
    with pytest.raises(ValueError):
        percentile([1], 90)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60), st.integers(1, 99))
@FEW
def test_percentiles_agree_with_the_standard_librarys_inclusive_quantiles(
    values: list[float], q: int
) -> None:
    found = percentile(values, q / 100)
    assert found.value == pytest.approx(stdlib.quantiles(values, n=100, method="inclusive")[q - 1], abs=1e-6)
    assert found.value is not None and min(values) - 1e-6 <= found.value <= max(values) + 1e-6


def test_a_clear_difference_is_significant_and_a_small_one_is_not() -> None:
    clear = difference(Rate(90, 100), Rate(60, 100))
    assert clear is not None and clear.significant and clear.zh() == "差异显著"
    assert clear.interval[0] > 0
    small = difference(Rate(60, 100), Rate(58, 100))
    assert small is not None and small.zh() == "差异不显著"
    assert small.interval[0] < 0 < small.interval[1]


def test_the_differences_interval_is_newcombes() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), 873-890, table II: 56/70 against 48/80, method 10.
    found = difference(Rate(56, 70), Rate(48, 80))
    assert found is not None
    assert found.interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_two_small_samples_are_not_compared() -> None:
    found = difference(Rate(10, 10), Rate(0, 10))
    assert found is not None and found.verdict == "too_few" and not found.significant
    assert "样本不足" in found.zh()
    assert difference(Rate(0, 0), Rate(5, 50)) is None


@given(RATES, RATES)
@FEW
def test_comparing_the_other_way_round_turns_the_sign_only(first: Rate, second: Rate) -> None:
    one, other = difference(first, second), difference(second, first)
    if one is None or other is None:
        assert one is other is None
        return
    assert one.value == pytest.approx(-other.value)
    assert one.p == pytest.approx(other.p) and 0 <= one.p <= 1
    assert one.verdict == other.verdict
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
    assert not math.isnan(one.p)
