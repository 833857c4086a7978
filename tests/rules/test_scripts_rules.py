"""What may be said, and how a wording gets there. No database in here."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.kernel.errors import Conflict, Invalid
from backend.scripts import rules, wording
from backend.scripts.difference import compare
from backend.scripts.rules import LIFECYCLE, Action, State
from tests.cast import NOW


def levels(findings: list[wording.Finding], code: str) -> list[str]:
    return [finding.level for finding in findings if finding.code == code]


# --- the lifecycle ------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(list(Action)), max_size=40))
def test_no_sequence_of_moves_makes_words_effective_that_nobody_approved(moves: list[Action]) -> None:
    state, approved = State.DRAFT, False
    for move in moves:
        try:
            state = LIFECYCLE.next(state, move)
        except Conflict:
            continue
        if move in (Action.EDIT, Action.RECALL, Action.SEND_BACK):
            approved = False  # what was read is no longer what stands there
        if move == Action.APPROVE:
            approved = True
        if state in (State.APPROVED, State.EFFECTIVE, State.SUPERSEDED, State.EXPIRED):
            assert approved


def test_every_road_to_being_said_passes_the_approval() -> None:
    without_approval = {State.DRAFT}
    while True:
        more = {LIFECYCLE.next(state, action) for state in without_approval for action in LIFECYCLE.actions(state)
                if action != Action.APPROVE} - without_approval
        if not more:
            break
        without_approval |= more
    assert without_approval == {State.DRAFT, State.IN_REVIEW, State.WITHDRAWN, State.REFUSED}


def test_what_has_ended_never_moves_again() -> None:
    ended = {State.SUPERSEDED, State.EXPIRED, State.WITHDRAWN, State.REFUSED}
    assert LIFECYCLE.final_states(State) == ended


def test_approved_words_cannot_be_edited() -> None:
    for state in (State.IN_REVIEW, State.APPROVED, State.EFFECTIVE):
        with pytest.raises(Conflict) as refusal:
            LIFECYCLE.next(state, Action.EDIT)
        assert refusal.value.code == "move_not_allowed"


# --- rendering ----------------------------------------------------------------------------------


def test_values_take_the_place_of_their_variables() -> None:
    assert rules.render("订单 {order_no} 已由{carrier}发出", {"order_no": "HM260917-3382", "carrier": "顺丰"}) == (
        "订单 HM260917-3382 已由顺丰发出")


def test_a_missing_value_is_a_coded_error_and_never_half_a_sentence() -> None:
    with pytest.raises(Invalid) as refusal:
        rules.render("最晚 {promised_at} 答复，编号 {complaint_no}", {"complaint_no": "TS1"})
    assert refusal.value.code == "script_variable_missing"
    assert set(refusal.value.fields) == {"promised_at"}


@given(st.text())
def test_what_a_customer_wrote_is_inserted_as_it_is_and_never_expanded(words: str) -> None:
    assert rules.render("您说：{description}", {"description": words, "order_no": "X"}) == f"您说：{words}"


@given(st.text(max_size=60))
def test_a_text_without_variables_is_said_letter_by_letter(text: str) -> None:
    if not rules.variables_in(text):
        assert rules.render(text, {}) == text


def test_words_are_in_force_from_their_from_date_until_just_before_their_to_date() -> None:
    start, end = NOW, NOW + timedelta(days=1)
    assert not rules.in_force("effective", start, end, start - timedelta(seconds=1))
    assert rules.in_force("effective", start, end, start)
    assert not rules.in_force("effective", start, end, end)
    assert not rules.in_force("approved", None, None, NOW)


def test_the_proof_covers_text_buttons_questions_and_validity() -> None:
    agreed = {"key": "a.b", "version": 1, "channel": "any", "text": "好的", "buttons": [{"title": "好", "say": "好"}],
              "examples": ["好吗"], "effective_from": None, "effective_to": None}
    proof = rules.digest(**agreed)  # type: ignore[arg-type]
    for name, other in {"key": "a.c", "version": 2, "channel": "web", "text": "好吧", "buttons": [],
                        "examples": ["行吗"], "effective_from": NOW, "effective_to": NOW}.items():
        assert rules.digest(**{**agreed, name: other}) != proof, name  # type: ignore[arg-type]


def test_a_validity_that_is_over_or_turned_round_is_refused() -> None:
    for start, end in ((None, NOW), (NOW + timedelta(days=2), NOW + timedelta(days=1))):
        with pytest.raises(Invalid) as refusal:
            rules.check_validity(start, end, NOW)
        assert refusal.value.code == "validity_is_empty"
    rules.check_validity(None, None, NOW)


# --- checks of wording --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["保证明天到", "我们绝对不会出错", "百分之百正品", "一定会给您处理好", "全网最低价", "永久保修"])
def test_absolute_promises_stop_the_submission_and_say_why(text: str) -> None:
    found = [f for f in wording.errors(wording.check("a.b", text)) if f.code == "absolute_promise"]
    assert found and "：" in found[0].text


@pytest.mark.parametrize("text", ["快递不能保证时间", "保证金 7 天退回", "最晚明天 18:00 答复您", "第一步，打开订单", "不一定能改"])
def test_ordinary_words_that_look_alike_pass(text: str) -> None:
    assert wording.errors(wording.check("a.b", text)) == []


def test_the_organisations_own_words_count_too() -> None:
    banned = [wording.BannedWord("隔壁老王", "不提同行")]
    found = wording.errors(wording.check("a.b", "比隔壁老王便宜", banned=banned))
    assert [f.code for f in found] == ["banned_word"] and "不提同行" in found[0].text


def test_a_variable_that_nobody_fills_in_is_an_error() -> None:
    assert levels(wording.check("a.b", "您的密码是 {password}"), "unknown_variable") == ["error"]
    assert levels(wording.check("a.b", "订单 {order_no"), "loose_brace") == ["error"]


def test_a_filing_that_does_not_name_its_number_and_date_is_refused() -> None:
    found = wording.check("complaint.filed", "已经登记了")
    assert levels(found, "missing_variable") == ["error"]
    assert "投诉编号" in next(f.text for f in found if f.code == "missing_variable")


def test_dropping_a_variable_that_is_said_today_is_pointed_out() -> None:
    found = wording.check("a.b", "已经发出", current="已由{carrier}发出")
    assert levels(found, "dropped_variable") == ["warning"]


def test_wechats_limit_is_measured_in_bytes_as_it_will_be_sent() -> None:
    assert levels(wording.check("a.b", "好" * 682), "wechat_bytes") == ["ok"]  # 2,046 bytes
    assert levels(wording.check("a.b", "好" * 683), "wechat_bytes") == ["error"]  # 2,049 bytes
    assert levels(wording.check("a.b", "好" * 683, channel="web"), "wechat_bytes") == []
    # The variable itself is 13 bytes, what takes its place is longer.
    text = "好" * 674 + "{promised_at}"
    assert len(text.encode()) < 2048
    assert levels(wording.check("a.b", text), "wechat_bytes") == ["error"]


@pytest.mark.parametrize("button", [
    {"title": "", "say": "好"}, {"title": "一二三四五六七八九十一二三", "say": "好"}, {"title": "好"},
    {"title": "好", "say": "好", "action": "confirm"}, {"title": "好", "action": "format_disk"},
    {"title": "好", "say": "好", "href": "https://example.com"},
])
def test_a_button_says_one_thing_or_does_one_known_thing(button: dict[str, str]) -> None:
    assert levels(wording.check("a.b", "好的", [button]), "bad_button") == ["error"]


def test_what_is_said_when_things_fail_depends_on_nothing() -> None:
    assert levels(wording.check("system.fallback", "{order_no} 没听懂"), "must_stand_alone") == ["error"]
    assert wording.errors(wording.check("system.fallback", "没听懂，客服电话 {hotline}")) == []


@pytest.mark.parametrize("key", ["", "Invoice.how", "invoice", "invoice.", "invoice..how", "../etc/passwd", "发票.开",
                                 "new", "a." + "b" * 90])
def test_keys_are_plain_names_with_a_dot(key: str) -> None:
    with pytest.raises(Invalid):
        wording.check_key(key)


def test_questions_are_alike_by_their_characters_not_by_their_punctuation() -> None:
    assert wording.likeness("发票怎么开？", "发票怎么开") == 1
    assert wording.likeness("发票怎么开", "快递到哪了") < 0.2
    assert wording.likeness("", "") == 0


# --- differences --------------------------------------------------------------------------------


@given(st.text(max_size=80), st.text(max_size=80))
def test_both_sides_of_a_difference_read_as_their_own_full_text(before: str, after: str) -> None:
    sides = compare(before, after)
    assert "".join(piece.text for piece in sides.before) == before
    assert "".join(piece.text for piece in sides.after) == after
    assert {piece.kind for piece in sides.before} <= {"same", "del"}
    assert {piece.kind for piece in sides.after} <= {"same", "ins"}
    assert sides.changed == (before != after)


def test_figures_and_variables_change_as_a_whole() -> None:
    sides = compare("签收后 24 小时内开好，编号 {order_no}", "签收后 48 小时内开好，编号 {complaint_no}")
    assert [piece.text for piece in sides.before if piece.kind == "del"] == ["24", "{order_no}"]
    assert [piece.text for piece in sides.after if piece.kind == "ins"] == ["48", "{complaint_no}"]
