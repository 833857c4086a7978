"""Only words that another person approved are ever said; every move is written down."""

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select

from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Actor, Role, staff_actor
from backend.kernel.errors import Conflict, Forbidden, Invalid, Unavailable, ZhikeError
from backend.scripts import exchange, service, store
from backend.scripts.events import ScriptMissing, ScriptPublished, ScriptWithdrawn
from backend.scripts.rules import State
from backend.scripts.service import Content
from backend.scripts.tables import Script, ScriptVersion
from tests.cast import LIN_JIA, NOW, SHEN_LAN, SU_MIN, hire
from tests.unguarded import unguarded

KEY = "pickup.reschedule"
LATER = staff_actor("qianyu", "钱雨", [Role.SCRIPT_APPROVER])


def words(text: str = "在「我的订单」里改约取件。", **given: object) -> Content:
    return Content(**{"text": text, "topic": "ask_return_exchange", "title": "重约上门取件", **given})  # type: ignore[arg-type]


def drafted(works: Works, text: str = "在「我的订单」里改约取件。", key: str = KEY, by: Actor = SU_MIN,
            now: datetime = NOW, **given: object) -> str:
    with works.begin(by, now) as work:
        return service.draft(work, key, words(text, **given)).id


def submitted(works: Works, text: str = "在「我的订单」里改约取件。", **given: object) -> str:
    now = given.get("now", NOW)
    version_id = drafted(works, text, **given)  # type: ignore[arg-type]
    with works.begin(SU_MIN, now) as work:  # type: ignore[arg-type]
        service.submit(work, version_id)
    return version_id


def published(works: Works, text: str = "在「我的订单」里改约取件。", **given: object) -> str:
    now = given.get("now", NOW)
    version_id = submitted(works, text, **given)
    with works.begin(SHEN_LAN, now) as work:  # type: ignore[arg-type]
        service.approve(work, version_id)
    return version_id


def state_of(works: Works, version_id: str) -> str:
    with works.read(SYSTEM, NOW) as work:
        return service.get(work.session, version_id).state


def said(works: Works, key: str = KEY, channel: str = "web", now: datetime = NOW, **variables: str) -> str:
    with works.begin(SYSTEM, now) as work:
        return service.speak(work, key, variables, channel).text


def revision(works: Works) -> int:
    with works.read(SYSTEM, NOW) as work:
        return store.revision(work.session)


def refused(code: str, deed: Callable[[], object]) -> ZhikeError:
    with pytest.raises(ZhikeError) as refusal:
        deed()
    assert refusal.value.code == code
    assert refusal.value.message.endswith("。")
    return refusal.value


# --- from draft to speech -----------------------------------------------------------------------


def test_words_are_said_once_another_person_has_approved_them(works: Works) -> None:
    version_id = submitted(works, "请在「我的订单」里改约取件。")
    with works.begin(SHEN_LAN, NOW) as work:
        version = service.approve(work, version_id)
        assert (version.state, version.approver_id, version.version) == (State.EFFECTIVE, "shenlan", 1)
        assert [type(fact) for fact in work.facts] == [ScriptPublished]
        assert work.hints == ["scripts"]
    assert said(works) == "请在「我的订单」里改约取件。"


def test_the_author_cannot_approve_their_own_words(works: Works) -> None:
    version_id = drafted(works, by=SHEN_LAN)
    with works.begin(SHEN_LAN, NOW) as work:
        service.submit(work, version_id)

    def approve() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.approve(work, version_id)

    assert refused("same_person", approve).status == 403
    assert state_of(works, version_id) == State.IN_REVIEW


def test_the_database_itself_refuses_an_author_who_approves(works: Works) -> None:
    version_id = published(works)
    with pytest.raises(IntegrityError), works.begin(SYSTEM, NOW) as work:
        work.session.exec(  # type: ignore[call-overload]
            update(ScriptVersion).where(col(ScriptVersion.id) == version_id).values(approver_id="sumin"))


