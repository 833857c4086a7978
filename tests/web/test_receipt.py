"""The receipt page: what a customer with the link sees and can do, and nobody without it."""


import pytest
from starlette.testclient import TestClient

from backend.complaints import service as complaints
from backend.complaints import store
from backend.complaints.tables import Complaint
from backend.kernel.actors import SYSTEM
from tests.cast import LIN_JIA, NOW
from tests.web import complaints_house
from tests.web.complaints_house import House, hidden_csrf, house_on

house = house_on("migrated_sqlite")
complaint, link = complaints_house.complaint, complaints_house.link


@pytest.fixture
def browser(house: House) -> TestClient:
    return house.client()


def kinds(house: House, complaint: Complaint) -> list[str]:
    with house.works.read(SYSTEM) as work:
        return [entry.kind for entry in store.entries(work.session, complaint.id)]


def test_the_receipt_shows_stage_promised_date_and_history(
    browser: TestClient, house: House, link: str
) -> None:
    with house.works.begin(LIN_JIA, NOW) as work:
        complaints.move(work, "TS20260924-0001", "acknowledge", public_text="我来负责，先核实取件记录")
    page = browser.get(link)
    assert page.status_code == 200
    for words in ("TS20260924-0001", "10月12日 周一 18:00", "还有 3 天，正在按时处理", "专人已接手",
                  "我来负责，先核实取件记录", "客服林佳", "登记了投诉", "138****6027", "HM260917-3382"):  # fmt: skip
        assert words in page.text, words
    assert "我们答应 7 个工作日内给结果" in page.text
    assert "13812346027" not in page.text


def test_no_cache_keeps_the_receipt_and_no_other_site_hears_of_it(browser: TestClient, link: str) -> None:
    page = browser.get(link)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "style-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("token", ["x" * 43, "0", "%00", "..%2fdesk"])
def test_an_unknown_link_is_a_page_that_says_nothing_more(
    browser: TestClient, complaint: Complaint, token: str
) -> None:
    page = browser.get(f"/r/{token}")
    assert page.status_code == 404
    assert "TS2026" not in page.text


def test_the_customer_adds_words_and_sees_them(
    browser: TestClient, house: House, complaint: Complaint, link: str
) -> None:
    csrf = hidden_csrf(browser.get(link).text)
    answer = browser.post(f"{link}/supplement", data={"csrf": csrf, "text": "<b>照片</b>在会话里"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{link}?said=supplemented")
    page = browser.get(answer.headers["location"])
    assert "补充的内容已收下" in page.text
    assert "&lt;b&gt;照片&lt;/b&gt;在会话里" in page.text and "<b>照片</b>" not in page.text
    assert kinds(house, complaint) == ["filed", "supplemented"]


def test_a_double_click_on_urge_counts_once(
    browser: TestClient, house: House, complaint: Complaint, link: str
) -> None:
    csrf = hidden_csrf(browser.get(link).text)
    for _ in range(2):
        assert browser.post(f"{link}/urge", data={"csrf": csrf}).status_code == 303
    assert kinds(house, complaint) == ["filed", "urged"]
    assert "您已催办 1 次" in browser.get(link).text


def test_a_form_that_did_not_come_from_the_page_is_refused(
    browser: TestClient, house: House, complaint: Complaint, link: str
) -> None:
    for csrf in ("", "x" * 43):
        page = browser.post(f"{link}/urge", data={"csrf": csrf})
        assert page.status_code == 403 and "页面已过期" in page.text
    assert browser.post("/r/" + "x" * 43 + "/urge", data={"csrf": "x"}).status_code == 404
    assert kinds(house, complaint) == ["filed"]


def test_an_empty_supplement_is_said_so_and_keeps_the_page(browser: TestClient, link: str) -> None:
    csrf = hidden_csrf(browser.get(link).text)
    page = browser.post(f"{link}/supplement", data={"csrf": csrf, "text": "  "})
    assert page.status_code == 422
    assert "还没有写内容" in page.text and "10月12日" in page.text


def test_a_supplement_that_is_too_long_is_not_lost(browser: TestClient, link: str) -> None:
    csrf = hidden_csrf(browser.get(link).text)
    page = browser.post(f"{link}/supplement", data={"csrf": csrf, "text": "长" * 2001})
    assert page.status_code == 422 and "一次最多 2000 个字" in page.text
    assert "长" * 2000 in page.text


def test_more_than_ten_posts_an_hour_are_refused(
    browser: TestClient, house: House, complaint: Complaint, link: str
) -> None:
    csrf = hidden_csrf(browser.get(link).text)
    answers = [
        browser.post(f"{link}/supplement", data={"csrf": csrf, "text": f"第 {n} 条"}) for n in range(12)
    ]
    assert [answer.status_code for answer in answers] == [303] * 10 + [429] * 2
    assert "太频繁" in answers[-1].text
    assert kinds(house, complaint).count("supplemented") == 10


def test_an_ended_complaint_offers_neither_urging_nor_adding(
    browser: TestClient, house: House, link: str
) -> None:
    csrf = hidden_csrf(browser.get(link).text)
    with house.works.begin(LIN_JIA, NOW) as work:
        complaints.move(work, "TS20260924-0001", "withdraw", text="客户来电撤回")
    page = browser.get(link)
    assert "已撤回" in page.text and "/urge" not in page.text and "客户来电撤回" not in page.text
    refused = browser.post(f"{link}/urge", data={"csrf": csrf})
    assert refused.status_code == 409
