"""Root causes, clusters, recurrence, filters and improvement items, without a database."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backend.complaints.learning.exporting import safe
from backend.complaints.rules import improving
from backend.complaints.rules import learning as rules
from backend.complaints.rules.asking import ask_from
from backend.complaints.rules.causes import (
    CauseBook,
    causes_from,
    check_cause_known,
    check_remedy,
    check_whys,
    fen_of,
    yuan,
)
from backend.complaints.rules.learning import Case, Kin
from backend.complaints.rules.policy import Policy, policy_from
from backend.kernel.errors import Conflict, Invalid, ZhikeError
from backend.settings import settings

TODAY = date(2026, 10, 9)
T0 = datetime(2026, 9, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return policy_from(yaml.safe_load((settings().pack_dir / "complaints.yml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def book(policy: Policy) -> CauseBook:
    raw = yaml.safe_load((settings().pack_dir / "causes.yml").read_text(encoding="utf-8"))
    return causes_from(raw, policy)


def refused(code: str, call: Any, *args: Any, **named: Any) -> ZhikeError:
    with pytest.raises(ZhikeError) as caught:
        call(*args, **named)
    assert caught.value.code == code
    assert any("一" <= char <= "鿿" for char in caught.value.message), "people read Chinese"
    return caught.value


# --- the tree and the whys --------------------------------------------------------------------------------


def test_the_packs_tree_has_two_storeys_and_every_cause_its_title(book: CauseBook) -> None:
    assert all(below for _, below in book.tree())
    assert book.title("process.watch") == "流程，没人盯进度"
    assert book.check("process.watch") == "process.watch"


@pytest.mark.parametrize("wrong", ["", "process", "nothing.at.all"])
def test_a_root_cause_is_one_of_the_lower_storey(book: CauseBook, wrong: str) -> None:
    assert "cause" in refused("unknown_cause", book.check, wrong).fields


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"causes": [{"key": "a", "title": "甲"}]},
        {"causes": [{"key": "a", "title": "甲", "children": [{"key": "a", "title": "乙"}]}]},
        {"causes": [{"key": "a", "title": "甲", "children": [{"key": "b", "title": "乙"}]}], "least_whys": 9},
        {
            "causes": [{"key": "a", "title": "甲", "children": [{"key": "b", "title": "乙"}]}],
            "require_from_level": "none",
        },
    ],
)
def test_a_broken_tree_is_refused_when_it_is_read(policy: Policy, raw: dict[str, Any]) -> None:
    refused("bad_causes", causes_from, raw, policy)


def test_an_empty_question_asks_about_the_last_answer() -> None:
    whys = check_whys([("", "快递没来"), ("", "没人盯"), ("为什么没人盯？", "没有规定"), ("", ""), ("", "")])
    assert [one.question for one in whys] == ["为什么会发生？", "为什么快递没来？", "为什么没人盯？"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([("", "")], "field_missing"),
        ([("", "一"), ("", ""), ("", "三")], "field_missing"),
        ([("为什么？", "")], "field_missing"),
        ([("", "长" * 501)], "field_too_long"),
        ([("", "一")] * 6, "too_many_whys"),
    ],
)
def test_whys_with_gaps_or_too_many_words_are_refused(given: list[tuple[str, str]], code: str) -> None:
    refused(code, check_whys, given)


def test_only_severe_cases_need_their_cause_before_closing(policy: Policy, book: CauseBook) -> None:
    check_cause_known(policy, book, "low", 0)
    check_cause_known(policy, book, None, 0)
    check_cause_known(policy, book, "critical", 3)
    refused("cause_missing", check_cause_known, policy, book, "high", 0)
    refused("whys_too_few", check_cause_known, policy, book, "critical", 2)


# --- money ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fen"), [("128.50", 12850), ("128.5", 12850), ("1,286", 128600), (" 0 ", 0), ("-3.05", -305)]
)
def test_yuan_are_read_as_whole_fen(text: str, fen: int) -> None:
    assert fen_of(text) == fen


@pytest.mark.parametrize("text", ["", "abc", "1.234", "1.2.3", "--1", "１２", "9999999999", "1e5", "."])
def test_what_is_no_amount_is_refused(text: str) -> None:
    assert "amount" in refused("bad_amount", fen_of, text).fields


@given(st.integers(-(10**11), 10**11))
def test_amounts_are_written_as_they_are_read(fen: int) -> None:
    if abs(fen) < 10**11:
        assert fen_of(yuan(fen).removesuffix(" 元")) == fen


def test_only_a_correction_may_be_negative_and_never_below_nothing(book: CauseBook) -> None:
    check_remedy(book, "correction", -500, 500)
    refused("bad_amount", check_remedy, book, "correction", -501, 500)
    refused("bad_amount", check_remedy, book, "refund", -1, 500)
    refused("unknown_remedy", check_remedy, book, "gold", 1, 0)


# --- clusters ----------------------------------------------------------------------------------------------


def case(id: str, **given: Any) -> Case:
    fields: dict[str, Any] = dict.fromkeys(Case.__slots__)
    return Case(**(fields | {"id": id, "number": id, "filed_at": T0, "channel": "web"} | given))


def test_clusters_are_ordered_by_count_times_severity_and_the_last_reaches_the_whole() -> None:
    cases = [case("1", category="a", score=2), case("2", category="a", score=2), case("3", category="b", score=9),
             case("4", category=None)]
    found = rules.clusters(cases, "category", {"2"})
    assert [(one.key, one.cases, one.weight) for one in found] == [("b", 1, 9), ("a", 2, 4), ("-", 1, 1)]
    assert [one.running for one in found] == [9, 13, 14]
    assert found[1].recurring == 1 and found[1].share.n == 4


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.one_of(st.none(), st.integers(1, 81))), max_size=60
    )
)
def test_clusters_lose_and_invent_no_case(rows: list[tuple[str | None, int | None]]) -> None:
    cases = [case(str(i), category=key, score=score) for i, (key, score) in enumerate(rows)]
    found = rules.clusters(cases, "category", set())
    assert sum(one.cases for one in found) == len(cases)
    assert sum(one.weight for one in found) == sum(one.weight for one in cases) == (found[-1].running if found else 0)
    weights = [one.weight for one in found]
    assert weights == sorted(weights, reverse=True)


def test_the_title_names_the_few_that_carry_half() -> None:
    cases = [case(str(i), category="a", score=8) for i in range(6)] + [case("x", category="b", score=6)]
    found = rules.clusters(cases, "category", set())
    assert rules.pareto_title(found, "类别", lambda key: key.upper()) == "A占投诉轻重的 89%"
    assert rules.pareto_title([], "类别", str) == "这段时间没有投诉"


# --- recurrence -----------------------------------------------------------------------------------------------


def kin(id: str, day: int, **given: Any) -> Kin:
    fields: dict[str, Any] = {"customer": id, "contact": None, "order_no": None, "cause": None, "category": "a"}
    return Kin(id=id, filed_at=T0 + timedelta(days=day), **(fields | given))


def test_the_same_customer_or_order_with_the_same_cause_within_ninety_days_recurs() -> None:
    rows = [
        kin("1", 0, customer="c", order_no="o"),
        kin("2", 90, customer="c"),  # the very last day
        kin("3", 20, order_no="o"),  # another person, the same order
        kin("4", 30, customer="c", category="b"),  # another matter
        kin("5", 181, customer="c"),  # 91 days after the last of them
    ]
    assert rules.recurrences(rows, 90) == {"2", "3"}


def test_known_causes_decide_before_categories() -> None:
    rows = [kin("1", 0, customer="c", cause="x"), kin("2", 1, customer="c", cause="y"),
            kin("3", 2, customer="c", cause="x", category="other")]
    assert rules.recurrences(rows, 90) == {"3"}


def test_two_cases_without_any_category_are_not_taken_for_one() -> None:
    rows = [kin("1", 0, customer="c", category=None), kin("2", 1, customer="c", category=None)]
    assert rules.recurrences(rows, 90) == set()


# --- weeks and groups ---------------------------------------------------------------------------------------------


def test_weeks_run_from_monday_and_the_one_under_way_is_unfinished() -> None:
    found = rules.weeks(date(2026, 9, 30), TODAY, TODAY)
    assert [(week.first, week.last, week.unfinished) for week in found] == [
        (date(2026, 9, 30), date(2026, 10, 4), False),
        (date(2026, 10, 5), date(2026, 10, 9), True),
    ]
    assert rules.by_week(found, {date(2026, 10, 4): 2, date(2026, 10, 5): 3, date(2026, 1, 1): 9}) == [2, 3]


def test_like_words_form_a_group_and_pairs_do_not() -> None:
    texts = {"1": "约好上门取件没有来", "2": "约好上门取件没来", "3": "说好上门取件没有来", "4": "发票抬头开错", "5": "发票抬头开错了"}
    assert [set(group) for group in rules.like_groups(texts, 0.5)] == [{"1", "2", "3"}]


# --- the filter -----------------------------------------------------------------------------------------------------


def ask(**given: str) -> Any:
    return ask_from({key.rstrip("_"): value for key, value in given.items()}, TODAY, lambda field, code: code == "a")


def test_the_usual_period_is_whole_weeks_up_to_today() -> None:
    asked = ask()
    assert (asked.first, asked.last) == (date(2026, 4, 13), TODAY)
    assert asked.preset == "26w" and asked.first.weekday() == 0


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"from_": "2026-10-09", "to": "2026-10-01"}, "period_backwards", "from"),
        ({"from_": "2020-01-01"}, "period_too_long", "from"),
        ({"from_": "9.10.2026"}, "bad_date", "from"),
        ({"to": "2026-02-30"}, "bad_date", "to"),
        ({"category": "nothing"}, "unknown_code", "category"),
        ({"cause": "nothing"}, "unknown_code", "cause"),
        ({"script": "nothing"}, "unknown_code", "script"),
        ({"basis": "moon"}, "unknown_code", "basis"),
        ({"only": "moon"}, "unknown_code", "only"),
        ({"window": "1y"}, "unknown_code", "window"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_field(given: dict[str, str], code: str, field: str) -> None:
    assert field in refused(code, ask, **given).fields


def test_a_baselines_scope_knows_the_filter_and_not_the_period() -> None:
    one, other = ask(category="a", from_="2026-01-05", to="2026-06-01"), ask(category="a")
    assert one.scope() == other.scope() != ask().scope()


def test_a_filter_survives_being_kept(  # what an improvement item stores is what is asked again
) -> None:
    asked = ask(category="a", channel="-", only="recurring", numbers="ts1, TS2", basis="closed")
    assert ask_from(asked.as_dict(), TODAY, lambda *_: True) == asked


# --- improvement items ---------------------------------------------------------------------------------------------


def test_an_item_is_not_closed_before_its_effect_was_checked() -> None:
    state, deed = improving.State.CHECK, improving.Deed.CLOSE
    refused("effect_not_checked", improving.LIFE.next, state, deed, text="好了", effect=None)
    refused("field_missing", improving.LIFE.next, state, deed, text=" ", effect={"verdict": "same"})
    assert improving.LIFE.next(state, deed, text="", effect={"verdict": "better"}) == improving.State.CLOSED
    assert improving.LIFE.next(state, deed, text="继续看", effect={"verdict": "same"}) == improving.State.CLOSED


@pytest.mark.parametrize("state", [improving.State.OPEN, improving.State.DOING, improving.State.CLOSED])
def test_no_short_cut_leads_to_closed(state: improving.State) -> None:
    refused("move_not_allowed", improving.LIFE.next, state, improving.Deed.CLOSE, text="好了", effect={"verdict": "better"})


def test_before_and_after_are_equally_long_and_end_yesterday() -> None:
    spans = improving.stretches(TODAY - timedelta(days=10), TODAY)
    assert spans.days == 10
    assert spans.before == (date(2026, 9, 19), date(2026, 9, 28))
    assert spans.after == (date(2026, 9, 29), date(2026, 10, 8))
    assert improving.stretches(TODAY - timedelta(days=400), TODAY).days == improving.MOST_DAYS


def test_a_week_has_to_pass_before_the_check() -> None:
    assert improving.stretches(TODAY - timedelta(days=7), TODAY).days == 7
    refused("too_early_to_check", improving.stretches, TODAY - timedelta(days=6), TODAY)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((80, 1000), (30, 1000), "better"),
        ((30, 1000), (80, 1000), "worse"),
        ((50, 1000), (48, 1000), "same"),
        ((5, 20), (1, 25), "too_few"),
        ((5, 100), (0, 0), "too_few"),
    ],
)
def test_only_a_significant_difference_is_called_better_or_worse(
    before: tuple[int, int], after: tuple[int, int], verdict: str
) -> None:
    effect = improving.judge(before, after)
    assert effect["verdict"] == verdict
    assert improving.effect_words(effect).endswith(improving.VERDICTS[verdict])


def test_more_complaints_than_conversations_cannot_be_compared() -> None:
    with pytest.raises(Conflict, match="no_base"):
        improving.judge((5, 3), (1, 10))


# --- cells --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["=1+1", "+86 138", "-2", "@SUM(A1)", "\t=1", "  =cmd|' /C calc'!A0", "＝1", "\n=1", "|x", "%0A=1"]
)
def test_a_cell_that_would_run_is_shown_instead(text: str) -> None:
    assert str(safe(text)).startswith("'")


def test_plain_words_and_numbers_stay_as_they_are() -> None:
    assert safe("桌板开裂 = 换货") == "桌板开裂 = 换货"
    assert safe(-12.5) == -12.5 and safe(None) is None
    assert safe("铃\x07声\x00") == "铃声", "what a workbook cannot hold is left out"


def test_unknown_is_invalid() -> None:
    assert isinstance(rules.unknown("by", "没有。"), Invalid)