def test_the_database_itself_refuses_a_second_effective_version(works: Works) -> None:
    published(works)
    other = submitted(works, "另一种说法。")
    with pytest.raises(IntegrityError), works.begin(SYSTEM, NOW) as work:
        work.session.exec(  # type: ignore[call-overload]
            update(ScriptVersion).where(col(ScriptVersion.id) == other)
            .values(state="effective", approver_id="shenlan", digest="0" * 64))


def test_the_database_itself_refuses_words_in_force_without_an_approval(works: Works) -> None:
    version_id = drafted(works)
    with pytest.raises(IntegrityError), works.begin(SYSTEM, NOW) as work:
        work.session.exec(  # type: ignore[call-overload]
            update(ScriptVersion).where(col(ScriptVersion.id) == version_id).values(state="effective"))


def test_those_without_the_right_can_neither_write_nor_approve(works: Works) -> None:
    def write() -> None:
        drafted(works, by=LIN_JIA)

    refused("not_permitted", write)
    version_id = submitted(works)

    def approve() -> None:
        with works.begin(SU_MIN, NOW) as work:
            service.approve(work, version_id)

    refused("not_permitted", approve)


def test_approved_words_are_frozen_even_for_code_that_forgets_the_rule(works: Works) -> None:
    version_id = published(works)
    for change in ({"text": "改了"}, {"buttons": [{"title": "好", "say": "好"}]}, {"approver_id": "hantao"},
                   {"effective_to": NOW + timedelta(days=9)}):
        def alter(change: dict[str, object] = change) -> None:  # type: ignore[assignment]
            with works.begin(SYSTEM, NOW) as work:
                version = service.get(work.session, version_id)
                for name, value in change.items():
                    setattr(version, name, value)

        refused("approved_is_frozen", alter)


def test_words_altered_behind_our_back_are_not_said(works: Works) -> None:
    published(works, "没有听懂，请换个说法。", key="system.fallback", topic="system")
    version_id = published(works)
    with works.begin(SYSTEM, NOW) as work, unguarded(work.session):
        work.session.exec(  # type: ignore[call-overload]
            update(ScriptVersion).where(col(ScriptVersion.id) == version_id).values(text="全额退款，点这里"))
    with works.begin(SYSTEM, NOW) as work:
        assert service.speak(work, KEY).key == "system.fallback"
        assert [(fact.key, fact.reason) for fact in work.facts if isinstance(fact, ScriptMissing)] == [(KEY, "altered")]
    with works.read(SYSTEM, NOW) as work:
        assert KEY not in [script["key"] for script in service.feed(work.session, NOW)["scripts"]]


def test_a_newer_version_takes_the_place_of_the_old_one(works: Works) -> None:
    first = published(works, "第一版。")
    second = published(works, "第二版。")
    assert (state_of(works, first), state_of(works, second)) == (State.SUPERSEDED, State.EFFECTIVE)
    assert said(works) == "第二版。"


def test_what_was_approved_is_what_was_read(works: Works) -> None:
    version_id = submitted(works, "读到的内容。")
    with works.read(SYSTEM, NOW) as work:
        seen = service.digest_of(service.get(work.session, version_id))
    with works.begin(SU_MIN, NOW) as work:
        service.recall(work, version_id)
        service.edit_draft(work, version_id, words("偷偷换掉的内容。"))
        service.submit(work, version_id)

    def approve() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.approve(work, version_id, seen=seen)

    assert refused("text_changed", approve).status == 409
    assert state_of(works, version_id) == State.IN_REVIEW


def test_a_draft_belongs_to_its_author(works: Works) -> None:
    version_id = drafted(works)

    def edit() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.edit_draft(work, version_id, words("换人写。"))

    refused("not_your_draft", edit)


def test_a_promise_that_nobody_can_keep_is_not_even_submitted(works: Works) -> None:
    version_id = drafted(works, "保证明天上门。")

    def submit() -> None:
        with works.begin(SU_MIN, NOW) as work:
            service.submit(work, version_id)

    refusal = refused("script_not_ready", submit)
    assert "保证" in refusal.fields["text"]
    assert state_of(works, version_id) == State.DRAFT


