"""What complaints teach, in the database: causes, figures with their rows, frozen baselines, improvement items, files."""

import csv
import importlib
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from openpyxl import load_workbook
from sqlmodel import select

from backend.complaints import service as complaints
from backend.complaints.learning import service, store
from backend.complaints.learning.tables import FrozenBaseline, HeardBefore, Improvement, WhyRecord
from backend.complaints.tables import Complaint
from backend.conversations import service as conversations
from backend.conversations.tables import Conversation, Message
from backend.infra.journal import JournalEntry
from backend.infra.work import Work, Works
from backend.kernel.actors import BOT, SYSTEM, Actor, Role, customer_actor, staff_actor
from backend.kernel.clock import shanghai_instant
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.scripts import service as scripts
from tests.builders import a_conversation, a_customer
from tests.cast import ADMIN, HAN_TAO, HE_CHUAN, LIN_JIA, NOW, SU_MIN, ZHOU_YANG, hire

AUDITOR = staff_actor("neishen", "内审", [Role.AUDITOR])


class Book:
    """A house whose complaints are written down one by one, so that every figure can be counted by hand."""

    def __init__(self, works: Works) -> None:
        self.works = works
        self.count = 0
        with works.begin(SYSTEM, NOW) as work:
            hire(work)
            self.customer = a_customer(work).id

    def talk(self, at: datetime, times: int = 1, channel: str = "web") -> list[str]:
        rows = [Conversation(id=new_id(), channel=channel, customer_id=self.customer, token_hash="x", state="closed",
                             opened_at=at, last_message_at=at, last_seq=1) for _ in range(times)]
        with self.works.begin(SYSTEM, NOW) as work:
            work.session.add_all(rows)
            work.flush()
            work.session.add_all(
                Message(id=new_id(), conversation_id=row.id, seq=1, sender="customer", text="你好", at=at) for row in rows)
        return [row.id for row in rows]

    def complain(self, at: datetime, **given: Any) -> Complaint:
        self.count += 1
        fields: dict[str, Any] = {
            "id": new_id(), "number": f"TS20260101-{self.count:04d}", "idempotency_key": new_id(),
            "receipt_token_hash": new_id(), "customer_id": self.customer, "channel": "web",
            "description": "桌板开裂，打 13812346027 没人接", "remedy": "换货", "contact": "13812346027",
            "contact_kind": "phone", "last4_index": "x", "stage": "filed", "topic": "quality.damage", "filed_at": at,
        }
        row = Complaint(**(fields | given))
        with self.works.begin(SYSTEM, NOW) as work:
            work.session.add(row)
        return row

    def overview(self, by: str = "category", **asked: str) -> dict[str, Any]:
        with self.works.read(HAN_TAO, NOW) as work:
            return service.overview(work.session, service.ask(work.session, asked, NOW), by, NOW)

    def rows(self, **asked: str) -> dict[str, Any]:
        with self.works.read(HAN_TAO, NOW) as work:
            return service.rows(work.session, service.ask(work.session, asked, NOW), NOW, 1)


@pytest.fixture
def book(works: Works) -> Book:
    return Book(works)


def weeks_ago(weeks: float) -> datetime:
    return NOW - timedelta(weeks=weeks)


# --- causes and remedies -----------------------------------------------------------------------------------


def test_each_revision_of_the_whys_stays_and_the_newest_cause_counts(book: Book) -> None:
    row = book.complain(weeks_ago(1))
    for answer, cause, actor in [("快递没来", "supplier.carrier", LIN_JIA), ("没人盯", "process.watch", HAN_TAO)]:
        with book.works.begin(actor, NOW) as work:
            service.record(work, row.number, [("", answer)], cause)
    with book.works.read(HE_CHUAN, NOW) as work:
        panel = service.panel(work.session, complaints.get(work.session, row.number), NOW)
        kept = work.session.exec(select(WhyRecord).order_by(WhyRecord.revision)).all()
    assert panel["newest"]["cause_text"] == "流程，没人盯进度" and panel["newest"]["who"] == "韩涛"
    assert [one["whys"] for one in panel["older"]] == [[("为什么会发生？", "快递没来")]]
    assert [(one.revision, one.actor_id) for one in kept] == [(1, "linjia"), (2, "hantao")]
    assert book.rows(cause="process")["n"] == 1, "the upper storey means all that stands under it"


