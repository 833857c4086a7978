"""The staff's list and case page, and the HTTP interface of complaints."""

import html
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.complaints import service as complaints
from backend.kernel.actors import SYSTEM
from backend.settings import settings
from tests.cast import LIN_JIA, NOW
from tests.web import complaints_house
from tests.web.complaints_house import NUMBER, House, hidden_csrf, house_on

SCORED = {"severity": "1", "complexity": "1", "impact": "1", "urgency": "1", "category": "other.other"}


house = house_on("migrated_sqlite")
browser = complaints_house.lin_jia


def stage(house: House) -> str:
    with house.works.read(SYSTEM) as work:
        return complaints.get(work.session, NUMBER).stage


# --- pages ---


def test_without_a_sign_in_the_pages_send_to_the_log_in(house: House) -> None:
    for path in ("/complaints", f"/complaints/{NUMBER}"):
        answer = house.client().get(path)
        assert answer.status_code == 303 and answer.headers["location"].startswith("/login")


def test_an_empty_list_says_what_will_stand_there(browser: TestClient) -> None:
    page = browser.get("/complaints")
    assert page.status_code == 200 and "没有未结的投诉" in page.text


def test_the_list_shows_what_is_due_next_and_finds_by_number(browser: TestClient, house: House) -> None:
    house.filed()
    page = browser.get("/complaints").text
    for words in ("桌板开裂，换货取件两次没来", NUMBER, "陈雨薇", "已受理", "逾期", "还没人接"):
        assert words in page, words
    assert NUMBER in browser.get("/complaints?filter=all&q=0001").text
    assert "没有找到「9999」" in browser.get("/complaints?filter=all&q=9999").text
    assert NUMBER not in browser.get("/complaints?owner=me").text
    assert NUMBER in browser.get("/complaints?filter=all&q=取件").text
    assert NUMBER in browser.get("/complaints?filter=all&q=陈雨薇 桌板").text
    for spoilt in (
        "?filter=nonsense",
        "?after=-5",
        "?before=99999",
        "?after=MTph",
        "?q=%25%27--",
        "?stage=x&unit=y",
    ):
        assert browser.get(f"/complaints{spoilt}").status_code == 200


def test_the_list_goes_on_by_key_and_comes_back(browser: TestClient, house: House) -> None:
    for index in range(23):
        house.filed(idempotency_key=f"k{index}")
    first = browser.get("/complaints").text
    assert "共 23 件" in first and 'rel="prev"' not in first
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following
    second = browser.get(html.unescape(following[1])).text
    assert second.count('id="row-') == 3 and 'rel="next"' not in second
    previous = re.search(r'href="([^"]+)" rel="prev"', second)
    assert previous
    assert browser.get(html.unescape(previous[1])).text.count('id="row-') == 20


def test_the_case_page_shows_rail_thread_clocks_and_counted_days(browser: TestClient, house: House) -> None:
    house.filed()
    page = browser.get(f"/complaints/{NUMBER}").text
    for words in ("桌板开裂，换货取件两次没来", "换一张完好的桌板", "138****6027", "内部期限，第 5 个工作日",
                  "对客户的承诺，第 7 个工作日", "10月12日（周一）18:00", "还剩 3 时 24 分", "正式日历",
                  "计 7 个工作日，不计 11 天：中秋 3 天，国庆 7 天，周日 1 天", "零售投诉时限 v3",
                  "9/28 为第 1 天，10/10 调休上班为第 6 天，10/12 到期", "接手确认"):  # fmt: skip
        assert words in page, words
    assert "13812346027" not in page


def test_an_unknown_case_is_a_404_page(browser: TestClient) -> None:
    assert browser.get("/complaints/TS20260924-9999").status_code == 404