def test_an_approver_sends_back_with_a_reason_and_the_author_tries_again(works: Works) -> None:
    version_id = submitted(works)

    def without_reason() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.send_back(work, version_id, "  ")

    refused("reason_missing", without_reason)
    with works.begin(SHEN_LAN, NOW) as work:
        assert service.send_back(work, version_id, "写明几点来").refusal == "写明几点来"
    with works.begin(SU_MIN, NOW) as work:
        service.edit_draft(work, version_id, words("取件员 18:00 前到。"))
        assert service.submit(work, version_id).refusal is None
    with works.begin(SHEN_LAN, NOW) as work:
        assert service.approve(work, version_id).state == State.EFFECTIVE


def test_a_refused_version_is_over(works: Works) -> None:
    version_id = submitted(works)
    with works.begin(SHEN_LAN, NOW) as work:
        assert service.refuse(work, version_id, "这件事不该由机器人说").state == State.REFUSED

    def submit() -> None:
        with works.begin(SU_MIN, NOW) as work:
            service.submit(work, version_id)

    refused("move_not_allowed", submit)


def test_withdrawn_words_are_silent_at_once(works: Works) -> None:
    published(works, "没有听懂，请换个说法。", key="system.fallback", topic="system")
    version_id = published(works)
    with works.begin(SU_MIN, NOW) as work:
        service.withdraw(work, version_id, "写错了电话")
        assert [type(fact) for fact in work.facts] == [ScriptWithdrawn]
    assert said(works) == "没有听懂，请换个说法。"


def test_every_move_stands_in_the_journal_with_who_and_why(works: Works) -> None:
    version_id = published(works)
    with works.begin(SU_MIN, NOW) as work:
        service.withdraw(work, version_id, "写错了电话")
    with works.read(SYSTEM, NOW) as work:
        deeds = {(row.action, row.actor_id) for row in store.acts(work.session, [version_id])}
        assert deeds == {("script_drafted", "sumin"), ("script_submitted", "sumin"), ("script_approved", "shenlan"),
                         ("script_started", "shenlan"), ("script_withdrawn", "sumin")}
        why = work.session.exec(select(JournalEntry).where(JournalEntry.action == "script_withdrawn")).one()
        assert why.detail["reason"] == "写错了电话"


# --- time ---------------------------------------------------------------------------------------


def test_words_wait_for_their_from_date_and_end_on_their_to_date(works: Works) -> None:
    start, end = NOW + timedelta(hours=2), NOW + timedelta(days=3)
    old = published(works, "平日的说法。")
    holiday = published(works, "节日的说法。", effective_from=start, effective_to=end)
    assert state_of(works, holiday) == State.APPROVED
    assert said(works) == "平日的说法。"
    with works.begin(SYSTEM, start - timedelta(seconds=1)) as work:
        assert service.activate_due(work) == 0
    with works.begin(SYSTEM, start) as work:
        assert service.activate_due(work) == 1
    with works.begin(SYSTEM, start) as work:
        assert service.activate_due(work) == 0  # a second worker finds nothing to do
    assert said(works, now=start) == "节日的说法。"
    assert state_of(works, old) == State.SUPERSEDED
    with works.begin(SYSTEM, end + timedelta(minutes=5)) as work:
        assert service.activate_due(work) == 1
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


# --- going back ---------------------------------------------------------------------------------


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


# --- speaking -----------------------------------------------------------------------------------


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


# --- the bot's feed -----------------------------------------------------------------------------


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


# --- the pack -----------------------------------------------------------------------------------


@pytest.fixture
def small_pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack" / "scripts"
    folder.mkdir(parents=True)
    (folder / "ask_invoice.yml").write_text("""
- key: invoice.how_to_issue
  topic: ask_invoice
  title: 发票怎么开
  default: true
  text: 签收后 24 小时内开好。
  examples: [发票怎么开, 开发票]
- {key: invoice.broken, topic: ask_invoice, title: 坏的, text: "密码是 {password}"}
- {key: invoice.silent, topic: ask_invoice, title: 空的, text: ""}
""", encoding="utf-8")
    return folder.parent


