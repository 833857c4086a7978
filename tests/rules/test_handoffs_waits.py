"""The wait that customers are told, on a simulated day."""

from backend.handoffs import rules
from backend.handoffs.waits import judge
from benchmarks import wait_estimate


def test_on_a_simulated_day_the_told_wait_is_off_by_less_than_half_of_what_the_best_constant_is() -> None:
    """Seed 0: some 1,700 customers, twelve people, a queue at noon that grows to dozens."""
    found = wait_estimate.figures(1)
    told, constant = found["estimate"], found["best_constant"]
    assert found["customers"] > 1000 and found["longest_queue"] > 20, "a day without a queue would prove nothing"
    assert told["n"] == constant["n"] == found["customers"]
    assert told["mean_error_seconds"] < constant["mean_error_seconds"] / 2
    assert abs(told["bias_seconds"]) < 120 and told["held"]["value"] > 0.8


def test_the_same_seed_is_the_same_day() -> None:
    first, second = wait_estimate.simulate(3), wait_estimate.simulate(3)
    assert first == second and first != wait_estimate.simulate(4)


def test_an_error_counts_either_way_and_early_is_no_broken_promise() -> None:
    found = judge([(60, 30), (60, 200), (120, 120)])
    assert (found.n, found.mean_error, found.bias, found.longest) == (3, 56.7, 36.7, 140)
    assert (found.held.k, found.held.n) == (2, 3)
    assert judge([]).as_dict()["mean_error_seconds"] is None


def test_the_usual_handling_leaves_out_the_conversation_that_was_forgotten_over_night() -> None:
    assert rules.usual([600.0] * 19 + [36_000.0]) == 600
    assert rules.usual([60.0] * 4) == rules.USUAL_HANDLING, "too few to say anything"