def test_a_case_is_handled_from_page_to_page_until_it_is_closed(browser: TestClient, house: House) -> None:
    house.filed()
    steps: tuple[tuple[str, dict[str, str]], ...] = (
        ("acknowledge", {"public_text": "我来负责"}),
        (
            "assess",
            {
                "severity": "2",
                "complexity": "1",
                "impact": "2",
                "urgency": "3",
                "category": "logistics.pickup",
            },
        ),
        ("investigate", {}),
        ("decide", {"outcome": "accepted", "text": "换新"}),
        ("communicate", {"channel": "phone", "text": "新桌板今天出库"}),
        ("close", {}),
    )
    for action, data in steps:
        page = browser.get(f"/complaints/{NUMBER}").text
        if action == "close":
            late = browser.post(f"/complaints/{NUMBER}/do/close", data={"csrf": hidden_csrf(page)})
            assert late.status_code == 409 and "还没有写原因" in late.text
            for kind in re.findall(r'name="kind" value="(\w+)"', page):
                said = {"csrf": hidden_csrf(page), "kind": kind, "cause": "short_of_staff", "text": "国庆当班的人少"}
                assert browser.post(f"/complaints/{NUMBER}/breach", data=said).status_code == 303
            page = browser.get(f"/complaints/{NUMBER}").text
        assert f'popovertarget="do-{action}"' in page
        answer = browser.post(f"/complaints/{NUMBER}/do/{action}", data={"csrf": hidden_csrf(page), **data})
        assert (answer.status_code, answer.headers.get("location")) == (303, f"/complaints/{NUMBER}"), action
    assert stage(house) == "closed"
    page = browser.get(f"/complaints/{NUMBER}").text
    assert (
        "告知客户，电话" in page
        and "处理决定：全部支持" in page
        and "评估：中，12 分（严重 2 × 复杂 1 × 影响 2 × 紧急 3），物流履约，取件失约" in page
    )


def test_a_refused_action_keeps_what_was_written(browser: TestClient, house: House) -> None:
    house.filed()
    for action, data in (("acknowledge", {}), ("assess", SCORED), ("investigate", {})):
        csrf = hidden_csrf(browser.get(f"/complaints/{NUMBER}").text)
        browser.post(f"/complaints/{NUMBER}/do/{action}", data={"csrf": csrf, **data})
    csrf = hidden_csrf(browser.get(f"/complaints/{NUMBER}").text)
    page = browser.post(f"/complaints/{NUMBER}/do/decide", data={"csrf": csrf, "text": "想了很久的理由"})
    assert page.status_code == 422
    assert "请选处理结论" in page.text and "想了很久的理由" in page.text and 'role="alert"' in page.text
    assert stage(house) == "investigating"


def test_a_move_that_came_too_late_is_a_conflict_with_the_newest_state(
    browser: TestClient, house: House
) -> None:
    house.filed()
    csrf = hidden_csrf(browser.get(f"/complaints/{NUMBER}").text)
    with house.works.begin(LIN_JIA, NOW) as work:
        complaints.move(work, NUMBER, "acknowledge")
    page = browser.post(f"/complaints/{NUMBER}/do/acknowledge", data={"csrf": csrf})
    assert page.status_code == 409 and "请刷新页面" in page.text


def test_a_post_without_the_pages_token_changes_nothing(browser: TestClient, house: House) -> None:
    house.filed()
    for data in ({}, {"csrf": "x" * 43}):
        assert browser.post(f"/complaints/{NUMBER}/do/acknowledge", data=data).status_code == 403
    assert stage(house) == "filed"


def test_notes_and_updates_differ_in_who_sees_them(browser: TestClient, house: House) -> None:
    house.filed()
    csrf = hidden_csrf(browser.get(f"/complaints/{NUMBER}").text)
    browser.post(f"/complaints/{NUMBER}/notes", data={"csrf": csrf, "text": "快递方在推诿"})
    browser.post(f"/complaints/{NUMBER}/notes", data={"csrf": csrf, "text": "正在核实取件", "public": "1"})
    page = browser.get(f"/complaints/{NUMBER}").text
    assert "备注，客户看不到" in page and "告知客户进展" in page
    with house.works.read(SYSTEM) as work:
        one = complaints.get(work.session, NUMBER)
        url = complaints.summary(work.session, one, NOW)["receipt_url"]
    receipt = house.client().get(url).text
    assert "正在核实取件" in receipt and "推诿" not in receipt


def test_a_reader_sees_the_case_without_actions(house: House) -> None:
    house.filed()
    client = house.client()
    csrf = house.sign_in(client, "hechuan")
    page = client.get(f"/complaints/{NUMBER}").text
    assert 'popovertarget="do-' not in page and "改派" not in page
    assert client.post(f"/complaints/{NUMBER}/do/acknowledge", data={"csrf": csrf}).status_code == 403


def test_an_extension_is_offered_to_who_may_approve_it(house: House, browser: TestClient) -> None:
    house.filed()
    assert "do-extend" not in browser.get(f"/complaints/{NUMBER}").text
    client = house.client()
    csrf = house.sign_in(client, "shenlan")
    assert "do-extend" in client.get(f"/complaints/{NUMBER}").text
    data = {"csrf": csrf, "kind": "promise", "working_days": "2", "text": "等检测", "requested_by": "linjia"}
    assert client.post(f"/complaints/{NUMBER}/do/extend", data=data).status_code == 303
    assert "10月14日（周三）18:00" in client.get(f"/complaints/{NUMBER}").text


# --- HTTP for programs ---


