"""When words are in force: from- and to-dates, going back; what is said when and to whom; the bot's feed."""

from datetime import timedelta

import pytest
from sqlmodel import select

from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Unavailable
from backend.scripts import service
from backend.scripts.events import ScriptMissing
from backend.scripts.rules import State
from tests.cast import NOW, SHEN_LAN, SU_MIN
from tests.services.script_words import KEY, LATER, drafted, published, refused, revision, said, state_of, submitted

# --- time ---


def test_words_wait_for_their_from_date_and_end_on_their_to_date(works: Works) -> None:
    start, end = NOW + timedelta(hours=2), NOW + timedelta(days=3)
    old = published(works, "平日的说法。")
    holiday = published(works, "节日的说法。", effective_from=start, effective_to=end)
    assert state_of(works, holiday) == State.APPROVED
    assert said(works) == "平日的说法。"
    assert service.activate_due(works, start - timedelta(seconds=1)) == 0
    assert service.activate_due(works, start) == 1
    assert service.activate_due(works, start) == 0  # a second worker finds nothing to do
    assert said(works, now=start) == "节日的说法。"
    assert state_of(works, old) == State.SUPERSEDED
    assert service.activate_due(works, end + timedelta(minutes=5)) == 1
    with works.read(SYSTEM, end + timedelta(minutes=5)) as work:
        version = service.get(work.session, holiday)
        assert (version.state, version.ended_at) == (State.EXPIRED, end)


def test_expired_words_are_not_said_even_before_the_sweep_has_been_by(works: Works) -> None:
    end = NOW + timedelta(days=1)
    published(works, "没有听懂。", key="system.fallback", topic="system")
    published(works, "今天有效。", effective_to=end)
    assert said(works, now=end - timedelta(seconds=1)) == "今天有效。"
    assert said(works, now=end) == "没有听懂。"


def test_an_approval_after_the_to_date_is_refused(works: Works) -> None:
    version_id = submitted(works, effective_to=NOW + timedelta(hours=1))

    def approve() -> None:
        with works.begin(SHEN_LAN, NOW + timedelta(hours=2)) as work:
            service.approve(work, version_id)

    refused("validity_is_empty", approve)


# --- going back ---


def test_a_rollback_says_the_earlier_words_again_under_their_first_approval(works: Works) -> None:
    published(works, "第一版。")
    second = published(works, "第二版。")
    with works.begin(LATER, NOW) as work:
        back = service.rollback(work, KEY, 1, "第二版说错了时间")
        assert (back.version, back.restores, back.author_id, back.approver_id) == (3, 1, "sumin", "shenlan")
    assert said(works) == "第一版。"
    assert state_of(works, second) == State.SUPERSEDED
    with works.read(SYSTEM, NOW) as work:
        row = work.session.exec(select(JournalEntry).where(JournalEntry.action == "script_rolled_back")).one()
        assert (row.actor_id, row.detail["restores"], row.detail["reason"]) == ("qianyu", 1, "第二版说错了时间")


def test_nothing_that_was_withdrawn_or_never_approved_can_be_rolled_back_to(works: Works) -> None:
    wrong = published(works, "写错的。")
    with works.begin(SU_MIN, NOW) as work:
        service.withdraw(work, wrong, "写错了")
    drafted(works, "没批准的。")
    for number in (1, 2):
        def back(number: int = number) -> None:
            with works.begin(SHEN_LAN, NOW) as work:
                service.rollback(work, KEY, number)

        refused("cannot_roll_back", back)


def test_the_owner_of_a_script_may_silence_it_but_not_bring_words_back_alone(works: Works) -> None:
    published(works, "第一版。")
    published(works, "第二版。")

    def back() -> None:
        with works.begin(SU_MIN, NOW) as work:
            service.rollback(work, KEY, 1)

    refused("not_permitted", back)


# --- speaking ---


def test_a_missing_script_gives_the_fallback_and_a_fact(works: Works) -> None:
    published(works, "没有听懂，请换个说法。", key="system.fallback", topic="system")
    with works.begin(SYSTEM, NOW) as work:
        spoken = service.speak(work, "no.such_key")
        assert (spoken.key, spoken.text) == ("system.fallback", "没有听懂，请换个说法。")
        assert [fact for fact in work.facts if isinstance(fact, ScriptMissing)] == [
            ScriptMissing(at=NOW, key="no.such_key", reason="not_effective")]


