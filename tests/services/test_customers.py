"""Customers: recognised without being stored in the clear, shown masked; orders by any writing of their number."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from backend.customers import service as customers
from backend.customers.orders import DemoOrderBook
from backend.customers.tables import Customer
from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, customer_actor
from backend.kernel.clock import shanghai_date
from backend.kernel.errors import Forbidden, Invalid, NotFound
from tests.cast import HE_CHUAN, LIN_JIA, NOW, hire


def test_the_same_reference_is_the_same_customer_on_one_channel_only(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        first = customers.recognise(work, "web", "browser-1", "陈雨薇")
        assert customers.recognise(work, "web", "browser-1").id == first.id
        assert customers.recognise(work, "wechat", "browser-1").id != first.id
        assert customers.name_of(work.session, first.id) == "陈雨薇"


def test_eight_first_messages_at_once_make_one_customer(works: Works) -> None:
    def meet(_: int) -> str:
        with works.begin(SYSTEM, NOW) as work:
            return customers.recognise(work, "web", "browser-1").id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(meet, range(8)))) == 1


def test_coming_back_after_a_pause_counts_as_a_visit(works: Works) -> None:
    for minutes in (0, 5, 20, 60, 61, 200):
        with works.begin(SYSTEM, NOW + timedelta(minutes=minutes)) as work:
            visits = customers.recognise(work, "web", "browser-1").visits
    assert visits == 3


def test_neither_reference_nor_name_nor_contact_is_readable_in_the_database(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        customer = customers.recognise(work, "wechat", "openid-secret", "陈雨薇")
        customers.remember_contact(work, customer.id, "138 1234 6027")
    with works.read(SYSTEM) as work:
        row = work.session.connection().exec_driver_sql("SELECT * FROM customers").one()
    kept = b"".join(
        bytes(part) if isinstance(part, bytes | memoryview) else str(part).encode() for part in row
    )
    for secret in (b"openid-secret", "陈雨薇".encode(), b"13812346027"):
        assert secret not in kept


def test_the_card_masks_the_contact_and_names_other_channels(works: Works) -> None:
    with works.begin(LIN_JIA, NOW) as work:
        hire(work)
        web = customers.recognise(work, "web", "b", "陈雨薇")
        wechat = customers.recognise(work, "wechat", "o")
        for one in (web, wechat):
            customers.remember_contact(work, one.id, "+86 138-1234-6027")
        customers.add_note(work, web.id, " 电话前先发消息 ")
        card = customers.card(work.session, web.id, NOW)
        stranger = customers.card(work.session, wechat.id, NOW)
    assert (card["name"], card["contact_masked"], card["channel_text"]) == ("陈雨薇", "138****6027", "网页")
    assert card["also_on"] == ["微信"]
    assert [(note["text"], note["who"], note["at_text"]) for note in card["notes"]] == [
        ("电话前先发消息", "林佳", "今天 14:36")
    ]
    assert stranger["name"] == f"访客 {wechat.id[:4]}"


def test_one_mailbox_in_two_spellings_is_one_contact(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        one, two = customers.recognise(work, "web", "1"), customers.recognise(work, "web", "2")
        customers.remember_contact(work, one.id, "Lin@Example.com")
        customers.remember_contact(work, two.id, "lin@example.com")
        assert one.contact_index == two.contact_index
        assert customers.card(work.session, one.id, NOW)["contact_masked"] == "L***@example.com"


@pytest.mark.parametrize("contact", ["", "1381234602", "lin@", "电话"])
def test_a_contact_that_reaches_nobody_is_refused(works: Works, contact: str) -> None:
    with works.begin(SYSTEM, NOW) as work:
        customer = customers.recognise(work, "web", "1")
    with pytest.raises(Invalid), works.begin(SYSTEM, NOW) as work:
        customers.remember_contact(work, customer.id, contact)
    with works.read(SYSTEM) as work:
        assert work.session.exec(select(Customer)).one().contact is None


def test_unmasking_is_permitted_to_agents_and_always_journalled(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        customer = customers.recognise(work, "web", "1")
        customers.remember_contact(work, customer.id, "13812346027")
    with pytest.raises(Forbidden), works.begin(HE_CHUAN, NOW) as work:
        customers.reveal_contact(work, customer.id, "好奇")
    with works.begin(LIN_JIA, NOW) as work:
        assert customers.reveal_contact(work, customer.id, "回电") == "13812346027"
    with works.read(SYSTEM) as work:
        entry = work.session.exec(select(JournalEntry).where(JournalEntry.action == "contact_revealed")).one()
    assert (entry.actor_id, entry.detail) == (LIN_JIA.id, {"why": "回电"})


def test_notes_are_for_staff_and_say_something(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        hire(work)
        customer = customers.recognise(work, "web", "1")
    for actor, text, error in ((LIN_JIA, "  ", Invalid), (LIN_JIA, "长" * 1001, Invalid),
                               (customer_actor(customer.id), "我自己写", Forbidden)):  # fmt: skip
        with pytest.raises(error), works.begin(actor, NOW) as work:
            customers.add_note(work, customer.id, text)
    with pytest.raises(NotFound), works.begin(LIN_JIA, NOW) as work:
        customers.add_note(work, "nobody", "在吗")


# --- orders ---


@pytest.mark.parametrize("written", ["HM261006-2214", "hm2610062214", "261006 2214", "订单号ＨＭ261006—2214"])
def test_an_order_is_found_however_its_number_is_written(written: str) -> None:
    order = customers.find_order(written, NOW)
    assert (order.order_no, order.status, order.carrier) == ("HM261006-2214", "shipped", "顺达快递")
    assert order.as_dict()["eta_text"] == "10月11日（周日）"
    assert order.status_text == "已发货，运输中"


def test_an_order_that_is_not_there_is_said_so() -> None:
    with pytest.raises(NotFound) as refused:
        customers.find_order("HM260101-0000", NOW)
    assert refused.value.code == "order_not_found"
    with pytest.raises(Invalid):
        customers.find_order("你好", NOW)


def test_an_order_tells_nothing_about_the_person() -> None:
    told = customers.find_order("HM260917-3382", NOW).as_dict()
    assert set(told) == {
        "order_no",
        "status",
        "status_text",
        "item_name",
        "carrier",
        "tracking_no",
        "eta_text",
    }
    assert told["eta_text"] == ""  # delivered: nothing is expected any more


def test_a_book_with_an_unknown_status_is_refused_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "orders.yml"
    assert DemoOrderBook(path).find("HM261006-2214", shanghai_date(NOW)) is None
    path.write_text("orders:\n  - {order_no: A1, status: lost, item_name: x}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no such status"):
        DemoOrderBook(path)
