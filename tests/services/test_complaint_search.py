"""Search in Chinese over words that are not readable in the index; duplicates shown before they are filed."""

from datetime import timedelta

import pytest
from sqlalchemy import text as sql

from backend.complaints import service as complaints
from backend.complaints import store
from backend.complaints.service import Query
from backend.customers import service as customers
from backend.infra import search
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM
from backend.kernel.errors import Conflict, ZhikeError
from tests.cast import LIN_JIA, NOW
from tests.services.complaint_story import filed, fresh, move


def found(works: Works, words: str) -> list[str]:
    with works.read(SYSTEM) as work:
        rows = complaints.listing(work.session, NOW, Query(which="all", search=words))["rows"]
    return sorted(row["number"] for row in rows)


def test_a_case_is_found_by_its_words_order_names_and_later_thread(pack_loaded: Works) -> None:
    one = filed(pack_loaded, description="胡桃色桌板开裂，换货取件两次没来", order_no="HM260917-3382")
    other = filed(pack_loaded, ref="v2", contact="13900001111", description="发票抬头开错了，说了两次没人改")
    with pack_loaded.begin(LIN_JIA, NOW) as work:
        complaints.add_note(work, one.number, "顺达快递系统合并了派单")
    for words in ("开裂", "桌板 取件", "HM260917-3382", "hm260917", one.number, one.number[-4:], "陈雨薇 换货", "派单",
                  "快递 合并", "13812346027", "升降书桌"):  # fmt: skip
        assert one.number in found(pack_loaded, words), words
    assert found(pack_loaded, "两次") == sorted([one.number, other.number])
    assert found(pack_loaded, "发票") == [other.number]
    for nothing in ("沙发", "开裂 发票", "裂", "，。", "%", '" OR "a', "6027", "') --"):
        assert found(pack_loaded, nothing) == [], nothing


def test_nothing_readable_stands_in_the_index(pack_loaded: Works) -> None:
    filed(pack_loaded)
    with pack_loaded.read(SYSTEM) as work:
        raw = str(work.session.execute(sql("SELECT tokens FROM search_index")).scalar_one())
    tokens = raw.replace("'", "").split()
    assert len(tokens) > 8 and all(len(token) == 16 and token.isascii() for token in tokens)
    for secret in ("桌板", "陈雨", "13812346027", "ts2026"):
        assert secret not in raw


def test_words_are_cut_the_same_way_in_a_text_and_in_a_question() -> None:
    assert {"开裂", "取件", "桌板"} <= search.words("桌板开裂，取件没来")
    assert search.words("陈雨薇") <= search.words("客户陈雨薇来电")
    assert search.words("ＨＭ２６０９") == {"hm2609"} and search.words("！？ 的") == set()
    assert search.blind("complaint", "开裂") != search.blind("other", "开裂")


def test_cases_from_before_the_index_are_caught_up_once(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    with pack_loaded.begin(SYSTEM, NOW) as work:
        work.session.execute(sql("DELETE FROM search_index"))
        work.session.execute(sql("DELETE FROM search_docs"))
        row = complaints.get(work.session, complaint.number)
        row.contact_index = row.topic = None
        work.session.add(row)
    assert found(pack_loaded, "开裂") == []
    assert [complaints.catch_up(pack_loaded), complaints.catch_up(pack_loaded)] == [1, 0]
    assert found(pack_loaded, "开裂") == [complaint.number]
    assert fresh(pack_loaded, complaint).contact_index == complaint.contact_index


# --- duplicates ---


def again(works: Works, first: object, ref: str = "visitor-1", **changed: object) -> ZhikeError | str:
    given = {
        "idempotency_key": f"again-{sorted(changed.items())}-{ref}", "description": "桌板开裂了要换货，取件两次都没来人",
        "remedy": "换货", "order_no": None, "contact": "13812346027",
    } | changed  # fmt: skip
    try:
        with works.begin(BOT, NOW + timedelta(hours=1)) as work:
            customer = customers.recognise(work, "web", ref)
            return complaints.file(
                work, customer_id=customer.id, conversation_id=getattr(first, "conversation_id", None),
                channel="web", ask_first=True, **given,  # type: ignore[arg-type]
            ).number  # fmt: skip
    except ZhikeError as error:
        return error


def test_the_same_matter_again_is_named_instead_of_filed_twice(pack_loaded: Works) -> None:
    first = filed(pack_loaded)
    error = again(pack_loaded, first)
    assert isinstance(error, Conflict) and error.code == "complaint_probably_known"
    assert error.fields["number"] == first.number and int(error.fields["likeness"]) >= 50
    assert error.fields["receipt_url"].startswith("/r/") and error.fields["stage_text"] == "已受理"
    with pack_loaded.read(SYSTEM) as work:
        assert [one.id for one in store.of_customer(work.session, first.customer_id)] == [first.id]


def test_another_matter_and_a_withdrawn_one_are_filed_at_once(pack_loaded: Works) -> None:
    first = filed(pack_loaded)
    assert isinstance(again(pack_loaded, first, description="发票抬头开错了，说了三次"), str)
    move(pack_loaded, first, "withdraw", text="不用了")
    assert isinstance(again(pack_loaded, first), str)


def test_a_stranger_who_types_somebodys_phone_learns_nothing(pack_loaded: Works) -> None:
    first = filed(pack_loaded, order_no="HM260917-3382")
    number = again(pack_loaded, None, ref="stranger", order_no="HM260917-3382", description=first.description)
    assert isinstance(number, str) and number != first.number
    # Staff see at once that the two belong together.
    with pack_loaded.read(SYSTEM) as work:
        shown = complaints.case(work.session, complaints.get(work.session, number), NOW)
    assert [one["number"] for one in shown["duplicates"]] == [first.number] and shown["duplicates"][0][
        "percent"
    ] == 100


def test_in_another_conversation_of_the_same_visitor_the_link_stays_closed(pack_loaded: Works) -> None:
    filed(pack_loaded)
    error = again(pack_loaded, None)
    assert isinstance(error, Conflict) and "receipt_url" not in error.fields


def test_the_same_key_is_never_asked_about(pack_loaded: Works) -> None:
    first = filed(pack_loaded, idempotency_key="k")
    assert again(pack_loaded, first, idempotency_key="k") == first.number


@pytest.mark.parametrize("count", [3])
def test_similar_open_cases_stand_together_on_the_case_page(pack_loaded: Works, count: int) -> None:
    cases = [
        filed(pack_loaded, ref=f"v{n}", contact=f"1390000000{n}", description=f"柜门开裂第 {n} 件")
        for n in range(count)
    ]
    with pack_loaded.read(SYSTEM) as work:
        shown = complaints.case(work.session, complaints.get(work.session, cases[0].number), NOW)
    assert shown["similar_count"] == count - 1
    assert {one["number"] for one in shown["similar"]} == {one.number for one in cases[1:]}
