"""The figures of the understanding report, its page, and the search for leaked phrases."""

from __future__ import annotations

import pytest

from bot import leaks
from bot.report import build, charts, figures
from bot.report.figures import Judged


def judged(truth: str, guess: str, confidence: float, **more: object) -> Judged:
    given = {"text": f"{truth}？", "said": guess, "inside": confidence, "refused": False, **more}
    return Judged(truth=truth, guess=guess, confidence=confidence, **given)  # type: ignore[arg-type]


SOME = [
    judged("ask_refund", "ask_refund", 0.95, script="refund.when", script_score=0.8),
    judged("ask_refund", "ask_refund", 0.92, script="refund.when", script_score=0.2),
    judged("ask_refund", "ask_payment", 0.91, text="钱什么时候回来"),
    judged("ask_payment", "ask_payment", 0.35, refused=True),
    judged("ask_payment", "ask_refund", 0.31),
]


def test_a_share_of_nothing_may_be_anything_and_a_certain_one_still_has_an_interval() -> None:
    assert figures.wilson(0, 0) == (0.0, 1.0)
    low, high = figures.wilson(10, 10)
    assert high == pytest.approx(1.0) and 0.69 < low < 0.73  # Wilson's 95 % lower bound for 10 of 10 is 0.722


def test_f1_is_counted_by_intent_and_an_intent_never_hit_has_none() -> None:
    rows = figures.f1_of([one.truth for one in SOME], [one.guess for one in SOME], ["ask_refund", "ask_payment", "greet"])
    assert rows["ask_refund"]["precision"] == pytest.approx(2 / 3)
    assert rows["ask_refund"]["recall"] == pytest.approx(2 / 3)
    assert rows["ask_payment"]["f1"] == pytest.approx(0.5)
    assert rows["greet"]["f1"] == 0.0


def test_the_interval_of_macro_f1_holds_the_value_and_a_perfect_model_has_a_point() -> None:
    truth = ["a"] * 20 + ["b"] * 20
    assert figures.macro_f1_interval(truth, truth, ["a", "b"]) == (1.0, 1.0)
    half = ["a"] * 15 + ["b"] * 5 + ["b"] * 20
    low, high = figures.macro_f1_interval(truth, half, ["a", "b"])
    assert low < 0.8713 < high


def test_reliability_says_how_often_a_confidence_came_true() -> None:
    rows = figures.reliability(SOME)
    assert [(row["n"], round(row["accuracy"], 2)) for row in rows] == [(2, 0.5), (3, 0.67)]
    sure = figures.reliability([judged("a", "a", 1.0)] * 5)
    assert figures.expected_calibration_error(sure) == 0.0
    boastful = figures.reliability([judged("a", "b", 0.95)] * 4)
    assert figures.expected_calibration_error(boastful) == pytest.approx(0.95)


def test_the_refusal_curve_rises_with_the_threshold_for_strangers_and_for_customers() -> None:
    rows = figures.refusal_curve([0.9, 0.8, 0.2], [0.1, 0.3])
    at = {round(row["threshold"], 2): row for row in rows}
    assert at[0.25]["inside_refused"] == pytest.approx(1 / 3)
    assert at[0.25]["outside_refused"] == pytest.approx(1 / 2)
    assert at[1.0]["outside_refused"] == 1.0


def test_coverage_counts_only_scripts_of_the_topic_that_really_fit() -> None:
    scripts = [{"key": "refund.when", "topic": "ask_refund", "examples": ["钱多久到"]},
               {"key": "pay.how", "topic": "ask_payment", "examples": []}]
    rows = {row["topic"]: row for row in figures.coverage(SOME, scripts, fits=0.4)}
    assert (rows["ask_refund"]["asked"], rows["ask_refund"]["fitting"]) == (3, 1)
    assert (rows["ask_payment"]["asked"], rows["ask_payment"]["fitting"]) == (2, 0)


def test_the_page_shows_the_worst_error_escaped_and_asks_nothing_of_the_network() -> None:
    nasty = judged("ask_refund", "greet", 0.99, text="<script>alert(1)</script>")
    found = build.summary([*SOME, nasty], [judged("out_of_scope", "greet", 0.2, refused=True)], [10.0, 30.0, 20.0], [], 0.4)
    page = build.page(found, "labelled.tsv", "zhike.tar.gz")
    assert "&lt;script&gt;alert(1)" in page and "<script" not in page
    assert "http://" not in page and "https://" not in page and "url(" not in page
    assert found["worst"][0] is nasty
    assert found["outside"]["n"] == 1 and found["p50"] == 20.0


def test_charts_stay_inside_their_frame() -> None:
    chart = str(charts.reliability_chart(figures.reliability(SOME)))
    assert chart.count("<circle") == 2 and "nan" not in chart


def test_a_leak_is_found_through_marks_width_and_small_changes_but_not_through_a_common_topic() -> None:
    known = {"我的快递三天没动静了怎么回事": "a.yml", "谢谢": "b.yml"}
    found = leaks.find(["我的快递，三天没动静了，怎么回事？！", "我的快递三天没动静了怎么回事呀", "谢谢！", "退款三天没到账怎么回事"], known)
    assert [(one.phrase[:4], one.where) for one in found] == [("我的快递", "a.yml"), ("谢谢！", "b.yml"), ("我的快递", "a.yml")]
    assert [one.telling for one in found] == [True, False, True]


def test_phrases_are_read_from_every_kind_of_labelled_set() -> None:
    assert leaks.phrases_of(["甲\task_refund", "", "乙"], ".tsv") == ["甲", "乙"]
    assert leaks.phrases_of(['{"type":"faq","id":1,"question":"丙"}', '{"type":"query","query":"丁","faq_id":1}'],
                            ".jsonl") == ["丙", "丁"]


def test_no_held_out_phrase_of_ours_is_learned() -> None:
    import yaml

    held_out = yaml.safe_load((leaks.ROOT / "tests" / "nlu" / "risk_phrases.yml").read_text(encoding="utf-8"))
    phrases = [one for key, group in held_out.items() if key != "none" for one in group]
    phrases += [one["text"] for one in held_out["none"]]
    found = [one for one in leaks.find(phrases, leaks.learned()) if one.telling]
    assert not found, f"training data holds held-out phrases: {[(one.phrase, one.known) for one in found]}"