def test_a_missing_value_gives_the_fallback_and_names_the_value(works: Works) -> None:
    published(works, "没有听懂。", key="system.fallback", topic="system")
    published(works, "订单 {order_no} 在路上。")
    assert said(works, order_no="HM260917-3382") == "订单 HM260917-3382 在路上。"
    with works.begin(SYSTEM, NOW) as work:
        assert service.speak(work, KEY).key == "system.fallback"
        missing = [fact for fact in work.facts if isinstance(fact, ScriptMissing)]
        assert [(fact.reason, fact.detail) for fact in missing] == [("variable_missing", "order_no")]


def test_without_even_a_fallback_nothing_at_all_is_said(works: Works) -> None:
    with pytest.raises(Unavailable) as refusal, works.begin(SYSTEM, NOW) as work:
        service.speak(work, "no.such_key")
    assert refusal.value.code == "no_approved_words"


def test_a_channel_has_its_own_wording_and_else_the_common_one(works: Works) -> None:
    published(works, "通用的说法。")
    published(works, "微信的说法。", channel="wechat")
    assert said(works, channel="wechat") == "微信的说法。"
    assert said(works, channel="web") == "通用的说法。"


def test_what_the_bot_proposes_is_said_only_while_it_is_in_force(works: Works) -> None:
    published(works, "没有听懂。", key="system.fallback", topic="system")
    first = published(works, "第一版。")
    with works.begin(SYSTEM, NOW) as work:
        assert service.render_version(work, first, KEY).version_id == first
    second = published(works, "第二版。")
    with works.begin(SYSTEM, NOW) as work:
        assert service.render_version(work, first, KEY).version_id == second  # the bot was a second behind
        assert service.render_version(work, second, "no.such_key").key == "system.fallback"
        assert service.render_version(work, None, KEY).version_id == second
    draft = drafted(works, "草稿。")
    with works.begin(SYSTEM, NOW) as work:
        assert service.render_version(work, draft, KEY).version_id == second


def test_the_house_fills_in_its_own_hours(works: Works) -> None:
    hours = service.house_values().get("service_hours")
    if hours is None:
        pytest.skip("this pack has no organisation.yml")
    published(works, "服务时间：{service_hours}。")
    assert said(works) == f"服务时间：{hours}。"


# --- the bot's feed ---


def test_the_feeds_revision_moves_with_every_publication_and_with_nothing_else(works: Works) -> None:
    assert revision(works) == 0
    version_id = submitted(works)
    assert revision(works) == 0
    with works.begin(SHEN_LAN, NOW) as work:
        service.approve(work, version_id)
    assert revision(works) == 1
    published(works, "第二版。")
    assert revision(works) == 2
    with works.begin(SHEN_LAN, NOW) as work:
        service.rollback(work, KEY, 1)
    assert revision(works) == 3
    with works.read(SYSTEM, NOW) as work:
        feed = service.feed(work.session, NOW)
        now_said = feed["scripts"][0]
    assert (feed["revision"], len(feed["scripts"]), now_said["version"]) == (3, 1, 3)
    with works.begin(SHEN_LAN, NOW) as work:
        service.withdraw(work, now_said["version_id"], "停用")
    assert revision(works) == 4


def test_the_revision_stands_or_falls_with_the_approval(works: Works) -> None:
    version_id = submitted(works)

    def approve_and_fail() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.approve(work, version_id)
            raise RuntimeError("the power fails")

    with pytest.raises(RuntimeError):
        approve_and_fail()
    assert (revision(works), state_of(works, version_id)) == (0, State.IN_REVIEW)


def test_the_feed_carries_all_that_the_bot_needs(works: Works) -> None:
    published(works, "订单 {order_no} 已发出。", buttons=[{"title": "登记投诉", "say": "我要投诉"}],
              examples=["改约取件", "改约取件", " 换个时间 取件 "])
    with works.read(SYSTEM, NOW) as work:
        (script,) = service.feed(work.session, NOW)["scripts"]
    assert script["variables"] == ["order_no"]
    assert script["buttons"] == [{"title": "登记投诉", "say": "我要投诉"}]
    assert script["examples"] == ["改约取件", "换个时间 取件"]
    assert (script["topic"], script["title"], script["channel"]) == ("ask_return_exchange", "重约上门取件", "any")
    assert len(script["hash"]) == 64
