"""Who is served first, who is there, how long it takes: without a database."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.handoffs import rules
from backend.handoffs.rules import OnDuty, Reason, Status, Waiting
from backend.handoffs.suggestions import fill, rank
from backend.kernel.errors import Invalid
from tests.cast import NOW


def waiting(name: str, priority: int = 20, minutes: float = 0, group: str = "aftersale",
            preferred: str | None = None) -> Waiting:
    return Waiting(name, group, priority, NOW - timedelta(minutes=minutes), preferred)


def agent(name: str = "linjia", groups: str = "", load: int = 0, capacity: int = 6, offered: bool = True) -> OnDuty:
    return OnDuty(name, frozenset(groups.split()), load, capacity, offered)


def order(*places: Waiting) -> list[str]:
    return [one.id for one in rules.in_order(places, NOW)]


def test_an_emergency_goes_before_fraud_and_fraud_before_everything_else() -> None:
    ranked = sorted(Reason, key=lambda reason: -rules.priority_of(reason))
    assert ranked[:3] == [Reason.EMERGENCY, Reason.FRAUD, Reason.ESCALATION]


def test_among_equals_whoever_has_waited_longest_goes_first() -> None:
    assert order(waiting("new", minutes=1), waiting("old", minutes=4)) == ["old", "new"]


def test_long_waiting_lifts_over_a_milder_reason_but_never_over_safety() -> None:
    patient = waiting("patient", 20, minutes=60)
    assert order(waiting("angry", 50), patient, waiting("danger", 100)) == ["danger", "patient", "angry"]


def test_a_third_visit_within_two_weeks_goes_before_a_first() -> None:
    assert rules.priority_of(Reason.CUSTOMER_REQUEST, 3) > rules.priority_of(Reason.CUSTOMER_REQUEST, 2)


def test_each_risk_is_answered_by_its_own_words_before_the_queue_is_spoken_of() -> None:
    assert [rules.announcement(Reason(word)) for word in ("emergency", "fraud", "escalation", "customer_request")] == [
        "risk.emergency", "risk.fraud", "risk.escalation", None]


def test_a_reason_that_nobody_listed_still_fetches_a_person() -> None:
    assert Reason.of("因为月亮") is Reason.CUSTOMER_REQUEST


places = st.builds(
    Waiting, st.uuids().map(str), st.sampled_from(["presale", "aftersale", "complaint"]),
    st.sampled_from(sorted(set(rules.PRIORITIES.values()))),
    st.integers(0, 7200).map(lambda seconds: NOW - timedelta(seconds=seconds)),
)
agents = st.builds(OnDuty, st.uuids().map(str), st.frozensets(st.sampled_from(["presale", "aftersale", "complaint"])),
                   st.integers(0, 6), st.integers(1, 6), st.booleans())


@given(st.lists(places, max_size=30))
def test_nobody_is_lost_in_the_queue_and_later_never_overtakes_the_same_reason(queue: list[Waiting]) -> None:
    ranked = rules.in_order(queue, NOW)
    assert sorted(one.id for one in ranked) == sorted(one.id for one in queue)
    for first, second in pairwise(ranked):
        if first.priority == second.priority:
            assert first.requested_at <= second.requested_at or rules.urgency(first, NOW) > rules.urgency(second, NOW)


@given(st.lists(places, min_size=1, max_size=20), st.integers(0, 19))
def test_nobody_starves_whoever_waits_two_hours_stands_before_every_newcomer_but_safety(
        queue: list[Waiting], pick: int) -> None:
    patient = queue[pick % len(queue)]
    later = NOW + timedelta(hours=2)
    newcomer = Waiting("newcomer", patient.group, 60, later)
    assert rules.in_order([newcomer, patient], later)[0].id == patient.id


@given(st.lists(places, max_size=20), st.lists(agents, max_size=6))
def test_places_ahead_count_from_none_and_grow_along_the_queue(queue: list[Waiting], team: list[OnDuty]) -> None:
    for group in {one.group for one in queue}:
        ahead = [rules.ahead_of(one, queue, team, NOW) for one in rules.in_order(queue, NOW) if one.group == group]
        assert ahead == sorted(ahead)
        assert all(0 <= count < len(queue) for count in ahead)


@given(st.lists(places, max_size=20), st.lists(agents, max_size=6), st.integers(0, 30))
def test_a_wait_is_whole_minutes_and_never_shorter_with_more_people_ahead(
        queue: list[Waiting], team: list[OnDuty], ahead: int) -> None:
    first, second = rules.wait_seconds(ahead, team, []), rules.wait_seconds(ahead + 1, team, [])
    if not team:
        assert first is None
        return
    assert first is not None and second is not None
    assert first % 60 == 0 and first >= 60 and second >= first


def test_a_free_agent_means_one_minute_a_full_house_the_usual_handling() -> None:
    assert rules.wait_seconds(0, [agent(load=2)], []) == 60
    assert rules.wait_seconds(0, [agent(load=6)], []) == 180  # 1 min + 8 min / 6 places, rounded up
    assert rules.wait_seconds(0, [agent(load=6)], [60.0] * 5) == 120


def test_a_busy_agent_counts_for_the_time_but_not_as_a_free_place() -> None:
    busy, free = (rules.wait_seconds(0, [agent(offered=offered)], []) for offered in (False, True))
    assert busy is not None and free is not None and busy > free


def test_who_was_asked_for_by_name_has_a_minute_for_themselves() -> None:
    zhou = agent("zhouyang")
    team = [agent(), zhou]
    fresh, stale = waiting("a", preferred="zhouyang"), waiting("a", minutes=1, preferred="zhouyang")
    assert rules.suits(fresh, zhou, team, NOW) and not rules.suits(fresh, agent(), team, NOW)
    assert rules.suits(stale, agent(), team, NOW)
    assert rules.suits(fresh, agent(), [agent()], NOW)  # the colleague has left meanwhile


def test_another_group_helps_out_after_three_minutes_or_when_nobody_serves_the_group() -> None:
    presale, complaint = agent("a", "presale"), agent("b", "complaint")
    assert not rules.suits(waiting("x", group="complaint"), presale, [presale, complaint], NOW)
    assert rules.suits(waiting("x", group="complaint", minutes=3), presale, [presale, complaint], NOW)
    assert rules.suits(waiting("x", group="complaint"), presale, [presale], NOW)


def test_whoever_was_not_seen_for_half_a_minute_is_not_there_whatever_they_said() -> None:
    assert rules.is_there(Status.ONLINE, NOW - timedelta(seconds=30), NOW)
    assert not rules.is_there(Status.ONLINE, NOW - timedelta(seconds=31), NOW)
    assert not rules.is_there(Status.OFFLINE, NOW, NOW)


@pytest.mark.parametrize(("seconds", "tone", "text"), [
    (141, "track", "还剩 2:39"), (242, "near", "还剩 0:58"), (348, "breached", "超时 0:48")])
def test_the_reply_clock_counts_down_warns_and_says_how_late(seconds: int, tone: str, text: str) -> None:
    clock = rules.reply_clock(NOW - timedelta(seconds=seconds), NOW)
    assert (clock.tone, clock.text) == (tone, text)


def test_nothing_to_answer_means_waiting_for_the_customer() -> None:
    assert rules.reply_clock(None, NOW).text == "等客户"


def test_an_open_field_in_an_inserted_answer_is_not_sent_to_the_customer() -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_words("预计〔送达日期〕送到", to_customer=True)
    assert refused.value.code == "field_left_open" and "送达日期" in refused.value.message
    assert rules.check_words("〔送达日期〕还没定", to_customer=False)


@pytest.mark.parametrize("text", ["", "  \n ", "字" * 2001])
def test_an_empty_or_endless_reply_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        rules.check_words(text, to_customer=True)


def test_the_summary_is_one_line_of_short_turns() -> None:
    assert rules.summary_of(["等了两周了\n还没来", "", "转人工"]) == "等了两周了 还没来；转人工"
    assert len(rules.summary_of(["长" * 500])) == 48


def test_the_answer_whose_questions_come_nearest_is_suggested_first() -> None:
    known = [
        {"key": "a", "version_id": "1", "title": "发票怎么开", "examples": ["怎么开发票", "能开专票吗"], "text": "…"},
        {"key": "b", "version_id": "2", "title": "退款多久到账", "examples": ["退款什么时候到", "钱几天退回来"], "text": "…"},
        {"key": "c", "version_id": "3", "title": "物流进度", "examples": ["快递到哪了", "怎么还没到货"], "text": "…"},
    ]
    assert next(script["key"] for script, _ in rank("我的退款怎么还没到账", known)) == "b"
    assert rank("？？？", known) == []


def test_known_values_are_filled_in_and_open_fields_stay_visible() -> None:
    assert fill("{order_no} 预计 {eta} 送到", {"order_no": "HM260917-3382"}) == "HM260917-3382 预计 〔送达日期〕 送到"


def test_group_lists_may_hold_keys_or_names(now: datetime) -> None:
    assert rules.groups_served("售后, complaint", {"售后": "aftersale"}) == {"aftersale", "complaint"}


@pytest.mark.parametrize(("text", "intent", "tells"), [
    ("桌面裂了一条缝", "file_complaint", True), ("发票抬头写错了", "ask_invoice", True), ("1391234800", "inform", False),
    ("确认", "affirm", False), ("转人工", "request_human", False), ("13800001111", None, False), ("😡😡", None, False),
    ("在吗", "greet", False)])
def test_the_summary_is_made_of_what_tells_the_matter(text: str, intent: str | None, tells: bool) -> None:
    assert rules.tells_something(text, intent) is tells
