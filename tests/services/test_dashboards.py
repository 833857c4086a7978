"""The figures of one small day, counted by hand, and the rows behind each of them."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from backend.conversations.tables import Alert
from backend.dashboards import figures, rules, service
from backend.dashboards.rules import Window
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant
from backend.kernel.errors import Invalid, NotFound
from backend.kernel.ids import new_id
from tests.cast import HAN_TAO, NOW, SU_MIN
from tests.ledger import EARLY, Ledger, the_day

DAY = Window(shanghai_instant(2026, 10, 9), shanghai_instant(2026, 10, 10))


def overview(works: Works, window: Window = DAY, now: datetime = NOW, **more: Any) -> dict[str, Any]:
    with works.read(SYSTEM, now) as work:
        return service.overview(work.session, window.since, window.until, now, **more)


@pytest.fixture
def day(works: Works) -> Works:
    with works.begin(SYSTEM, NOW) as work:
        the_day(work.session)
    return works


def test_the_day_is_counted_as_by_hand(day: Works) -> None:
    seen = overview(day, actor=HAN_TAO)
    found = seen["figures"]
    counted = {key: (one["k"], one["n"]) for key, one in found.items()}
    assert counted == {
        "conversations": (9, 9),
        "bot_resolved": (3, 7),  # 1–3 of the seven that are closed
        "abandoned": (2, 7),  # 4 unanswered, 7 without a person
        "handoff_share": (3, 9),
        "answered": (7, 9),  # all but 4 and 8
        "unaided": (4, 9),  # 1–3 and 5
        "rated": (3, 9),
        "handoffs": (3, 3),
        "waiting": (1, 1),
        "first_reply": (1, 1),
        "csat": (2, 3),
        "response": (3, 4),
        "unsatisfied": (1, 1),
        "complaints_filed": (2, 2),
        "complaints_open": (3, 3),
        "complaints_overdue": (1, 1),
        "complaints_due_today": (1, 1),
        "on_time": (1, 2),  # both due within the day by now: one kept, one open and late
    }
    assert found["first_reply"]["median"] == 90 and found["waiting"]["p90"] == 30
    assert seen["queue"] == {"waiting": 1, "oldest": NOW - timedelta(minutes=6), "oldest_seconds": 360.0}
    assert [step["k"] for step in seen["funnel"]] == [9, 7, 4, 3]


def test_every_figure_opens_to_exactly_its_rows(day: Works) -> None:
    found = overview(day)["figures"]
    with day.read(SYSTEM, NOW) as work:
        for key, one in found.items():
            for part, size in (("k", one["k"]), ("n", one["n"]), ("rest", one["n"] - one["k"])):
                if part != "n" and one["kind"] != "rate":
                    continue
                behind = service.rows(work.session, key, DAY.since, DAY.until, NOW, part=part)
                assert (behind["total"], len(behind["rows"])) == (size, size), (key, part)
                marks = {row["counted"] for row in behind["rows"]}
                assert marks <= {"k": {True}, "rest": {False}}.get(part, {True, False}), (key, part)


def test_the_reasons_open_to_the_answers_that_gave_them(day: Works) -> None:
    with day.read(SYSTEM, NOW) as work:
        why = service.overview(work.session, DAY.since, DAY.until, NOW)["reasons"]
        assert why["n"] == 1 and {row["reason"]: row["k"] for row in why["rows"]} == {"等太久": 1, "没解决": 1}
        for row in why["rows"]:
            behind = service.rows(work.session, "unsatisfied", DAY.since, DAY.until, NOW, reason=row["reason"])
            assert behind["total"] == row["k"]
        assert service.rows(work.session, "unsatisfied", DAY.since, DAY.until, NOW, reason="态度好")["total"] == 0


def test_few_rows_are_called_few_and_get_no_verdict(day: Works) -> None:
    csat = overview(day)["figures"]["csat"]
    assert csat["verdict"]["state"] == "few" and csat["verdict"]["text"] == "样本不足"
    low, high = csat["interval"]
    assert 0 < low < 2 / 3 < high < 1 and csat["base_text"] == "2 / 3 份"


def test_an_empty_house_says_no_data_and_never_zero_percent(works: Works) -> None:
    seen = overview(works)
    assert seen["empty"] is True and seen["weekly"]["points"] == [] and seen["pressing"] == []
    for one in seen["figures"].values():
        if one["kind"] in ("rate", "duration"):
            assert one["value"] is None and one["text"] == "无" and one["verdict"]["text"] == "无数据"
        assert "%" not in one["text"]
    assert seen["headline"]["tone"] == "empty"
    with works.read(SYSTEM, NOW) as work:
        for one in rules.INDICATORS:
            behind = service.rows(work.session, one.key, DAY.since, DAY.until, NOW)
            assert (behind["total"], behind["rows"], behind["pages"]) == (0, [], 1)


def test_a_day_begins_and_ends_at_midnight_in_shanghai(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        for at in (DAY.since - timedelta(microseconds=1), DAY.since, DAY.until - timedelta(microseconds=1), DAY.until):
            talk_id = book.talk(at)
            book.handoff(talk_id, at)
            book.rating(talk_id, 5, at)
            book.complaint(f"TS-{at:%d%H%M%S%f}"[:20], at, closed=at)
    found = overview(works, now=DAY.until + timedelta(days=1))["figures"]
    for key in ("conversations", "handoffs", "csat", "response", "complaints_filed"):
        assert found[key]["n"] == 2, key
    assert DAY.since == datetime.fromisoformat("2026-10-08T16:00:00+00:00")


def test_one_channel_alone_is_counted_alone(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        book.talk()
        book.talk(channel="wechat")
        book.talk(channel="wechat")
    assert [overview(works, channel=one)["figures"]["conversations"]["k"]
            for one in (None, "web", "wechat", "phone")] == [3, 1, 2, 0]


def test_the_last_instant_of_a_promise_is_still_in_time(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        book.deadline(book.complaint("A", EARLY), "promise", NOW)
    assert overview(works)["figures"]["complaints_overdue"]["k"] == 0
    assert overview(works)["figures"]["complaints_due_today"]["k"] == 1
    late = overview(works, now=NOW + timedelta(microseconds=1))["figures"]
    assert late["complaints_overdue"]["k"] == 1 and late["complaints_due_today"]["k"] == 0


def test_what_was_withdrawn_paused_or_closed_is_not_overdue(works: Works) -> None:
    past = NOW - timedelta(hours=5)
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        book.deadline(book.complaint("A", past), "promise", past, dropped=past)
        book.deadline(book.complaint("B", past), "promise", past, paused=past - timedelta(hours=1))
        book.deadline(book.complaint("C", past, closed=NOW - timedelta(hours=1)), "promise", past)
        book.deadline(book.complaint("D", past), "acknowledge", past)  # not one of the dates that overdue speaks of
    found = overview(works)["figures"]
    assert found["complaints_overdue"]["k"] == 0
    # Closed after its promise, without having kept it: a miss. Withdrawn and paused ones are not owed.
    assert (found["on_time"]["k"], found["on_time"]["n"]) == (0, 1)


def test_without_a_promise_the_internal_date_is_judged(works: Works) -> None:
    past = NOW - timedelta(hours=5)
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        book.deadline(book.complaint("A", past), "decide", past, met=past)
        both = book.complaint("B", past)
        book.deadline(both, "decide", past)
        book.deadline(both, "promise", past, met=past - timedelta(hours=1))
    found = overview(works)["figures"]
    assert (found["on_time"]["k"], found["on_time"]["n"]) == (2, 2)


def test_a_colleague_passing_on_is_not_a_new_request(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        talk_id = book.talk(said=("customer", "agent"))
        book.handoff(talk_id, taken=5, replied=9)
        book.handoff(talk_id, taken=5, reason="transfer")
    assert overview(works)["figures"]["handoffs"]["k"] == 1


def test_the_window_before_has_the_same_weekdays_and_ends_no_later(works: Works) -> None:
    month = rules.preset("4w", NOW)
    assert (month.first_day, month.last_day) == (date(2026, 9, 14), date(2026, 10, 9))
    before = month.before(NOW)
    assert before.first_day == date(2026, 8, 17) and before.until == NOW - timedelta(weeks=4)
    assert month.before_words(NOW) == "上 4 周" and rules.preset("week", NOW).before_words(NOW) == "上周同期"
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        book.talk()
        book.talk(EARLY - timedelta(weeks=1))
        book.talk(EARLY - timedelta(weeks=1))
        book.talk(NOW - timedelta(weeks=1) + timedelta(hours=1))  # that day, but later than it is now
    change = overview(works)["figures"]["conversations"]["change"]
    assert change["previous"]["value"] == 2 and change["text"].startswith("较上周同期少 1 个")


def test_a_large_difference_is_called_real_and_a_small_one_is_not() -> None:
    assert figures.rate("csat", (90, 100), (60, 100), "上 4 周")["change"]["text"] == "较上 4 周 +30.0 点，差异显著"
    assert figures.rate("csat", (85, 100), (86, 100), "上 4 周")["change"]["text"] == "较上 4 周 −1.0 点，差异不显著"
    assert figures.rate("csat", (9, 10), (60, 100), "上 4 周")["change"]["verdict"] == "too_few"
    assert figures.rate("csat", (90, 100), (0, 0), "上 4 周")["change"]["text"] == "上 4 周没有可比的"
    assert rules.counts_differ(200, 100) == "significant" and rules.counts_differ(101, 99) == "not_significant"
    assert rules.counts_differ(9, 2) == "too_few"


def test_waiting_times_are_compared_by_rank() -> None:
    short, long = [float(n) for n in range(40)], [float(n) + 30 for n in range(40)]
    assert rules.ranks_differ(short, long) == "significant" and rules.ranks_differ(short, short) == "not_significant"
    assert rules.ranks_differ([5.0] * 40, [5.0] * 40) == "not_significant"
    assert rules.ranks_differ(short, [1.0]) == "too_few"
    slow = figures.duration("first_reply", long, short, "上 4 周")
    assert slow["change"]["text"] == "较上 4 周慢 30 秒，差异显著" and slow["verdict"]["text"] == "达标 ≤ 3 分"


def test_targets_are_judged_by_the_value() -> None:
    assert figures.rate("csat", (85, 100), (0, 0), "")["verdict"]["text"] == "达标 ≥ 85%"
    assert figures.rate("csat", (84, 100), (0, 0), "")["verdict"]["text"] == "未达 ≥ 85%"
    assert figures.duration("first_reply", [181.0] * 40, [], "")["verdict"]["state"] == "missed"
    assert figures.wait_words(171) == "2 分 51 秒" and figures.wait_words(38.4) == "38 秒"
    assert figures.wait_words(60) == "1 分"


def test_twenty_weeks_make_a_control_chart_and_nineteen_do_not(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        for week in range(19):
            for number in range(20):
                at = EARLY - timedelta(weeks=week)
                book.rating(book.talk(at), 5 if number < 18 else 2, at)
    chart = overview(works)["weekly"]
    assert chart["filled"] == 19 and chart["centre"] is None
    assert all(point["lower"] is None for point in chart["points"]) and "满 20 周" in chart["note"]
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        at = EARLY - timedelta(weeks=19)
        for number in range(20):
            book.rating(book.talk(at), 5 if number < 18 else 2, at)
        bad = EARLY + timedelta(weeks=1)
        for _ in range(20):
            book.rating(book.talk(bad), 1, bad)
    window = rules.window_of(date(2026, 10, 12), date(2026, 10, 18))
    seen = overview(works, window, now=NOW + timedelta(weeks=1))
    chart = seen["weekly"]
    assert chart["centre"] == pytest.approx(0.9)
    last = chart["points"][-1]
    assert last["signal"] == "low" and last["words"] == "10月12日当周"
    assert last["lower"] == pytest.approx(0.9 - 3 * (0.09 / 20) ** 0.5)
    assert all(point["signal"] is None for point in chart["points"][:-1])
    said = "".join(segment["text"] for segment in seen["headline"]["segments"])
    assert "10月12日当周低于控制下限" in said


def test_a_week_without_answers_is_a_gap_and_not_a_zero() -> None:
    monday = date(2026, 10, 5)
    weeks = rules.weeks_from([(EARLY, True), (EARLY - timedelta(weeks=2), False)], monday - 2 * rules.WEEK, monday)
    assert [(one.k, one.n) for one in weeks] == [(0, 1), (0, 0), (1, 1)]
    assert [one.value for one in rules.p_chart(weeks, None)] == [0.0, None, 1.0]


def test_the_sentence_says_first_what_needs_a_person(day: Works) -> None:
    said = "".join(segment["text"] for segment in overview(day)["headline"]["segments"])
    assert "1 位客户在排队，最久等了 6 分。" in said and "1 件投诉逾期，今天要处理。" in said
    with day.begin(SYSTEM, NOW) as work:
        work.session.add(Alert(id=new_id(), kind="bot", subject="bot", detail="连不上", first_at=NOW, last_at=NOW))
    seen = overview(day)
    assert seen["headline"]["tone"] == "danger" and len(seen["alerts"]) == 1
    assert seen["headline"]["segments"][0]["link"] == "alerts"


def test_pressing_complaints_show_their_words_only_to_those_who_may_read_them(day: Works) -> None:
    for actor, title, customer in ((HAN_TAO, "桌板开裂，换货取件两次失约", "陈雨薇"), (SU_MIN, "TS20261001-0001", "")):
        first, second = overview(day, actor=actor)["pressing"]
        assert (first["title"], first["customer"]) == (title, customer)
        assert first["number"] == "TS20261001-0001" and first["tone"] == "breached" and first["owner"] == "韩涛"
        assert first["clock"] == "逾期 1 天 6 时"  # the internal date ran out first
        assert second["number"] == "TS20261009-0001" and second["tone"] == "near"


def test_rows_come_in_pages_and_none_is_lost(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        for minute in range(7):
            book.talk(EARLY + timedelta(minutes=minute))
    with works.read(SYSTEM, NOW) as work:
        pages = [service.rows(work.session, "conversations", DAY.since, DAY.until, NOW, page, per_page=3)
                 for page in (1, 2, 3, 99)]
    assert [len(one["rows"]) for one in pages] == [3, 3, 1, 1] and pages[3]["page"] == 3
    ids = [row["conversation_id"] for one in pages[:3] for row in one["rows"]]
    assert len(set(ids)) == 7


def test_an_unknown_figure_and_a_wrong_window_are_refused(works: Works) -> None:
    with works.read(SYSTEM, NOW) as work, pytest.raises(NotFound) as refused:
        service.rows(work.session, "nonsense", DAY.since, DAY.until, NOW)
    assert refused.value.code == "figure_not_found"
    with pytest.raises(Invalid):
        rules.window_of(date(2026, 10, 9), date(2026, 10, 8))
    with pytest.raises(Invalid):
        rules.window_of(date(2025, 1, 1), date(2026, 10, 8))


def test_each_definition_says_what_it_counts_and_what_it_leaves_out() -> None:
    assert len(rules.BY_KEY) == len(rules.INDICATORS)
    for one in rules.INDICATORS:
        assert one.formula and one.numerator and one.denominator and one.exclusions and one.unit
