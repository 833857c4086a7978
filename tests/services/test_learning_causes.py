"""Causes of complaints: five whys that only grow, remedies that add up, the words heard before."""

import importlib
from datetime import timedelta

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlmodel import select

from backend.complaints import service as complaints
from backend.complaints.learning import service
from backend.complaints.learning.tables import HeardBefore, WhyRecord
from backend.complaints.tables import Complaint
from backend.conversations import service as conversations
from backend.conversations.tables import Conversation
from backend.infra.work import Work, Works
from backend.kernel.actors import BOT, customer_actor
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from backend.scripts import service as scripts
from tests.builders import a_conversation
from tests.cast import ADMIN, HAN_TAO, HE_CHUAN, LIN_JIA, NOW
from tests.services.learning_book import AUDITOR, Book, weeks_ago


@pytest.fixture
def book(works: Works) -> Book:
    return Book(works)


# --- causes and remedies ---


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


# --- the words heard before ---


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
