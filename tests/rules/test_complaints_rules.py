"""The life of a complaint, decided without any database."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.complaints import rules
from backend.complaints.rules import LIFECYCLE, Action, Stage
from backend.kernel.errors import Conflict, Invalid, ZhikeError
from tests.cast import NOW

# The way of an ordinary complaint, with what each guard asks for.
WAY = (
    (Action.ACKNOWLEDGE, {}, Stage.ACKNOWLEDGED),
    (Action.ASSESS, {"score": 12}, Stage.ASSESSED),
    (Action.INVESTIGATE, {}, Stage.INVESTIGATING),
    (Action.DECIDE, {"outcome": "accepted", "text": "换新并致歉"}, Stage.DECIDED),
    (Action.COMMUNICATE, {"channel": "phone", "text": "新桌板明天送到"}, Stage.COMMUNICATED),
    (Action.CLOSE, {}, Stage.CLOSED),
)
FACTS = {
    "score": 12,
    "referred_to": "厂家",
    "outcome": "accepted",
    "channel": "phone",
    "text": "原因",
    "now": NOW,
    "closed_at": NOW,
}
STAGE_ACTIONS = [action for action in Action if action not in rules.CLOCK_ACTIONS]
IN_TABLE = {(stage, action) for stage in Stage for action in LIFECYCLE.actions(stage)}


def test_an_ordinary_complaint_walks_from_filed_to_closed() -> None:
    stage = Stage.FILED
    for action, facts, expected in WAY:
        stage = LIFECYCLE.next(stage, action, **facts)
        assert stage is expected


@pytest.mark.parametrize(
    ("stage", "action"), [(s, a) for s in Stage for a in STAGE_ACTIONS if (s, a) not in IN_TABLE]
)
def test_a_move_that_is_not_in_the_table_is_a_coded_conflict(stage: Stage, action: Action) -> None:
    with pytest.raises(Conflict) as refused:
        LIFECYCLE.next(stage, action, **FACTS)
    assert refused.value.code == "move_not_allowed"
    assert stage.zh in refused.value.message and action.zh in refused.value.message


def test_every_stage_can_be_reached_and_only_withdrawn_and_merged_are_final() -> None:
    assert LIFECYCLE.reachable(Stage.FILED) == set(Stage)
    assert LIFECYCLE.final_states(Stage) == {Stage.WITHDRAWN, Stage.MERGED}


@pytest.mark.parametrize(
    ("stage", "action", "facts", "field"),
    [
        (Stage.ACKNOWLEDGED, Action.ASSESS, {}, "severity"),
        (Stage.INVESTIGATING, Action.DECIDE, {"text": "理由"}, "outcome"),
        (Stage.INVESTIGATING, Action.DECIDE, {"outcome": "refused", "text": " "}, "text"),
        (Stage.INVESTIGATING, Action.DECIDE, {"outcome": "refused", "text": "没有质量问题"}, "other_ways"),
        (Stage.FILED, Action.REFER, {"text": "厂家保修"}, "referred_to"),
        (Stage.FILED, Action.MERGE, {}, "text"),
        (Stage.DECIDED, Action.COMMUNICATE, {"text": "告诉了"}, "channel"),
        (Stage.DECIDED, Action.COMMUNICATE, {"channel": "phone"}, "text"),
        (Stage.COMMUNICATED, Action.REOPEN, {}, "text"),
        (Stage.FILED, Action.WITHDRAW, {}, "text"),
    ],
)
def test_a_guard_names_the_field_that_is_missing(
    stage: Stage, action: Action, facts: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        LIFECYCLE.next(stage, action, **facts)
    assert list(refused.value.fields) == [field]


def test_a_closed_complaint_can_be_reopened_for_seven_days_and_no_longer() -> None:
    facts = {"text": "客户不满意", "closed_at": NOW}
    last = NOW + timedelta(days=7)
    assert LIFECYCLE.next(Stage.CLOSED, Action.REOPEN, now=last, **facts) is Stage.REOPENED
    with pytest.raises(Conflict) as refused:
        LIFECYCLE.next(Stage.CLOSED, Action.REOPEN, now=last + timedelta(seconds=1), **facts)
    assert refused.value.code == "reopen_too_late"


@given(st.lists(st.sampled_from(STAGE_ACTIONS), max_size=30))
def test_whatever_is_tried_a_complaint_stays_in_a_known_stage(actions: list[Action]) -> None:
    stage = Stage.FILED
    for action in actions:
        try:
            after = LIFECYCLE.next(stage, action, **FACTS)
        except ZhikeError:
            assert (stage, action) not in IN_TABLE
        else:
            assert (stage, action) in IN_TABLE
            stage = after
        assert stage in Stage


def test_clocks_are_not_touched_once_the_result_is_told() -> None:
    rules.check_clock_action(Stage.INVESTIGATING, Action.PAUSE)
    for stage in (Stage.COMMUNICATED, Stage.CLOSED, Stage.WITHDRAWN):
        with pytest.raises(Conflict):
            rules.check_clock_action(stage, Action.PAUSE)


# --- filing ---


def test_a_filing_is_brought_into_its_normal_forms() -> None:
    filing = rules.check_filing(" 桌板开裂 ", "换一张", "2609173382", "我的电话 138 1234 6027")
    assert (filing.description, filing.order_no) == ("桌板开裂", "HM260917-3382")
    assert (filing.contact_kind, filing.contact) == ("phone", "13812346027")


def test_all_wrong_fields_of_a_filing_are_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_filing("坏了 ", "", "??", "138123460")
    assert set(refused.value.fields) == {"description", "remedy", "order_no", "contact"}
    assert "少了 2 位" in refused.value.fields["contact"]


@pytest.mark.parametrize(("text", "good"), [("桌子坏", False), ("桌子坏了", True), ("   坏 \x00\x07", False)])
def test_a_description_needs_four_characters_that_say_something(text: str, good: bool) -> None:
    if good:
        assert rules.check_filing(text, "退款", None, "13812346027").description == text
    else:
        with pytest.raises(Invalid):
            rules.check_filing(text, "退款", None, "13812346027")


def test_the_last_four_of_a_phone_or_an_email_are_compared_as_typed() -> None:
    assert rules.last4("13812346027") == "6027" == rules.given_last4(" ６０２７ ")
    assert rules.last4("Lin.Jia@example.com") == ".jia"
    assert rules.last4("010-62345678") == "5678"


def test_numbers_count_the_shanghai_day() -> None:
    before_midnight = NOW.replace(hour=15, minute=59)  # 23:59 in Shanghai
    assert rules.number_of(rules.day_key(before_midnight), 17) == "TS20261009-0017"
    assert rules.number_of(rules.day_key(before_midnight + timedelta(minutes=1)), 1) == "TS20261010-0001"
    assert rules.number_of("20261009", 12345) == "TS20261009-12345"


def test_only_the_first_urging_of_a_day_raises_the_priority() -> None:
    assert rules.raises_priority(None, NOW)
    assert not rules.raises_priority(NOW, NOW + timedelta(hours=1))
    assert rules.raises_priority(NOW, NOW + timedelta(hours=10))  # after midnight in Shanghai


def test_the_road_shows_the_step_in_progress() -> None:
    assert [rules.standing(stage) for stage in (Stage.FILED, Stage.INVESTIGATING, Stage.CLOSED)] == [1, 3, 7]
    assert rules.standing(Stage.REOPENED) == 2, "it is judged anew, as the page offers first"
    assert rules.standing(Stage.WITHDRAWN) == -1


def test_a_title_is_one_line_of_twenty_four_characters() -> None:
    assert rules.title("桌板\n开裂") == "桌板 开裂"
    assert rules.title("一" * 30) == "一" * 24 + "…"