@pytest.fixture
def bot(house: House) -> TestClient:
    client = TestClient(house.app)
    client.headers["x-zhike-secret"] = settings().secrets.bot_secret
    return client


def filing(conversation_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "idempotency_key": "bot-1",
        "conversation_id": conversation_id,
        "description": "发票抬头开错了，说了两次没人改",
        "remedy": "重开发票",
        "order_no": None,
        "contact": "13812346027",
    } | changed


def test_the_bot_files_finds_urges_and_adds(house: House, bot: TestClient) -> None:
    conversation = house.filed().conversation_id or ""
    first = bot.post("/api/bot/complaints", json=filing(conversation))
    again = bot.post("/api/bot/complaints", json=filing(conversation, description="别的话"))
    assert (first.status_code, first.json()["number"]) == (201, "TS20261009-0001")
    assert again.json() == first.json()
    assert set(first.json()) == {
        "number",
        "stage",
        "stage_text",
        "promised_at",
        "promised_text",
        "receipt_url",
        "title",
        "can_withdraw",
    }
    found = bot.get("/api/bot/complaints", params={"conversation_id": conversation}).json()["complaints"]
    assert [one["number"] for one in found] == ["TS20261009-0001", NUMBER]
    for path, extra in ((f"{NUMBER}/urge", {}), (f"{NUMBER}/supplement", {"text": "还有一张照片"})):
        answer = bot.post(f"/api/bot/complaints/{path}", json={"conversation_id": conversation, **extra})
        assert answer.status_code == 200 and answer.json()["number"] == NUMBER
    foreign = bot.post(f"/api/bot/complaints/{NUMBER}/urge", json={"conversation_id": "other"})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "complaint_not_found")


def test_wrong_fields_and_strangers_are_told_apart(house: House, bot: TestClient) -> None:
    conversation = house.filed().conversation_id or ""
    wrong = bot.post("/api/bot/complaints", json=filing(conversation, idempotency_key="b", contact="138"))
    assert wrong.status_code == 422 and set(wrong.json()["fields"]) == {"contact"}
    assert bot.post("/api/bot/complaints", json=filing("nowhere")).status_code == 404
    stranger = TestClient(house.app).post("/api/bot/complaints", json=filing(conversation))
    assert stranger.status_code == 401


def test_the_bots_look_up_is_limited(house: House, bot: TestClient) -> None:
    house.filed()
    ask = {"conversation_id": "talk", "number": NUMBER, "last4": "0000"}
    codes = [bot.post("/api/bot/complaints/lookup", json=ask).status_code for _ in range(6)]
    assert codes == [404] * 5 + [429]
    refused = bot.post("/api/bot/complaints/lookup", json=ask | {"last4": "6027"})
    assert refused.json()["code"] == "too_many_tries" and int(refused.headers["retry-after"]) == 3600


def test_the_bot_asks_for_an_order(bot: TestClient) -> None:
    found = bot.get("/api/bot/orders/2610062214", params={"conversation_id": "c"}).json()
    assert (found["status"], found["eta_text"]) == ("shipped", "10月11日（周日）")
    missing = bot.get("/api/bot/orders/HM260101-0000")
    assert (missing.status_code, missing.json()["code"]) == (404, "order_not_found")
    assert bot.get("/api/bot/orders/你好").status_code == 404


def test_staff_programs_file_list_and_move(house: House, browser: TestClient) -> None:
    csrf = house.sign_in(browser, "linjia")
    browser.headers.update({"x-csrf-token": csrf, "accept": "application/json"})
    body = {
        "description": "电话里说的桌板开裂",
        "remedy": "换货",
        "contact": "13812346027",
        "customer_name": "陈雨薇",
    }
    made = browser.post("/api/complaints", json=body, headers={"idempotency-key": "call-7"})
    assert made.status_code == 201
    number = made.json()["number"]
    assert (
        browser.post("/api/complaints", json=body, headers={"idempotency-key": "call-7"}).json()["number"]
        == number
    )
    assert browser.get("/api/complaints").json()["rows"][0]["number"] == number
    moved = browser.post(f"/api/complaints/{number}/acknowledge", json={})
    assert moved.status_code == 200 and moved.json()["stage"] == "acknowledged"
    wrong = browser.post(f"/api/complaints/{number}/close")
    assert (wrong.status_code, wrong.json()["code"]) == (409, "move_not_allowed")
    assert browser.post(f"/api/complaints/{number}/notes", json={"text": "已回电"}).status_code == 201
    assert browser.get(f"/api/complaints/{number}").json()["thread"][0]["text"] == "已回电"
    assert browser.post(f"/api/complaints/{number}/decide", json={"working_days": "soon"}).status_code == 422