def test_whoever_only_reads_records_no_cause_and_no_remedy(book: Book) -> None:
    row = book.complain(weeks_ago(1))
    for actor in (HE_CHUAN, AUDITOR, ADMIN):
        with pytest.raises(Forbidden), book.works.begin(actor, NOW) as work:
            service.record(work, row.number, [("", "没人盯")], "process.watch")
        with pytest.raises(Forbidden), book.works.begin(actor, NOW) as work:
            service.add_remedy(work, row.number, "refund", 100)


def test_a_cause_of_an_unknown_case_or_code_changes_nothing(book: Book) -> None:
    row = book.complain(weeks_ago(1))
    with pytest.raises(NotFound), book.works.begin(LIN_JIA, NOW) as work:
        service.record(work, "TS20990101-0001", [("", "没人盯")], "process.watch")
    with pytest.raises(Invalid) as caught, book.works.begin(LIN_JIA, NOW) as work:
        service.record(work, row.number, [("", "没人盯")], "process")
    assert caught.value.code == "unknown_cause"
    assert book.rows(cause="-")["n"] == 1


def test_a_severe_case_is_only_closed_with_three_layers_of_why(book: Book) -> None:
    grave, light = book.complain(weeks_ago(1), level="high"), book.complain(weeks_ago(1), level="low")

    def code(row: Complaint) -> str:
        with book.works.read(LIN_JIA, NOW) as work:
            try:
                service.guard_closing(work.session, complaints.get(work.session, row.number))
            except Conflict as error:
                return error.code
        return ""

    assert (code(grave), code(light)) == ("cause_missing", "")
    with book.works.begin(LIN_JIA, NOW) as work:
        service.record(work, grave.number, [("", "一"), ("", "二")], "process.watch")
    assert code(grave) == "whys_too_few"
    with book.works.begin(LIN_JIA, NOW) as work:
        service.record(work, grave.number, [("", "一"), ("", "二"), ("", "三")], "process.watch")
    assert code(grave) == ""


def test_remedies_add_up_and_take_the_place_of_the_decisions_sum(book: Book) -> None:
    split = book.complain(weeks_ago(1), remedy_cost=99_900)
    book.complain(weeks_ago(1), remedy_cost=5_000)
    book.complain(weeks_ago(1))
    with book.works.begin(LIN_JIA, NOW) as work:
        service.add_remedy(work, split.number, "refund", 12_850)
        service.add_remedy(work, split.number, "freight", 2_000)
        service.add_remedy(work, split.number, "correction", -850)
    seen = book.overview()
    assert seen["cost"]["total"] == 14_000 + 5_000
    assert (seen["cost"]["share"]["k"], seen["cost"]["share"]["n"]) == (2, 3)
    assert book.rows(only="costed")["n"] == 2
    with pytest.raises(Invalid), book.works.begin(LIN_JIA, NOW) as work:
        service.add_remedy(work, split.number, "correction", -14_001)


# --- figures and their rows -----------------------------------------------------------------------------------


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


# --- charts and baselines -----------------------------------------------------------------------------------------


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


# --- improvement items ---------------------------------------------------------------------------------------------


def an_item(book: Book, actor: Actor = HAN_TAO, at: datetime = NOW, **changed: Any) -> Improvement:
    given: dict[str, Any] = {
        "title": "取件改两小时窗口", "source": "pareto", "owner_id": "linjia",
        "due_on": date(2026, 11, 30), "measure": "和快递公司约定窗口",
    } | changed
    with book.works.begin(actor, at) as work:
        asked = service.ask(work.session, {"category": "logistics.pickup"}, at)
        return service.open_item(work, asked=asked, **given)


def do(book: Book, item: Improvement, action: str, actor: Actor = LIN_JIA, at: datetime = NOW, **given: Any) -> Improvement:
    with book.works.begin(actor, at) as work:
        return service.act(work, item.id, action, **given)


def test_an_item_runs_from_open_to_closed_with_its_effect_measured(book: Book) -> None:
    opened, later = weeks_ago(6), weeks_ago(4)
    item = an_item(book, at=opened, due_on=date(2026, 9, 30))
    book.talk(weeks_ago(5), 100)
    book.talk(weeks_ago(2), 100)
    for _ in range(20):
        book.complain(weeks_ago(5), topic="logistics.pickup")
    for _ in range(4):
        book.complain(weeks_ago(2), topic="logistics.pickup")
    book.complain(weeks_ago(2), topic="quality.damage")  # not what the item is about
    do(book, item, "start", at=opened)
    do(book, item, "finish", at=later, effective_on=later.date())
    with pytest.raises(Conflict) as caught:
        do(book, item, "close", text="好了")
    assert caught.value.code == "effect_not_checked"
    measured = do(book, item, "measure")
    assert measured.check is not None
    assert (measured.check["before"], measured.check["after"]) == ({"k": 20, "n": 100}, {"k": 4, "n": 100})
    assert measured.check["verdict"] == "better" and measured.check["interval"][1] < 0
    closed = do(book, item, "close")
    assert closed.state == "closed" and closed.closed_at == NOW
    with book.works.read(HE_CHUAN, NOW) as work:
        shown = service.full(work.session, service.get(work.session, item.id), NOW)
    assert [one["what"] for one in shown["steps"]] == ["关闭", "比较前后", "措施已落实", "开始做", "开立"]
    assert shown["effect_text"].startswith("200.0‰ → 40.0‰") and not shown["late"]