def test_seeding_twice_changes_nothing_and_bad_entries_lose_no_good_ones(works: Works, small_pack: Path) -> None:
    with works.begin(SYSTEM, NOW) as work:
        report = service.seed(work, small_pack)
    assert report["added"] == ["invoice.how_to_issue"]
    assert set(report["bad"]) == {"invoice.broken", "invoice.silent"}
    before = revision(works)
    with works.begin(SYSTEM, NOW) as work:
        assert service.seed(work, small_pack)["added"] == []
    assert revision(works) == before
    with works.read(SYSTEM, NOW) as work:
        assert work.session.exec(select(func.count()).select_from(ScriptVersion)).one() == 1
        (version,) = store.versions(work.session, "invoice.how_to_issue")
        assert version.author_id != version.approver_id
        assert work.session.get_one(Script, "invoice.how_to_issue").is_default


def test_a_changed_pack_never_overwrites_words_that_are_in_force(works: Works, small_pack: Path) -> None:
    with works.begin(SYSTEM, NOW) as work:
        service.seed(work, small_pack)
    path = small_pack / "scripts" / "ask_invoice.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("24 小时", "48 小时"), encoding="utf-8")
    with works.begin(SYSTEM, NOW) as work:
        service.seed(work, small_pack)
    assert said(works, "invoice.how_to_issue") == "签收后 24 小时内开好。"


def test_the_whole_demo_pack_can_be_said(works: Works) -> None:
    from backend.settings import settings as house

    if not (house().pack_dir / "scripts").is_dir():
        pytest.skip("no pack")
    with works.begin(SYSTEM, NOW) as work:
        report = service.seed(work, house().pack_dir)
    assert report["bad"] == {}
    assert len(report["added"]) >= 60


# --- in and out ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["json", "xlsx"])
def test_an_exported_library_comes_back_unchanged_and_a_changed_row_becomes_a_draft(works: Works, kind: str) -> None:
    published(works, "=1+1 不是公式。\n第二行。", examples=["改约", "换时间"],
              buttons=[{"title": "投诉", "say": "我要投诉"}, {"title": "转人工", "action": "request_human"}])
    with works.read(SU_MIN, NOW) as work:
        rows = exchange.export_rows(work.session)
    content = exchange.to_json(rows) if kind == "json" else exchange.to_xlsx(rows)
    back = exchange.read_file(f"library.{kind}", content)
    with works.begin(SU_MIN, NOW) as work:
        assert exchange.import_rows(work, back).unchanged == 1
    back[0]["text"] = "新的说法。"
    back += [{"row": 9, "key": "坏编号", "text": "x"}, {"row": 10, "key": "new.one", "text": "没有标题"}]
    with works.begin(SU_MIN, NOW) as work:
        report = exchange.import_rows(work, back)
    assert report.drafted == [KEY]
    assert [(row["row"], row["code"]) for row in report.bad] == [(9, "bad_script_key"), (10, "field_missing")]
    assert said(works) == "=1+1 不是公式。\n第二行。"


def test_a_draft_from_a_file_belongs_to_whoever_takes_it_up_and_another_approves_it(works: Works, tmp_path: Path) -> None:
    path = tmp_path / "library.json"
    service.write_file([{"key": KEY, "title": "重约取件", "topic": "ask_return_exchange", "text": "改约取件的办法。"}], path)
    with works.begin(SYSTEM, NOW) as work:
        report = service.import_file(work, path, "import")
    assert (report["imported"], report["problems"]) == (1, [])
    with works.begin(SHEN_LAN, NOW) as work:
        (version,) = store.versions(work.session, KEY)
        assert service.submit(work, version.id).author_id == "shenlan"

    def approve() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.approve(work, version.id)

    refused("same_person", approve)
    with works.begin(LATER, NOW) as work:
        assert service.approve(work, version.id).state == State.EFFECTIVE


@pytest.mark.parametrize(("name", "content"), [("a.json", b"{"), ("a.xlsx", b"PK not a zip"), ("a.json", b'{"a": 1}'),
                                               ("a.xlsx", b""), ("a.json", json.dumps([1, 2]).encode())])
