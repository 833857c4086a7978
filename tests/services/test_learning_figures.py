"""Figures about complaints, and the charts and frozen limits over them: each opens to its rows."""

from datetime import timedelta

import pytest
from sqlmodel import select

from backend.complaints.learning import service
from backend.complaints.learning.tables import FrozenBaseline
from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import shanghai_instant
from backend.kernel.errors import Conflict, Forbidden, Invalid
from tests.builders import a_customer
from tests.cast import HAN_TAO, HE_CHUAN, LIN_JIA, NOW
from tests.services.learning_book import AUDITOR, Book, weeks_ago


@pytest.fixture
def book(works: Works) -> Book:
    return Book(works)


# --- figures and their rows ---


def test_every_cluster_opens_to_exactly_its_cases(book: Book) -> None:
    book.talk(weeks_ago(2), 40)
    for topic, unit, product, score in [
        ("quality.damage", "quality", "云杉升降书桌", 24), ("quality.damage", "quality", None, None),
        ("logistics.pickup", "carrier", "云杉升降书桌", 6), (None, None, "晨光台灯", None),
    ]:
        book.complain(weeks_ago(2), topic=topic, unit=unit, product=product, severity=score)
    book.complain(weeks_ago(2), stage="merged")
    for by in ("category", "cause", "unit", "product", "channel", "script", "level"):
        seen = book.overview(by)
        assert sum(one["cases"] for one in seen["clusters"]) == seen["n"] == 4, by
        for one in seen["clusters"]:
            assert book.rows(**one["query"])["n"] == one["cases"], (by, one["key"])
    damage = book.overview()["clusters"][0]
    assert (damage["key"], damage["weight"], damage["judged"]) == ("quality.damage", 25, 1)
    assert damage["share"]["interval"] is not None and damage["share"]["few"] == "样本不足"


def test_an_empty_house_shows_no_data_and_never_nought_percent(book: Book) -> None:
    seen = book.overview()
    assert seen["n"] == 0 and seen["few"] == "无数据"
    assert seen["rate"]["text"] == seen["recurrence"]["text"] == seen["cost"]["text"] == "无数据"
    assert seen["pareto"]["title"] == "这段时间没有投诉" and seen["weekly"]["title"] == "这段时间没有会话"


def test_a_periods_edges_are_shanghai_midnights(book: Book) -> None:
    book.complain(shanghai_instant(2026, 9, 14, 0, 0))
    book.complain(shanghai_instant(2026, 9, 20, 23, 59, 59))
    book.complain(shanghai_instant(2026, 9, 21, 0, 0))
    assert book.rows(**{"from": "2026-09-14", "to": "2026-09-20"})["n"] == 2


def test_the_rate_counts_only_conversations_of_the_asked_channel(book: Book) -> None:
    book.talk(weeks_ago(2), 50)
    book.talk(weeks_ago(2), 10, channel="wechat")
    book.complain(weeks_ago(2))
    book.complain(weeks_ago(2), channel="phone")
    assert (book.overview()["rate"]["k"], book.overview()["rate"]["n"]) == (2, 60)
    wechat = book.overview(channel="wechat")["rate"]
    assert (wechat["k"], wechat["n"]) == (0, 10)
    phone = book.overview(channel="phone")["rate"]
    assert phone["n"] == 0 and phone["text"] == "无数据", "a telephone has no conversations to count against"


def test_recurrence_looks_back_beyond_the_period_and_opens_to_its_rows(book: Book) -> None:
    book.complain(weeks_ago(20), order_no="HM1")
    book.complain(weeks_ago(10), order_no="HM1", customer_id=_another(book))
    book.complain(weeks_ago(9), customer_id=_another(book, "v3"))
    seen = book.overview(**{"from": "2026-07-13", "to": "2026-10-09"})
    assert (seen["recurrence"]["k"], seen["recurrence"]["n"]) == (1, 2)
    found = book.rows(**{"from": "2026-07-13", "to": "2026-10-09", "only": "recurring"})
    assert found["n"] == 1 and found["rows"][0]["again"] is True


def _another(book: Book, ref: str = "v2") -> str:
    with book.works.begin(SYSTEM, NOW) as work:
        return a_customer(work, ref).id