def test_an_effect_that_is_not_proven_needs_words_to_close_or_goes_back_to_work(book: Book) -> None:
    item = an_item(book, at=weeks_ago(3), due_on=date(2026, 9, 20))
    do(book, item, "start", at=weeks_ago(3))
    do(book, item, "finish", at=weeks_ago(2), effective_on=weeks_ago(2).date())
    assert do(book, item, "measure").check["verdict"] == "too_few"  # type: ignore[index]
    with pytest.raises(Invalid):
        do(book, item, "close")
    again = do(book, item, "redo", text="样本太少，再看一阵")
    assert again.state == "doing" and again.check is None and again.effective_on is None


def test_items_are_refused_to_strangers_and_for_days_gone_by(book: Book) -> None:
    for actor in (LIN_JIA, AUDITOR, SU_MIN):
        with pytest.raises(Forbidden):
            an_item(book, actor)
    for changed, code in [
        ({"due_on": date(2026, 10, 8)}, "due_in_the_past"), ({"owner_id": "nobody"}, "unknown_owner"),
        ({"title": " "}, "field_missing"), ({"measure": ""}, "field_missing"), ({"title": "长" * 81}, "field_too_long"),
        ({"source": "moon"}, "unknown_code"),
    ]:
        with pytest.raises(Invalid) as caught:
            an_item(book, **changed)
        assert caught.value.code == code
    item = an_item(book)
    with pytest.raises(Forbidden):
        do(book, item, "start", ZHOU_YANG)  # neither its owner nor one who leads
    with pytest.raises(NotFound) as lost, book.works.begin(HAN_TAO, NOW) as work:
        service.act(work, "f" * 32, "start")
    assert lost.value.code == "improvement_not_found"
    with pytest.raises(NotFound):
        do(book, item, "explode")
    with pytest.raises(Conflict):
        do(book, item, "measure")
    do(book, item, "start")
    for day in (date(2026, 10, 8), date(2026, 10, 10), None):
        with pytest.raises(Invalid):
            do(book, item, "finish", effective_on=day)


def test_a_late_item_says_so_and_another_owner_is_kept_in_its_history(book: Book) -> None:
    item = an_item(book, at=weeks_ago(4), due_on=date(2026, 10, 7))
    with book.works.begin(HAN_TAO, NOW) as work:
        service.change(work, item.id, owner_id="zhouyang", due_on=date(2026, 10, 7), measure="和快递公司约定窗口")
        (row,) = service.listing(work.session, "open", "zhouyang", NOW)["rows"]
    assert row["late"] and row["clock"] == "逾期 2 天" and row["owner_name"] == "周杨"
    with book.works.read(HAN_TAO, NOW) as work:
        assert service.listing(work.session, "open", "linjia", NOW)["rows"] == []
        with pytest.raises(Invalid):
            service.listing(work.session, "moon", "", NOW)


# --- files --------------------------------------------------------------------------------------------------------------


def export(book: Book, actor: Actor, form: str = "csv", **asked: str) -> bytes:
    with book.works.begin(actor, NOW) as work:
        cases, again = service.begin_export(work, service.ask(work.session, asked, NOW), form)
    with book.works.read(actor, NOW) as work:
        lines: Iterator[list[Any]] = service.export_rows(work.session, cases, again, actor)
        return b"".join(service.as_csv(lines) if form == "csv" else service.as_xlsx(lines))


def read(raw: bytes) -> list[dict[str, str]]:
    assert raw.startswith(b"\xef\xbb\xbf"), "a spreadsheet needs the mark to read Chinese"
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))


