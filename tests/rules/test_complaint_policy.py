"""The organisation's complaint policy: scores, levels, triggers and likeness, decided without any database."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backend.complaints.policy import policy
from backend.complaints.rules import Stage, check_merge
from backend.complaints.rules.desk import due_before, order_key
from backend.complaints.rules.likeness import compare, text_likeness
from backend.complaints.rules.major import CaseFacts, amounts_in, evaluate, said
from backend.complaints.rules.policy import assess, check_category, check_pause, guess_category, policy_from
from backend.kernel.errors import Conflict, Invalid
from backend.settings import settings
from tests.cast import NOW

POINTS = st.integers(1, 3)


def raw() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        (settings().pack_dir / "complaints.yml").read_text(encoding="utf-8")
    )
    return loaded


# --- assessment ---


def test_the_score_is_the_product_and_the_level_follows() -> None:
    found = assess(policy(), {"severity": 2, "complexity": 1, "impact": 2, "urgency": 3})
    assert (found.score, found.level.key, found.level.priority) == (12, "medium", 1)


def test_an_injury_is_never_a_small_matter_whatever_the_product() -> None:
    found = assess(policy(), {"severity": 3, "complexity": 1, "impact": 1, "urgency": 1})
    assert (found.score, found.level.key) == (3, "high")


@given(POINTS, POINTS, POINTS, POINTS, st.sampled_from(["severity", "complexity", "impact", "urgency"]))
def test_a_point_more_on_any_scale_never_lowers_the_level(s: int, c: int, i: int, u: int, scale: str) -> None:
    ratings = {"severity": s, "complexity": c, "impact": i, "urgency": u}
    more = ratings | {scale: min(3, ratings[scale] + 1)}
    order = [level.key for level in policy().levels]
    before, after = assess(policy(), ratings), assess(policy(), more)
    assert after.score >= before.score and order.index(after.level.key) >= order.index(before.level.key)


@pytest.mark.parametrize("wrong", [None, 0, 4, "2", True, 1.5])
def test_every_scale_without_a_point_is_named(wrong: object) -> None:
    with pytest.raises(Invalid) as refused:
        assess(policy(), {"severity": 1, "complexity": wrong, "urgency": 2})
    assert set(refused.value.fields) == {"complexity", "impact"}


def test_categories_are_two_storeys_and_an_unknown_one_is_refused() -> None:
    assert policy().category_title("logistics.pickup") == "物流履约，取件失约"
    assert policy().category_title("物流履约") == "物流履约"  # filed before there was a tree
    assert "logistics.late" in policy().under("logistics") and "price.invoice" not in policy().under(
        "logistics"
    )
    assert check_category(policy(), None) is None
    with pytest.raises(Invalid):
        check_category(policy(), "no.such")


def test_the_first_guess_is_the_category_whose_words_were_said_most() -> None:
    assert guess_category(policy(), "取件约了两次都失约，没来取") == "logistics.pickup"
    assert guess_category(policy(), "你们好") is None


def test_a_pause_has_a_reason_from_the_list_or_words() -> None:
    assert check_pause(policy(), "customer", "")[1].startswith("等您补充")
    assert check_pause(policy(), "", "等商场开门") == ("", "等商场开门")
    for key, text in (("nonsense", "x"), ("", " ")):
        with pytest.raises(Invalid):
            check_pause(policy(), key, text)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data["scales"].pop(),
        lambda data: data["levels"].reverse(),
        lambda data: data["levels"][0].update(from_score=5),
        lambda data: data["floors"]["severity"].update({3: "gigantic"}),
        lambda data: data["major"][0].update(words=[]),
        lambda data: data["major"][1].update(categories=["nowhere"]),
        lambda data: data["major"][4].update(at_least=1),
    ],
)
def test_a_policy_that_does_not_hold_together_is_refused_by_name(spoil: Any) -> None:
    data = raw()
    spoil(data)
    with pytest.raises(Invalid) as refused:
        policy_from(data)
    assert refused.value.code == "bad_policy"


# --- major complaints ---


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("桌腿断了，把孩子砸伤了", "injury"),
        ("我已经找了电视台的记者", "media"),
        ("明天就去 12315 投诉你们", "regulator"),
        ("这套要 3 万元，现在不能用", "amount"),
    ],
)
def test_each_trigger_is_met_by_its_words(text: str, key: str) -> None:
    found = {one.key: one.why for one in evaluate(policy(), CaseFacts(text=text))}
    assert found.get(key)


@pytest.mark.parametrize(
    "text", ["幸好没有人受伤", "差点砸伤孩子", "担心会触电，先问一下", "书桌 1299 元，桌板裂了"]
)
def test_what_is_denied_feared_or_small_triggers_nothing(text: str) -> None:
    assert evaluate(policy(), CaseFacts(text=text)) == []


def test_a_denial_does_not_hide_a_second_mention() -> None:
    assert said("第一次没有受伤，第二次老人受伤了", ["受伤"]) == "受伤"


def test_many_customers_with_one_cause_make_it_major_only_together() -> None:
    for count, met in ((4, False), (5, True)):
        facts = CaseFacts(text="桌板裂了", category="quality.damage", customers=lambda rule, n=count: n)  # type: ignore[misc]
        assert bool(evaluate(policy(), facts)) is met


def test_the_level_and_the_category_trigger_too() -> None:
    assert [one.key for one in evaluate(policy(), CaseFacts(text="x", level="critical"))] == ["critical"]
    assert [one.key for one in evaluate(policy(), CaseFacts(text="x", category="safety.hazard"))] == [
        "safety"
    ]
    assert evaluate(policy(), CaseFacts(text="x", level="high")) == []


def test_amounts_are_read_as_people_write_them() -> None:
    assert amounts_in("3 万元，5,000块，￥128.5，1 千元") == [30000, 5000, 128.5, 1000]
    assert amounts_in("三次，1.4 米，12315") == []


# --- likeness ---


@given(st.text(max_size=80), st.text(max_size=80))
def test_likeness_is_symmetric_and_between_nothing_and_the_same(one: str, other: str) -> None:
    there, back = text_likeness(one, other), text_likeness(other, one)
    assert abs(there - back) < 1e-9 and -1e-9 <= there <= 1 + 1e-9
    assert not any(c.isalnum() for c in one) or text_likeness(one, one) > 0.999


def test_the_same_matter_in_other_words_is_probable_and_another_matter_is_not() -> None:
    first = "桌板开裂，换货取件两次没来"
    again = "你们好，桌板开裂了要换货，约了取件两次都没来人"
    other = "发票抬头开错了，一直不给改"
    assert compare(policy(), text_likeness(first, again), same_person=True, same_order=False).probable
    assert not compare(policy(), text_likeness(first, other), same_person=True, same_order=True).probable
    assert not compare(policy(), 1.0, same_person=False, same_order=False).probable


# --- merging and the desk's order ---


def test_what_may_not_be_merged_is_refused_each_with_its_own_code() -> None:
    good = {
        "same_case": False,
        "same_person": True,
        "into_stage": Stage.INVESTIGATING,
        "into_is_merged": False,
        "holds_others": False,
    }
    check_merge(**good)  # type: ignore[arg-type]
    for change, code in (
        ({"same_case": True}, "merge_with_itself"),
        ({"into_stage": Stage.CLOSED}, "merge_target_over"),
        ({"into_is_merged": True}, "merge_target_over"),
        ({"holds_others": True}, "merge_holds_others"),
        ({"same_person": False}, "merge_other_person"),
    ):
        with pytest.raises(Conflict) as refused:
            check_merge(**{**good, **change})  # type: ignore[arg-type]
        assert refused.value.code == code


@given(
    st.datetimes(
        min_value=NOW.replace(tzinfo=None, year=2005), max_value=NOW.replace(tzinfo=None, year=2090)
    ),
    st.datetimes(
        min_value=NOW.replace(tzinfo=None, year=2005), max_value=NOW.replace(tzinfo=None, year=2090)
    ),
    st.integers(-5, 2000),
    st.integers(-5, 2000),
)
def test_what_is_due_sooner_or_ranks_higher_stands_before(one: Any, other: Any, p: int, q: int) -> None:
    one, other = (
        one.replace(tzinfo=NOW.tzinfo, microsecond=0),
        other.replace(tzinfo=NOW.tzinfo, microsecond=0),
    )

    def key(due: Any, priority: int, closed: Any = None) -> int:
        return order_key(next_due_at=due, priority=priority, filed_at=NOW, closed_at=closed)

    if one < other:
        assert key(one, p) < key(other, q)
        assert key(one, p) < due_before(other)
    if 0 <= p < q <= 999:
        assert key(one, q) < key(one, p)
    assert key(one, p) < key(None, q) < key(None, q, NOW)