def test_codes_that_the_pack_has_dropped_can_still_be_asked_for(book: Book) -> None:
    book.complain(weeks_ago(1), topic="old.code", cause="从前写的原因")
    assert book.rows(category="old.code")["n"] == book.rows(cause="从前写的原因")["n"] == 1
    for given in ({"category": "never.was"}, {"product": "没有的商品"}, {"unit": "x"}, {"script": "f" * 32}):
        with pytest.raises(Invalid) as caught:
            book.rows(**given)
        assert caught.value.code == "unknown_code"


def test_like_words_of_one_category_are_shown_as_a_group(book: Book) -> None:
    for words in ("约好上门取件没有来", "约好上门取件没来", "说好上门取件没有来"):
        book.complain(weeks_ago(1), topic="logistics.pickup", description=words)
    book.complain(weeks_ago(1), topic="price.invoice", description="约好上门取件没有来")
    (group,) = book.overview()["groups"]
    assert group["cases"] == 3 and group["category"] == "取件失约"
    assert book.rows(category="logistics.pickup", numbers=",".join(group["numbers"]))["n"] == 3


# --- charts and baselines ---


def busy(book: Book, weeks: int, per_week: int = 2) -> None:
    """So many whole weeks before the present one, each with 100 conversations."""
    for week in range(1, weeks + 1):
        ids = book.talk(weeks_ago(week), 100)
        for _ in range(per_week):
            book.complain(weeks_ago(week), conversation_id=ids[0], stage="closed",
                          closed_at=weeks_ago(week) + timedelta(days=1))


def test_with_nineteen_weeks_there_are_no_limits_and_none_can_be_frozen(book: Book) -> None:
    busy(book, 19, 1)
    weekly = book.overview()["weekly"]
    assert weekly["state"] == "none" and "不到 20 周" in weekly["title"]
    assert all(one["upper"] is None for one in weekly["points"])
    with pytest.raises(Conflict) as caught, book.works.begin(HAN_TAO, NOW) as work:
        service.freeze(work, "rate", service.ask(work.session, {}, NOW))
    assert caught.value.code == "too_few_points"


def test_a_frozen_baseline_judges_later_weeks_and_says_who_froze_it(book: Book) -> None:
    busy(book, 21, 1)
    before = {"from": "2026-04-13", "to": "2026-09-27"}
    with book.works.begin(HE_CHUAN, NOW) as work:
        service.freeze(work, "rate", service.ask(work.session, before, NOW))
    for _ in range(9):
        book.complain(weeks_ago(1))
    weekly = book.overview()["weekly"]
    assert weekly["state"] == "frozen" and "何川" in weekly["note"] and "冻结" in weekly["note"]
    assert weekly["centre"] == pytest.approx(10.0), "one in a hundred: the burst did not move the frozen centre"
    (signal,) = [one for one in weekly["points"] if one["signal"]]
    assert signal["rules"] == ["beyond_3"] and "1 点超出 3σ" in weekly["title"]
    asked = {**before, "from": signal["week"], "to": "2026-10-04"}
    assert book.rows(**asked)["n"] == signal["k"] == 10
    other = book.overview(category="logistics")["weekly"]
    assert other["state"] == "trial", "another filter has a baseline of its own"


def test_freezing_again_keeps_the_old_baseline_and_needs_the_right_to_improve(book: Book) -> None:
    busy(book, 20, 1)
    for actor in (LIN_JIA, AUDITOR):
        with pytest.raises(Forbidden), book.works.begin(actor, NOW) as work:
            service.freeze(work, "rate", service.ask(work.session, {}, NOW))
    for at in (NOW, NOW + timedelta(minutes=1)):
        with book.works.begin(HAN_TAO, at) as work:
            service.freeze(work, "days", service.ask(work.session, {}, at))
    with book.works.read(HAN_TAO, NOW) as work:
        assert len(work.session.exec(select(FrozenBaseline)).all()) == 2
        frozen = work.session.exec(select(JournalEntry).where(JournalEntry.action == "baseline_frozen")).all()
    assert len(frozen) == 2 and frozen[0].actor_id == "hantao"
    days = book.overview()["days"]
    assert days["centre"] == pytest.approx(1.0) and days["state"] == "frozen"