def test_a_file_holds_the_filters_rows_masked_by_role_and_harmless(book: Book) -> None:
    book.complain(weeks_ago(1), description="=HYPERLINK(\"http://x\")，打 13812346027", remedy="+1", cause="process.watch")
    book.complain(weeks_ago(1), topic="price.invoice")
    (agent,) = read(export(book, LIN_JIA, category="quality"))
    assert agent["投诉内容"] == "'=HYPERLINK(\"http://x\")，打 13812346027" and agent["诉求"] == "'+1"
    assert agent["根因"] == "流程，没人盯进度" and agent["联系方式"] == "138****6027"
    for actor in (HAN_TAO, AUDITOR, HE_CHUAN):
        (row,) = read(export(book, actor, category="quality"))
        assert "13812346027" not in str(row) and "138****6027" in row["投诉内容"], actor.name
    with pytest.raises(Forbidden):
        export(book, SU_MIN)
    with pytest.raises(Invalid):
        export(book, LIN_JIA, "pdf")


def test_a_workbook_holds_the_same_rows_and_no_formula(book: Book) -> None:
    book.complain(weeks_ago(1), description="@SUM(A1)\x07", remedy_cost=12_850, severity=6)
    sheet = load_workbook(io.BytesIO(export(book, LIN_JIA, "xlsx"))).active
    assert sheet is not None
    head, row = (list(line) for line in sheet.iter_rows())
    cells = dict(zip([one.value for one in head], row, strict=True))
    assert cells["投诉内容"].value == "'@SUM(A1)" and cells["补偿成本（元）"].value == 128.5
    assert all(cell.data_type != "f" for cell in row)


def test_who_took_which_rows_stands_in_the_journal(book: Book) -> None:
    for _ in range(3):
        book.complain(weeks_ago(1))
    export(book, HE_CHUAN, category="quality")
    with book.works.read(ADMIN, NOW) as work:
        (entry,) = work.session.exec(select(JournalEntry).where(JournalEntry.action == "complaints_exported")).all()
    assert entry.actor_id == "hechuan" and entry.detail["rows"] == 3 and entry.detail["masked"] is True
    assert entry.detail["query"]["category"] == "quality"


def test_a_long_file_is_written_in_slices(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(7):
        book.complain(weeks_ago(1))
    slices = store.in_slices
    monkeypatch.setattr(store, "in_slices", lambda session, ids: slices(session, ids, 3))
    assert len(read(export(book, LIN_JIA))) == 7


# --- the words heard before ----------------------------------------------------------------------------------------------


def heard(work: Work, key: str) -> tuple[Conversation, str]:
    talk = a_conversation(work)
    for one in (key, "system.welcome"):
        conversations.say(work, talk, scripts.speak(work, one, {}))
    version = scripts.effective(work.session, key, "web", work.now)
    assert version is not None
    return talk, version.id


def test_a_complaint_keeps_the_answer_that_was_heard_before_it(pack_loaded: Works) -> None:
    with pack_loaded.begin(BOT, NOW) as work:
        talk, version_id = heard(work, "invoice.how_to_issue")
        row = complaints.file(
            work, idempotency_key="k", customer_id=talk.customer_id, conversation_id=talk.id, channel="web",
            description="发票一直开不出来", remedy="开票", order_no=None, contact="13812346027")
    with pack_loaded.read(HAN_TAO, NOW) as work:
        kept = work.session.get(HeardBefore, row.id)
        asked = service.ask(work.session, {"script": version_id}, NOW)
        assert service.rows(work.session, asked, NOW + timedelta(seconds=1), 1)["n"] == 1
    assert kept is not None and kept.script_version_id == version_id, "a greeting of the house is no answer"


def test_the_migration_finds_the_answers_of_complaints_filed_before(pack_loaded: Works) -> None:
    with pack_loaded.begin(BOT, NOW) as work:
        talk, version_id = heard(work, "invoice.how_to_issue")
        row = complaints.file(
            work, idempotency_key="k", customer_id=talk.customer_id, conversation_id=talk.id, channel="web",
            description="发票一直开不出来", remedy="开票", order_no=None, contact="13812346027")
    migration = importlib.import_module("backend.migrations.versions.0007_learning")
    with pack_loaded.engine.connect() as connection:
        connection.exec_driver_sql("DELETE FROM complaint_answers")
        with Operations.context(MigrationContext.configure(connection)):
            migration._backfill()
        found = connection.exec_driver_sql("SELECT complaint_id, script_version_id FROM complaint_answers").all()
        connection.rollback()
    assert [tuple(one) for one in found] == [(row.id, version_id)]


def test_customers_read_nothing_of_this(book: Book) -> None:
    with pytest.raises(Forbidden), book.works.begin(customer_actor("c"), NOW) as work:
        service.begin_export(work, service.ask(work.session, {}, NOW), "csv")