def test_a_file_that_cannot_be_read_is_a_coded_error(name: str, content: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        exchange.read_file(name, content)
    assert refusal.value.code == "unreadable_file"


# --- many at once -------------------------------------------------------------------------------


def test_of_four_who_publish_the_same_script_at_once_exactly_one_is_always_in_force(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        hire(work)
    published(works, "起点。")
    waiting = [[submitted(works, f"第 {thread} 人第 {turn} 版。") for turn in range(4)] for thread in range(4)]
    counts: list[int] = []
    failures: list[BaseException] = []
    over = threading.Event()

    def publish(mine: list[str]) -> None:
        try:
            for version_id in mine:
                with works.begin(SHEN_LAN, NOW) as work:
                    service.approve(work, version_id)
        except BaseException as error:
            failures.append(error)

    def watch() -> None:
        while not over.is_set():
            with works.read(SYSTEM, NOW) as work:
                counts.append(len(store.effective(work.session, KEY, ("any",))))

    watcher = threading.Thread(target=watch)
    threads = [threading.Thread(target=publish, args=(mine,)) for mine in waiting]
    watcher.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    watcher.join()
    assert failures == []
    assert set(counts) == {1}
    assert revision(works) == 1 + 16
    with works.read(SYSTEM, NOW) as work:
        ended = work.session.exec(select(func.count()).select_from(ScriptVersion)
                                  .where(ScriptVersion.state == State.SUPERSEDED)).one()
    assert ended == 16


def test_whoever_speaks_while_others_publish_says_words_that_are_in_force(works: Works) -> None:
    published(works, "没有听懂。", key="system.fallback", topic="system")
    published(works, "第 0 版。")
    waiting = [submitted(works, f"第 {number} 版。") for number in range(1, 9)]
    spoken: list[str] = []
    failures: list[BaseException] = []
    over = threading.Event()

    def talk() -> None:
        try:
            while not over.is_set():
                with works.begin(SYSTEM, NOW) as work:
                    spoken.append(service.speak(work, KEY).key)
        except BaseException as error:
            failures.append(error)

    talkers = [threading.Thread(target=talk) for _ in range(2)]
    for talker in talkers:
        talker.start()
    for version_id in waiting:
        with works.begin(SHEN_LAN, NOW) as work:
            service.approve(work, version_id)
    over.set()
    for talker in talkers:
        talker.join()
    assert failures == []
    assert spoken and set(spoken) == {KEY}  # never once the fallback


MOVES = ("edit", "submit", "recall", "approve", "own_approve", "send_back", "refuse", "withdraw", "rollback", "later")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 3)), max_size=12))
def test_no_sequence_of_moves_puts_words_in_force_that_nobody_else_approved(
        works: Works, moves: list[tuple[str, int]]) -> None:
    key = f"walk.k{next(COUNTER)}"
    now = NOW
    ids = [drafted(works, f"说法 {number}。", key=key) for number in range(2)]
    approved: set[str] = set()
    for move, number in moves:
        now += timedelta(minutes=1)
        version_id = ids[number % len(ids)]
        actor = SHEN_LAN if move in ("approve", "send_back", "refuse", "rollback") else SU_MIN
        try:
            with works.begin(actor, now) as work:
                if move == "edit":
                    service.edit_draft(work, version_id, words(f"改于 {now:%H:%M}。"))
                elif move == "submit":
                    service.submit(work, version_id)
                elif move == "recall":
                    service.recall(work, version_id)
                elif move in ("approve", "own_approve"):
                    approved.add(service.approve(work, version_id).text)
                elif move == "send_back":
                    service.send_back(work, version_id, "改一下")
                elif move == "refuse":
                    service.refuse(work, version_id, "不行")
                elif move == "withdraw":
                    service.withdraw(work, version_id, "停用")
                elif move == "rollback":
                    ids.append(service.rollback(work, key, number + 1).id)
                else:
                    service.activate_due(work)
        except (Conflict, Forbidden, Invalid, ZhikeError):
            pass
        with works.read(SYSTEM, now) as work:
            speaking = store.effective(work.session, key, ("any",))
            assert len(speaking) <= 1
            for version in speaking:
                assert version.text in approved
                assert version.approver_id not in (None, version.author_id)


COUNTER = iter(range(1_000_000))
