"""Improvement items with their effect, and the rows as files."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlmodel import select

from backend.complaints.learning import service, store
from backend.complaints.learning.tables import Improvement
from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import Actor
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tests.cast import ADMIN, HAN_TAO, HE_CHUAN, LIN_JIA, NOW, SU_MIN, ZHOU_YANG
from tests.services.learning_book import AUDITOR, Book, weeks_ago


@pytest.fixture
def book(works: Works) -> Book:
    return Book(works)


# --- improvement items ---


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


# --- files ---


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
